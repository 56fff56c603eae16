"""The set that the command asks about: a ball, or what a file says of single features."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import torch

from ..balls import Cut, LpBall, PerturbationSet, Radii, Sum, Swaps
from ..errors import InputError
from .reading import Rows

NORMS = {"l1": 1.0, "l2": 2.0, "linf": math.inf}


def ball(
    norm: str,
    radius: float | None,
    file: Path | None,
    box: Sequence[float] | None,
    data: Rows,
) -> PerturbationSet:
    """The set of perturbations: a ball, or one stretched to the radii of a file, and its ranges.

    Source: own

    Raises
    ------
    InputError
        If neither a radius nor a file is given, the file names what is not there, or a row is
        outside of its ranges.
    """
    p, features = NORMS[norm], data.features
    if file is None:
        if radius is None:
            raise InputError("give --radius, or radii of single features with --features.")
        return LpBall(p, radius, None if box is None else (box[0], box[1]))
    try:
        told = tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{file} is no TOML: {error}.") from error
    groups = _groups(told.get("categories", {}), file, features)
    fixed = dict.fromkeys((features[m] for group in groups for m in group), 0.0)
    radii = torch.tensor(_radii(told.get("radii"), fixed, file, features), dtype=torch.float64)
    free = Radii(p, radii, whole=_whole_features(told.get("whole", []), file, features))
    stretched: PerturbationSet = free
    if "ranges" in told:
        ends = _ranges(told["ranges"], box, file, features)
        valid = _finite(ends, data.x.flatten(1), radii, radius, file, features)
        stretched = Cut(free, valid)
    elif box is not None:
        stretched = Cut(free, tuple(box))
    found = Sum([stretched, Swaps(groups)]) if groups else stretched
    return found if radius is None else found.with_radius(radius)


def _ranges(
    told: Any, box: Sequence[float] | None, path: Path, features: Sequence[str]
) -> torch.Tensor:
    """Both ends of each feature, (2, d): its own, those of "*", of the box, or none."""
    if not isinstance(told, dict):
        raise InputError(f"[ranges] in {path} must be a table, as in age = [0, 120], got {told!r}.")
    _check_names(told, path, features)
    for name, ends in told.items():
        numbers = isinstance(ends, list) and [type(end) in (int, float) for end in ends]
        if numbers != [True, True] or not ends[0] < ends[1]:
            raise InputError(
                f"the range of {name} in {path} must be [low, high] with low < high, got {ends!r}."
            )
    rest = told.get("*", (-math.inf, math.inf) if box is None else box)
    return torch.tensor([told.get(name, rest) for name in features], dtype=torch.float64).T


def _finite(
    ends: torch.Tensor,
    x: torch.Tensor,
    radii: torch.Tensor,
    radius: float | None,
    path: Path,
    features: Sequence[str],
) -> tuple[torch.Tensor, torch.Tensor]:
    """Ranges that hold every row, open ends beyond all that the radii reach."""
    outside = ((x < ends[0]) | (x > ends[1])).nonzero()
    if len(outside):
        i, m = outside[0].tolist()
        raise InputError(
            f"row {i + 1} has {features[m]} = {float(x[i, m]):g}, outside of its range in {path}; "
            "correct one of them."
        )
    reach = 2 * (radii * max(1.0, radius or 0.0) + x.abs().amax(dim=0) + 1)
    return torch.maximum(ends[0], -reach), torch.minimum(ends[1], reach)


def _whole_features(told: Any, path: Path, features: Sequence[str]) -> list[int]:
    """The columns of features that move by whole numbers."""
    if not isinstance(told, list) or any(name not in features for name in told):
        raise InputError(f"whole in {path} must be a list of features, got {told!r}.")
    return [features.index(name) for name in told]


def _groups(told: Any, path: Path, features: Sequence[str]) -> list[list[int]]:
    """The columns of each category."""
    found = []
    for name, columns in told.items() if isinstance(told, dict) else [("[categories]", told)]:
        if not isinstance(columns, list) or not columns or any(c not in features for c in columns):
            raise InputError(
                f"the category {name} in {path} must be a list of features, its one-hot columns, "
                f"got {columns!r}."
            )
        found.append([features.index(column) for column in columns])
    return found


def _radii(told: Any, fixed: dict[str, float], path: Path, features: Sequence[str]) -> list[float]:
    """The radius of each feature; columns of a category have none."""
    if not isinstance(told, dict) or not told:
        raise InputError(f"{path} needs a table [radii] with a number for each feature.")
    told = {**fixed, **told}
    _check_names(told, path, features)
    missing = [name for name in features if name not in told]
    if missing and "*" not in told:
        raise InputError(f'{path} lacks {", ".join(missing[:3])}; add them, or "*" for the rest.')
    found = []
    for name in features:
        value = told.get(name, told.get("*"))
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise InputError(f"the radius of {name} in {path} must be a number, got {value!r}.")
        found.append(float(value))
    return found


def _check_names(told: Iterable[str], path: Path, features: Sequence[str]) -> None:
    """Refuse what is no feature."""
    unknown = [name for name in told if name not in (*features, "*")]
    if unknown:
        raise InputError(f"{path} names {', '.join(unknown)}, no feature of the data.")
