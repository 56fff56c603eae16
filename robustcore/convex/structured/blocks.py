r"""What each loss adds to the Newton system: its variables, its dual bound, its complementarity.

With alpha the multiplier of the outputs, stationarity reads
:math:`z_j + X^\top E_j\lambda_j + s_j X^\top D_j\,\mathrm{sign}\odot\alpha = 0` for both losses,
and a block only has to supply the softness :math:`\Omega^{-1}` and right side h of
:math:`A\,du + \Omega^{-1} d\alpha = h`.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from .cones import centring_correction


def positive_step(x: torch.Tensor, dx: torch.Tensor) -> float:
    """The largest alpha <= 1 with x + alpha dx >= 0."""
    fastest = float((-dx / x).max()) if x.numel() else 0.0
    return min(1.0, 1.0 / fastest) if fastest > 0 else 1.0


@dataclass
class HingeBlock:
    r"""Mean hinge loss: xi >= 0, r = xi - 1 + A u >= 0, multipliers mu and alpha, mu + alpha = 1/n.

    Source: [A] eq. (13)
    """

    xi: torch.Tensor
    r: torch.Tensor
    alpha: torch.Tensor
    mu: torch.Tensor

    @classmethod
    def start(cls, y: torch.Tensor) -> HingeBlock:
        """A strictly feasible point for A u = 0."""
        n, ones = len(y), torch.ones_like(y)
        return cls(2 * ones, ones, 0.1 * ones / n, 0.9 * ones / n)

    @property
    def degree(self) -> int:
        """Number of complementarity products."""
        return 2 * len(self.xi)

    def value(self, output: torch.Tensor) -> float:
        """The loss at sign * y_hat = `output`."""
        return float((1 - output).clamp(min=0).mean())

    def lower_bound(self, norm: float, beta: float) -> float:
        """The dual value of alpha, shrunk until the largest block norm is at most beta.

        Source: [A] eqs. (6), (20)
        """
        share = (len(self.alpha) * self.alpha).clamp(0, 1).mean()
        return float(share) * (min(1.0, beta / norm) if norm > 0 else 1.0)

    def dual(self) -> torch.Tensor:
        """alpha, clipped to where the dual function is finite."""
        return self.alpha.clamp(0, 1 / len(self.alpha))

    def softness(self) -> torch.Tensor:
        """The diagonal of Omega^{-1}."""
        return self.xi / self.mu + self.r / self.alpha

    def product(self) -> float:
        """Sum of the complementarity products."""
        return float(self.xi @ self.mu + self.r @ self.alpha)

    def targets(self, centre: float, step: HingeStep | None) -> tuple[torch.Tensor, torch.Tensor]:
        """Right sides of both complementarities; with Mehrotra's second-order term after a step."""
        first = step.r * step.alpha if step else 0.0
        second = step.xi * step.mu if step else 0.0
        return (
            -self.alpha + (centre - first) / self.r,
            -self.mu + (centre - second) / self.xi,
        )

    def corrected(
        self,
        targets: tuple[torch.Tensor, torch.Tensor],
        step: HingeStep,
        lengths: tuple[float, float],
        box: tuple[float, float],
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The targets with Gondzio's correction at trial step lengths."""
        p, d = lengths
        first = (self.r + p * step.r) * (self.alpha + d * step.alpha)
        second = (self.xi + p * step.xi) * (self.mu + d * step.mu)
        return (
            targets[0] + centring_correction(first, *box) / self.r,
            targets[1] + centring_correction(second, *box) / self.xi,
        )

    def right_side(
        self, targets: tuple[torch.Tensor, torch.Tensor], output: torch.Tensor
    ) -> torch.Tensor:
        """h."""
        return targets[0] * self.r / self.alpha - targets[1] * self.xi / self.mu

    def step(
        self,
        g: torch.Tensor,
        output_step: torch.Tensor,
        targets: tuple[torch.Tensor, torch.Tensor],
    ) -> HingeStep:
        """All four directions from d alpha = g and A du."""
        xi = (targets[1] + g) * self.xi / self.mu
        return HingeStep(xi, xi + output_step, g, -g)

    def lengths(self, step: HingeStep) -> tuple[float, float]:
        """Longest primal and dual steps."""
        return (
            min(positive_step(self.xi, step.xi), positive_step(self.r, step.r)),
            min(positive_step(self.alpha, step.alpha), positive_step(self.mu, step.mu)),
        )

    def advance(self, step: HingeStep, p: float, d: float) -> HingeBlock:
        """The block after the step."""
        return HingeBlock(
            self.xi + p * step.xi,
            self.r + p * step.r,
            self.alpha + d * step.alpha,
            self.mu + d * step.mu,
        )


@dataclass
class HingeStep:
    """Directions of a `HingeBlock`."""

    xi: torch.Tensor
    r: torch.Tensor
    alpha: torch.Tensor
    mu: torch.Tensor


@dataclass
class SquaredBlock:
    r"""Half the sum of squares: alpha = y - A u, no cone of its own.

    Source: [A] eq. (16)
    """

    y: torch.Tensor
    alpha: torch.Tensor

    @classmethod
    def start(cls, y: torch.Tensor) -> SquaredBlock:
        """alpha = y, the residual of the zero network."""
        return cls(y, y.clone())

    degree = 0

    def value(self, output: torch.Tensor) -> float:
        """The loss at y_hat = `output`."""
        return 0.5 * float((output - self.y).square().sum())

    def lower_bound(self, norm: float, beta: float) -> float:
        """y'alpha - |alpha|^2 / 2 at the best multiple of alpha that is dual feasible.

        Source: [A] eqs. (6), (20)
        """
        inner, square = float(self.y @ self.alpha), float(self.alpha.square().sum())
        if square == 0.0:
            return 0.0
        largest = beta / norm if norm > 0 else torch.inf
        scale = min(max(inner / square, 0.0), largest)
        return scale * inner - 0.5 * scale**2 * square

    def dual(self) -> torch.Tensor:
        """alpha."""
        return self.alpha

    def softness(self) -> torch.Tensor:
        """Omega^{-1} = I."""
        return torch.ones_like(self.y)

    def product(self) -> float:
        """No complementarity products."""
        return 0.0

    def targets(self, centre: float, step: torch.Tensor | None) -> None:
        """Nothing to centre."""

    def corrected(self, targets: None, step: object, lengths: object, box: object) -> None:
        """Nothing to correct."""

    def right_side(self, targets: None, output: torch.Tensor) -> torch.Tensor:
        """What alpha + A u still lacks to y."""
        return self.y - output - self.alpha

    def step(self, g: torch.Tensor, output_step: torch.Tensor, targets: None) -> torch.Tensor:
        """d alpha."""
        return g

    def lengths(self, step: torch.Tensor) -> tuple[float, float]:
        """Unbounded."""
        return 1.0, 1.0

    def advance(self, step: torch.Tensor, p: float, d: float) -> SquaredBlock:
        """The block after the step."""
        return SquaredBlock(self.y, self.alpha + d * step)
