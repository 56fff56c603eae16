r"""Gradient descent on stacks of one-hidden-layer networks: the baselines of Table I of paper A.

Shape letters: R runs trained side by side, B images of a batch, m neurons, d inputs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from robustcore.errors import InputError
from robustcore.networks import TwoLayerReLU

from ..cifar_pairs import Pair

METHODS = ("gd_std", "gd_fgsm", "gd_pgd", "gd_certified")
PGD_STEPS = 40
STEPS_ACROSS = 30  # a step of PGD is the radius divided by this: [A] Section VII-D


@dataclass(frozen=True)
class Stack:
    r"""R networks :math:`\hat y = \sum_j (x^\top u_j)_+\alpha_j` of one width.

    Source: [A] Section II-A

    Parameters
    ----------
    u : (R, m, d) tensor
    alpha : (R, m) tensor
    """

    u: torch.Tensor
    alpha: torch.Tensor

    @classmethod
    def initialise(cls, d: int, width: int, seeds: Sequence[int]) -> Stack:
        """Run r starts from `seeds[r]` alone, whatever else is in the stack."""
        nets = [TwoLayerReLU.initialise(d, width, torch.Generator().manual_seed(s)) for s in seeds]
        u, alpha = (
            torch.stack([getattr(net, name).detach().float() for net in nets])
            for name in ("u", "alpha")
        )
        return cls(u.requires_grad_(), alpha.requires_grad_())

    def score(self, x: torch.Tensor) -> torch.Tensor:
        """(R, B, d) -> (R, B)."""
        return ((x @ self.u.mT).clamp(min=0) * self.alpha[:, None]).sum(-1)

    def slope(self, x: torch.Tensor) -> torch.Tensor:
        """The gradient of the score in x, with a neuron active at zero: (R, B, d) -> (R, B, d)."""
        return ((x @ self.u.mT >= 0) * self.alpha[:, None]) @ self.u

    def penalty(self) -> torch.Tensor:
        r""":math:`\frac12\sum_j\|u_j\|_2^2+\alpha_j^2` of each run: (R,)."""
        return 0.5 * (self.u.square().sum((1, 2)) + self.alpha.square().sum(1))

    def detached(self) -> Stack:
        """A copy that does not change when training goes on."""
        return Stack(self.u.detach().clone(), self.alpha.detach().clone())

    def network(self, run: int) -> TwoLayerReLU:
        """One of the networks, in float64."""
        return TwoLayerReLU(self.u[run].detach().double(), self.alpha[run].detach().double())


def attacked(
    stack: Stack,
    x: torch.Tensor,
    y: torch.Tensor,
    radius: float,
    steps: int,
    step: float,
    as_printed: bool = False,
) -> torch.Tensor:
    r"""Signed gradient steps against the margin, clipped to the box around x.

    .. math:: \tilde x_{t+1} = \Pi\Bigl(\tilde x_t-\gamma\,\mathrm{sgn}\bigl(y\sum_{j:
              \tilde x_t^\top u_j\ge0} u_j\alpha_j\bigr)\Bigr),\quad \tilde x_0 = x

    Source: [A] eq. (3), Section VII-D

    Parameters
    ----------
    stack : Stack
    x : (R, B, d) tensor
    y : (R, B) tensor
        Labels -1 and +1.
    radius : float
    steps : int
        1 with step = radius is FGSM.
    step : float
        gamma.
    as_printed : bool
        Take the neurons that are active at x itself in every step, as the formula of Section VII-D
        is printed: all steps then go the same way, and 40 of them end where FGSM does.

    Returns
    -------
    (R, B, d) tensor
        The last iterate.
    """
    with torch.no_grad():
        moved = x
        for _ in range(steps):
            slope = stack.slope(x if as_printed else moved)
            moved = moved - step * torch.sign(y[..., None] * slope)  # (3)
            moved = torch.minimum(torch.maximum(moved, x - radius), x + radius)
    return moved


def certified_margin(stack: Stack, x: torch.Tensor, y: torch.Tensor, radius: float) -> torch.Tensor:
    r"""A lower bound of :math:`\min_{\|\delta\|_\infty\le\epsilon} y\,\hat y(x+\delta)`: CROWN.

    A neuron that changes sign inside the box lies between two lines; with the slopes
    :math:`s_j` of the line on the harmful side, :math:`q = \sum_j y\alpha_j s_j u_j` and the
    bound is :math:`x^\top q + \text{lift} - \epsilon\|q\|_1`.

    Source: own; method of Zhang et al. (2018)

    Parameters
    ----------
    stack : Stack
    x : (R, B, d) tensor
    y : (R, B) tensor
    radius : float

    Returns
    -------
    (R, B) tensor
        Differentiable; what `bounds.crown` gives for one network of the stack.
    """
    z, spread = x @ stack.u.mT, radius * stack.u.abs().sum(-1)[:, None]
    low, high = z - spread, z + spread
    unstable = (low < 0) & (high > 0)
    width = torch.where(unstable, high - low, torch.ones_like(z))
    upper = torch.where(unstable, high / width, (low >= 0).to(z))
    lower = torch.where(unstable, (high > -low).to(z), (low >= 0).to(z))
    lift = torch.where(unstable, -high * low / width, torch.zeros_like(z))
    weight = y[..., None] * stack.alpha[:, None]
    plus, minus = weight.clamp(min=0), weight.clamp(max=0)
    q = (plus * lower + minus * upper) @ stack.u
    return (x * q).sum(-1) + (minus * lift).sum(-1) - radius * q.abs().sum(-1)


def margins(
    method: str, radius: float
) -> Callable[[Stack, torch.Tensor, torch.Tensor], torch.Tensor]:
    """What a method puts into its hinge: the margin at clean, attacked or worst certified inputs.

    Source: [A] Section VII-D

    Parameters
    ----------
    method : str
        "gd_std", "gd_fgsm", "gd_pgd", or "gd_certified", which the paper does not have.
    radius : float

    Raises
    ------
    InputError
        For another method.
    """
    if method not in METHODS:
        raise InputError(f"method must be one of {', '.join(METHODS)}, got {method!r}.")
    steps, step = (1, radius) if method == "gd_fgsm" else (PGD_STEPS, radius / STEPS_ACROSS)

    def margin(stack: Stack, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        if method == "gd_certified":
            return certified_margin(stack, x, y, radius)
        inputs = x if method == "gd_std" else attacked(stack, x, y, radius, steps, step)
        return y * stack.score(inputs)

    return margin


def descend(
    pair: Pair,
    method: str,
    *,
    width: int,
    seeds: Sequence[int],
    rates: Sequence[float],
    epochs: int,
    batch: int,
    beta: float,
    radius: float,
    watch: Sequence[int] = (),
) -> dict[int, Stack]:
    r"""Stochastic gradient descent on (2) with (3) for its inner maximum, several runs at once.

    Source: [A] eqs. (2), (3), Section VII-D (which names neither the rate, the batch, the epochs
    nor the start)

    Parameters
    ----------
    pair : Pair
    method : str
        See `margins`.
    width : int
        m.
    seeds : sequence of int
        One for each run: of its start and of its batches.
    rates : sequence of float
        One learning rate for each run, constant.
    epochs : int
    batch : int
    beta : float
    radius : float
    watch : sequence of int
        Epochs after which the stack is kept, beside the last.

    Returns
    -------
    dict of int to Stack
        By epoch. A run that diverged holds NaN; the others do not notice.
    """
    X, y = (torch.from_numpy(a).float() for a in (pair.X, pair.y))
    stack = Stack.initialise(X.shape[1], width, seeds)
    rate = torch.tensor(list(rates), dtype=X.dtype)
    draws = [np.random.default_rng(seed) for seed in seeds]
    margin, kept = margins(method, radius), {}
    for epoch in range(1, epochs + 1):
        order = torch.from_numpy(np.stack([rng.permutation(len(X)) for rng in draws]))
        for rows in order.split(batch, dim=1):
            loss = (1 - margin(stack, X[rows], y[rows])).clamp(min=0).mean(1)
            total = (loss + beta * stack.penalty()).sum()  # (2)
            slopes = torch.autograd.grad(total, (stack.u, stack.alpha))
            with torch.no_grad():
                stack.u.sub_(rate[:, None, None] * slopes[0])
                stack.alpha.sub_(rate[:, None] * slopes[1])
        if epoch in watch or epoch == epochs:
            kept[epoch] = stack.detached()
    return kept


def by_hand(x: float = 0.1, radius: float = 0.5) -> list[dict[str, float | str]]:
    r"""The margin of :math:`\hat y(x) = |x|`, y = 1, after each attack, and CROWN's bound of it.

    Source: own (on [A] Section VII-D)

    Parameters
    ----------
    x : float
    radius : float
    """
    net = Stack(torch.tensor([[[1.0], [-1.0]]]), torch.ones(1, 2))
    at, y, step = torch.full((1, 1, 1), x), torch.ones(1, 1), radius / STEPS_ACROSS
    printed = attacked(net, at, y, radius, PGD_STEPS, step, as_printed=True)
    reached = {
        "FGSM": net.score(attacked(net, at, y, radius, 1, radius)),
        "PGD as printed": net.score(printed),
        "PGD": net.score(attacked(net, at, y, radius, PGD_STEPS, step)),
        "CROWN": certified_margin(net, at, y, radius),
    }
    return [{"method": name, "margin": float(margin)} for name, margin in reached.items()]
