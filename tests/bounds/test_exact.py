"""The MILP referee against brute force."""

import importlib
import math

import numpy as np
import pytest
import torch

from robustcore import bounds
from robustcore.balls import LpBall
from robustcore.errors import SolverError
from robustcore.losses import gaps
from robustcore.networks import ReLUNetwork
from studies.oracles.bound_twins import random_instances

exact_module = importlib.import_module("robustcore.bounds.exact")


@pytest.mark.parametrize("p", [1, math.inf])
def test_no_dense_sample_beats_it_and_a_grid_comes_close(p):
    """In two dimensions a fine sample of the ball reaches the maximum of a Lipschitz function."""
    rng = np.random.default_rng(0)
    instances = [i for i in random_instances(60, seed=20) if i.x.shape[1] == 2][:8]
    assert len(instances) == 8
    for instance in instances:
        ball = LpBall(p, instance.radius)
        exact = bounds.exact(instance.net, instance.x, instance.y, ball, attained=True)
        delta = torch.from_numpy(ball.sample((20_000, 2), rng))
        for i in range(2):
            z = instance.net(instance.x[i] + delta)
            attacked = gaps(z, instance.y[i].expand(len(delta))).amax(0)
            assert (attacked <= exact[i] + 1e-6).all()
            assert (attacked >= exact[i] - 0.03 * (1 + exact[i].abs())).all()


@pytest.mark.parametrize("scale", [1e-5, 1.0, 1e5])
@pytest.mark.parametrize("p", [1, math.inf])
def test_the_bound_lies_above_what_is_attained_at_every_scale(p, scale):
    """On a program as it stands, 1e-9 of a solver is nothing to weights of 1e-5."""
    for instance in random_instances(4, seed=70):
        net = instance.net
        with torch.no_grad():
            net.layers[0].weight.mul_(scale)
            net.layers[0].bias.mul_(scale)
        arguments = (net, instance.x, instance.y, LpBall(p, instance.radius))
        low, high = bounds.exact(*arguments, attained=True), bounds.exact(*arguments)
        others = torch.arange(low.shape[1]) != instance.y[:, None]
        assert (high >= low).all()
        assert (high - low)[others].max() <= 1e-5 * (1 + low.abs().max())
        rng = np.random.default_rng(0)
        delta = torch.from_numpy(arguments[3].sample((2000, instance.x.shape[1]), rng))
        for i, y in enumerate(instance.y):
            assert (gaps(net(instance.x[i] + delta), y.expand(2000)).amax(0) <= high[i]).all()


def test_a_solver_is_not_taken_on_its_word(monkeypatch):
    instance = next(iter(random_instances(1, seed=3)))
    arguments = (instance.net, instance.x, instance.y, LpBall(1, instance.radius))
    truthful = exact_module.milp

    def optimistic(cost, **options):
        found = truthful(cost, **options)
        found.mip_dual_bound = found.mip_dual_bound + 1e-3  # of the objective, whose size is 1
        return found

    monkeypatch.setattr(exact_module, "milp", optimistic)
    with pytest.raises(SolverError, match="lies below"):
        bounds.exact(*arguments)


@pytest.mark.parametrize("sizes", [(3, 4, 2), (3, 4, 4, 2)])
def test_a_solver_that_uses_its_tolerances_up_is_still_above(sizes, monkeypatch):
    """Every activation comes out too small: z - h <= -b is kept too loosely, h <= z + ... too well.

    With a tolerance of 1e-4 in place of 1e-9, to stand out, and weights that are not of size 1.
    """
    used, truthful = 1e-4, exact_module.milp
    widths = sizes[1:-1]

    def wasteful(cost, constraints, **options):
        rows = [np.repeat([1.0, -1.0, 0.0], width) for width in widths]
        moved = constraints.ub + used * np.concatenate([[0.0], *rows])
        constraints = exact_module.LinearConstraint(constraints.A, -np.inf, moved)
        return truthful(cost, constraints=constraints, **options)

    monkeypatch.setattr(exact_module, "milp", wasteful)
    for seed in range(4):
        g = torch.Generator().manual_seed(seed)
        net = ReLUNetwork(sizes, g, dtype=torch.float64)
        with torch.no_grad():
            for layer in net.layers:
                layer.weight.abs_().mul_(30)  # less of each is less of the gap
            net.layers[-1].weight[0] = 0
        x, y = torch.rand(1, sizes[0], generator=g, dtype=torch.float64), torch.tensor([0])
        given = (net, x, y, LpBall(math.inf, 0.5))
        monkeypatch.setattr(exact_module, "_TOLERANCE", used)
        bounds.exact(*given)
        monkeypatch.setattr(exact_module, "_TOLERANCE", 0.0)
        with pytest.raises(SolverError, match="lies below"):
            bounds.exact(*given)


def test_a_solver_that_stops_early_gives_no_answer(monkeypatch):
    instance = next(iter(random_instances(1, seed=3)))
    arguments = (instance.net, instance.x, instance.y, LpBall(1, instance.radius))
    truthful = exact_module.milp

    def early(cost, **options):
        found = truthful(cost, **options)
        found.mip_dual_bound = found.mip_dual_bound - 0.1
        return found

    monkeypatch.setattr(exact_module, "milp", early)
    with pytest.raises(SolverError, match="stopped between"):
        bounds.exact(*arguments)
