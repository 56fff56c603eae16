"""The rows behind the pages on convex training and on the hinge loss."""

import math

import numpy as np
import pytest
import torch

from robustcore.networks import TwoLayerReLU
from studies import a1_convex_training, a4_hinge, cifar_pairs, planar_boxes
from studies.a4_hinge import cifar


def test_the_boxes_of_figure_2_are_apart_and_the_points_reproducible():
    points = planar_boxes.planar(3)
    distance = np.abs(points.X[:, None] - points.X).max(axis=-1) + 9 * np.eye(34)
    assert distance.min() > 2 * points.ball.radius
    assert set(points.y) == {-1.0, 1.0}
    assert planar_boxes.planar(3).X.tolist() == points.X.tolist()


def test_a_box_that_the_boundary_cuts_is_not_counted():
    points = planar_boxes.planar(3, n=6)
    solved = planar_boxes.figure_2(points, 1e-2, 0, n_patterns=10)
    right = {m: a4_hinge.boxes_separated(s.network(), points) for m, s in solved.items()}
    assert right["exact (15)"] == 6
    wide = planar_boxes.Planar(points.X, points.y, points.ball.with_radius(2.0))
    assert a4_hinge.boxes_separated(solved["exact (15)"].network(), wide) == 0


def test_descent_never_passes_the_certificate_and_costs_only_fall():
    points = a1_convex_training.planar(6, 0)
    row = a1_convex_training.duality(points, [0.05])[0]
    runs = a1_convex_training.gradient_descent(points, 0.05, [3], 2, 150, seed=0)
    assert min(r["cost"] for r in runs) >= row["dual"]
    for run in (0, 1):
        assert (np.diff([r["cost"] for r in runs if r["run"] == run]) <= 0).all()
    (gaps,) = a1_convex_training.gaps_after(runs, row["dual"], 150)
    assert 0 <= gaps["best"] <= gaps["median"] <= gaps["worst"]


def test_the_rows_of_the_image_pair():
    pair = cifar_pairs.cifar_pair((1, 7), 16)
    assert pair.X.shape == (16, 147)
    assert pair.X_test.shape == (2000, 147)
    assert set(pair.y) == {-1.0, 1.0}
    counts = cifar.feasible_counts(pair, 3, 2)
    assert len(counts) == 3 * 7
    assert all(0 <= row["feasible"] <= 3 for row in counts)
    rows = cifar.cifar_rows(pair, [10 / 255], 1e-3, 2, 2, seeds=[0, 1])
    assert [r["method"] for r in rows].count("linear") == 1
    for row in rows:
        assert row["pgd_accuracy"] <= row["clean_accuracy"]
        assert row["robust_cost"] >= row["objective"] - 1e-6
    mean = {r["method"]: r for r in cifar.summary(rows)}
    both = [r["objective"] for r in rows if r["method"] == "algorithm_2"]
    assert mean["algorithm_2"]["objective"] == pytest.approx(math.fsum(both) / 2)
    assert mean["algorithm_2"]["runs"] == 2


def test_a_network_is_linear_where_all_its_neurons_are_active():
    """Of four inputs one lies on the positive side of both neurons; without neurons all do."""
    x = np.array([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])
    pair = cifar_pairs.Pair(x, np.ones(4), x, np.ones(4))
    net = TwoLayerReLU(torch.eye(2, dtype=torch.float64), torch.ones(2, dtype=torch.float64))
    assert cifar._all_active(net, pair) == 0.25
    nothing = TwoLayerReLU(net.u.detach()[:0], net.alpha.detach()[:0])
    assert cifar._all_active(nothing, pair) == 1
