"""The race with auto_LiRPA: skipped where it is not, and rows that say what was compared."""

from __future__ import annotations

import math
import sys
import types

import pytest

from robustcore import bounds
from robustcore.balls import LpBall
from robustcore.errors import MissingExtraError
from studies import c2_race

SMALL = {"epsilons": (0.02,), "width": 6, "train_steps": 20, "samples": 5, "steps": 3}


def stand_in(shift: float) -> types.ModuleType:
    """auto_LiRPA's four names over our own bounds, `shift` looser."""
    module = types.ModuleType("auto_LiRPA")
    ours = {name: getattr(bounds, own) for own, name in c2_race.PAIRS.items()}

    class BoundedModule:
        def __init__(self, net, x, bound_opts, device):
            assert bound_opts["optimize_bound_args"]["iteration"] == 3
            self.net = net

        def __call__(self, x):
            return self.net(x)

        def compute_bounds(self, x, C, method, bound_upper):
            points, ball = x[0]
            y = (C.sum(1) > 0).long().argmax(1)
            options = {"steps": 3} if method == "CROWN-Optimized" else {}
            return -(ours[method](self.net, points, y, ball, **options) + shift), None

    module.BoundedModule = BoundedModule
    module.BoundedTensor = lambda x, norm: (x, norm)
    module.PerturbationLpNorm = lambda norm, eps: LpBall(norm, eps)
    return module


@pytest.mark.parametrize("shift", [0.0, 0.25])
def test_both_are_asked_for_the_same_gaps(shift, monkeypatch):
    monkeypatch.setitem(sys.modules, "auto_LiRPA", stand_in(shift))
    rows = c2_race.record(**SMALL)["c2_race"]
    assert [row["method"] for row in rows] == 6 * list(c2_race.PAIRS)
    assert [row["p"] for row in rows[::3]] == 2 * ["1", "2", "inf"]
    for row in rows:
        if row["method"] != "crown_optimised":
            assert row["apart"] == pytest.approx(shift, abs=1e-12)
            assert row["their_mean"] == pytest.approx(row["mean"] + shift)
        assert row["their_proved"] <= row["proved"] <= row["samples"]
        optimised = row["method"] == "crown_optimised"
        assert (row["their_steps"] == 3) == (row["steps"] > 0) == optimised
        assert min(row["seconds"], row["their_seconds"]) > 0


def test_without_it_nothing_is_recorded(monkeypatch):
    monkeypatch.setitem(sys.modules, "auto_LiRPA", None)
    with pytest.raises(MissingExtraError, match="the race needs auto_LiRPA") as refused:
        c2_race.record(**SMALL)
    assert "\n" not in str(refused.value)


@pytest.mark.skipif(not c2_race.installed(), reason="auto_LiRPA is not installed")
def test_crown_and_intervals_are_the_same_numbers():
    for row in c2_race.record(**SMALL)["c2_race"]:
        if row["method"] != "crown_optimised":
            # it leaves neurons alone that intervals hold on one side, and is looser by little
            assert row["mean"] <= row["their_mean"] + 1e-12
            assert row["apart"] < (1e-4 if row["method"] == "crown" else 1e-9)
        assert math.isfinite(row["their_mean"])
