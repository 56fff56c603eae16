"""The training loop. It is given a defense and knows none by name.

Shape letters: S networks of a stack, n samples.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from ..defenses import Defense
from ..doors import read_batch
from ..errors import InputError, check_count, check_number
from ..networks import Stack
from .schedules import Schedule, constant
from .updates import OfOne, OfStack, Optimiser, TrainingLoss


@dataclass(frozen=True)
class TrainingRecord:
    """What a training run leaves besides the trained network.

    Source: own

    Parameters
    ----------
    losses : (steps,) array, or (steps, S) for a stack
        The minimised loss of each step's batch, before the step. NaN for a network of a stack that
        is frozen.
    seconds : float
        Wall-clock time of all steps, observations excluded.
    observations : tuple of (step, object)
        What `observe` returned, and after how many updates.
    diverged : (S,) array of int, or None for a single network
        The step at which each network of a stack diverged and froze, 0 where it did not.
    """

    losses: np.ndarray
    seconds: float
    observations: tuple[tuple[int, Any], ...] = ()
    diverged: np.ndarray | None = None

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
    learning_rate: float | torch.Tensor,
    generator: torch.Generator,
    optimiser: str | Optimiser = "adam",
    radius: torch.Tensor | None = None,
    rate_schedule: Schedule = constant,
    radius_schedule: Schedule = constant,
    progress: bool = True,
    observe: Callable[[nn.Module], Any] | None = None,
    observe_every: int = 0,
) -> TrainingRecord:
    r"""Minimise the mean of a defense over random batches; `net` is trained in place.

    .. math:: \min_\theta \frac1N \sum_n L_{\text{defense}}(\theta; x_n, y_n)

    Source: [B] eqs. (1), (2), (10), (27): which one is decided by the defense

    Parameters
    ----------
    net : module, or Stack
    data : ((n, ...) tensor, (n,) tensor)
        Inputs and class labels, on the device of `net`; for one output 0 and 1, or -1 and +1.
    defense : callable (net, x, y) -> scalar tensor
        A loss that is differentiable in the parameters, a mean over the batch. For a stack, and
        with a `radius_schedule`, one of `robustcore.defenses`.
    steps : int
        Number of updates.
    batch_size : int
        Samples of a batch; at most n are used.
    learning_rate : float, or (S,) tensor for a stack
    generator : torch.Generator
        Draws the batches, the same for all networks of a stack. The same generator state gives the
        same run.
    optimiser : "adam", "sgd" or callable
        A callable takes the parameters and returns a torch optimiser (and then
        `learning_rate` is its own affair). A stack takes "adam".
    radius : (S,) tensor, optional
        For a stack: the radius of each network's ball, in place of that of `defense`.
    rate_schedule, radius_schedule : callable float -> float
        The factor of the rate and of the radius when so large a share of the updates is done; see
        `robustcore.training.falling` and `robustcore.training.rising`.
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
        A network of a stack that diverges freezes in that state, the others go on; the error is
        raised when none is left.
    InputError
        For empty or ragged data, sizes below 1, options that a stack does not take, or a set of
        perturbations that was made for certain samples.

    Notes
    -----
    Batches are consecutive pieces of a fresh permutation in every epoch; the last, short piece of
    an epoch is dropped. "adam" has the epsilon 1e-7 of Keras, with which the published code ran. A
    stack gives what its networks give one by one on the same batches, to rounding.
    """
    _check_shared(defense)
    x, y = _read_arguments(net, data, steps, batch_size, learning_rate, generator)
    run = (
        OfStack(net, defense, learning_rate, radius, optimiser)
        if isinstance(net, Stack)
        else OfOne(net, defense, learning_rate, radius, optimiser)
    )
    losses, observations, seconds = [], [], 0.0
    if observe is not None:
        observations.append((0, observe(net)))
    bar = _progress_bar(steps, repr(defense), progress)
    batches = _batches(len(x), batch_size, generator)
    for step, rows in zip(range(1, steps + 1), batches, strict=False):
        start = time.perf_counter()
        rows, share = rows.to(x.device), (step - 1) / steps
        factors = rate_schedule(share), radius_schedule(share)
        losses.append(run.update(x[rows], y[rows], *factors, f"at step {step} of {steps}"))
        seconds += time.perf_counter() - start
        if observe is not None and _is_due(step, steps, observe_every):
            observations.append((step, observe(net)))
        bar(float(np.nanmean(losses[-1])))
    found = np.array(losses)
    diverged = None if found.ndim == 1 else _first_nan(found)
    return TrainingRecord(found, seconds, tuple(observations), diverged)


def _check_shared(defense: TrainingLoss) -> None:
    """Refuse a set for certain samples: batches are drawn, and the set would not know of whom."""
    ball = defense.ball if isinstance(defense, Defense) else None
    if ball is not None and ball.per_sample:
        raise InputError(
            f"{defense!r} has a set for each of certain samples, and batches are drawn; train on "
            "one set for all, or on Swaps."
        )


def _first_nan(losses: np.ndarray) -> np.ndarray:
    """The step, from 1, of the first NaN of each column, 0 where there is none."""
    lost = np.isnan(losses)
    return np.where(lost.any(axis=0), lost.argmax(axis=0) + 1, 0)


def _read_arguments(
    net: nn.Module,
    data: Any,
    steps: int,
    batch_size: int,
    learning_rate: float | torch.Tensor,
    generator: Any,
) -> tuple[torch.Tensor, torch.Tensor]:
    if not isinstance(data, tuple | list) or len(data) != 2:
        raise InputError(f"data must be a pair (x, y), got {type(data).__name__}.")
    x, y = read_batch(net, *data)
    if len(x) == 0:
        raise InputError("there is nothing to train on: x has no rows.")
    _check_learns(net)
    check_count("steps", steps)
    check_count("batch_size", batch_size)
    if not isinstance(learning_rate, torch.Tensor):
        check_number("learning_rate", learning_rate)
    if not bool(torch.all(torch.as_tensor(learning_rate) > 0)):
        raise InputError(f"the learning rate must be positive, got {learning_rate}.")
    if not isinstance(generator, torch.Generator):
        raise InputError(f"batches need generator=torch.Generator(), got {generator!r}.")
    return x, y


def _check_learns(net: nn.Module) -> None:
    """Refuse where no gradient can be recorded, in one sentence for torch's several."""
    if not torch.is_grad_enabled():
        raise InputError(
            "training records gradients; call it outside torch.no_grad and torch.inference_mode."
        )
    if any(one.is_inference() for one in (*net.parameters(), *net.buffers())):
        raise InputError(
            "the network was made under torch.inference_mode, and no gradient passes its tensors; "
            "make it outside, and load its state_dict() there."
        )
    if not any(one.requires_grad for one in net.parameters()):
        raise InputError("the network has no parameter that requires_grad, and nothing to train.")


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
