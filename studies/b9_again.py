"""Finished cells of the sweep over the images, trained again: is it the recorded row, and sound?

    python -m studies b9_again --set n=3

Cells are drawn from those that are done, trained and judged anew, and compared with what was
recorded, seconds apart. Then every image that an attack turned is certified: see
`studies.b9_images.sound`. On another processor a rounding may turn single images.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import numpy as np

from robustcore import LpBall, provenance
from robustcore.errors import DataError
from robustcore.networks import Stack

from . import __main__ as command
from . import b9_images
from .b9_images.cells import Settings, judged, trained
from .b9_images.sound import crossings
from .engine import read
from .engine.grid import machine_class
from .engine.sweep import canonical
from .judging import under_attack


def record(profile: str = "desktop", n: int = 3, seed: int = 0) -> dict[str, list[dict[str, Any]]]:
    """Train n finished cells again.

    Source: own

    Parameters
    ----------
    profile : str
        Whose sweep.
    n : int
        Cells, drawn without replacement.
    seed : int
        Of the draw.

    Returns
    -------
    dict
        `b9_again.cells`: the cell, `differing` entries of its row, `most`, by how many images a
        count differs at most, `fallen` pairs of test image and L1 radius that an attack turned,
        `crossings`, those of them that are certified; `same_processor`, whether the row was
        recorded on one of this kind.
    """
    asked = b9_images.sweep(**command.parameters("b9_images", profile, {}, "sweep"))
    grid = read(asked)
    done = grid.rows
    if not done:
        raise DataError(f"no cell of b9_images is done in profile {profile!r}; run some of it.")
    drawn = np.random.default_rng(seed).permutation(len(done))[:n]
    settings = Settings(**asked.settings)
    axes, here = tuple(asked.cells[0]), machine_class(provenance.now())
    found = []
    for i in sorted(drawn):
        row = again(done[i], axes, settings)
        header = grid.found[canonical({axis: row[axis] for axis in axes})].header
        found.append({**row, "same_processor": machine_class(header) == here})
    return {"b9_again.cells": found}


def again(recorded: Mapping[str, Any], axes: tuple[str, ...], settings: Settings) -> dict[str, Any]:
    """One cell, trained and judged again.

    Source: own
    """
    started = time.perf_counter()
    cell = {axis: recorded[axis] for axis in axes}
    data, (net,), _, _ = trained([cell], settings)
    found, before = _told(judged(net, data, cell["data"], settings)), _told(recorded)
    balls = [LpBall(1, r, data.box) for r in b9_images.radii(cell["data"])["L1"]]
    masks = under_attack(Stack([net]), *data.test, {"L1": balls}, settings.attack_steps, seed=1)
    standing = [mask[0] for mask in masks.strong["L1"]]
    fallen, false = crossings(net, *data.test, balls, standing, cell["data"])
    return {
        **cell,
        "differing": [name for name, value in found.items() if value != before[name]],
        "most": max(_apart(value, before[name]) for name, value in found.items()),
        "fallen": fallen,
        "crossings": false,
        "seconds": round(time.perf_counter() - started, 1),
    }


def _told(row: Mapping[str, Any], within: str = "") -> dict[str, Any]:
    """A row without its seconds, flat."""
    flat: dict[str, Any] = {}
    for key, value in row.items():
        name = f"{within} {key}".strip()
        flat |= _told(value, name) if isinstance(value, Mapping) else {name: value}
    return {name: value for name, value in flat.items() if not name.endswith("seconds")}


def _apart(found: Any, before: Any) -> float:
    """By how much two numbers, or lists of them, differ at most."""
    return float(np.abs(np.subtract(found, before)).max())
