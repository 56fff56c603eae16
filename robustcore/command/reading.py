"""What the command reads: rows of a CSV file, a stored network."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from .. import networks
from ..errors import InputError


@dataclass(frozen=True)
class Rows:
    """Samples and labels, with their names.

    Source: own

    Parameters
    ----------
    features : list of str
    x : (n, d) tensor, or (n, *shape), float64
    y : (n,) tensor of int64
    classes : list of str, optional
        The names of the labels, where they have other names than 0, 1, ...
    shape : tuple of int, optional
        Of one sample, where the network does not take rows.
    """

    features: list[str]
    x: torch.Tensor
    y: torch.Tensor
    classes: list[str] | None
    shape: tuple[int, ...] | None = None

    def name(self, label: int) -> str:
        """A label as its file writes it."""
        return str(label) if self.classes is None else self.classes[label]


def rows(
    path: Path,
    label: str | None,
    classes: Sequence[str] | None,
    shape: tuple[int, ...] | None = None,
) -> Rows:
    """The rows of a CSV file, as samples of a shape.

    Source: own

    Raises
    ------
    InputError
        For a file without rows, a column that is not there, a cell that is no number, with its
        line, or a shape of another size.
    """
    if classes is not None and len(set(classes)) < len(classes):
        raise InputError(f"--classes names a label twice in {','.join(classes)}; name each once.")
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            lines = [line for line in csv.reader(file) if line]
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path} is no CSV file in UTF-8: {error}.") from error
    if len(lines) < 2:
        raise InputError(f"{path} has no rows under its head.")
    head = [name.strip() for name in lines[0]]
    if label is not None and label not in head:
        raise InputError(f"{path} has no column {label!r}; it has {', '.join(head)}.")
    at = len(head) - 1 if label is None else head.index(label)
    values, labels = [], []
    for number, line in enumerate(lines[1:], start=2):
        if len(line) != len(head):
            raise InputError(f"line {number} of {path} has {len(line)} cells, not {len(head)}.")
        cells = [cell.strip() for cell in line]
        labels.append(_label(cells.pop(at), classes, number, path))
        values.append([_number(cell, number, path) for cell in cells])
    features = [name for i, name in enumerate(head) if i != at]
    x = shaped(torch.from_numpy(np.array(values, dtype=np.float64)), shape, path)
    named = None if classes is None else list(classes)
    return Rows(features, x, torch.tensor(labels), named, shape)


def shaped(x: torch.Tensor, shape: tuple[int, ...] | None, path: Path) -> torch.Tensor:
    """Samples in the shape that --shape says.

    Source: own

    Raises
    ------
    InputError
        If it has another number of values.
    """
    if shape is None:
        return x
    d = math.prod(x.shape[1:])
    if math.prod(shape) != d:
        said = ",".join(map(str, shape))
        raise InputError(
            f"--shape {said} is {math.prod(shape)} values, and a sample of {path} has {d}."
        )
    return x.reshape(len(x), *shape)


def network(path: Path) -> nn.Module:
    """A network by the ending of its file.

    Source: own

    Raises
    ------
    InputError
        For another ending than .onnx and .npz.
    """
    if path.suffix == ".onnx":
        return networks.from_onnx(path)
    if path.suffix == ".npz":
        return networks.load(path)
    raise InputError(f"{path} is neither .onnx nor .npz; robustcore.networks.save writes .npz.")


def _number(cell: str, line: int, path: Path) -> float:
    try:
        value = float(cell)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise InputError(f"line {line} of {path} has {cell!r} where a number is wanted.")
    return value


def _label(cell: str, classes: Sequence[str] | None, line: int, path: Path) -> int:
    if classes is not None:
        if cell not in classes:
            raise InputError(f"line {line} of {path} has the label {cell!r}, none of --classes.")
        return list(classes).index(cell)
    try:
        return _whole(float(cell))
    except (ValueError, OverflowError) as error:
        raise InputError(
            f"line {line} of {path} has the label {cell!r}, which is no number of a class; name "
            "the labels in the order of the network's outputs with --classes, as in --classes "
            "no,yes, or their column with --label."
        ) from error


def _whole(value: float) -> int:
    if value != int(value) or abs(value) > 2**53:
        raise ValueError
    return int(value)
