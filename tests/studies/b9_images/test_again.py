"""A finished cell, trained again, gives its row; a certificate of a fallen image is seen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from robustcore.errors import DataError
from studies import b9_again, b9_images, engine
from studies.b9_images import certificates

SMALL: dict[str, Any] = {
    "data": ("mnist-sample",), "units": ("pixels",), "methods": ("rub",), "epsilons": (0.1,),
    "steps": 30, "pgd_steps": 2, "width": 10, "n_validation": 4, "n_test": 10, "attack_steps": 2,
}  # fmt: skip


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("ROBUSTCORE_RESULTS", str(tmp_path))
    monkeypatch.setattr(b9_again.command, "parameters", lambda *a: SMALL)
    return tmp_path


def test_a_cell_gives_its_row_again_and_no_fallen_image_is_certified(
    done: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(DataError, match="no cell"):
        b9_again.record()
    engine.run(b9_images.sweep(**SMALL), results=done)
    (found,) = b9_again.record(n=3)["b9_again.cells"]
    assert (found["differing"], found["most"]) == ([], 0)
    assert found["crossings"] == 0
    assert found["same_processor"]
    assert found["fallen"] >= 10  # an untrained network has fallen at the larger radii

    def false(net: Any, x: torch.Tensor, *arguments: Any) -> torch.Tensor:
        return torch.ones(len(x), dtype=torch.bool)

    monkeypatch.setattr(certificates.evaluation, "certified", false)
    (found,) = b9_again.record(n=3)["b9_again.cells"]
    assert found["crossings"] == found["fallen"]
    assert found["differing"]
    assert found["most"] >= 1
