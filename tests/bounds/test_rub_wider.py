"""RUB on other sets, with other slopes, and at few vertices: sound, ordered, and never looser."""

import numpy as np
import pytest
import torch

from robustcore import bounds
from robustcore.balls import Hull, LpBall
from robustcore.errors import InputError
from robustcore.losses import gaps
from studies.oracles.bound_twins import random_instances


def arguments(instance, p=1.0, box=None):
    return instance.net, instance.x, instance.y, LpBall(p, instance.radius, box)


def test_a_polytope_is_the_hull_of_its_vertices():
    """Whose bound holds at its points: `test_on_sets.py`."""
    rng = np.random.default_rng(1)
    for instance in random_instances(6, seed=42):
        n, M = instance.x.shape
        for shape in ((M + 2, M), (n, M + 2, M)):
            vertices = torch.from_numpy(rng.normal(size=shape))
            net, x, y, _ = arguments(instance)
            found = bounds.rub_polytope(net, x, y, vertices)
            torch.testing.assert_close(found, bounds.rub(net, x, y, Hull(vertices)))


def test_polytope_of_the_cross_polytope_is_rub():
    for instance in random_instances(12, seed=41):
        M = instance.x.shape[1]
        vertices = torch.from_numpy(LpBall(1, instance.radius).vertices(M))
        expected = bounds.rub(*arguments(instance))
        found = bounds.rub_polytope(instance.net, instance.x, instance.y, vertices)
        assert torch.allclose(found, expected, atol=1e-13)
        shared = vertices.expand(len(instance.y), -1, -1)
        each = bounds.rub_polytope(instance.net, instance.x, instance.y, shared)
        assert torch.allclose(each, expected, atol=1e-13)


def test_box_awareness_is_never_looser():
    gained = 0
    for instance in random_instances(30, seed=43):
        box = (-2.0, 2.0)
        instance = type(instance)(
            instance.net, instance.x.clamp(-2, 2), instance.y, instance.radius, instance.depth
        )
        found = bounds.rub_boxed(*arguments(instance, 1, box))
        plain = bounds.rub(*arguments(instance))
        assert (found <= plain + 1e-12).all()
        gained += int((found < plain - 1e-6).sum())
    assert gained > 0


def test_optimised_slopes_are_never_looser():
    gained = 0
    for instance in random_instances(24, seed=44):
        found = bounds.rub_optimised(*arguments(instance))
        plain = bounds.rub(*arguments(instance))
        assert (found <= plain + 1e-12).all()
        gained += int((found < plain - 1e-6).sum())
    assert gained > 0


def test_few_vertices_are_below_all_and_all_are_rub():
    for instance in random_instances(12, seed=45):
        full = bounds.rub(*arguments(instance))
        few = bounds.rub_top(*arguments(instance), top=1)
        everything = bounds.rub_top(*arguments(instance), top=instance.x.shape[1])
        assert (few <= full + 1e-13).all()
        assert (few <= everything + 1e-13).all()


def test_one_vertex_is_enough_where_no_neuron_turns():
    """There the gap is affine, so its largest value lies at one vertex, the sign included."""
    moved = 0.0
    for instance in random_instances(12, seed=47):
        net, x, y, _ = arguments(instance)
        ball = LpBall(1, 1e-7)
        few = bounds.rub_top(net, x, y, ball, top=1)
        assert torch.allclose(few, bounds.arub(net, x, y, ball), rtol=0, atol=1e-13)
        moved = max(moved, float((few - gaps(net(x), y)).max()))
    assert moved > 1e-8


def test_few_vertices_have_a_gradient():
    instance = next(iter(random_instances(1, seed=46)))
    net = instance.net.requires_grad_(True)
    bounds.rub_top(*arguments(instance), top=2).sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in net.parameters())
    assert net.layers[0].weight.grad.abs().sum() > 0


def test_bad_arguments_are_refused():
    instance = next(iter(random_instances(1, seed=47)))
    with pytest.raises(InputError, match="must lie in the range"):
        bounds.rub_boxed(*arguments(instance, 1, (-1e-9, 1e-9)))
    with pytest.raises(InputError, match="vertices must be"):
        bounds.rub_polytope(
            instance.net, instance.x, instance.y, torch.zeros(2, instance.x.shape[1] + 1)
        )
