"""The rows of the attacks' page: by hand, ordered, and with foolbox's own points."""

import pytest
import torch

from robustcore.errors import InputError
from studies import c3_stronger_attacks as study
from studies.c3_stronger_attacks import published
from studies.mnist_networks import load_images


@pytest.fixture(scope="module")
def images():
    return load_images(side=7, n_validation=20, n_test=30, device="cpu")


@pytest.fixture(scope="module")
def networks(images):
    return study.train_networks(images, ("nominal", "arub"), 0.05, width=12, steps=60)


@pytest.fixture(scope="module")
def curves(images, networks):
    return study.curves(images, networks, (0.3, 0.05), attack_steps=8, targets=1)


def test_the_example_worked_on_paper():
    printed, longer, best = published.by_hand()
    # |g|_2^2 / |g|_1 = (16 + 3) / 7 and |g|_inf = 4
    assert printed["rise"] == pytest.approx(19 / 7)
    assert longer["rise"] == pytest.approx(19 / 7)
    assert printed["entries"] == longer["entries"] == "0.571, 0.143, 0.143, 0.143"
    assert (best["rise"], best["entries"]) == (4.0, "1.000, 0.000, 0.000, 0.000")


def test_curves_are_ordered(curves):
    assert len(curves) == 2 * 3 * 2
    for row in curves:
        assert row["certified"] <= row["strongest"] <= row["clean"]
        assert row["published"] == min(row["fgm"], row["pgd"])
        assert row["low"] <= row["strongest"] <= row["high"]
        assert row["violations"] == 0
        assert row["n"] == 30
    for lower, higher in zip(curves[::2], curves[1::2], strict=True):
        assert lower["radius"] < higher["radius"]  # sorted, so that points are handed upwards
        assert higher["strongest"] <= lower["strongest"]
    l1 = [r for r in curves if r["p"] == "1"]
    assert [r["radius"] for r in l1[:2]] == pytest.approx([0.35, 2.1])
    assert sum(r["published"] - r["strongest"] for r in l1) > 0.1


def test_the_ladder_ends_at_the_strongest(images, networks):
    rows = study.ingredients(images, networks, 0.3, attack_steps=10, targets=2)
    assert [r["gradients"] for r in rows] == [1, 50, 50, 1, 50, 11, 11, 11, 51]
    for method in networks:
        assert rows[-1][method] == min(r[method] for r in rows)
        assert rows[-1][method] < rows[0][method]


def test_optimism_is_the_difference_in_points():
    about = {"method": "rub", "radius": 2.0, "p": "1", "certified": 0.1, "violations": 0}
    rows = [
        about | {"published": 0.8, "strongest": 0.7},
        about | {"published": 0.6, "strongest": 0.2, "radius": 4.0},
    ]
    (row,) = study.optimism(rows)
    assert (row["mean"], row["largest"]) == (pytest.approx(25), pytest.approx(40))
    assert row["at"] == "rub, radius 4"


def test_the_verdict_table_leaves_a_dash_where_nothing_was_measured(curves):
    table = published.verdict_table([], curves)
    assert len(table) == 4 * 2
    first = next(r for r in table if (r["method"], r["ρ / √M"]) == ("arub", "0.3"))
    assert (first["paper"], first["recorded: strongest"]) == (97.46, "-")
    row = next(r for r in curves if (r["method"], r["p"], r["epsilon"]) == ("arub", "1", 0.3))
    assert first["this run: strongest"] == 100 * row["strongest"]
    assert table[-1]["this run: strongest"] == "-"  # RUB was not trained here


def test_the_dense_step_uses_a_share_of_the_radius(images, networks):
    rows = published.dense_share(images, networks, dimensions=(1, 784), trials=50)
    share = {r["gradient"]: r["share"] for r in rows}
    assert share["Gaussian, d = 1"] == pytest.approx(1)
    assert 0.3 < share["Gaussian, d = 784"] < 0.45  # E g^2 / E|g| = 1.25 over E max |g| = 3.3
    assert 0 < share["arub network"] < 1


def test_foolbox_gives_the_same_points(images, networks):
    pytest.importorskip("foolbox")
    for row in published.foolbox_twins(images, networks):
        assert row["points"] == 60
        assert row["distance, at most"] <= 1e-10
        assert row["predictions that differ"] == 0
    assert all(p.dtype == torch.float32 for p in networks["arub"].parameters())


def test_two_cells_of_one_network_differ():
    rows = published.sampling_noise((0.5, 0.98), trials=4000)
    assert rows[0]["interval of a cell"] == pytest.approx(100 * 1.96 * 0.5 / 2560**0.5)
    assert rows[0]["more than half a point apart"] > rows[1]["more than half a point apart"] > 0.1


def test_a_method_nobody_knows_is_refused(images):
    with pytest.raises(InputError, match="no defense 'nothing'"):
        study.train_networks(images, ("nothing",), 0.1, width=4, steps=1)
