"""The sweep over the tables: what a cell is, what its row holds, and that a row comes again."""

from __future__ import annotations

import functools
import math

import pytest
import torch

from robustcore import LpBall, attacks, evaluation
from robustcore.networks import RowsOf, Stack
from studies import b8_uci
from studies.b8_uci.cells import METHODS, start
from studies.b8_uci.tables import table

SMALL = {
    "sets": ["iris"],
    "splits": 1,
    "training_radii": (0.1, 1.0),
    "published_radii": (0.1, 1.0),
    "steps": 30,
    "published_steps": 10,
    "pgd_steps": 3,
    "attack_steps": 5,
    "width": 10,
}


@functools.cache
def _rows() -> dict[tuple[str, str], dict[str, object]]:
    sweep = b8_uci.sweep(**SMALL)
    return {(c["data"], c["method"]): sweep.run([c])[0] for c in sweep.cells}


def test_every_prefix_of_the_first_pass_is_whole_sets() -> None:
    cells = b8_uci.sweep(sets=("all",), splits=4, published_radii=(0.1,)).cells
    assert all(b8_uci.cost(cell) > 0 for cell in cells)
    names = b8_uci.shuffled()
    assert sorted(names) == sorted({c["set"] for c in cells})
    assert len(names) == 46
    first = cells[: 46 * len(METHODS)]
    assert {(c["data"], c["split"]) for c in first} == {("clean", 0)}
    assert [c["set"] for c in first[:: len(METHODS)]] == names


def test_rows_hold_counts_that_follow_from_each_other() -> None:
    for row in _rows().values():
        for part, n in (("validation", row["n_validation"]), ("test", row["n_test"])):
            counts = row[part]
            clean = torch.tensor(counts["clean"])
            assert bool((clean <= n).all())
            for norm in ("L1", "L2", "Linf"):
                strong = torch.tensor(counts[f"strong-{norm}"])
                assert strong.shape == (7, 2)
                assert bool((strong <= clean).all())
                assert bool((strong.diff(dim=0) <= 0).all())  # never more in a larger ball
                for published in ("FGM", "PGD"):
                    assert bool((strong <= torch.tensor(counts[f"{published}-{norm}"])).all())
            assert bool(
                (torch.tensor(counts["strong-L2"]) <= torch.tensor(counts["strong-L1"])).all()
            )
        for norm in ("L1", "Linf"):
            for epsilon, (candidate, proved, n) in zip(
                b8_uci.CERTIFIED_RADII, row["certified"][norm], strict=True
            ):
                at = b8_uci.TEST_RADII.index(epsilon)
                assert proved <= row["test"][f"strong-{norm}"][at][candidate]  # all rows are proved
                assert n == row["n_test"]


def test_a_cell_gives_its_row_again() -> None:
    sweep = b8_uci.sweep(**SMALL)
    for cell in sweep.cells[3:5]:
        again = sweep.run([cell])[0]
        for value in ("validation", "test", "certified", "same", "above", "means", "loss"):
            assert again[value] == _rows()[cell["data"], cell["method"]][value]


def test_the_strong_attack_is_stronger_than_the_published_ones() -> None:
    row = _rows()["clean", "nominal"]
    published = torch.minimum(
        torch.tensor(row["test"]["PGD-L1"]), torch.tensor(row["test"]["FGM-L1"])
    )
    strong = torch.tensor(row["test"]["strong-L1"])
    assert int(strong.sum()) < int(published.sum())


def test_methods_start_alike_and_end_apart() -> None:
    data = table("iris", "clean", 0, 100, 100)
    one, other = (start(data, 10, 0, 0) for _ in range(2))
    assert torch.equal(one(data.test_x), other(data.test_x))
    assert not torch.equal(one(data.test_x), start(data, 10, 1, 0)(data.test_x))
    rows = _rows()
    losses = {tuple(rows["clean", m]["loss"]) for m in METHODS}
    assert len(losses) == len(METHODS)


def test_a_table_is_standardised_by_its_training_rows_and_leaks_only_as_published() -> None:
    clean, leaked = (table("iris", kind, 0, 1000, 1000) for kind in ("clean", "published"))
    assert clean.n_features + 1 == leaked.n_features
    torch.testing.assert_close(clean.train_x.mean(dim=0), torch.zeros(4), atol=1e-5, rtol=0)
    torch.testing.assert_close(clean.train_x.std(dim=0), torch.ones(4), atol=1e-5, rtol=0)
    leak = leaked.test_x[:, -1]
    assert len({(float(v), int(c)) for v, c in zip(leak, leaked.test_y, strict=True)}) == 3


@pytest.mark.parametrize("split", [0, 3])
def test_parts_do_not_share_rows_and_splits_differ(split: int) -> None:
    data = table("iris", "clean", split, 1000, 1000)
    assert len(data.train_y) + len(data.validation_y) + len(data.test_y) == 150
    other = table("iris", "clean", split + 1, 1000, 1000)
    assert not torch.equal(data.test_x, other.test_x)


def test_attacks_on_a_stack_are_those_on_its_networks() -> None:
    data = table("iris", "clean", 0, 100, 100)
    networks = [start(data, 10, i, 0) for i in range(2)]
    ball = LpBall(math.inf, 0.3)
    rows = RowsOf(Stack(networks))
    x, y = data.test_x, data.test_y
    together = attacks.apgd(rows, x.repeat(2, 1), y.repeat(2), ball, 5).view(2, *x.shape)
    for net, found in zip(networks, together, strict=True):
        alone = attacks.apgd(net, x, y, ball, 5)
        agree = evaluation.correct(net, alone, y) == evaluation.correct(net, found, y)
        assert bool(agree.all())
