"""Lemma 1's slack against a grid, a lemma made wrong, and the coded Baseline by differences."""

import math

import pytest
import torch

from robustcore import LpBall, ReLUNetwork
from robustcore.losses import cross_entropy, gaps
from studies import b1_gap_lemma as study
from studies.b1_gap_lemma import baselines
from studies.oracles import corners


@pytest.mark.parametrize("p", [1, math.inf])
@pytest.mark.parametrize("seed", range(4))
def test_critical_points_hold_the_maximum_of_a_fine_grid(p, seed):
    net = corners.random_network(3, 6, torch.Generator().manual_seed(seed))
    ball, x = LpBall(p, 1.3), torch.tensor([0.4, -0.2]).double()
    points = corners.critical_points(net, x, ball)
    assert ball.contains(points - x, tol=1e-8).all()
    side = torch.linspace(-1.3, 1.3, 401, dtype=torch.float64)
    grid = torch.cartesian_prod(side, side)
    grid = x + grid[ball.contains(grid)]
    y = torch.zeros(1, dtype=torch.long)
    for value in (
        lambda z: cross_entropy(z, y.expand(len(z))),
        lambda z: gaps(z, y.expand(len(z)))[:, 1],
        lambda z: gaps(z, y.expand(len(z)))[:, 2],
    ):
        found, on_grid = float(value(net(points)).max()), float(value(net(grid)).max())
        assert on_grid <= found + 1e-9
        assert found - on_grid < 0.05  # the grid's step times a slope


def test_lemma_rows_see_a_bound_that_is_too_low(monkeypatch):
    assert max(r["violation"] for r in study.lemma_rows(2, classes=(3,))) < 1e-6
    monkeypatch.setattr(study.bounds, "exact", lambda net, x, y, ball, attained: gaps(net(x), y))
    assert max(r["violation"] for r in study.lemma_rows(2, classes=(3,))) > 0.1


def test_a_slack_that_is_small_is_not_equality(monkeypatch):
    """The gaps a little too large: 1e-5 is no equality, what a MILP leaves open is."""
    truthful = study.bounds.exact
    for moved, equal in ((1e-5, 0), (1e-9, 1)):
        monkeypatch.setattr(
            study.bounds,
            "exact",
            lambda net, x, y, ball, attained, by=moved: (
                truthful(net, x, y, ball, attained=attained) + by * (torch.arange(2) != y[:, None])
            ),
        )
        rows = {r["loss"]: r["equal"] for r in study.lemma_rows(4, classes=(2,), radius=3.0)}
        assert rows["cross-entropy"] == equal


def test_the_slack_stays_below_its_limit_and_reaches_it():
    rows = study.sharp_rows(classes=(3, 6), slopes=(0.0, 1.0, 12.0))
    assert all(0 <= r["given"] < math.log(r["K"] - 1) for r in rows)
    assert [r["given"] for r in rows if r["slope"] == 12] == pytest.approx(
        [math.log(2), math.log(5)], abs=1e-4
    )
    assert rows[1]["left"] == pytest.approx(math.log(1 + math.e + 1 / math.e))  # by hand


def test_the_planar_picture_is_the_worst_network():
    planar = corners.planar_slack(n_networks=3)
    assert planar.right > planar.left >= float(planar.loss[60, 60])
    assert planar.ball.contains(planar.worst_gap).all()


def test_as_coded_is_the_sum_that_the_page_prints():
    """n M mean + radius times the plain sum of derivatives, by finite differences."""
    generator = torch.Generator().manual_seed(0)
    net = ReLUNetwork((3, 5, 4), generator, dtype=torch.float64)
    x, y = torch.randn(6, 3, generator=generator).double(), torch.arange(6) % 4
    step = 1e-6
    mean = lambda x: cross_entropy(net(x), y).mean()  # noqa: E731
    derivatives = sum(
        (mean(x + step * e.reshape(6, 3)) - mean(x - step * e.reshape(6, 3))) / (2 * step)
        for e in torch.eye(18).double()
    )
    expected = 18 * mean(x) + 0.7 * derivatives
    found = baselines.baseline_as_coded(net, x, y, radius=0.7)
    assert found.item() == pytest.approx(expected.item(), rel=1e-7)


def test_squared_error_breaks_the_lemma():
    """Constant logits (3, 2), label 0: error 8; the worst gaps (0, -1) have error 2."""
    z, y = torch.tensor([[3.0, 2.0]]), torch.tensor([0])
    assert float(study.squared_error(z, y)) == 8
    assert float(study.squared_error(gaps(z, y), y)) == 2
    assert float(study.absolute_error(z, y)) == 4
