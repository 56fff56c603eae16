"""Criteria that wait for a sweep: on made-up rows they can be asked, and chance wins none."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from robustcore import claims
from studies.b9_images.chosen import compared

LEDGER = {claim.id: claim for claim in claims.load(Path(__file__).resolve().parents[1] / "claims")}
RADII = {
    "L2": (0.0, 0.01, 0.06, 0.28, 2.8, 8.4, 14.0, 28.0, 56.0),
    "L1": (0.0, 0.01, 0.06, 0.28, 2.8, 8.4, 14.0, 28.0, 140.0),
    "Linf": (0.0, 0.001, 0.003, 0.01, 0.1, 0.3, 0.5, 1.0, 5.0),
}
LATER = [("pgd", r) for r in (2.8, 0.1)]  # in the middle of Table 3
METHODS = ("rub", "nominal", "arub_l1", "pgd", "arub_linf", "baseline_linf", "fgsm")
REACH = 0.03  # of the interval of an accuracy of one half, 1000 images
# which method would have to be better, or worse, for each sentence on images
LEADS = {
    "b-table-4-large": {"rub": 0.2},
    "b-large-radii": {"rub": 0.2},
    "b-baseline-large-radii": {"baseline_linf": 0.2},
    "b-natural-accuracy": {"nominal": -0.2},
    "b-section-4-baseline": {"baseline_linf": -0.2},
}
ALIKE = {
    "b-table-4-small": {"rub": 0.2},
    "b-abstract-small": {"pgd": 0.2},
}


def attacked(seed: int, ahead: dict[str, float], noise: float = REACH / 2) -> list[dict]:
    """Rows as of `b9_images.attacked`: every method right on half of the images, some on more."""
    draw = random.Random(seed)
    rows = []
    for data in ("mnist", "fashion-mnist", "cifar10"):
        for unit in ("standardised", "pixels"):
            for method in METHODS:
                for norm, radii in RADII.items():
                    for radius in radii:
                        right = 0.5 + draw.gauss(0, noise) + ahead.get(method, 0.0)
                        if (method, radius) in LATER:
                            right += ahead.get("later", 0.0)
                        ends = {"": right, "_low": right - REACH, "_high": right + REACH}
                        rows.append(
                            {"data": data, "unit": unit, "method": method, "norm": norm}
                            | {"radius": radius, "networks": 5, "n": 1000, "constant": 0.1}
                            | {f"{by}{end}": v for by in ("published", "strong")
                               for end, v in ends.items()}
                        )  # fmt: skip
    return compared(rows, ("data", "unit", "norm", "radius"), ("published", "strong"))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("id", [*LEADS, "b-table-3-order", "b-table-5-regimes"])
def test_no_sentence_of_a_lead_is_won_by_chance(id: str, seed: int) -> None:
    assert claims.judge(LEDGER[id], lambda _: attacked(seed, {})) == "not reproduced"


@pytest.mark.parametrize("id", LEADS)
def test_a_lead_that_is_there_is_seen(id: str) -> None:
    assert claims.judge(LEDGER[id], lambda _: attacked(0, LEADS[id])) == "reproduced"


def test_an_order_that_changes_with_the_radius_is_seen() -> None:
    claim = LEDGER["b-table-3-order"]
    assert claims.judge(claim, lambda _: attacked(0, {"rub": 0.2, "later": 0.4})) == "reproduced"
    assert claims.judge(claim, lambda _: attacked(0, {"rub": 0.2})) == "reproduced in part"


@pytest.mark.parametrize("id", ALIKE)
def test_what_is_alike_is_seen_and_what_is_not_is_refused(id: str) -> None:
    assert claims.judge(LEDGER[id], lambda _: attacked(0, {}, noise=0.0)) == "reproduced"
    assert claims.judge(LEDGER[id], lambda _: attacked(0, ALIKE[id])) == "not reproduced"
