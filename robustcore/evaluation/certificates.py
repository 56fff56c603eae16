"""Certified accuracy: which samples a sound bound proves correct on the whole ball.

The proof is about the network in exact arithmetic. What its own forward pass, in float32 say, makes
of it is a second question, and `rounding` says whether its answer is proved too."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

from .. import bounds, methods
from ..balls import EXTREME_POINTS, Cut, Hull, PerturbationSet, Sum, check_set
from ..doors import class_labels, read_batch
from ..errors import InputError, check_nonnegative
from ..networks import layered
from ..networks.plain import is_wrapped
from .accuracy import Accuracy

_ROUNDINGS = ("likely", "proved", "none")
_BATCH = 500  # samples certified at once, at most
_FILLED = ("best", "tightest", "rub_optimised")  # over a cut L1 ball as "rub_boxed"


def certified_accuracy(
    net: nn.Module,
    x: torch.Tensor,
    y: torch.Tensor,
    ball: PerturbationSet,
    method: str = "best",
    margin: float = 1e-9,
    rounding: str = "likely",
    memory: float = 2**28,
) -> Accuracy:
    """Share of samples that are proved correct on the whole ball, in exact arithmetic.

    Source: [B] Section 6.3, Tables 7-9

    Parameters
    ----------
    net : ReLUNetwork or nn.Sequential of supported layers
    x : (n, ...) tensor
    y : (n,) class labels
    ball : PerturbationSet
        A ball, or another set that answers what the method asks (:mod:`robustcore.methods`). Of a
        ball with a box only "rub_boxed" uses the box, the other proofs are for the whole ball; over
        `balls.Cut`, the ball cut with it, all but "rub" prove for that set.
    method : str
        A bound of :mod:`robustcore.bounds` by its name: "rub", "rub_optimised", "rub_any",
        "rub_boxed", "coap", "crown", "crown_optimised", "ibp", "exact"; or "best", the least of
        RUB, CROWN and intervals, without CROWN where the network as matrices would be too large,
        :func:`robustcore.bounds.tightest`.
    margin : float
        In units of the logits: certified where every gap bound, and what `rounding` adds to it, is
        at most -margin.
    rounding : "likely", "proved" or "none"
        What is added for the forward pass in the network's own precision: a margin that is likely
        to cover it, one that is proved to, or nothing. See :func:`robustcore.bounds.rounding`.
    memory : float
        Bytes that the tensors made on the way may take, about; samples are cut to it. The weights
        in float64, and for "crown", "coap" and "exact" a convolution as a matrix, come on top.

    Returns
    -------
    Accuracy
        A lower bound of the robust accuracy: of the network in exact arithmetic by proof, of its
        own forward pass by proof with "proved", and by what is likely, no more, with "likely".

    Notes
    -----
    With each of the three the statement about the network in exact arithmetic, on its weights as
    they are stored, is a proof, computed in float64: to some 1e-13 of the largest logit, as
    `net.double()` is, for which "likely" and "proved" allow and "none" has only `margin`.

    A float32 pass may differ by more. "proved" counts each of its roundings at its worst, in any
    order of the sums, which costs wide or deep networks percents of the accuracy. "likely" proves
    nothing about that pass: it takes the roundings of sums for independent and of mean zero, at
    eight standard deviations, and at least 16 times what the network shows at x. Sums that round
    the same way again and again may go beyond, and nobody has shown that an attack cannot look for
    them. Neither covers fast convolutions (Winograd, Fourier). Trained on MNIST at
    784-200-200-200-10, over the L1 ball of radius 0.6, "none" adds 0 to gap bounds of about 5 and
    certifies 86.4 % of 500 images, "likely" adds 0.006 and certifies 86.2 %, "proved" adds 0.2 and
    certifies 85.0 %; the largest rounding seen there is 2e-6. For a float64 network all agree.
    """
    return Accuracy.of(certified(net, x, y, ball, method, margin, rounding, memory))


def certified(
    net: nn.Module,
    x: torch.Tensor,
    y: torch.Tensor,
    ball: PerturbationSet,
    method: str = "best",
    margin: float = 1e-9,
    rounding: str = "likely",
    memory: float = 2**28,
) -> torch.Tensor:
    """Which samples are proved correct on the whole ball, in exact arithmetic: (n,) booleans.

    Source: [B] Section 6.3

    Parameters
    ----------
    net, x, y, ball, method, margin, rounding, memory
        As for :func:`certified_accuracy`.

    Returns
    -------
    (n,) tensor of booleans
        True: proved for the network in exact arithmetic. For its own forward pass, in float32 say,
        proved with `rounding="proved"`, likely with the default, open with "none".

    Raises
    ------
    InputError
        For an unknown method, an estimate that proves nothing, or a set it does not cover.
    UnsupportedLayerError
        If the network does not compute what its layers say.
    """
    bound = methods.certificate(method)
    check_nonnegative("margin", margin)
    if rounding not in _ROUNDINGS:
        raise InputError(f"rounding must be one of {', '.join(_ROUNDINGS)}, got {rounding!r}.")
    check_set(ball, method)  # what the bound asks, it refuses itself
    given = (x, y, *(net.parameters() if isinstance(net, nn.Module) else ()))
    if any(isinstance(one, torch.Tensor) and is_wrapped(one) for one in given):
        raise InputError("a certificate cannot be checked inside torch.func; ask for it outside.")
    x, y = read_batch(net, x, y)
    y = class_labels(y, layered(net, x.shape[1:]).maps[-1].n_outputs)
    with torch.no_grad():
        ball, rows = ball.around(x.flatten(1)), torch.arange(len(x), device=x.device)
        batch = _at_once(net, x, method, memory, ball)
        found = torch.empty(len(x), dtype=torch.bool, device=x.device)
        for start in range(0, max(1, len(x)), batch):
            some = slice(start, start + batch)
            there = ball.at(rows[some])
            found[some] = proved_by(bound, net, x[some].double(), y[some], there, margin, rounding)
    return found


def _at_once(
    net: nn.Module, x: torch.Tensor, method: str, memory: float, ball: PerturbationSet
) -> int:
    """Samples whose certificates fit into so many bytes."""
    if not memory > 0:
        raise InputError(f"memory must be a positive number of bytes, got {memory}.")
    maps = layered(net, x.shape[1:]).maps
    M, K = maps[0].n_inputs, maps[-1].n_outputs
    widest = max(M, *(one.n_outputs for one in maps))
    numbers = 12 * (K + 1) * widest  # rows of all classes, and some copies
    filled = isinstance(ball, Cut) and ball.p == 1 and method in _FILLED
    if filled or method in ("rub_boxed", "rub_any"):
        numbers += 16 * M * K  # the gains of all vertices, sorted
    if isinstance(ball, Hull | Sum) and ball.lacks(EXTREME_POINTS) is None and len(x):
        points = ball.at(torch.tensor([0])).extreme_points(M).shape[-2]
        numbers += 4 * points * widest  # the steps of all points
    if method == "rub_optimised":
        numbers += 24 * 8 * K * widest * len(maps)  # the graph of 24 vertices a class
    if method == "crown_optimised":
        # the graph of both ends of all neurons, slopes for each on the layers below, their moments
        numbers += 2 * widest * widest * len(maps) * (8 + 2 * len(maps))
    return max(1, min(_BATCH, int(memory // (8 * numbers))))


def every(below: torch.Tensor) -> torch.Tensor:
    """Where all gaps are proved: (n, K) booleans -> (n,).

    Source: own
    """
    return below.all(dim=1)


def proved_by(
    bound: Callable[..., torch.Tensor],
    net: nn.Module,
    x: torch.Tensor,
    y: torch.Tensor,
    ball: PerturbationSet,
    margin: float,
    rounding: str,
    enough: Callable[[torch.Tensor], torch.Tensor] = every,
) -> torch.Tensor:
    """Which samples of one part a bound certifies: (n,) booleans.

    Only those that may be are looked at twice.

    Source: own

    Parameters
    ----------
    bound : callable (net, x, y, ball) -> (n, K) tensor
    net, x, y, ball, margin, rounding
        As for :func:`certified`; x in float64, y as classes.
    enough : callable (n, K) booleans -> (n,) booleans
        Whether those gaps that are proved, and the label's own, suffice.
    """
    gaps = bound(net, x, y, ball)
    others = torch.arange(gaps.shape[1], device=y.device) != y[:, None]
    proved = enough((gaps <= -margin) | ~others)
    if rounding == "none" or not bool(proved.any()):
        return proved
    rows = proved.nonzero()[:, 0]
    there = ball.at(rows)
    added = bounds.rounding(net, x[rows], y[rows], there, proved=rounding == "proved")
    proved[rows] = enough((gaps[rows] + added <= -margin) | ~others[rows])
    return proved
