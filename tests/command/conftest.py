"""A network and rows on which the answers of the command are known by hand."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
import torch

from robustcore import networks
from robustcore.networks import ReLUNetwork

RADII = '[radii]\nage = 0.5\n"*" = 0\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A network that says yes where x_1 > x_0, and rows at known distances from its decision."""
    W = torch.tensor([[-1.0, 1.0], [1.0, -1.0]])
    last = torch.eye(2)
    net = ReLUNetwork.from_arrays([(W, torch.zeros(2)), (last, torch.zeros(2))])
    networks.save(net, tmp_path / "net.npz")
    rows = [(0.0, 1.0, "yes"), (0.0, 0.3, "yes"), (2.0, 0.0, "no"), (0.0, 3.0, "no")]
    with (tmp_path / "rows.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("age", "income", "outcome"), *rows])
    (tmp_path / "radii.toml").write_text(RADII, encoding="utf-8")
    return tmp_path
