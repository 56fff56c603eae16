"""The rows of the tighter-bounds page: the campaign, its second program, rises, radii, tables."""

import math

import numpy as np
import pytest
import torch

from robustcore import bounds
from robustcore.balls import LpBall
from robustcore.errors import InputError
from studies import c2_tighter_bounds as study
from studies.c2_tighter_bounds import small_networks, soundness, summary, threats
from studies.oracles.bound_twins import random_instances
from studies.oracles.exact_gaps import Shape, worst_gaps


@pytest.mark.parametrize("p", [1, math.inf])
def test_the_two_programs_agree(p):
    for instance in random_instances(12, seed=80):
        ball = LpBall(p, instance.radius)
        first = bounds.exact(instance.net, instance.x, instance.y, ball, attained=True)
        for i, x in enumerate(instance.x):
            second = worst_gaps(instance.net, x, int(instance.y[i]), Shape.ball(ball, x.numpy()))
            torch.testing.assert_close(second, first[i], rtol=1e-6, atol=1e-6)


def test_the_second_program_on_a_hull_and_on_a_cut_ball():
    """The hull of the cross-polytope is the ball; a box that does not bind changes nothing."""
    for instance in random_instances(6, seed=81):
        ball = LpBall(1, instance.radius)
        x, y = instance.x[0], int(instance.y[0])
        whole = worst_gaps(instance.net, x, y, Shape.ball(ball, x.numpy()))
        hull = worst_gaps(instance.net, x, y, Shape.hull(ball.vertices(x.numel())))
        wide = LpBall(1, instance.radius, (-50.0, 50.0))
        cut = worst_gaps(instance.net, x, y, Shape.ball(wide, x.numpy()))
        torch.testing.assert_close(hull, whole, rtol=1e-6, atol=1e-6)
        torch.testing.assert_close(cut, whole, rtol=1e-6, atol=1e-6)
        tight = LpBall(1, instance.radius, (float(x.min()) - 1e-3, float(x.max()) + 1e-3))
        less = worst_gaps(instance.net, x, y, Shape.ball(tight, x.numpy()))
        assert bool((less <= whole + 1e-6).all())


@pytest.fixture(scope="module")
def campaign():
    return soundness.campaign(networks=12, samples=2, draws=6, seed=82)


def test_no_bound_is_below_an_exact_value_or_an_attack(campaign):
    sets = {r["set"] for r in campaign}
    assert sets == {"L1", "L2", "Linf", "L1 cut with a box", "polytope"}
    assert {r["bound"] for r in campaign if r["set"] == "L1"} >= {
        "rub", "rub_optimised", "rub_any", "rub_polytope", "coap", "crown", "ibp", "tightest",
    }  # fmt: skip
    for row in campaign:
        assert row["above_attack"] <= 1e-12, row
        assert (row["above_exact"] is None) == (row["set"] == "L2")
        assert row["above_exact"] is None or row["above_exact"] <= 1e-12, row
        assert row["triples"] == 24
        assert row["gaps"] == 48


def test_the_campaign_would_see_a_bound_that_is_too_low(monkeypatch):
    """aRUB in the place of CROWN is caught; so is a bound that is one part in a million low."""
    monkeypatch.setattr(bounds, "crown", bounds.arub)
    rows = soundness.campaign(networks=12, samples=2, draws=6, seed=82)
    worst = max(r["above_exact"] or 0 for r in rows if r["bound"] == "crown")
    assert worst > 1e-3
    monkeypatch.undo()
    ibp = bounds.rub
    monkeypatch.setattr(bounds, "rub", lambda *a: ibp(*a) - 1e-6)
    rows = soundness.campaign(networks=6, samples=2, draws=2, seed=82)
    assert max(r["above_exact"] or 0 for r in rows if r["bound"] == "rub") > 1e-7


def test_certificates_of_float32_networks_hold_and_float32_bounds_do_not():
    rows = soundness.float32(networks=15, samples=2, seed=83)
    assert all(r["wrong"] == 0 and r["certified"] > 0 for r in rows)
    assert max(r["undershoot"] for r in rows) > 1e-9  # why evaluation computes in float64


@pytest.fixture(scope="module")
def trained():
    return list(small_networks.trained_networks(("iris",), ("nominal", "rub"), steps=150, n_test=6))


def test_tightness_rows(trained):
    rows = study.tightness(trained, (1.0, 2.0), n=4)
    assert len(rows) == 2 * 2 * (6 + 5 + 5)
    for row in rows:
        assert row["rise_max"] >= row["rise"]
        if row["against"] == "exact":
            assert row["below"] <= 1e-9
            assert row["rise"] >= 1 - 1e-6
        if row["method"] == "tightest":
            assert row["over_parts"] <= 0
    plain, best = (
        {(r["training"], r["scale"]): r["rise"] for r in rows if r["method"] == m}
        for m in ("rub", "rub_optimised")
    )
    assert all(best[key] <= plain[key] + 1e-12 for key in plain)
    assert max(best.values()) <= 1.06
    table = summary.side_by_side(rows, [])
    assert [r["bound"] for r in table][-1] == "least of RUB, CROWN, intervals"
    assert set(table[0]) == {"bound", "nominal", "rub", "cost"}


def test_radii(trained):
    rows = study.radii(trained[:1], n=6, tolerance=1 / 16)
    by_method = {r["method"]: r for r in rows}
    assert set(by_method) == {*study.CERTIFYING, "exact"}
    assert by_method["best"]["behind"] == 0
    assert all(r["mean"] <= by_method["exact"]["mean"] for r in rows)


def test_cost_is_what_the_products_are():
    """By hand for intervals and RUB: M x r, r x r and K x r products, counted once each."""
    M, r, K = 6, 5, 3
    rows = {row["method"]: row for row in study.cost((M, r, r, K), ("ibp", "rub"))}
    forward = M * r + r * r + r * K
    # net(x), and the layers as read, to compare the two
    check = 2 * forward
    assert rows["ibp"]["multiplications"] == M * r + 2 * r * r + 2 * r * K + check
    sweep = 2 * M * (2 * r * r + 2 * r * K)
    again = K * (2 * r * r + 2 * r * K)
    start = rows["rub"]["multiplications"] - sweep - again - check  # W^1 x, the default slopes
    assert 0 < start <= 2 * forward
    assert rows["rub"]["forwards"] == pytest.approx(rows["rub"]["multiplications"] / forward)


def test_tabular_rows():
    rows = threats.tabular_threats(steps=150, n_test=4)
    assert [r["vertices"] for r in rows] == [6, 2, 4, 24] * 2
    for row in rows:
        assert row["by_ball"] <= row["exact"] + 1e-12
        assert row["certified"] <= row["exact"] <= row["clean"]
        assert row["below"] <= 1e-9


def test_defended_rows():
    networks = list(
        small_networks.trained_networks(("iris",), ("coap", "crown", "ibp"), steps=60, n_test=4)
    )
    rows = small_networks.defended(networks, n=4)
    assert [r["training"] for r in rows] == ["coap", "crown", "ibp"]
    for row in rows:
        assert row["certified"] <= row["exact"] <= row["clean"]
        assert row["rise"] > 0
    with pytest.raises(InputError, match="data must be among iris, wine, digits, got 'mnist'"):
        list(small_networks.trained_networks(("mnist",)))


def test_the_measures_are_the_worst_of_the_rows(campaign, trained):
    tight = study.tightness(trained[:1], (1.0,), n=3)
    radii = study.radii(trained[:1], n=3, tolerance=1 / 4)
    found = {
        "soundness": [*campaign, {**campaign[0], "above_exact": 0.25, "above_attack": 0.5}],
        "float32": [{"wrong": 2}, {"wrong": 1}],
        "tightness": tight,
        "radii": [{**r, "behind": 3} for r in radii],
        "tabular": [{"below": -1.0}, {"below": 0.125}],
    }
    measures = summary.measures(found)
    assert measures["largest exact above a bound"] == 0.25
    assert measures["largest attack above a bound"] == 0.5
    assert measures["false certificates, float32 networks"] == 3
    assert measures["radii where the least of three is behind"] == 3
    assert measures["exact above the bound on a polytope, at most"] == 0.125
    assert measures["triples"] == 24
    assert measures["attacked points"] == sum(s["points"] for s in summary.by_set(campaign))
    rise = np.mean([r["rise"] for r in tight if r["method"] == "rub_optimised"])
    assert measures["RUB at its best t, mean rise, worst network"] == pytest.approx(rise)
