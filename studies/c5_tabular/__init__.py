"""Tables from a user's chair: how far each measure may move, and whose decision that can turn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from robustcore import attacks, datasets, defenses, evaluation, training
from robustcore.balls import PerturbationSet, Radii
from robustcore.networks import ReLUNetwork, Scaler

from .threats import BLOOD, FEATURES, TITLES, threats

Rows = list[dict[str, Any]]
_TESTED = 0.3  # share of the rows that is not trained on


class Table:
    """One table, split by a seed: raw units, float64; rows without a cell are left out.

    Source: own

    Parameters
    ----------
    name : str
        Of `studies.c5_tabular.threats.FEATURES`.
    seed : int
        Of the split.
    """

    def __init__(self, name: str, seed: int) -> None:
        data = datasets.load(f"uci/{name}", split="none").train
        whole = np.isfinite(data.x).all(axis=1)
        x, y = torch.tensor(data.x[whole]), torch.tensor(data.y[whole])
        order = torch.from_numpy(np.random.default_rng(seed).permutation(len(x)))
        cut = round(_TESTED * len(x))
        self.name, self.features = name, FEATURES[name]
        self.x, self.y = x[order[cut:]], y[order[cut:]]
        self.test_x, self.test_y = x[order[:cut]], y[order[:cut]]


def train(
    table: Table, threat: PerturbationSet | None, steps: int, width: int, seed: int
) -> ReLUNetwork:
    """Two hidden layers behind a scaler, on CROWN's bound of the loss over a set, or without one.

    Source: own (on [B] eq. (10))

    Parameters
    ----------
    table : Table
    threat : PerturbationSet or None
        In raw units. None trains on the rows as they are.
    steps : int
        Of Adam, 64 rows each.
    width : int
    seed : int
        Of the start and of the batches.
    """
    generator = torch.Generator().manual_seed(seed)
    sizes = [table.x.shape[1], width, width, 2]
    net = ReLUNetwork(sizes, generator, Scaler.fit(table.x), torch.float64)
    training.fit(
        net,
        (table.x, table.y),
        defenses.nominal() if threat is None else defenses.crown(threat),
        steps=steps,
        batch_size=64,
        learning_rate=5e-3,
        generator=generator,
        rate_schedule=training.falling,
        radius_schedule=training.rising(),
        progress=False,
    )
    return net


def judged(table: Table, steps: int, width: int, seed: int, n: int) -> Rows:
    """Right, withstanding and proved test rows of both trainings, threat by threat.

    Source: own (on [B] Section 6.3)

    Parameters
    ----------
    table : Table
    steps, width, seed
        As for `train`.
    n : int
        Test rows at most.

    Returns
    -------
    list of dict
        "turned" counts rows that are proved and that the attack turned all the same: 0 if sound.
        "largest" counts rows of the largest class, "answers" the classes that the network names.
    """
    x, y = table.test_x[:n], table.test_y[:n]
    known = threats(table.name)
    rows = []
    for name, threat in (("nominal", None), ("certified", next(iter(known.values())))):
        net = train(table, threat, steps, width, seed)
        right, largest = evaluation.correct(net, x, y), int(torch.bincount(y).max())
        with torch.no_grad():
            answers = len(net(x).argmax(dim=1).unique())
        for words, one in known.items():
            proved = evaluation.certified(net, x, y, one)
            moved = attacks.strongest(net, x, y, one)
            stands = right & evaluation.correct(net, moved, y)
            rows.append(
                {
                    "table": table.name,
                    "training": name,
                    "threat": words,
                    "seed": seed,
                    "n": len(x),
                    "largest": largest,
                    "answers": answers,
                    "right": int(right.sum()),
                    "withstand": int(stands.sum()),
                    "proved": int(proved.sum()),
                    "turned": int((proved & ~stands).sum()),
                }
            )
    return rows


def shown(name: str) -> PerturbationSet | None:
    """What the network is trained on whose rows are looked at one by one.

    Source: own
    """
    return None if name == BLOOD else next(iter(threats(name).values()))


def alone(net: ReLUNetwork, table: Table, n: int, tolerance: float) -> np.ndarray:
    """How far one measure alone may move before the proof ends, as a share of its range.

    Source: own

    Parameters
    ----------
    net : ReLUNetwork
    table : Table
        Ranges are those of the rows trained on.
    n : int
        Test rows.
    tolerance : float
        As for :func:`robustcore.evaluation.certified_radius`.

    Returns
    -------
    (n, d) array
        1 where the whole range is proved, 0 where the row is wrong.
    """
    x, y = table.test_x[:n], table.test_y[:n]
    span = table.x.amax(dim=0) - table.x.amin(dim=0)
    columns = []
    for m in range(x.shape[1]):
        one = torch.zeros_like(span).scatter(0, torch.tensor([m]), span[m])
        reached = evaluation.certified_radius(net, x, y, Radii(np.inf, one), tolerance=tolerance)
        columns.append(reached.numpy())
    return np.stack(columns, axis=1)


def changes(net: ReLUNetwork, table: Table, threat: PerturbationSet, n: int) -> Rows:
    """Rows near the decision: what turns each, or how much of the threat is proved not to.

    Source: own

    Parameters
    ----------
    net : ReLUNetwork
    table : Table
    threat : PerturbationSet
    n : int
        Rows shown: half of them those of least certified scale that an attack turns, half those of
        least certified scale that it does not.

    Returns
    -------
    list of dict
        The features; "change", in words, "" where the decision stands; "turns", whether; "proved",
        the largest share of the threat that is certified.
    """
    right = evaluation.correct(net, table.test_x, table.test_y)
    x, y = table.test_x[right], table.test_y[right]
    moved = attacks.strongest(net, x, y, threat)
    stands = evaluation.correct(net, moved, y)
    proved = evaluation.certified_radius(net, x, y, threat)
    rows = []
    for turned in (True, False):
        among = (stands != turned).nonzero()[:, 0]
        for i in among[proved[among].argsort()][: n // 2].tolist():
            cells = dict(zip(table.features, x[i].tolist(), strict=True))
            steps = (moved[i] - x[i]).tolist()
            told = ", ".join(
                f"{name} {step:+.3g}"
                for name, step in zip(table.features, steps, strict=True)
                if abs(step) > 1e-6
            )
            rows.append(cells | {"turns": turned, "change": told if turned else ""})
            rows[-1]["proved"] = float(proved[i])
    return rows


def by_hand() -> tuple[ReLUNetwork, torch.Tensor, torch.Tensor]:
    """2 donations - months since the last as z_1 - z_0, and a donor of margin 3.

    Source: own
    """
    only = torch.tensor([[0.5, -1.0], [-0.5, 1.0]]).double(), torch.zeros(2).double()
    x = torch.tensor([[1.0, 2.0]], dtype=torch.float64)
    return ReLUNetwork.from_arrays([only]), x, torch.tensor([1])


def shares(rows: Sequence[Mapping[str, Any]]) -> Rows:
    """Means over seeds of the shares of test rows, a row for each table, threat and training.

    Source: own

    Parameters
    ----------
    rows : list of dict
        From `judged`.
    """
    found = []
    for key in dict.fromkeys((r["table"], r["threat"], r["training"]) for r in rows):
        mine = [r for r in rows if (r["table"], r["threat"], r["training"]) == key]
        names = ("right", "withstand", "proved", "largest")
        told: dict[str, Any] = dict(zip(("table", "threat", "training"), key, strict=True))
        told |= {name: float(np.mean([r[name] / r["n"] for r in mine])) for name in names}
        found.append(told | {"alike": float(np.mean([r["answers"] == 1 for r in mine]))})
    return found


def reached(rows: Sequence[Mapping[str, Any]]) -> dict[str, tuple[tuple[str, ...], np.ndarray]]:
    """What `pictures.heat` draws, from rows that were kept.

    Source: own
    """
    found = {}
    for name in dict.fromkeys(r["table"] for r in rows):
        mine = [r for r in rows if r["table"] == name]
        columns = np.array([r["shares"] for r in mine]).T
        found[TITLES[name]] = tuple(r["feature"] for r in mine), columns
    return found


def record(
    data: Sequence[str] = tuple(FEATURES),
    steps: int = 300,
    width: int = 20,
    n: int = 60,
    seeds: int = 1,
    n_alone: int = 40,
    tolerance: float = 0.0625,
) -> dict[str, Rows]:
    """The rows that are kept, at the sizes of the page's parameters.

    Source: own
    """
    shares: Rows = []
    reach: Rows = []
    for name in data:
        for seed in range(seeds):
            table = Table(name, seed)
            shares += judged(table, steps, width, seed, n)
        table = Table(name, 0)
        net = train(table, shown(name), steps, width, 0)
        for m, column in enumerate(alone(net, table, n_alone, tolerance).T):
            reach.append({"table": name, "feature": table.features[m], "shares": column.tolist()})
    return {"c5_tabular.shares": shares, "c5_tabular.alone": reach}
