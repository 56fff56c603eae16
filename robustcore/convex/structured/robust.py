r"""The reduced (15) for the interior-point engine.

Shape letters: n samples, d features of which the first a are attacked, P kept patterns, R distinct
rows of the pattern matrix; the leading axis of length 2 is v, then w.

Free variables: h_j >= \|u_j\| entrywise (2, P, a) and g_r >= \|z_r\| entrywise (R, a), where
:math:`z_r = \sum_i R_{ri}(v_i - w_i)` is what every sample of row r sees. Pairs, in order: facets
:math:`e_{ik}x_k^\top u_j - \epsilon 1^\top h_j`; h - u, h + u; g - z, g + z; xi;
r = xi - 1 + l with :math:`l_k = y_kx_k^\top z_{r(k)} - \epsilon 1^\top g_{r(k)}`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from ...errors import InputError
from .cones import Scaling
from .engine import Iterate, Partial, Tensors
from .robust_system import RobustNewton


@dataclass(frozen=True)
class RobustMaps:
    """The linear maps of the reduced (15), in scaled units.

    Attributes
    ----------
    X : (n, d)
    y : (n,)
    facets : (P, n)
        -1/+1.
    rows : (R, P)
        0/1, the distinct rows of the pattern matrix.
    row_of : (n,)
        The row of each sample.
    epsilon : float
    attacked : int
        a.
    """

    X: torch.Tensor
    y: torch.Tensor
    facets: torch.Tensor
    rows: torch.Tensor
    row_of: torch.Tensor
    epsilon: float
    attacked: int

    def by_row(self, values: torch.Tensor) -> torch.Tensor:
        """Sums over the samples of each row: (n, ...) -> (R, ...)."""
        total = values.new_zeros(self.rows.shape[0], *values.shape[1:])
        return total.index_add_(0, self.row_of, values)

    def seen(self, u: torch.Tensor) -> torch.Tensor:
        """z: (2, P, d) -> (R, d)."""
        return self.rows @ (u[0] - u[1])

    def seen_adjoint(self, force: torch.Tensor) -> torch.Tensor:
        """(R, d) -> (2, P, d)."""
        half = self.rows.T @ force
        return torch.stack([half, -half])

    def slacks(self, u: torch.Tensor, free: Tensors, xi: torch.Tensor) -> Tensors:
        """All seven slacks without their constants."""
        h, g = free
        z, a = self.seen(u), self.attacked
        facets = self.facets * (u @ self.X.T) - self.epsilon * h.sum(-1, keepdim=True)
        score = self.y * (self.X * z[self.row_of]).sum(-1)
        loss = xi + score - self.epsilon * g.sum(-1)[self.row_of]
        head, seen = u[..., :a], z[..., :a]
        return facets, h - head, h + head, g - seen, g + seen, xi, loss

    def adjoint(self, weights: Tensors) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """The u, h and g parts of the transposed maps."""
        facets, hp, hm, gp, gm, _, loss = weights
        a = self.attacked
        force = self.by_row((self.y * loss)[:, None] * self.X)
        force[:, :a] += gm - gp
        u = (self.facets * facets) @ self.X + self.seen_adjoint(force)
        u[..., :a] += hm - hp
        h = hp + hm - self.epsilon * facets.sum(-1, keepdim=True)
        return u, h, gp + gm - self.epsilon * self.by_row(loss)[:, None]


@dataclass(frozen=True)
class RobustProof:
    """theta (n,), pi (R, a) and lambda (2, P, n), in the user's units."""

    theta: torch.Tensor
    pi: torch.Tensor
    facets: torch.Tensor


class RobustHinge:
    r"""The reduced (15): robust-feasible patterns only, one norm a distinct row.

    Source: [A] eq. (15), Theorem 4; the reductions are own

    Parameters
    ----------
    X : (n, d) float64 tensor
    y : (n,) tensor of -1 and +1
    active : (n, P) bool tensor
    gates : (d, P) tensor
        A strictly robust-interior point of every cell:
        (2D_i - I) X a_i > epsilon ||a_i||_1 over the attacked coordinates.
    beta : float
    epsilon : float
        Positive Linf radius in the units of X.
    attacked : int
        The first so many columns of X are attacked (all but a bias).

    Raises
    ------
    InputError
        If a gate is not strictly inside its robust cell.
    """

    one_length = False

    def __init__(
        self,
        X: torch.Tensor,
        y: torch.Tensor,
        active: torch.Tensor,
        gates: torch.Tensor,
        beta: float,
        epsilon: float,
        attacked: int,
    ) -> None:
        if not (beta > 0 and epsilon > 0):
            raise InputError(f"beta and epsilon must be positive, got {beta} and {epsilon}.")
        self.sigma = float(torch.linalg.matrix_norm(X, 2)) / math.sqrt(len(X)) or 1.0
        self.beta, self.y = beta / self.sigma, y
        rows, row_of = torch.unique(active, dim=0, return_inverse=True)
        facets = 2 * active.T.to(X) - 1
        self.maps = RobustMaps(
            X / self.sigma, y, facets, rows.to(X), row_of, epsilon / self.sigma, attacked
        )
        self.gates = (gates / torch.linalg.vector_norm(gates, dim=0)).T
        length = self.maps.epsilon * self.gates[:, :attacked].abs().sum(-1, keepdim=True)
        self.room = (facets * (self.gates @ self.maps.X.T) - length).amin(dim=1)
        if bool((self.room <= 0).any()):
            worst = int(self.room.argmin())
            raise InputError(f"the gate of pattern {worst} is not strictly robust-feasible.")

    def start(self) -> Iterate:
        """v = w along the gates, half of the room of each cell spent on h."""
        maps, a = self.maps, self.maps.attacked
        P, n = maps.facets.shape
        R = maps.rows.shape[0]
        centre = 1.0 / (2 * n * P + 2 * P + 2 * n + 4 * P * a + 2 * R * a)
        length = 2 * n * centre / self.beta
        u = (0.5 * length * self.gates).expand(2, -1, -1)
        spare = (0.25 * length * self.room / (maps.epsilon * a))[:, None]
        g = torch.full_like(maps.X[:1, :a], 0.5 / (maps.epsilon * a)).expand(R, -1).clone()
        ones = torch.ones_like(self.y)
        slacks = maps.slacks(u, (u[..., :a].abs() + spare, g), 2 * ones)
        slacks = (*slacks[:6], slacks[6] - 1)
        ratio = centre / slacks[0]
        facets = torch.minimum(ratio, 10 * ratio.median())
        alpha = 0.1 * ones / n
        half_h = 0.5 * maps.epsilon * facets.sum(-1, keepdim=True).expand(-1, -1, a)
        half_g = 0.5 * maps.epsilon * maps.by_row(alpha)[:, None].expand(-1, a)
        point = torch.cat([torch.full_like(u[..., :1], length), u], -1)
        dual = torch.zeros_like(point)
        dual[..., 0] = self.beta
        free = (u[..., :a].abs() + spare, g)
        duals = (facets, half_h, half_h, half_g, half_g, 1 / n - alpha, alpha)
        return Iterate(point, dual, free, slacks, duals)

    def objective(self, u: torch.Tensor) -> float:
        """The exact worst-case hinge loss plus penalty.

        Source: [A] eq. (15)
        """
        z = self.maps.seen(u)
        worst = self.maps.epsilon * z[:, : self.maps.attacked].abs().sum(-1)
        score = self.y * (self.maps.X * z[self.maps.row_of]).sum(-1) - worst[self.maps.row_of]
        norms = torch.linalg.vector_norm(u, dim=-1)
        return float((1 - score).clamp(min=0).mean()) + self.beta * float(norms.sum())  # (15)

    def certificate(self, at: Iterate) -> tuple[float, RobustProof]:
        r"""mean(a) min(1, beta / max_j ||.||), the facets' share soft-thresholded away.

        Source: own, weak duality for [A] eq. (15)
        """
        maps, a = self.maps, self.maps.attacked
        facets, alpha = at.multipliers[0], at.multipliers[6].clamp(0, 1 / len(self.y))
        limit = maps.epsilon * maps.by_row(alpha)[:, None]
        pi = (at.multipliers[4] - at.multipliers[3]).clamp(-limit, limit)
        force = maps.by_row((self.y * alpha)[:, None] * maps.X)
        force[:, :a] += pi
        columns = (maps.facets * facets) @ maps.X + maps.seen_adjoint(force)
        spent = maps.epsilon * facets.sum(-1, keepdim=True)
        head = columns[..., :a]
        shrunk = torch.sign(head) * (head.abs() - spent).clamp(min=0)
        norms = torch.linalg.vector_norm(torch.cat([shrunk, columns[..., a:]], -1), dim=-1)
        largest = float(norms.max())
        scale = min(1.0, self.beta / largest) if largest > 0 else 1.0
        proof = RobustProof(-alpha * self.y, -pi * self.sigma, facets)
        return float(alpha.sum()) * scale, proof

    def stationarity(self, at: Iterate) -> torch.Tensor:
        """Minus the u part of the transposed maps."""
        return -self.maps.adjoint(at.multipliers)[0]

    def stationarity_step(self, step: Partial) -> torch.Tensor:
        """Linear in the multipliers."""
        return -self.maps.adjoint(step.multipliers)[0]

    def newton(self, at: Iterate, scaling: Scaling, residual: torch.Tensor) -> RobustNewton:
        """Factorise at the iterate."""
        return RobustNewton(self.maps, at, scaling, residual)
