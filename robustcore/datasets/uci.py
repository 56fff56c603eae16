"""The 46 UCI tables of paper B: where they come from, how they are split, and as published."""

from __future__ import annotations

import gzip

import numpy as np

from ..errors import CorruptDataError, InputError
from .catalogue import UCI_LICENCE, UciEntry, uci_sets
from .files import data_folder, digest, fetch, set_aside
from .records import Dataset, Part
from .samples import sample_bytes, sample_file
from .splits import Rows, random_rows
from .uci_published import as_published, published_rows
from .uci_sources import check_table, parse, read_table


def load_uci(
    name: str, split: str | None, rng: np.random.Generator | None, published: bool
) -> Dataset:
    """One of the 46 sets, split; see `robustcore.datasets.load`.

    Source: [B] Section 6.1
    """
    entry, x, y, route = load_table(name)
    label = f"uci/{entry.name}"
    names = tuple(f"x{j + 1}" for j in range(entry.features))
    classes: tuple[str, ...] = entry.class_labels
    units = "as in the source"
    if published:
        if split not in (None, "published"):
            raise InputError(
                f"as_published is defined for the published split only, got split={split!r}."
            )
        rows = published_rows(entry)
        x, y, names, classes = as_published(entry, x, y, rows)
        units = "standard deviations (published matrix)"
    else:
        rows = split_rows(entry, y, split, rng)
    train, validation, test = (Part(x[r], y[r]) for r in rows)
    return Dataset(
        label, train, validation, test, names, classes, units, entry.citation, UCI_LICENCE, route
    )


def split_rows(
    entry: UciEntry, y: np.ndarray, split: str | None, rng: np.random.Generator | None
) -> Rows:
    """Row numbers of train, validation and test.

    Source: own
    """
    if split == "published":
        return published_rows(entry)
    return random_rows(y, split, rng, f"uci/{entry.name}")


def load_table(name: str) -> tuple[UciEntry, np.ndarray, np.ndarray, str]:
    """All rows of one set in source order.

    Source: own

    Parameters
    ----------
    name : str
        Without "uci/".

    Returns
    -------
    (entry, x, y, route)
        x (n, d) float64 with NaN for missing values, y (n,) int64.
    """
    entry = _entry(name)
    table, route = canonical_table(entry)
    x, y = read_table(table)
    return entry, x, y, route


def canonical_table(entry: UciEntry) -> tuple[bytes, str]:
    """The CSV of a set, checked, and the route it came from.

    Source: own
    """
    return _from_folder(entry) or _from_package(entry) or _from_source(entry)


def _entry(name: str) -> UciEntry:
    entries = uci_sets()
    if name not in entries:
        close = [n for n in entries if name.split("-")[0] in n] or sorted(entries)
        raise InputError(f"no UCI set is called {name!r}; there are {', '.join(close)}.")
    return entries[name]


def _from_folder(entry: UciEntry) -> tuple[bytes, str] | None:
    """Our own CSV, where the user's folder holds it."""
    folder = data_folder()
    path = folder / "uci" / entry.file if folder else None
    if path is None or not path.is_file():
        return None
    raw = path.read_bytes()
    try:
        table = gzip.decompress(raw) if path.suffix == ".gz" else raw
        check_table(table, entry)
    except (CorruptDataError, OSError, EOFError) as bad:
        aside = set_aside(path, digest(path, "sha256"))
        kept = f"it was kept as {aside.name}" if aside else "its folder is read-only, so it stays"
        raise CorruptDataError(f"{path} is corrupt ({bad}); {kept}.") from bad
    return table, "folder"


def _from_package(entry: UciEntry) -> tuple[bytes, str] | None:
    """Small sets ship with the package."""
    file = f"uci-{entry.name}.csv.xz"
    if not sample_file(file).is_file():
        return None
    table = sample_bytes(file)
    check_table(table, entry)
    return table, "package"


def _from_source(entry: UciEntry) -> tuple[bytes, str]:
    path, route = fetch(entry.source, f"uci/{entry.name}")
    return parse(path.read_bytes(), entry), route
