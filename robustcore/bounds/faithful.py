"""The network as it was read answers as the network itself does; otherwise there is no bound."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace

import torch
from torch import nn

from ..doors import answer, two_logits
from ..errors import InputError, UnsupportedLayerError
from ..networks import Layered
from ..networks.plain import is_wrapped
from ..networks.rounding import Arithmetic, forward_error

_FAR = (0.01, 0.1, 1.0, 10.0)  # how far from some samples a recorded forward is compared too
_ROWS = 256  # samples that the network answers at once
_training: ContextVar[bool] = ContextVar("training", default=False)
_CLOSE = 4  # units in the last place of the largest logit: so close, nothing else is computed


def own_precision(net: nn.Module, x: torch.Tensor) -> torch.Tensor:
    """An empty tensor where the network computes: as its first parameter, buffer, or x, is.

    Source: own
    """
    weights = itertools.chain(net.parameters(), net.buffers())
    like = next((p for p in weights if p.is_floating_point()), x)
    return torch.empty(0, dtype=like.dtype, device=like.device)


@contextmanager
def as_in_training() -> Iterator[None]:
    """Where a bound is a loss and proves nothing: one sample of a batch stands for all.

    Source: own
    """
    before = _training.set(True)
    try:
        yield
    finally:
        _training.reset(before)


def check_answers(net: nn.Module, network: Layered, x: torch.Tensor) -> None:
    """Refuse a network whose `net(x)` is not, to rounding, what was read.

    One forward pass in the network's own precision, of all samples but in a loss, where gradients
    are recorded and the first stands for the batch. A forward that was recorded is compared at a
    few more points, near some samples and far from them, and with the samples in turned order, as
    it must look at each alone. Nothing is compared under a transform of
    torch.func, where no number can be looked at: certify outside of it.

    Source: own

    Parameters
    ----------
    net : module
    network : Layered
        As it was read, in the precision of x, one output as the logits (0, z).
    x : (n, ...) tensor

    Raises
    ------
    UnsupportedLayerError
        Naming the sample and the output that differ.
    InputError
        If the network does not run on x, or torch is told to lower the precision of products.
    """
    if torch.is_autocast_enabled(x.device.type):
        raise InputError("a bound inside torch.autocast proves nothing; ask for it outside.")
    if any(is_wrapped(one) for one in (x, *net.parameters())):
        return
    a_loss = _training.get() and torch.is_grad_enabled()
    some = x.detach()[:1] if a_loss else x.detach()
    with torch.no_grad():
        if network.traced and len(some):
            _compare(net, network, _around(some), 0)
            _compare(net, network, some[:_ROWS], 0, turned=True)
        for start in range(0, len(some), _ROWS):
            _compare(net, network, some[start : start + _ROWS], start)


def _compare(
    net: nn.Module, network: Layered, x: torch.Tensor, start: int, turned: bool = False
) -> None:
    """Compare the answers for the samples, which the network is given in turned order or not."""
    own = x.to(own_precision(net, x))
    said = two_logits(answer(net, own.flip(0)).flip(0) if turned else answer(net, own))
    flat = own.flatten(1).to(x)
    logits = network(flat)
    read = _ended(network, logits)
    if said.shape != read.shape:
        raise UnsupportedLayerError(
            f"the network answers with shape {tuple(said.shape)}, its layers as read with "
            f"{tuple(read.shape)}; flatten what it takes."
        )
    apart = (said.to(torch.float64) - read.to(torch.float64)).abs()
    eps = max(torch.finfo(said.dtype).eps, torch.finfo(read.dtype).eps)
    if bool((apart <= _CLOSE * eps * read.abs().amax(dim=1, keepdim=True)).all()):
        return
    folded = replace(network, parts=[(one,) for one in network.maps])
    allowed = forward_error(network, flat, Arithmetic.of(said))
    allowed = allowed + forward_error(folded, flat, Arithmetic.of(read))
    if network.final:  # no output moves more than the sum of two logits, and its own roundings
        several = 32 * eps * (1 + read.abs() + math.log(read.shape[1]))
        allowed = 2 * allowed.amax(dim=1, keepdim=True) + several
    wrong = ~(apart <= 1.01 * allowed)
    if bool(wrong.any()):
        i, k = wrong.nonzero()[0].tolist()
        raise UnsupportedLayerError(
            f"net(x) is {float(said[i, k]):.9g} at output {k} of sample {start + i}, the layers as "
            f"read give {float(read[i, k]):.9g}, more than rounding apart: some layer does not "
            "compute what its class says."
        )


def _around(x: torch.Tensor) -> torch.Tensor:
    """Points near some samples, and far from them: a recorded forward must answer there too."""
    generator = torch.Generator().manual_seed(0)
    some = x[: len(_FAR)].repeat(-(-len(_FAR) // len(x)), *[1] * (x.ndim - 1))[: len(_FAR)]
    noise = torch.randn(some.shape, generator=generator, dtype=torch.float64).to(some)
    far = some.new_tensor(_FAR).view(-1, *[1] * (x.ndim - 1))
    return some + far * (1 + some.abs().amax()) * noise


def _ended(network: Layered, logits: torch.Tensor) -> torch.Tensor:
    """What the network makes of its logits at the end."""
    if network.final == "Softmax":
        return logits.softmax(dim=1)
    return logits.log_softmax(dim=1) if network.final == "LogSoftmax" else logits
