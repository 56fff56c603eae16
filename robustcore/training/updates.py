"""One update of a network, or of every network of a stack.

Shape letters: S networks of a stack, n samples.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import torch
from torch import nn

from ..defenses import Defense
from ..errors import DivergenceError, InputError
from ..networks import Stack

TrainingLoss = Callable[[nn.Module, torch.Tensor, torch.Tensor], torch.Tensor]
Optimiser = Callable[[Iterable[nn.Parameter]], torch.optim.Optimizer]

_KERAS_EPSILON = 1e-7  # torch's default is 1e-8


class OfOne:
    """Updates of a single network."""

    def __init__(
        self,
        net: nn.Module,
        defense: TrainingLoss,
        rate: float | torch.Tensor,
        radius: torch.Tensor | None,
        optimiser: str | Optimiser,
    ) -> None:
        if radius is not None or isinstance(rate, torch.Tensor):
            raise InputError("a radius or a rate for each network needs a Stack of networks.")
        self.net, self.defense, self.rate = net, defense, rate
        self.torch = _make_optimiser(optimiser, net, rate)
        self.own_rates = [group["lr"] for group in self.torch.param_groups]

    def update(
        self, x: torch.Tensor, y: torch.Tensor, rate: float, radius: float, when: str
    ) -> float:
        """One step; the loss before it."""
        loss = self._at(radius)(self.net, x, y)
        value = float(loss.detach())
        if not np.isfinite(value):
            raise DivergenceError(
                f"the loss of {self.defense!r} is {value} {when}; lower the learning rate (now "
                f"{self.rate:g}) or the radius."
            )
        self.torch.zero_grad(set_to_none=True)
        loss.backward()
        for group, own in zip(self.torch.param_groups, self.own_rates, strict=True):
            group["lr"] = own * rate
        self.torch.step()
        return value

    def _at(self, factor: float) -> TrainingLoss:
        if factor == 1:
            return self.defense
        if not isinstance(self.defense, Defense):
            raise InputError("a radius_schedule needs a defense of robustcore.defenses.")
        ball = self.defense.ball
        return self.defense if ball is None else self.defense.with_radius(ball.radius * factor)


class OfStack:
    """Updates of all networks of a stack; those that diverge freeze."""

    def __init__(
        self,
        stack: Stack,
        defense: TrainingLoss,
        rate: float | torch.Tensor,
        radius: torch.Tensor | None,
        optimiser: str | Optimiser,
    ) -> None:
        if optimiser != "adam" or not isinstance(defense, Defense):
            raise InputError(
                f"a stack trains by 'adam' on a defense of robustcore.defenses, got {optimiser!r} "
                f"and {defense!r}."
            )
        like = stack.weights[0]
        self.stack, self.defense = stack, defense
        own = 0.0 if defense.ball is None else defense.ball.radius
        self.radius = _for_each(own if radius is None else radius, like, "radius")
        self.rates = _for_each(rate, like, "learning_rate").tolist()
        # each network's slices are parameters of their own, on the memory of the stack
        self.slices = [
            [nn.Parameter(whole.detach()[s]) for whole in stack.parameters()]
            for s in range(len(stack))
        ]
        groups = [{"params": own, "lr": r} for own, r in zip(self.slices, self.rates, strict=True)]
        self.adam = torch.optim.Adam(groups, eps=_KERAS_EPSILON, fused=_fused(like))
        self.alive = torch.ones(len(stack), dtype=torch.bool, device=like.device)

    def update(
        self, x: torch.Tensor, y: torch.Tensor, rate: float, radius: float, when: str
    ) -> np.ndarray:
        """One step; the losses before it, NaN for frozen networks."""
        loss = self.defense.of_each(self.stack, x, y, self.radius * radius).mean(dim=1)
        self.alive = self.alive & loss.detach().isfinite()
        values = torch.where(self.alive, loss.detach(), torch.nan).cpu().double().numpy()
        if np.isnan(values).all():
            raise DivergenceError(
                f"the losses of {self.defense!r} diverged for all {len(self.stack)} networks, the "
                f"last {when}; lower the learning rates or the radii."
            )
        loss.sum().backward()
        self._step(rate)
        return values

    def _step(self, factor: float) -> None:
        """Adam on the slices; without a gradient, those of a frozen network stay as they are."""
        groups = zip(self.slices, self.adam.param_groups, self.rates, self.alive, strict=True)
        for s, (own, group, rate, alive) in enumerate(groups):
            group["lr"] = rate * factor
            for part, whole in zip(own, self.stack.parameters(), strict=True):
                assert whole.grad is not None
                part.grad = whole.grad[s] if alive else None
        self.adam.step()
        for whole in self.stack.parameters():
            whole.grad = None


def _for_each(value: float | torch.Tensor, like: torch.Tensor, name: str) -> torch.Tensor:
    """One number for each network of a stack, (S,)."""
    tensor = torch.as_tensor(value).to(like.device, torch.float64)
    if tensor.ndim == 0:
        return tensor.expand(len(like))
    if tensor.shape != like.shape[:1]:
        raise InputError(f"{name} must be a number or ({len(like)},), got {tuple(tensor.shape)}.")
    return tensor


def _fused(like: torch.Tensor) -> bool:
    """Whether torch has Adam in one pass over the memory for such parameters."""
    return like.device.type in ("cpu", "cuda") and like.dtype in (torch.float32, torch.float64)


def _make_optimiser(
    optimiser: str | Optimiser, net: nn.Module, learning_rate: float
) -> torch.optim.Optimizer:
    if callable(optimiser):
        return optimiser(net.parameters())
    if optimiser == "adam":
        first = next(net.parameters(), None)
        fused = first is not None and _fused(first)
        return torch.optim.Adam(net.parameters(), lr=learning_rate, eps=_KERAS_EPSILON, fused=fused)
    if optimiser == "sgd":
        return torch.optim.SGD(net.parameters(), lr=learning_rate)
    raise InputError(f"optimiser must be 'adam', 'sgd' or a callable, got {optimiser!r}.")
