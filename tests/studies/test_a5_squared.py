"""The rows behind the page on the squared loss: Theorem 5, Figures 4 and 5."""

from types import SimpleNamespace

import numpy as np
import pytest

from robustcore.plots import style
from studies import a5_squared
from studies.a5_squared import line, pictures
from studies.oracles import regression_twins


def test_every_statement_holds_on_a_dozen_instances():
    rows = regression_twins.run_checks(12, first_seed=300)
    assert [row["check"] for row in rows] == list(regression_twins.CHECKS)
    for row in rows:
        assert row["largest_violation"] <= row["tolerance"], row


@pytest.mark.parametrize("check", ["worst_corner_anywhere", "joint_cone", "hinge_of_a_sample"])
def test_a_wrong_radius_is_seen(check, monkeypatch):
    """The closed forms are compared with vertices: half the support, and each check must fail."""
    case = regression_twins.regression_instance(7)
    assert (
        regression_twins.CHECKS[check].violation(case) <= regression_twins.CHECKS[check].tolerance
    )
    whole = type(case.ball).support
    if check == "joint_cone":
        lowest = SimpleNamespace(product=lambda *each: [[np.abs(r).min() for r in each]])
        monkeypatch.setattr(regression_twins, "itertools", lowest)
    else:
        monkeypatch.setattr(type(case.ball), "support", lambda ball, c: 0.5 * whole(ball, c))
    again = regression_twins.regression_instance(7)
    assert regression_twins.CHECKS[check].violation(again) > 1e-3


def test_a_feasible_point_keeps_its_activations_on_every_corner():
    alive = 0
    for seed in range(12):
        case = regression_twins.regression_instance(seed)
        point = regression_twins.feasible_point(case)
        design = np.hstack([case.X, np.ones((len(case.X), 1))]) if case.bias else case.X
        for u in (point.v, point.w):
            need = case.ball.support(u[:, : case.attacked])
            assert (point.kept.signs * (design @ u.T) >= need - 1e-9).all()
        alive += bool(len(point.kept))
    assert alive >= 8


@pytest.mark.parametrize("shape", list(line.SHAPES))
def test_every_shape_has_constant_parts_of_both_signs_between_plus_and_minus_one(shape):
    x = np.linspace(-6, 6, 2001)
    y = line.SHAPES[shape](x, 6.0)
    assert y.min() == pytest.approx(-1)
    assert y.max() == pytest.approx(1)
    assert (np.diff(y) == 0).mean() > 0.5


def test_trials_are_paired_and_reproducible():
    rows = a5_squared.trial_rows("pulse", 6.0, 1e-3, (0.1, 0.5), 3)
    assert [row["radius"] for row in rows[:3]] == [0.0, 0.1, 0.5]
    assert {row["trial"] for row in rows} == {0, 1, 2}
    again = line.draw("pulse", 6.0, 1)
    assert again.X.tolist() == line.draw("pulse", 6.0, 1).X.tolist()
    table = {row["radius"]: row for row in a5_squared.by_radius(rows)}
    mse = [row["mse"] for row in rows if row["radius"] == 0.5]
    assert table[0.5]["mean"] == pytest.approx(np.mean(mse))
    assert table[0.5]["kept"] <= table[0.1]["kept"] <= table[0.0]["kept"]
    assert table[0.0]["wins"] == 0
    errors = sorted(row["mse"] for row in rows if row["radius"] == 0)
    assert a5_squared.without_worst(rows, 1)[0]["mean"] == pytest.approx(np.mean(errors[:2]))


def test_ten_trials_find_a_clear_winner_and_no_winner_among_equals():
    clear = [
        {"radius": radius, "mse": radius + 0.001 * trial, "trial": trial, "kept": 1}
        for trial in range(20)
        for radius in (0.0, 0.1, 0.2, 0.9)
    ]
    assert [row["best"] for row in a5_squared.ten_trials(clear)] == [1.0, 0.0, 0.0]
    rng = np.random.default_rng(0)
    equal = [{**row, "mse": float(rng.exponential())} for row in clear]
    shares = [row["best"] for row in a5_squared.ten_trials(equal)]
    assert sum(shares) == pytest.approx(1)
    assert max(shares) < 0.9


def test_the_readings_count_what_is_below_standard_training(monkeypatch):
    errors = {0.0: 1.0, 0.1: 0.5, 0.3: 0.4, 0.5: 1.5, 0.9: 2.0}
    monkeypatch.setattr(
        a5_squared,
        "trial_rows",
        lambda *args: [{"radius": r, "mse": e, "kept": 1} for r, e in errors.items()],
    )
    row = a5_squared.readings([6.0], 1e-4, 1)[0]
    assert (row["mean_below"], row["mean_best_radius"], row["radii"]) == (2, 0.3, 4)


def test_the_picture_says_what_its_axes_are():
    rows = a5_squared.trial_rows("step", 3.0, 1e-2, (0.1, 0.3), 2)
    shown = line.example("one set", "step", 3.0, 1e-2, 0.3, seed=0)
    fig = pictures.fits_and_errors(
        lambda x: line.SHAPES["step"](x, 3.0), [shown], 0.3, 3.0, a5_squared.by_radius(rows)
    )
    left, right = fig.axes
    assert left.get_xlabel()
    assert left.get_ylabel()
    assert right.get_xlabel()
    assert right.get_ylabel()
    assert style.png(fig)[:4] == b"\x89PNG"
