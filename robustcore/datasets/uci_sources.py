"""From a file of the UCI archive to one table of features and class numbers.

Each source writes its rows in its own way; `FORMATS` says how. The table is then written as one
plain CSV, x1..xd and target, and its SHA-256 compared with the one in uci_index.csv, so that a
wrong reading is refused and never returned.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

from ..errors import CorruptDataError
from .catalogue import UciEntry


@dataclass(frozen=True)
class SourceFormat:
    """How one source file writes a row.

    Source: own

    Parameters
    ----------
    target : int
        Column of the class label, counted from 0, or from the end if negative.
    delimiter : str, optional
        Between two fields; None is any white space.
    dropped : tuple of int
        Columns that are neither feature nor label: row names, dates, flags.
    ignored_prefix : str
        Taken off the beginning of a line that has it.
    """

    target: int = -1
    delimiter: str | None = ","
    dropped: tuple[int, ...] = ()
    ignored_prefix: str = ""

    def n_fields(self, n_features: int) -> int:
        """Fields in a row."""
        return n_features + len(self.dropped) + 1

    def fields(self, line: str) -> list[str]:
        """The fields of a line, without blanks around them."""
        if self.ignored_prefix:
            line = line.removeprefix(self.ignored_prefix)
        return [f.strip() for f in line.split(self.delimiter)]


_PLAIN = SourceFormat()
_CLASS_FIRST = SourceFormat(target=0)
_SPACES = SourceFormat(delimiter=None)
_NAMED = SourceFormat(dropped=(0,))
_NAMED_SPACES = SourceFormat(dropped=(0,), delimiter=None)

FORMATS: dict[str, SourceFormat] = {
    "ozone-level-detection-eight": _NAMED,  # the date
    "wall-following-robot-navigation-4": _PLAIN,
    "wall-following-robot-navigation-24": _PLAIN,
    "breast-cancer-wisconsin-original": _NAMED,
    "optical-recognition-handwritten-digits": _PLAIN,
    "hepatitis": _CLASS_FIRST,
    "hill-valley": _PLAIN,
    "breast-cancer-wisconsin-prognostic": SourceFormat(target=1, dropped=(0, 2)),  # name, time
    "libras-movement": _PLAIN,
    # training flag, speaker and sex
    "connectionist-bench": SourceFormat(delimiter=None, dropped=(0, 1, 2)),
    "qsar-biodegradation": SourceFormat(delimiter=";"),
    "pen-based-recognition-handwritten-digits": _PLAIN,
    "iris": _PLAIN,
    "statlog-project-landsat-satellite": _SPACES,
    "skin-segmentation": _SPACES,
    "spambase": _PLAIN,
    "ozone-level-detection-one": _NAMED,  # the date
    # survival, still-alive; wall motion times a factor, name, group. One line has a stray comma
    "echocardiogram": SourceFormat(dropped=(0, 1, 9, 10, 11), ignored_prefix=","),
    "wine": _CLASS_FIRST,
    "breast-cancer-wisconsin-diagnostic": SourceFormat(target=1, dropped=(0,)),
    "wall-following-robot-navigation-2": _PLAIN,
    "dermatology": _PLAIN,
    "blood-transfusion-service-center": _PLAIN,
    "hill-valley-noise": _PLAIN,
    "haberman-survival": _PLAIN,
    "balance-scale": _CLASS_FIRST,
    "thyroid-disease-new-thyroid": _CLASS_FIRST,
    "spectf-heart": _CLASS_FIRST,
    "seeds": _SPACES,
    "thyroid-disease-ann-thyroid": _SPACES,
    "yeast": _NAMED_SPACES,
    "glass-identification": _NAMED,
    "hayes-roth": _NAMED,
    "parkinsons": SourceFormat(target=17, dropped=(0,)),
    "letter-recognition": _CLASS_FIRST,
    "climate-model-simulation-crashes": SourceFormat(delimiter=None, dropped=(0, 1)),
    "banknote-authentication": _PLAIN,
    "planning-relax": _SPACES,
    "ecoli": _NAMED_SPACES,
    "connectionist-bench-sonar": _PLAIN,
    "magic-gamma-telescope": _PLAIN,
    "cnae-9": _CLASS_FIRST,
    "ionosphere": _PLAIN,
    "image-segmentation": _CLASS_FIRST,
    "poker-hand": _PLAIN,
    "arrhythmia": _PLAIN,
}


def parse(raw: bytes, entry: UciEntry) -> bytes:
    """Turn the bytes of the source file into the canonical CSV of the set.

    Lines before the first one that reads as a row are headers; after it every line that is not
    blank must be a row. A missing value, "?" in the sources, becomes an empty cell.

    Source: own

    Returns
    -------
    bytes
        Header x1..xd,target, one line for each row in source order.

    Raises
    ------
    CorruptDataError
        If a line is not a row, or the CSV is not the one whose checksum uci_index.csv records.
    """
    rows: list[str] = []
    for number, line in enumerate(raw.decode("latin-1").splitlines(), start=1):
        row = read_row(line, entry)
        if row is not None:
            rows.append(row)
        elif rows and line.strip():
            raise CorruptDataError(
                f"line {number} of {entry.source.path} must have "
                f"{FORMATS[entry.name].n_fields(entry.features)} fields and a known label, got "
                f"{line[:60]!r}; the reader of uci/{entry.name} is wrong, report it."
            )
    header = ",".join([*(f"x{j + 1}" for j in range(entry.features)), "target"])
    table = ("\n".join([header, *rows]) + "\n").encode()
    check_table(table, entry)
    return table


def read_row(line: str, entry: UciEntry) -> str | None:
    """One line of the source as a line of the canonical CSV; None if it is not a row.

    Source: own
    """
    how = FORMATS[entry.name]
    fields = how.fields(line)
    width = how.n_fields(entry.features)
    target = how.target % width
    if len(fields) != width or fields[target] not in entry.class_labels:
        return None
    skipped = {target, *how.dropped}
    kept = ["" if f == "?" else f for j, f in enumerate(fields) if j not in skipped]
    return ",".join([*kept, str(entry.class_labels.index(fields[target]))])


def check_table(table: bytes, entry: UciEntry) -> None:
    """Refuse a CSV that is not the recorded one.

    Source: own
    """
    got = hashlib.sha256(table).hexdigest()
    if got != entry.csv_sha256:
        n = table.count(b"\n") - 1
        raise CorruptDataError(
            f"the table of uci/{entry.name} must have {entry.rows} rows and the sha256 "
            f"{entry.csv_sha256}, got {n} rows and {got}; do not use it, report it."
        )


def read_table(table: bytes) -> tuple[np.ndarray, np.ndarray]:
    """Features and class numbers of a canonical CSV; an empty cell is NaN.

    Source: own

    Returns
    -------
    (n, d) float64 array, (n,) int64 array
    """
    lines = table.decode("ascii").splitlines()[1:]
    cells = [line.split(",") for line in lines]
    values = np.array([[float(c) if c else np.nan for c in row] for row in cells])
    return values[:, :-1], values[:, -1].astype(np.int64)
