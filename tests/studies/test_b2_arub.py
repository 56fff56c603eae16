"""The rows of the aRUB page: what is compared with what."""

import itertools
import math

import pytest
import torch

from robustcore.errors import DataError
from robustcore.losses import cross_entropy
from robustcore.networks import ReLUNetwork
from studies import b2_arub, b2_more_trainings
from studies.b2_arub import share
from studies.engine import run
from studies.mnist_networks import load_images


@pytest.fixture(scope="module")
def images():
    return load_images(side=7, n_validation=0, n_test=20, device="cpu")


def test_the_strong_attack_is_the_strongest(images):
    net = ReLUNetwork((49, 12, 12, 12, 10), torch.Generator().manual_seed(0))
    x, y = images.test
    found = share.attacked_losses(net, x, y, images.ball(1, 0.2), strong_restarts=1, seed=0)
    assert bool((found["strong"] >= torch.maximum(found["fgm"], found["pgd"])).all())
    assert found["strong"].mean() > cross_entropy(net(x), y).mean() + 0.1
    assert bool((found["strong"] > found["fgm"]).any())


def test_curves_and_their_distances(images):
    rows = b2_arub.loss_over_training(
        images, (0.01, 0.1), width=12, steps=20, observe_every=10, n_observed=20
    )
    assert [r["step"] for r in rows] == [0, 10, 20] * 4
    for row in rows:
        assert row["minimised"] == row[row["method"]]
        assert row["adversarial"] >= row["clean"]
    apart = b2_arub.distance_to_adversarial(rows)
    first = rows[:3]
    by_hand = sum(abs(r["arub"] - r["adversarial"]) / r["adversarial"] for r in first) / 3
    assert apart[0]["minimised"] == apart[0]["arub"] == pytest.approx(by_hand)
    assert apart[0]["final"] == rows[2]["adversarial"]
    later = b2_arub.distance_to_adversarial(rows, since=0.5)
    by_hand = sum(abs(r["arub"] - r["adversarial"]) / r["adversarial"] for r in rows[1:3]) / 2
    assert later[0]["arub"] == pytest.approx(by_hand)
    assert apart[1]["arub"] > apart[0]["arub"]  # farther at the larger radius


def test_shares(images):
    rows = share.share_above(
        images,
        (0.0, 0.1, 0.5),
        trainings=(("nominal", 0.0),),
        exponents=(math.inf, 1),
        width=12,
        steps=40,
        n_measured=20,
        strong_restarts=1,
    )
    assert len(rows) == 2 * 3 * 3
    for row in rows:
        assert row["epsilon"] > 0 or row["share"] == 1.0  # the same number on both sides
        assert row["mean_above"] == (row["bound"] + 1e-4 >= row["attacked"])
        assert row["n"] == 20
    strong, fast = (share.least_share(rows, attack) for attack in ("strong", "fgm"))
    assert strong <= fast
    means = [r["mean_above"] for r in rows if r["attack"] == "pgd" and r["p"] == "1"]
    assert share.share_of_means(rows, "pgd", p="1") == sum(means) / 3


def test_verdict_table_compares_what_both_have():
    def curves(*pairs):
        common = {"step": 0, "clean": 1.0, "adversarial": 2.0, "arub": 2.2, "baseline": 1.8}
        return [common | {"method": m, "epsilon": e, "minimised": 2.2} for m, e in pairs]

    share = {"share": 0.5, "mean_above": True}
    shares = [share | {"p": p, "attack": a} for p in ("inf", "1") for a in ("pgd", "strong")]
    table = b2_arub.verdict_table(
        {
            "recorded": (curves(("arub", 0.1), ("arub", 0.2)), shares),
            "this run": (curves(("arub", 0.1)), shares),
        }
    )
    assert [r["recorded"] for r in table] == ["10.0", *["100", "50", "50"] * 2]


def test_more_trainings_are_those_of_figure_1(monkeypatch, tmp_path):
    monkeypatch.setenv("ROBUSTCORE_RESULTS", str(tmp_path))
    asked = {"steps": 6, "observe_every": 3, "n_observed": 10}
    with pytest.raises(DataError, match="no training of b2_more_trainings is done"):
        b2_more_trainings.record(**asked)
    run(b2_more_trainings.sweep(**asked))
    found = b2_more_trainings.record(**asked)
    few = load_images(side=7, n_validation=0, n_test=10, device="cpu")
    again = b2_arub.loss_over_training(few, (0.1,), ("baseline",), 20, 6, 3, 10, seed=1)
    told = {"seed": 1, "method": "baseline", "epsilon": 0.1}
    assert again == [
        {k: v for k, v in row.items() if k != "seed"}
        for row in found["b2_more_trainings.curves"]
        if told.items() <= row.items()
    ]
    trainings = [
        (r["seed"], r["epsilon"], r["method"]) for r in found["b2_more_trainings.distances"]
    ]
    assert trainings == list(itertools.product((0, 1), (0.01, 0.1), ("arub", "baseline")))
