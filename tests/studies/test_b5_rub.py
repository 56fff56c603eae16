"""The rows of the RUB page: by hand, sound, selected by validation, refused when wrong."""

import pytest
import torch

from robustcore import bounds
from robustcore.balls import LpBall
from robustcore.errors import InputError
from studies import b5_rub
from studies.b5_rub import small
from studies.mnist_networks import load_images


def test_the_example_worked_on_paper():
    net, x, y = small.small_network()
    rows = small.recursion_by_hand(net, x, y, 2.0)
    # g = 3 [z_2]_+ - z_1 - 2 with z = (3, -3), (-1, 1), (1, 1), (1, -3)
    assert [r["bound"] for r in rows] == [-5, 2, 0, -3]
    assert [r["gap"] for r in rows] == [-5, 1, 0, -3]
    assert max(r["bound"] for r in rows) == bounds.rub(net, x, y, LpBall(1, 2.0))[0, 1]


def test_segments_end_at_the_vertices_and_are_ordered():
    net, x, y = small.small_network()
    rows = small.along_segments(net, x, y, 2.0, points=5)
    ends = [r["bound"] for r in rows if r["a"] == 2.0]
    assert ends == [-5, 2, 0, -3]
    assert all(r["gap"] <= r["bound"] and r["linear"] <= r["bound"] for r in rows)
    assert len({r["gap"] for r in rows if r["a"] == 0}) == 1


def test_soundness_rows():
    rows = small.soundness(instances=3, trained_samples=1, radii=(1.0,))
    assert len(rows) == 6
    for row in rows:
        assert max(row[c] for c in row if c.endswith("at most")) <= 1e-6
        assert row["rise, largest"] >= row["rise, mean"] >= 1 - 1e-6


@pytest.fixture(scope="module")
def curves():
    images = load_images(side=7, n_validation=20, n_test=30, device="cpu")
    return b5_rub.certified_curves(
        images, training_epsilons=(0.03, 0.1), test_epsilons=(0.0, 0.05), width=12, steps=40
    )


def test_certified_curves(curves):
    assert len(curves) == 3 * 2 * 2
    for row in curves:
        assert row["low"] <= row["certified"] <= row["high"]
        assert row["certified"] <= row["best"] <= row["adversarial"] <= row["clean"]
        assert row["radius"] == pytest.approx(7 * row["epsilon"])
        assert (row["training_epsilon"] is None) == (row["method"] == "nominal")
    assert {r["candidate"] for r in curves} == {0, 1}


def test_selection_is_by_validation_alone(curves):
    chosen = b5_rub.select(curves)
    assert len(chosen) == 3 * 2
    for row in chosen:
        rivals = [r for r in curves if all(r[k] == row[k] for k in ("method", "epsilon"))]
        assert row["validation"] == max(r["validation"] for r in rivals)
    with pytest.raises(InputError, match="no rows"):
        b5_rub.select([])


def test_verdict_table_leaves_a_dash_where_nothing_was_measured(curves):
    chosen = b5_rub.select(curves)
    table = b5_rub.verdict_table({"rub": {0.0: 98.0}}, [], chosen)
    assert [r["paper, by RUB"] for r in table] == [98.0, "-"]
    assert table[0]["recorded, by RUB"] == "-"
    assert table[1]["this run, by RUB"] == 100 * next(
        r["certified"] for r in chosen if (r["method"], r["epsilon"]) == ("rub", 0.05)
    )
    with pytest.raises(InputError, match=r"tested at epsilon 0\.7"):
        b5_rub.at_training_radius(chosen, 0.7)


def test_images_are_block_means():
    fine, coarse = (load_images(side=s, n_validation=1, n_test=2, device="cpu") for s in (28, 14))
    x = fine.test[0].view(-1, 14, 2, 14, 2).mean(dim=(2, 4)).flatten(1)
    torch.testing.assert_close(coarse.test[0], x)
    assert coarse.ball(1, 0.1).radius == pytest.approx(1.4)
    assert coarse.ball(float("inf"), 0.1).radius == 0.1
    with pytest.raises(InputError, match="side must divide 28, got 10"):
        load_images(side=10)
