"""The rows of the page on convolutions: the lemma, the two pixels, the certificates, the tables."""

import numpy as np
import pytest
import torch

from robustcore import bounds
from robustcore.balls import LpBall
from robustcore.losses import gaps
from studies import b6_convolution
from studies.b6_convolution import attacked, images, pooling


def test_the_conjugate_is_zero_where_no_point_beats_the_function():
    """The linear program against many points x of the unit box."""
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, size=(20_000, 2))
    x = np.concatenate([x, [[1, 1], [-1, 0], [0, -1], [1, 0], [0, 1], [-1, 1], [1, -1]]])
    for _ in range(40):
        z, p = rng.normal(size=2), rng.uniform(0.2, 2)
        best = (x @ z - p * np.maximum(x, 0).max(axis=1)).max()
        assert pooling.conjugate_is_zero(z, p) == (best <= 1e-9)


def test_the_printed_domain_is_too_large_and_the_corrected_one_right():
    for row in pooling.lemma_13(draws := 60):
        assert row["draws"] == draws
        assert row["corrected wrong"] == 0
        assert row["missing wrong"] == 0
        assert 0 < row["inside"] < draws
        assert row["printed wrong"] > 5


def test_the_two_pixels_worked_on_paper():
    net, x, y = pooling.two_pixels()
    ball = LpBall(1, 1.0)
    inside = x + torch.tensor([[-0.5, -0.5]])
    assert gaps(net(x), y)[0, 1] == -0.25
    assert gaps(net(inside), y)[0, 1] == 0.25  # in the ball, and misclassified
    assert pooling.published_bound(net, x, y, ball)[0, 1] == -0.25
    assert bounds.rub(net, x, y, ball)[0, 1] == 0.75
    assert bounds.exact(net, x, y, ball, attained=True)[0, 1].item() == pytest.approx(
        0.25, abs=1e-9
    )


def test_the_edge_is_the_network():
    net, x, y = pooling.two_pixels()
    rows = pooling.along_the_edge(5)
    for row in rows:
        point = torch.tensor([[row["at"], 1 - row["at"]]], dtype=x.dtype)
        assert row["gap"] == pytest.approx(gaps(net(point), y)[0, 1].item())
        assert row["gap"] <= min(row["t = (1, 0)"], row["t = (1/2, 1/2)"]) + 1e-12
    assert rows[2]["gap"] > max(rows[0]["gap"], rows[-1]["gap"])  # not convex


def test_soundness_rows():
    rows = {(r["pool"], r["bound"]): r for r in pooling.soundness(4)}
    for pool in ("average", "max"):
        for name in ("RUB", "RUB, optimised t", "CROWN", "intervals"):
            assert rows[pool, name]["exact - bound, at most"] <= 1e-6
            assert rows[pool, name]["below exact"] == 0
        assert rows[pool, "attack"]["excess"] <= 0
    assert rows["average", "RUB, pool as published"] | {"bound": ""} == rows["average", "RUB"] | {
        "bound": ""
    }
    assert rows["max", "RUB, pool as published"]["exact - bound, at most"] > 1e-3


@pytest.fixture(scope="module")
def pictures():
    return images.load_pictures("mnist-sample", 7, n_test=20, device="cpu")


@pytest.fixture(scope="module")
def recipe():
    return images.Recipe(steps=20, channels=(2, 3), hidden=8)


def test_certified_rows(pictures, recipe):
    rows = b6_convolution.certified_rows(pictures, recipe, test_epsilons=(0.02, 0.1))
    assert len(rows) == 2 * 3 * 2
    for row in rows:
        assert row["low"] <= row["certified"] <= row["high"]
        assert row["certified"] <= row["adversarial"] <= row["clean"]
        assert (row["crown"] is None) == (row["pool"] == "max")
        assert row["radius"] == pytest.approx(7 * row["epsilon"])


def test_table_rows_scale_the_radius_and_stand_beside_the_paper(pictures, recipe):
    rhos = (0.0, 1.0, 10.0)
    rows = attacked.table_rows(pictures, recipe, "mnist-sample", 0.01, rhos, attack_steps=3)
    assert len(rows) == 2 * 4 * 3
    scale = {"pixel": 1.0, "standardised": pictures.spread}
    for row in rows:
        assert row["data"] == "mnist"
        assert row["radius"] == pytest.approx(scale[row["unit"]] * row["rho"] * 7 / 28)
        assert row["low"] <= row["accuracy"] <= row["high"]
    assert 0.15 < pictures.spread < 0.4
    (first, *_) = table = attacked.beside_the_paper(rows, "pixel")
    assert [r["method"] for r in table] == list(attacked.METHODS)
    mine = next(r for r in rows if (r["method"], r["rho"]) == ("arub-l1", 1.0))
    assert first["1"] == f"98 / {100 * mine['accuracy']:.0f}"


def test_the_ball_of_colour_images_counts_all_channels():
    x, y = torch.rand(2, 12), torch.tensor([0, 1])
    colour = images.Pictures((x, y), (x, y), (3, 2, 2))
    assert colour.ball(1, 0.1).radius == pytest.approx(0.1 * 12**0.5)
    assert colour.ball(float("inf"), 0.1).radius == 0.1
    assert colour.ball(2, 0.1).box == (0, 1)
