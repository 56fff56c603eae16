"""Both papers on one task: cells are made once, each row keeps the order of costs and shares."""

import pytest

from robustcore.errors import InputError
from studies import c4_comparison as study
from studies.c4_comparison import methods, pictures, tasks

SETTINGS = {"n": 30, "n_held": 10, "n_test": 15, "width": 6, "seconds": 0.2, "attack_steps": 3}


@pytest.mark.parametrize("p", ["inf", "1", "2"])
@pytest.mark.parametrize("method", ["algorithm_1", "linear", "gd_pgd", "bridge_linear", "crown"])
def test_a_row_keeps_the_order_of_costs_and_shares(method, p):
    cell = {"task": "sklearn/breast-cancer", "p": p, "method": method, "seed": 0}
    (row,) = study.sweep(**SETTINGS).run([cell], device="cpu")
    assert row["clean_cost"] <= row["attacked_cost"] + 1e-9
    assert row["attacked_cost"] <= row["certified_cost"] + 1e-9
    assert row["clean_accuracy"] >= row["attacked_accuracy"] >= row["certified_accuracy"]
    if method == "bridge_linear":
        assert row["certified_cost"] <= row["objective"] + 1e-6


def test_descents_run_on_images_without_bias():
    given = tasks.task("bird-ship", 12, 6, 6, 0)
    for method in ("gd_fgsm", "certified_random", "ibp"):
        net, about = methods.trained(method, given, "inf", 4, 0.2, 0)
        assert about["seconds"] > 0
        assert not net.has_bias
        assert net.u.shape[1] == 147


def test_one_task_has_every_method_that_a_norm_knows():
    cells = study.sweep(tasks=("bird-ship",), names=("linear",), norms=("inf", "1")).cells
    assert cells[0] == {"task": "bird-ship", "p": "inf", "method": "linear", "seed": 0}
    table = {p: {c["method"] for c in cells[1:] if c["p"] == p} for p in ("inf", "1")}
    assert table["1"] == set(methods.METHODS)
    assert table["inf"] == set(methods.METHODS) - {"rub"}


def test_what_is_no_task_or_norm_is_refused():
    with pytest.raises(InputError, match="no task"):
        tasks.task("mnist", 10, 10, 10, 0)
    with pytest.raises(InputError, match="p must be"):
        tasks.task("bird-ship", 10, 10, 10, 0).ball("3")


def test_means_and_the_picture_hold_every_method_of_a_norm():
    made = study.sweep(norms=("inf", "1"), **SETTINGS)
    row = dict.fromkeys(("clean_cost", "attacked_cost", "certified_cost"), 0.5)
    row |= dict.fromkeys(("clean_accuracy", "attacked_accuracy", "certified_accuracy"), 0.5)
    rows = [{**cell, **row, "seconds": 1.0 + seed} for seed in (0, 2) for cell in made.cells]
    found = pictures.means(rows, "sklearn/breast-cancer", "1")
    assert [r["method"] for r in found] == [pictures.LABELS[m] for m in methods.METHODS]
    assert all(r["seeds"] == 2 and r["seconds"] == 2.0 for r in found)
    drawn = pictures.price(rows, "sklearn/breast-cancer")
    assert [len(ax.texts) for ax in drawn.axes] == [len(methods.METHODS) - 1, len(methods.METHODS)]
    ticks = [tick.get_text() for tick in drawn.axes[0].get_yticklabels()]
    assert ticks == [pictures.LABELS[name] for name in methods.METHODS]
    assert {text.get_text() for text in drawn.axes[1].texts} == {"2 s"}
