"""Two tables with the names of their measures, and what may happen to a row of each.

Names and units are those of the UCI repository's descriptions.
"""

from __future__ import annotations

import math

import torch

from robustcore.balls import Hull, LpBall, PerturbationSet, Radii

BLOOD = "blood-transfusion-service-center"
CELLS = "breast-cancer-wisconsin-original"
FEATURES = {
    BLOOD: ("months since last", "donations", "blood (c.c.)", "months since first"),
    CELLS: (
        *("clump thickness", "cell size", "cell shape", "adhesion", "epithelial size"),
        *("bare nuclei", "chromatin", "nucleoli", "mitoses"),
    ),
}
TITLES = {BLOOD: "Blood donors", CELLS: "Cell samples"}
_DONATION = 250.0  # c.c., of every donation in the table


def threats(name: str) -> dict[str, PerturbationSet]:
    """The sets of a table, in raw units; the first is the one that is trained on.

    Source: own
    """
    if name == BLOOD:
        each = torch.tensor([2.0, 1.0, _DONATION, 2.0], dtype=torch.float64)
        one = torch.tensor([0.0, 1.0, _DONATION, 0.0], dtype=torch.float64)
        return {
            "each within its range": Radii(math.inf, each),
            "one of them, or shares": Radii(1, each),
            "a donation more or fewer": Hull(torch.stack([one, -one])),
            "the last donation's month": Radii(math.inf, each * torch.tensor([1, 0, 0, 0])),
        }
    nuclei = torch.zeros(9, dtype=torch.float64)
    nuclei[5] = 3.0
    return {
        "each rating by one": Radii(math.inf, torch.ones(9, dtype=torch.float64)),
        "two points in all": LpBall(1, 2.0),
        "bare nuclei by three": Radii(math.inf, nuclei),
    }
