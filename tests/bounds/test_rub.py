"""RUB against the literal recursion, the exact value, and its own corollaries."""

import numpy as np
import pytest
import torch
from torch import nn

from robustcore import bounds
from robustcore.balls import LpBall
from robustcore.errors import InputError, UnsupportedLayerError
from robustcore.networks import ReLUNetwork
from studies.oracles.bound_twins import compare, random_instances, theorem_11_literal


def test_the_campaign_finds_no_violation():
    """Twins agree; exact <= RUB; aRUB-L1 <= RUB; attack <= exact (within the MILP's tolerance)."""
    rng = np.random.default_rng(0)
    for instance in random_instances(24, seed=10):
        found = compare(instance, draws=100, rng=rng)
        assert found["rub_twin"] <= 1e-12
        assert found["arub_twin"] <= 1e-12
        assert found["exact_above_rub"] <= 1e-12
        assert found["arub_above_rub"] <= 1e-12
        assert found["attack_above_exact"] <= 1e-6


def test_any_slope_in_the_unit_interval_is_sound_and_matches_the_twin():
    generator = torch.Generator().manual_seed(0)
    for instance in random_instances(20, seed=11):
        ball = LpBall(1, instance.radius)
        slopes = [
            torch.rand(s.shape, generator=generator, dtype=s.dtype)
            for s in bounds.nominal_slopes(instance.net, instance.x)
        ]
        found = bounds.rub(instance.net, instance.x, instance.y, ball, t=slopes)
        exact = bounds.exact(instance.net, instance.x, instance.y, ball, attained=True)
        assert (exact <= found + 1e-12).all()
        twin = theorem_11_literal(
            instance.net, instance.x[0], 2, int(instance.y[0]), ball.radius, [s[0] for s in slopes]
        )
        assert found[0, 2].item() == pytest.approx(twin, abs=1e-12)


@pytest.mark.parametrize("chunk", [1, 3, 7, 10_000])
def test_the_sweep_does_not_depend_on_its_chunks(chunk):
    for instance in random_instances(6, seed=14):
        arguments = (instance.net, instance.x, instance.y, LpBall(1, instance.radius))
        found = bounds.rub(*arguments, chunk=chunk)  # a product of fewer rows may round otherwise
        torch.testing.assert_close(found, bounds.rub(*arguments), rtol=0, atol=1e-13)


def test_two_passes_have_the_gradient_of_one_graph():
    """The maximum over all vertices in a single graph, differentiated as it stands."""
    for instance in random_instances(9, seed=15, samples=3):
        net, x, y = instance.net.requires_grad_(True), instance.x, instance.y
        parameters = list(net.parameters())
        bounds.rub(net, x, y, LpBall(1, instance.radius)).logsumexp(-1).sum().backward()
        ours = [p.grad.clone() for p in parameters]
        slopes = bounds.nominal_slopes(net, x)
        total = 0.0
        for i, label in enumerate(y.tolist()):
            rows = [
                _one_graph(net, x[i], k, label, instance.radius, [s[i] for s in slopes])
                for k in range(3)
            ]
            total = total + torch.stack(rows).logsumexp(0)
        twin = torch.autograd.grad(total, parameters)
        for a, b in zip(ours, twin, strict=True):
            assert torch.allclose(a, b, atol=1e-11)


def _one_graph(net, x, k, y, radius, t):
    layers = [(layer.weight, layer.bias) for layer in net.layers]
    steps = torch.cat([layers[0][0].T, -layers[0][0].T]) * radius
    plus = steps + layers[0][0] @ x + layers[0][1]
    minus = -plus
    for (W, b), slope in zip(layers[1:-1], t[:-1], strict=True):
        p, q = plus.clamp(min=0), slope.detach() * minus
        W_plus, W_minus = W.clamp(min=0).T, (-W).clamp(min=0).T
        plus, minus = p @ W_plus + q @ W_minus + b, p @ W_minus + q @ W_plus - b
    c = layers[-1][0][k] - layers[-1][0][y]
    last = plus.clamp(min=0) @ c.clamp(min=0) + (t[-1].detach() * minus) @ (-c).clamp(min=0)
    return (last + layers[-1][1][k] - layers[-1][1][y]).max()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"y": torch.tensor([0, 3])}, r"must lie in 0\.\.2"),
        ({"y": torch.tensor([0])}, "one entry for each row of x"),
        ({"x": torch.zeros(2, 7).double()}, "takes 4 inputs"),
        ({"x": torch.full((2, 4), torch.nan)}, "must be finite"),
        ({"x": torch.zeros(2, 4).long()}, "floating-point"),
        ({"t": "best"}, "t must be 'nominal'"),
        ({"t": [torch.zeros(2, 5)]}, "must have the shapes"),
        ({"t": [torch.full((2, 6), 1.5)]}, r"must lie in \[0, 1\]"),
    ],
)
def test_bad_arguments_are_refused(change, message):
    net = ReLUNetwork([4, 6, 3], torch.Generator().manual_seed(0))
    arguments = {"x": torch.zeros(2, 4), "y": torch.tensor([0, 1]), "ball": LpBall(1, 1.0)} | change
    with pytest.raises(InputError, match=message):
        bounds.rub(net, **arguments)


def test_an_unsupported_layer_is_named():
    net = nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 2))
    with pytest.raises(UnsupportedLayerError, match="Tanh"):
        bounds.rub(net, torch.zeros(1, 4), torch.tensor([0]), LpBall(1, 1.0))


def test_the_one_vertex_of_steepest_ascent_is_the_worst_of_a_tiny_ball():
    """Both the feature and the sign: the opposite vertex lies below the clean gap."""
    for instance in random_instances(10, seed=90):
        arguments = (instance.net, instance.x, instance.y, LpBall(1, 1e-7))
        found = bounds.rub_top(*arguments, top=1)
        clean = bounds.rub(*arguments[:3], LpBall(1, 0.0))
        others = torch.arange(found.shape[1]) != instance.y[:, None]
        assert torch.allclose(found, bounds.rub(*arguments), atol=1e-13, rtol=0)
        assert (found >= clean)[others].all()
