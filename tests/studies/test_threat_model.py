"""The rows of the threat model against naive twins."""

import math

import numpy as np
import pytest
import torch

from robustcore import LpBall
from robustcore.datasets import Part, load
from studies import threat_model as study
from studies.threat_model import examples

INF = math.inf


def test_the_support_rows_see_a_wrong_maximiser(monkeypatch):
    """Break the lemma once: the rows must show it."""
    good = study.support_rows(d=4, n_vectors=10, n_samples=200)
    assert max(row["maximiser_error"] for row in good) < 1e-12
    monkeypatch.setattr(LpBall, "maximiser", lambda self, c: np.zeros_like(c))
    assert study.support_rows(d=4, n_vectors=10, n_samples=200)[0]["maximiser_error"] == 1


def test_the_printed_minimiser_is_the_maximiser():
    for row in study.minimiser_rows(d=4, n_vectors=10):
        assert row["at_printed"] == pytest.approx(-row["minimum"])
        assert row["at_negative"] == pytest.approx(row["minimum"])


@pytest.mark.parametrize("d", [2, 5, 30])
@pytest.mark.parametrize(
    ("p", "inside", "closed"),
    [
        (1, LpBall(2, 1.0), lambda d: math.sqrt(d)),
        (INF, LpBall(2, 1.0), lambda d: 1.0),
        (2, LpBall(1, 3.0), lambda d: 3.0),
        (2, LpBall(INF, 3.0), lambda d: 3.0 * math.sqrt(d)),
    ],
)
def test_climbing_finds_the_longest_point(p, inside, closed, d):
    found = study.longest(p, inside, d, 100, np.random.default_rng(d))
    assert found == pytest.approx(closed(d), rel=1e-9)


def test_the_scaled_balls_share_their_spheres_and_nothing_else():
    rows = study.sphere_rows(dimensions=(2, 50), n_directions=200)
    for row in rows:
        assert row["inside"] == pytest.approx(1)
        assert row["around"] == pytest.approx(math.sqrt(row["M"]))
    linf, l1 = rows[2:]
    assert linf["reach"] > 1.5 * l1["reach"]
    assert l1["log10_volume"] == pytest.approx(math.log10(50**25 / math.factorial(50)), rel=1e-12)


def test_nearest_mean_picks_the_nearest_mean():
    rng = np.random.default_rng(0)
    part = Part(rng.normal(size=(60, 5)), np.arange(60) % 3)
    net = study.nearest_mean(part, 3)
    means = np.stack([part.x[part.y == k].mean(axis=0) for k in range(3)])
    distances = ((part.x[:, None] - means) ** 2).sum(axis=2)
    with torch.no_grad():
        seen = net(torch.from_numpy(part.x)).argmax(dim=1)
    np.testing.assert_array_equal(seen, distances.argmin(axis=1))


@pytest.mark.parametrize("p", [1, 2, INF])
def test_linear_accuracy_is_what_the_worst_points_leave(p):
    """A twin that tries, for each row and class, the maximiser itself."""
    rng = np.random.default_rng(1)
    part = Part(rng.normal(size=(40, 6)), np.arange(40) % 3)
    net, ball = study.nearest_mean(part, 3), LpBall(p, 0.2)
    weight, bias = net.weight.detach().numpy(), net.bias.detach().numpy()
    safe = 0
    for x, y in zip(part.x, part.y, strict=True):
        turned = False
        for k in set(range(3)) - {int(y)}:
            moved = x + ball.maximiser(weight[k] - weight[y])
            z = weight @ moved + bias
            turned |= bool(z[k] > z[y])
        safe += not turned
    row = study.linear_rows(net, part, [ball])[0]
    assert row["accuracy"] == pytest.approx(safe / 40)
    assert 0 < safe < 40


def test_attacked_images_stay_in_ball_and_box():
    data = load("cifar10-7x7", classes=(1, 7))
    balls = [LpBall(p, 0.3, data.box) for p in (INF, 2, 1)]
    clean, *moved = examples.attacked_images(data, balls)
    assert clean.change.max() == clean.change.min() == 0
    for ball, found in zip(balls, moved, strict=True):
        assert ball.contains(found.change.ravel())
        assert 0 <= found.image.min() <= found.image.max() <= 1
        np.testing.assert_allclose(found.image, clean.image + found.change, atol=1e-15)
    assert moved[0].label != clean.label  # the image was chosen so


def test_boxed_projections_beat_a_grid():
    ball = LpBall(1, 0.5, box=(0, 1))
    x, points = (0.8, 0.7), [(1.3, 1.4), (1.4, 0.3), (0.1, 1.3)]
    found = examples.boxed_ball(x, points, ball)
    grid = np.stack(np.meshgrid(*[np.linspace(0, 1, 201)] * 2), axis=-1).reshape(-1, 2)
    grid = grid[np.abs(grid - x).sum(axis=1) <= 0.5]
    for point, projected in zip(np.array(points), found.projections, strict=True):
        best = np.sqrt(((grid - point) ** 2).sum(axis=1)).min()
        distance = np.linalg.norm(projected - point)
        assert distance <= best + 1e-9
        assert best - distance < 0.01


def test_planar_outlines_lie_on_the_sphere():
    for found in examples.planar_balls((2.0, 1.0), [(2.0, 2.0)]):
        np.testing.assert_allclose(found.ball.norm(found.outline), 1, rtol=1e-12)
        assert found.maximiser @ (2.0, 1.0) == pytest.approx(found.support)
