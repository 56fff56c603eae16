"""One training loop. It is given a defense and knows none by name."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from .errors import DivergenceError, InputError, check_finite, check_length

TrainingLoss = Callable[[nn.Module, torch.Tensor, torch.Tensor], torch.Tensor]
Optimiser = Callable[[Iterable[nn.Parameter]], torch.optim.Optimizer]

_KERAS_EPSILON = 1e-7  # torch's default is 1e-8


@dataclass(frozen=True)
class TrainingRecord:
    """What a training run leaves besides the trained network.

    Source: own

    Parameters
    ----------
    losses : (steps,) array
        The minimised loss of each step's batch, before the step.
    seconds : float
        Wall-clock time of all steps, observations excluded.
    observations : tuple of (step, object)
        What `observe` returned, and after how many updates.
    """

    losses: np.ndarray
    seconds: float
    observations: tuple[tuple[int, Any], ...] = ()

    @property
    def steps(self) -> int:
        """Number of updates."""
        return len(self.losses)

    @property
    def batches_per_second(self) -> float:
        """Updates per second of wall-clock time."""
        return self.steps / self.seconds if self.seconds > 0 else float("nan")


def fit(
    net: nn.Module,
    data: tuple[torch.Tensor, torch.Tensor],
    defense: TrainingLoss,
    *,
    steps: int,
    batch_size: int,
    learning_rate: float,
    generator: torch.Generator,
    optimiser: str | Optimiser = "adam",
    progress: bool = True,
    observe: Callable[[nn.Module], Any] | None = None,
    observe_every: int = 0,
) -> TrainingRecord:
    r"""Minimise the mean of a defense over random batches; `net` is trained in place.

    .. math:: \min_\theta \frac1N \sum_n L_{\text{defense}}(\theta; x_n, y_n)

    Source: [B] eqs. (1), (2), (10), (27): which one is decided by the defense

    Parameters
    ----------
    net : module
    data : ((n, ...) tensor, (n,) tensor)
        Inputs and class labels, on the device of `net`.
    defense : callable (net, x, y) -> scalar tensor
        A loss that is differentiable in the parameters, a mean over the batch.
    steps : int
        Number of updates.
    batch_size : int
        Samples of a batch; at most n are used.
    learning_rate : float
        Constant over the run.
    generator : torch.Generator
        Draws the batches. The same generator state gives the same run.
    optimiser : "adam", "sgd" or callable
        A callable takes the parameters and returns a torch optimiser (and then
        `learning_rate` is its own affair).
    progress : bool
        Show a bar if tqdm is installed.
    observe : callable net -> object, optional
        Called before the first update and after every `observe_every`-th, and after the last.
    observe_every : int

    Returns
    -------
    TrainingRecord

    Raises
    ------
    DivergenceError
        As soon as the loss is NaN or infinite, naming the step; `net` holds its last finite state.
    InputError
        For empty or ragged data, or sizes below 1.

    Notes
    -----
    Batches are consecutive pieces of a fresh permutation in every epoch; the last, short piece of
    an epoch is dropped. "adam" has the epsilon 1e-7 of Keras, with which the published code ran.
    """
    _check_arguments(data, steps, batch_size, learning_rate)
    x, y = data
    update = _make_optimiser(optimiser, net, learning_rate)
    losses, observations, seconds = np.empty(steps), [], 0.0
    if observe is not None:
        observations.append((0, observe(net)))
    bar = _progress_bar(steps, repr(defense), progress)
    batches = _batches(len(x), batch_size, generator)
    for step, rows in zip(range(1, steps + 1), batches, strict=False):
        start = time.perf_counter()
        rows = rows.to(x.device)
        loss = defense(net, x[rows], y[rows])
        losses[step - 1] = float(loss.detach())
        if not np.isfinite(losses[step - 1]):
            raise DivergenceError(
                f"the loss of {defense!r} is {losses[step - 1]} at step {step} of {steps}; lower "
                f"the learning rate (now {learning_rate:g}) or the radius."
            )
        update.zero_grad(set_to_none=True)
        loss.backward()
        update.step()
        seconds += time.perf_counter() - start
        if observe is not None and _is_due(step, steps, observe_every):
            observations.append((step, observe(net)))
        bar(losses[step - 1])
    return TrainingRecord(losses, seconds, tuple(observations))


def _check_arguments(
    data: tuple[torch.Tensor, torch.Tensor], steps: int, batch_size: int, learning_rate: float
) -> None:
    x, y = data
    if len(x) == 0:
        raise InputError("there is nothing to train on: x has no rows.")
    check_finite("x", x)
    check_length("y", y, len(x), "x")
    if steps < 1 or batch_size < 1:
        raise InputError(f"steps and batch_size must be at least 1, got {steps} and {batch_size}.")
    if not learning_rate > 0:
        raise InputError(f"the learning rate must be positive, got {learning_rate}.")


def _make_optimiser(
    optimiser: str | Optimiser, net: nn.Module, learning_rate: float
) -> torch.optim.Optimizer:
    if callable(optimiser):
        return optimiser(net.parameters())
    if optimiser == "adam":
        return torch.optim.Adam(net.parameters(), lr=learning_rate, eps=_KERAS_EPSILON)
    if optimiser == "sgd":
        return torch.optim.SGD(net.parameters(), lr=learning_rate)
    raise InputError(f"optimiser must be 'adam', 'sgd' or a callable, got {optimiser!r}.")


def _batches(n: int, batch_size: int, generator: torch.Generator) -> Iterator[torch.Tensor]:
    """Row indices without end: a permutation for each epoch, cut into whole batches."""
    size = min(batch_size, n)
    while True:
        order = torch.randperm(n, generator=generator, device=generator.device)
        for start in range(0, n - size + 1, size):
            yield order[start : start + size]


def _is_due(step: int, steps: int, every: int) -> bool:
    return step == steps or (every > 0 and step % every == 0)


def _progress_bar(steps: int, label: str, wanted: bool) -> Callable[[float], None]:
    """A function to call with the loss of each step; tqdm's bar where there is one."""
    if not wanted:
        return lambda loss: None
    try:
        from tqdm import tqdm
    except ImportError:
        return lambda loss: None
    bar = tqdm(total=steps, desc=label, mininterval=0.5, leave=False)

    def show(loss: float) -> None:
        bar.set_postfix(loss=f"{loss:.4f}", refresh=False)
        bar.update()
        if bar.n >= steps:
            bar.close()

    return show
