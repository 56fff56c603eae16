"""The outline of a planar set is where its points reach farthest."""

from __future__ import annotations

import numpy as np
import pytest

from robustcore.balls import Hull, LpBall, Radii
from robustcore.plots.regions import outline

SETS = [
    LpBall(1, 0.7),
    LpBall(np.inf, 0.7),
    Radii(1, [2.0, 1.0]),
    Radii(np.inf, [2.0, 0.0]),
    Hull(np.array([[2.0, 1.0], [-1.0, 0.5]])),
]


@pytest.mark.parametrize("of", SETS, ids=repr)
def test_an_outline_reaches_as_far_as_the_support_function_says(of) -> None:
    c = np.random.default_rng(0).normal(size=(50, 2))
    reached = (outline(of, (1.0, -2.0)) - (1.0, -2.0)) @ c.T
    assert reached.max(axis=0) == pytest.approx(np.asarray(of.support(c)))


def test_a_disk_is_a_disk() -> None:
    assert np.hypot(*outline(LpBall(2, 0.5)).T) == pytest.approx(0.5)


def test_a_ball_is_cut_with_its_box() -> None:
    corners = np.unique(outline(LpBall(1, 0.5, box=(0, 1)), (0.8, 0.7)).round(9), axis=0)
    cut = [[0.3, 0.7], [0.6, 1.0], [0.8, 0.2], [1.0, 0.4], [1.0, 1.0]]
    assert corners == pytest.approx(np.array(cut))
