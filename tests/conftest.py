"""What every test shares: the root of the checkout, and markers that say why they skip."""

from pathlib import Path

import pytest
import torch
import yaml

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def root() -> Path:
    """The root of the checkout."""
    return ROOT


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """How many records were made by other code than today's: the list that a test holds true."""
    listed = yaml.safe_load((ROOT / "results" / "stale.yml").read_text(encoding="utf-8")) or {}
    stale = sum(len(entry["records"]) for entry in listed.values())
    every = len(list((ROOT / "results").glob("*.json")))
    terminalreporter.write_line(
        f"{stale} of {every} records were made by other code than today's: results/stale.yml, "
        "make stale"
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if torch.cuda.is_available():
        return
    skip = pytest.mark.skip(reason="needs a CUDA device, and torch finds none here")
    for item in items:
        if "gpu" in item.keywords:
            item.add_marker(skip)
