"""[B] Table 2: batches a second on the shapes of the 46 tables, of our programs and of the paper's.

A shape is M inputs, K classes and a batch of 256 rows, or of all training rows where there are
fewer. Methods take turns, and a step is timed by the processor's own clock, so that other work on
the machine slows all of them alike.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import torch

from robustcore import provenance
from robustcore.balls import LpBall
from robustcore.datasets.catalogue import UciEntry, uci_sets
from robustcore.losses import adversarial_loss_bound
from robustcore.networks import ReLUNetwork

from . import engine
from .b7_speed import timing

VERSION = 1  # of the rows; raise it when they would change
_BATCH = 256
_TRAINING = 0.6  # share of the rows of a table
_LEFT_OUT = ("FGSM-Linf", "COAP-Linf", "RUB, top 8", "RUB, one graph")  # not in Table 2
_PRINTED = "RUB, as printed"
_WIDEST = 60  # inputs up to which RUB as printed, all vertices in one graph, is timed


def arub_by_gradients(
    net: torch.nn.Module, x: torch.Tensor, y: torch.Tensor, ball: LpBall
) -> torch.Tensor:
    r"""The loss (11) with one gradient in the input for each class inside the parameters' gradient.

    .. math:: \log\Bigl(1 + \sum_{k\ne y} e^{z_k - z_y + \rho\,\|\nabla_x(z_k - z_y)\|_q}\Bigr)

    Source: [B] eq. (11), as the published code takes it

    Returns
    -------
    () tensor
        Mean over the batch, differentiable.
    """
    x = x.detach().requires_grad_()
    z = net(x)
    gaps = z - z.gather(1, y[:, None])
    rises = []
    for k in range(z.shape[1]):
        (slope,) = torch.autograd.grad(gaps[:, k].sum(), x, create_graph=True)
        rises.append(ball.support(slope))
    return adversarial_loss_bound(gaps + torch.stack(rises, dim=1), y).mean()


def shape(entry: UciEntry) -> tuple[int, int, int]:
    """Inputs, batch and classes of a table.

    Source: [B] Section 6.1
    """
    return entry.features, min(_BATCH, int(_TRAINING * entry.rows)), len(entry.class_labels)


def timed(entry: UciEntry, epsilon: float, repeats: int) -> list[dict[str, Any]]:
    """Median seconds of a training step of every method on the shape of one table.

    Source: [B] Table 2

    Returns
    -------
    list of dict
        A row a method, with "seconds", "ratio" to Nominal and "batches_per_second". RUB as printed
        is left out above 60 inputs.
    """
    M, n, K = shape(entry)
    generator = torch.Generator().manual_seed(0)
    x, y = torch.randn(n, M, generator=generator), torch.randint(0, K, (n,), generator=generator)
    losses = {k: v for k, v in timing.methods(epsilon, M).items() if k not in _LEFT_OUT}
    for name, ball in (
        ("L1", LpBall(1, M**0.5 * epsilon)),
        ("Linf", LpBall(float("inf"), epsilon)),
    ):
        losses[f"aRUB-{name}, by gradients"] = partial(arub_by_gradients, ball=ball)
    if M > _WIDEST:
        del losses[_PRINTED]
    steps = {}
    for name, loss in losses.items():
        net = ReLUNetwork([M, 200, 200, 200, K], torch.Generator().manual_seed(1))
        steps[name] = timing.Step(net, x, y, loss)
    seconds = {k: statistics.median(v) for k, v in timing.in_turns(steps, repeats).items()}
    about = {"set": entry.name, "M": M, "batch": n, "classes": K}
    return [
        {
            **about,
            "method": name,
            "seconds": taken,
            "ratio": taken / seconds["Nominal"],
            "batches_per_second": 1 / taken,
        }
        for name, taken in seconds.items()
    ]


def record(
    names: Sequence[str] = ("iris", "wine"), epsilon: float = 0.1, repeats: int = 3
) -> dict[str, list[dict[str, Any]]]:
    """Table 2 on the shapes of tables; `names` may be ("all",).

    Tables that are done are kept until all are; all methods of a table are timed in one go.

    Source: [B] Table 2

    Notes
    -----
    Seconds of another kind of machine are not used.
    """
    settings = {**locals(), "cpu": provenance.now()["machine"]["cpu"]}
    sets = uci_sets()

    def rows(cells: Sequence[Mapping[str, Any]], device: str) -> list[dict[str, Any]]:
        return [{"rows": timed(sets[cell["set"]], epsilon, repeats)} for cell in cells]

    chosen = sets.values() if tuple(names) == ("all",) else [sets[name] for name in names]
    tables = [{"set": e.name} for e in chosen]
    sweep = engine.Sweep("b8_speed", VERSION, tables, rows, settings=settings)
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        found = [row for table in engine.complete(sweep).rows for row in table["rows"]]
    finally:
        torch.set_num_threads(before)
    engine.forget(sweep)  # the next run measures afresh
    return {"b8_speed.steps": found}
