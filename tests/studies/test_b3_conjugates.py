"""The sets and sums of the page on conjugates against grids and hand calculations."""

import dataclasses

import numpy as np
import pytest

from studies import b3_conjugates as study


def test_both_counterexamples_by_hand():
    for case in (study.two_points(), study.bent_path()):
        assert case.left == -1
        assert case.right == pytest.approx(0, abs=1e-12)
        assert case.hull == pytest.approx(0, abs=1e-12)


def test_lemma_3_is_an_inequality_and_the_right_side_is_the_hull():
    rows = {r["Z"]: r for r in study.concave_rows(list(study.random_cases(40, seed=5)))}
    assert all(r["violation"] < 1e-12 and r["hull_distance"] < 1e-12 for r in rows.values())
    assert rows["affine image"]["equal"] == 1
    assert rows["path"]["equal"] < 1
    assert rows["points"]["equal"] < 0.5


@pytest.mark.parametrize(("size", "equal"), [(1.0, 0), (1e-4, 0), (1e-11, 0), (1e-14, 1)])
def test_sides_that_are_a_little_apart_are_not_equal(size, equal):
    """On {-size, size} and g(z) = -|z| they are `size` apart."""
    case = study.two_points()
    row = study.concave_rows(
        [
            dataclasses.replace(
                case, vertices=size * case.vertices, candidates=size * case.candidates
            )
        ]
    )[0]
    assert row["largest"] == pytest.approx(size)
    assert row["equal"] == equal


def test_rows_see_a_left_side_that_is_too_large(monkeypatch):
    monkeypatch.setattr(study.Case, "left", property(lambda case: case.hull + 0.1))
    rows = study.concave_rows(list(study.random_cases(3, seed=0)))
    assert all(r["violation"] > 0.09 for r in rows)


def test_candidates_hold_the_best_point_of_a_path():
    """Twin: the path of straight pieces between the corners, walked in small steps."""
    for case in (c for c in study.random_cases(30, seed=2) if c.kind == "path"):
        walked = np.concatenate(
            [
                start + np.linspace(0, 1, 2001)[:, None] * (end - start)
                for start, end in zip(case.vertices, case.vertices[1:], strict=False)
            ]
        )
        best = (walked @ case.u - np.maximum(walked, 0) @ case.q).max()
        assert best <= case.left + 1e-9
        assert case.left - best < 0.05


def test_the_right_side_is_what_a_grid_of_v_gives():
    case = study.bent_path()
    v = np.stack(np.meshgrid(*[np.linspace(-1, 0, 41)] * 2), axis=-1).reshape(-1, 2)
    assert (v @ case.vertices.T).max(axis=1).min() == pytest.approx(case.right, abs=1e-12)


def test_a_convex_set_that_is_not_compact_has_a_gap():
    """g = -exp(-sqrt(z1 z2)) on Z = {(0, tau)}: -1 there, but g_*(v1, 0) = 0 along (1/s, s^3)."""
    s = np.array([10.0, 100.0, 1000.0])
    values = 2.0 / s + np.exp(-np.sqrt(1 / s * s**3))  # v = (2, 0)
    assert (np.diff(values) < 0).all()
    assert 0 < values[-1] < 3e-3


def test_conjugate_rows_see_a_wrong_domain(monkeypatch):
    a, b = study.conjugate_rows(60)
    assert a["largest_inside"] == b["largest_inside"] == 0
    assert a["lowest_outside"] > 0.999
    assert b["highest_outside"] < -0.999
    monkeypatch.setattr(study.np, "maximum", lambda x, y: 0.5 * np.fmax(x, y))
    assert study.conjugate_rows(60)[0]["largest_inside"] > 1


def test_lemma_2_rows():
    for row in study.convex_rows(30, seed=1):
        assert row["distance"] < 1e-12
        assert row["excess"] < 1e-12
