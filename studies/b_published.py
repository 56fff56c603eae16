"""What stands in the matrices that were published with paper B, set by set, faults included.

The published files themselves are not part of this project. `datasets.load(..., as_published=True)`
makes the matrices again, from the table of UCI and from what was found when the files were read:
that their last column is the class, and that in one set a feature without spread is infinite. What
this study counts of these two is therefore a consequence of that reading and no test of it. What
the authors' notebook prints of the files can be compared, and is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from robustcore import bounds, datasets
from robustcore.balls import LpBall
from robustcore.datasets.catalogue import uci_sets
from robustcore.datasets.uci_published import published_rows
from robustcore.networks import ReLUNetwork

from .b9_images.printed_tables import ATTACKED, CERTIFIED, printed

# what the authors' notebook shows of the tables with more than 50 features and 500 training rows:
# training and validation rows, features. kimvc7/Robustness, notebooks/UCI.ipynb at commit 2a38fb9c,
# the output of the cell `df[(df.num_features>50) & (df.num_examples > 500)]`
NOTEBOOK = {
    "ozone-level-detection-eight": (2027, 73),
    "optical-recognition-handwritten-digits": (3058, 65),
    "spambase": (3681, 58),
    "ozone-level-detection-one": (2029, 73),
    "cnae-9": (864, 857),
}
# rows of selected networks that the authors' notebook displays with their unit: kimvc7/Robustness,
# notebooks/Vision.ipynb at commit 2a38fb9c, executions 238 (its first five rows), 105 and 215. A
# tuple: method, whether its images are standardised, accuracy in per cent
SELECTED = {
    ("mnist", "certified", 0.0): (
        ("arub_linf", False, 98.398438),
        ("arub_l1", False, 98.515625),
        ("rub", False, 98.007812),
        ("baseline_linf", False, 98.046875),
        ("nominal", False, 97.734375),
    ),
    ("mnist", "L1", 14.0): (
        ("arub_linf", True, 97.109375),
        ("arub_l1", True, 96.523438),
        ("rub", True, 96.25),
        ("baseline_linf", True, 95.546875),
        ("nominal", True, 94.492188),
        ("pgd", True, 97.304688),
    ),
    ("fashion-mnist", "L1", 14.0): (
        ("arub_linf", True, 81.40625),
        ("arub_l1", True, 84.335938),
        ("rub", True, 84.179688),
        ("baseline_linf", True, 80.234375),
        ("nominal", True, 80.703125),
        ("pgd", True, 83.945312),
    ),
    ("cifar10", "Linf", 1.0): (
        ("arub_linf", True, 11.054688),
        ("arub_l1", False, 10.117188),
        ("rub", True, 10.625),
        ("baseline_linf", True, 9.921875),
        ("nominal", True, 9.921875),
        ("pgd", True, 12.890625),
    ),
}
_SHAPE = [784, 200, 200, 200, 10]  # of the paper's networks on MNIST


def told(column: np.ndarray, y: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """The class of the nearest training value of one column, for each wanted value.

    Source: own
    """
    order = np.argsort(column, kind="stable")
    values, classes = column[order], y[order]
    right = np.clip(np.searchsorted(values, wanted), 1, len(values) - 1)
    nearer_left = np.abs(wanted - values[right - 1]) <= np.abs(values[right] - wanted)
    return np.asarray(classes[np.where(nearer_left, right - 1, right)])


def table(name: str) -> dict[str, Any]:
    """How often one column tells the class of a test row, infinite cells, and repeated rows.

    Source: own (on [B] Section 6.1, the published data)

    Parameters
    ----------
    name : str
        Of the 46 tables.

    Returns
    -------
    dict
        `last_column`, `best_other_column`: shares of test rows whose class the nearest training
        value of that column gives; `majority`: that of the largest training class.
    """
    data = datasets.load(f"uci/{name}", as_published=True)
    x = np.concatenate([data.train.x, data.validation.x])
    y = np.concatenate([data.train.y, data.validation.y])
    test, wanted = data.test.x, data.test.y
    finite = np.where(np.isfinite(test), test, 0.0)
    share = [float((told(x[:, j], y, finite[:, j]) == wanted).mean()) for j in range(x.shape[1])]
    known = {row.tobytes() for row in x}
    entry = uci_sets()[name]
    return {
        "name": name,
        "source_rows": entry.rows,
        "source_sha256": entry.csv_sha256,  # of the table that was read; loading it checks both
        "n_test": len(wanted),
        "features": x.shape[1],
        "last_column": share[-1],
        "best_other_column": max(share[:-1]),
        "majority": float((wanted == np.bincount(y).argmax()).mean()),
        "infinite_test_rows": int((~np.isfinite(test)).any(axis=1).sum()),
        "repeated_test_rows": sum(row.tobytes() in known for row in test),
    }


def notebook(name: str) -> dict[str, Any]:
    """What the authors' notebook counts of a table, beside the table of UCI.

    Source: own (on [B] Section 6.1, the published code)
    """
    entry = uci_sets()[name]
    rows, features = NOTEBOOK[name]
    train, validation, _ = published_rows(entry)
    return {
        "name": name,
        "notebook_rows": rows,
        "notebook_features": features,
        "source_rows": len(train) + len(validation),
        "source_features": entry.features,
    }


def units() -> list[dict[str, Any]]:
    """Networks that the authors' notebook shows as selected, with their unit, beside the print.

    Source: own (on [B] Section 6.1, Tables 3, 4, 5, 8, the published code)

    Returns
    -------
    list of dict
        `selected`, the accuracy of the network that was selected, under PGD where `kind` is a norm;
        `printed`, the paper's, which under an attack is the lesser of those under PGD and FGM, each
        of its own network; `equal`, to two digits.
    """
    found = []
    for (data, kind, radius), networks in SELECTED.items():
        column = printed(data, kind)
        table = (CERTIFIED if kind == "certified" else ATTACKED)[data]
        for method, standardised, accuracy in networks:
            paper = column[method, radius]
            told = {"table": table, "data": data, "kind": kind, "radius": radius, "method": method}
            told |= {"standardised": standardised, "selected": accuracy, "printed": paper}
            found.append(told | {"equal": round(accuracy, 2) == paper})
    return found


def overflow(epsilon: float, n: int, seed: int) -> dict[str, Any]:
    """How often log(sum(exp)) of aRUB's gaps, taken as written, is infinite in float32.

    Source: own (on [B] eq. (11), the published code)

    Parameters
    ----------
    epsilon : float
        Radius of the L-infinity ball, in pixels of 0..1.
    n : int
        Images, of the MNIST sample; the network is untrained.
    seed : int
        Of the initial weights.
    """
    generator = torch.Generator().manual_seed(seed)
    net = ReLUNetwork(_SHAPE, generator=generator)
    images = datasets.load("mnist-sample", dtype="float32").test
    x, y = torch.from_numpy(images.x[:n]).flatten(1), torch.from_numpy(images.y[:n])
    gaps = bounds.arub(net, x, y, LpBall(float("inf"), epsilon)).detach()
    as_written = gaps.exp().sum(dim=1).log()
    return {
        "epsilon": epsilon,
        "seed": seed,
        "n": n,
        "infinite": float((~torch.isfinite(as_written)).double().mean()),
        "infinite_if_stable": float((~torch.isfinite(gaps.logsumexp(1))).double().mean()),
    }


def record(
    names: Sequence[str] = ("iris", "wine", "haberman-survival"),
    epsilons: Sequence[float] = (0.3, 1.0, 3.0, 10.0),
    n: int = 100,
    n_seeds: int = 2,
) -> dict[str, list[dict[str, Any]]]:
    """The rows on what was published; `names` may be ("all",).

    Source: own (on [B] Section 6.1, eq. (11))
    """
    every = [name.removeprefix("uci/") for name in datasets.available() if name.startswith("uci/")]
    chosen = every if tuple(names) == ("all",) else names
    return {
        "b_published.tables": [table(name) for name in chosen],
        "b_published.notebook": [notebook(name) for name in NOTEBOOK],
        "b_published.units": units(),
        "b_published.overflow": [
            overflow(epsilon, n, seed) for epsilon in epsilons for seed in range(n_seeds)
        ],
    }
