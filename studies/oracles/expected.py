"""What a study measures itself, it need not be warned of."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from robustcore.errors import AccuracyWarning, EmptyNetworkWarning


@contextmanager
def read_from_the_solution() -> Iterator[None]:
    """No warning of a gap or of a network without neurons: both stand in the rows.

    Source: own
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AccuracyWarning)
        warnings.simplefilter("ignore", EmptyNetworkWarning)
        yield
