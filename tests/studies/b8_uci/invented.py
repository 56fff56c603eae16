"""Rows as a sweep would leave them, with invented counts: for what is read from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from studies import b8_uci
from studies.b8_uci.choosing import ATTACKS, METHODS

RADII = (0.01, 0.1, 0.3, 1.0, 3.0)
N = 100


def row(cell: Mapping[str, Any], rng: np.random.Generator) -> dict[str, Any]:
    """One row whose counts fall with the radius; candidate i withstands a little more."""
    S, R = len(RADII), len(b8_uci.TEST_RADII)

    def counts() -> dict[str, Any]:
        found: dict[str, Any] = {"clean": rng.integers(60, N, S).tolist()}
        for attack in ATTACKS:
            falling = np.sort(rng.integers(0, 60, (R, S)), axis=0)[::-1]
            found[attack] = (falling + np.arange(S)).tolist()
        return found

    certified = {
        norm: [[0, int(rng.integers(0, 30)), N] for _ in b8_uci.CERTIFIED_RADII]
        for norm in ("L1", "Linf")
    }
    return {
        **cell,
        "M": 4,
        "K": 3,
        "n_train": 3 * N,
        "n_validation": N,
        "n_test": N,
        "infinite": [0, 0],
        "majority": [40, 40],
        "rates": [0.003] * S,
        "radii": list(RADII),
        "diverged": [0] * S,
        "loss": [0.1] * S,
        "train_seconds": 1.0,
        "judge_seconds": 1.0,
        "validation": counts(),
        "test": counts(),
        "same": rng.choice([50, N], S).tolist(),
        "above": {norm: rng.integers(0, N, (R, S)).tolist() for norm in ("L1", "Linf")},
        "certified": certified,
    }


def grid(names: Sequence[str], data: Sequence[str] = ("clean",), seed: int = 0) -> list[dict]:
    """Rows of every method on some sets."""
    rng = np.random.default_rng(seed)
    return [
        row({"set": name, "data": one, "split": 0, "method": method}, rng)
        for one in data
        for name in names
        for method in METHODS
    ]
