"""What paper B prints in Tables 3 to 5 and 7 to 12, as rows: its own sentences about them are read.

Nothing is run. A difference of two printed numbers is what it is: each is a share of 2560 draws of
the test images, so that chance alone moves it by a point or two.
"""

from __future__ import annotations

from typing import Any

from .b9_images.printed_tables import ATTACKED, CERTIFIED, printed

# a line without indent names a set of images, the number of its table, and the radii below it
_CONVOLUTIONAL = """
cifar10 10 0.0 0.01 0.02 0.03 0.1 1.0 3.0 5.0 10.0
  arub_l1    71.17 70.98 70.70 70.51 69.88 60.31 44.69 35.35 17.89
  arub_linf  72.03 71.76 71.45 71.25 69.84 56.13 43.98 34.26 16.25
  pgd        70.78 70.55 70.43 70.39 69.65 59.96 43.59 29.10 16.21
  nominal    71.29 71.13 71.05 70.66 69.38 48.16 16.05 10.04 10.04

fashion-mnist 11 0.0 0.01 0.02 0.03 0.1 1.0 3.0 5.0 10.0
  arub_l1    91.25 91.09 90.78 90.55 89.02 82.46 68.95 54.80 33.20
  arub_linf  91.37 91.13 91.05 90.86 90.59 82.81 71.45 60.23 30.86
  pgd        90.59 90.55 90.43 90.23 89.30 84.45 73.20 67.54 57.77
  nominal    91.02 90.90 90.62 90.43 89.02 77.85 56.72 40.51 10.16

mnist 12 0.0 0.01 0.02 0.03 0.1 1.0 3.0 5.0 10.0
  arub_l1    99.38 99.38 99.38 99.34 99.30 98.32 91.68 70.51 33.83
  arub_linf  99.38 99.38 99.38 99.38 99.30 98.79 95.70 87.46 47.93
  pgd        99.22 99.22 99.14 99.14 99.02 98.55 96.37 91.29 55.39
  nominal    99.30 99.26 99.26 99.26 99.18 97.93 89.69 60.00  9.34
"""


def attacked() -> list[dict[str, Any]]:
    """Every cell of the tables of accuracies under attack, and of certified ones.

    Source: [B] Tables 3, 4, 5, 7, 8, 9

    Returns
    -------
    list of dict
        table, data, kind ("L1", "L2", "Linf" or "certified"), radius, method, accuracy in per cent.
    """
    rows = []
    for data, number in ATTACKED.items():
        for kind in ("L2", "L1", "Linf", "certified"):
            table = CERTIFIED[data] if kind == "certified" else number
            head = {"table": table, "data": data, "kind": kind}
            for (method, radius), accuracy in printed(data, kind).items():
                rows.append({**head, "radius": radius, "method": method, "accuracy": accuracy})
    return rows


def convolutional() -> list[dict[str, Any]]:
    """Every cell of the tables of convolutional networks; their attack is PGD in L2.

    Source: [B] Tables 10, 11, 12

    Notes
    -----
    The captions of Tables 11 and 12 are taken as right; the text has them exchanged.
    """
    rows: list[dict[str, Any]] = []
    head: dict[str, Any] = {}
    radii: list[float] = []
    for line in filter(str.strip, _CONVOLUTIONAL.splitlines()):
        name, *numbers = line.split()
        if not line.startswith(" "):
            head = {"table": int(numbers[0]), "data": name, "kind": "L2"}
            radii = [float(n) for n in numbers[1:]]
            continue
        for radius, accuracy in zip(radii, numbers, strict=True):
            rows.append({**head, "radius": radius, "method": name, "accuracy": float(accuracy)})
    return rows


def record() -> dict[str, list[dict[str, Any]]]:
    """The printed cells.

    Source: [B] Tables 3, 4, 5, 7, 8, 9, 10, 11, 12
    """
    return {
        "b_printed.attacked": attacked(),
        "b_printed.convolutional": convolutional(),
    }
