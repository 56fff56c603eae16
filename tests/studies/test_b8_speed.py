"""Table 2's programs: the paper's aRUB is ours in value and gradient; shapes are the tables'."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from contract import resumed
from robustcore import LpBall, defenses
from robustcore.datasets.catalogue import uci_sets
from robustcore.networks import ReLUNetwork
from studies import b8_speed


@pytest.mark.parametrize("p", [1.0, 2.0, float("inf")])
def test_arub_by_gradients_is_arub(p: float) -> None:
    generator = torch.Generator().manual_seed(0)
    net = ReLUNetwork([5, 20, 20, 3], generator).double()
    x = torch.randn(7, 5, generator=generator, dtype=torch.float64)
    y = torch.randint(0, 3, (7,), generator=generator)
    losses = [b8_speed.arub_by_gradients(net, x, y, LpBall(p, 0.3))]
    losses.append(defenses.arub(LpBall(p, 0.3))(net, x, y))
    torch.testing.assert_close(losses[0], losses[1], atol=1e-12, rtol=0)
    one, other = (torch.autograd.grad(v, list(net.parameters())) for v in losses)
    for a, b in zip(one, other, strict=True):
        torch.testing.assert_close(a, b, atol=1e-12, rtol=0)


def test_a_batch_is_256_rows_or_the_training_part() -> None:
    sets = uci_sets()
    assert b8_speed.shape(sets["iris"]) == (4, 90, 3)
    assert b8_speed.shape(sets["letter-recognition"]) == (16, 256, 26)


def test_every_method_of_table_2_is_timed_beside_nominal() -> None:
    rows = b8_speed.timed(uci_sets()["iris"], 0.1, 1)
    ratios = {r["method"]: r["ratio"] for r in rows}
    assert set(ratios) >= {
        *("Nominal", "Baseline-Linf", "aRUB-L1", "aRUB-Linf", "PGD-Linf", "RUB"),
        *("RUB, as printed", "aRUB-L1, by gradients", "aRUB-Linf, by gradients"),
    }
    assert ratios["Nominal"] == 1
    assert all(r["batches_per_second"] == pytest.approx(1 / r["seconds"]) for r in rows)


def test_rub_as_printed_is_left_out_where_its_graph_is_too_large() -> None:
    rows = b8_speed.timed(uci_sets()["hill-valley"], 0.1, 1)
    assert "RUB, as printed" not in {r["method"] for r in rows}


def test_a_killed_run_goes_on_with_the_next_table(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    timed = ("seconds", "ratio", "batches_per_second")
    given = {"names": ("wine", "iris"), "repeats": 1}
    found = resumed("b8_speed", "timed", tmp_path, monkeypatch, timed, **given)
    rows = found["b8_speed.steps"]
    assert list(dict.fromkeys(row["set"] for row in rows)) == ["wine", "iris"]
    for name in given["names"]:  # what is compared was timed side by side
        (nominal,) = (r["seconds"] for r in rows if (r["set"], r["method"]) == (name, "Nominal"))
        assert all(r["ratio"] == r["seconds"] / nominal for r in rows if r["set"] == name)
