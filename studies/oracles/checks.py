"""A statement with the twin that tests it, and the row that a campaign over instances gives."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Check:
    """A statement, the twin that tests it, and what counts as rounding.

    Source: own
    """

    statement: str
    violation: Callable[[Any], float]
    tolerance: float

    def row(self, sizes: Sequence[float], first_seed: int = 0) -> dict[str, Any]:
        """What is recorded of the violations of instances with consecutive seeds."""
        return {
            "check": self.violation.__name__,
            "statement": self.statement,
            "instances": len(sizes),
            "largest_violation": max(sizes),
            "worst_seed": first_seed + int(np.argmax(sizes)),
            "tolerance": self.tolerance,
        }


def by_name(*checks: Check) -> Mapping[str, Check]:
    """Checks by the names of their twins.

    Source: own
    """
    return MappingProxyType({check.violation.__name__: check for check in checks})
