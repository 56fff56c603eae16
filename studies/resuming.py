"""Long studies that can be cut off: each finished part is kept until the whole is done.

A part is kept beside the checkout's build products with its parameters and a digest of the
library's sources; it is used again only if both are the same.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from robustcore import provenance, records
from robustcore.errors import DataError

_FOLDER = provenance.CHECKOUT / "_build" / "partial"


def resumed(
    id: str,
    parameters: Mapping[str, Any],
    make: Callable[[], Sequence[Mapping[str, Any]]],
    folder: Path | str = _FOLDER,
) -> list[dict[str, Any]]:
    """The rows of one part: those kept by a run that was cut off, else made and kept now.

    Source: own

    Parameters
    ----------
    id : str
        As `records.save` takes it.
    parameters : dict
        A part with other parameters, or made by other sources, is made again.
    make : callable
        Without arguments; gives the rows.
    folder : path, optional
    """
    wanted = {**parameters, "sources": sources()}
    try:
        found = records.load(id, folder)
        if found.parameters == wanted:
            return found.rows
    except DataError:  # missing, or cut off while it was written
        pass
    records.save(id, make(), wanted, folder=folder, profile="partial")
    return records.load(id, folder).rows


def forget(prefix: str, folder: Path | str = _FOLDER) -> None:
    """Delete the kept parts whose id begins so: the next run measures afresh.

    Source: own
    """
    for path in Path(folder).glob(f"{prefix}*.json"):
        path.unlink()


@lru_cache(maxsize=1)
def sources() -> str:
    """A digest of every source file of the library and of the studies.

    Source: own
    """
    digest = hashlib.sha256()
    for folder in ("robustcore", "studies"):
        for path in sorted((provenance.CHECKOUT / folder).rglob("*.py")):
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
