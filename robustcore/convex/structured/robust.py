r"""The reduced (15) and (18) for the interior-point engine.

Shape letters: n samples, d features of which the first a are attacked, P kept patterns, R distinct
rows of the pattern matrix; the leading axis of length 2 is v, then w.

Every sample of row r sees :math:`z_r = \sum_i R_{ri}(v_i - w_i)`. Free variables: h_j >= |u_j|
entrywise (2, P, a), g_r >= |z_r| entrywise (R, a), and one number a sample, xi. Pairs, in order:
facets :math:`e_{ik}x_k^\top u_j - \epsilon 1^\top h_j`; h - u, h + u; g - z, g + z; and two of the
loss, each of the form xi + slope s_k - weight epsilon 1'g - shift with s_k = sign_k x_k'z.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch

from ...errors import InputError
from .cones import Scaling
from .protocol import Iterate, Partial, Tensors, all_positive, with_beta
from .robust_maps import RobustMaps
from .robust_system import RobustNewton


@dataclass(frozen=True)
class RobustProof:
    """The multipliers behind a lower bound: pairs of the loss (2, n), pi (R, a), facets (2, P, n).

    In the user's units; a loss multiplier of sample k weighs its score by slope times sign.
    """

    loss: torch.Tensor
    pi: torch.Tensor
    facets: torch.Tensor


class Robust:
    """What both losses share.

    Parameters
    ----------
    X : (n, d) float64 tensor
    y : (n,) tensor
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

    one_length: bool
    slopes: tuple[float, float]
    weights: tuple[float, float]

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
            X / self.sigma, self._sign(), facets, rows.to(X), row_of, epsilon / self.sigma,
            attacked, self.slopes, self.weights,
        )  # fmt: skip
        self.gates = (gates / torch.linalg.vector_norm(gates, dim=0)).T
        length = self.maps.epsilon * self.gates[:, :attacked].abs().sum(-1, keepdim=True)
        self.room = (facets * (self.gates @ self.maps.X.T) - length).amin(dim=1)
        if bool((self.room <= 0).any()):
            worst = int(self.room.argmin())
            raise InputError(f"the gate of pattern {worst} is not strictly robust-feasible.")

    def resume(self, at: Iterate) -> Iterate | None:
        """With the slacks of this program."""
        slacks = self._slacks(at.u, at.free)
        return replace(with_beta(at, self.beta), slacks=slacks) if all_positive(slacks) else None

    def longest(self, at: Iterate, step: Iterate) -> float:
        """No variable has a domain of its own."""
        return math.inf

    def objective(self, u: torch.Tensor) -> float:
        """The exact worst-case loss plus penalty.

        Source: [A] eqs. (15), (17)
        """
        z = self.maps.seen(u)
        length = self.maps.epsilon * z[:, : self.maps.attacked].abs().sum(-1)
        loss = self._worst_loss(self.maps.score(z), length[self.maps.row_of])
        return loss + self.beta * float(torch.linalg.vector_norm(u, dim=-1).sum())

    def certificate(self, at: Iterate) -> tuple[float, RobustProof]:
        """Weak duality: the facets' share of the attacked coordinates is soft-thresholded away.

        Source: own (for [A] eqs. (15), (18))
        """
        maps, a = self.maps, self.maps.attacked
        facets, loss = at.multipliers[0], self._dual_pairs(at)
        on_score, on_length = maps.across(*loss)
        limit = -maps.epsilon * maps.by_row(on_length)[:, None]
        pi = (at.multipliers[4] - at.multipliers[3]).clamp(-limit, limit)
        force = maps.pull(on_score)
        force[:, :a] += pi
        columns = (maps.facets * facets) @ maps.X + maps.seen_adjoint(force)
        spent = maps.epsilon * facets.sum(-1, keepdim=True)
        head = columns[..., :a]
        shrunk = torch.sign(head) * (head.abs() - spent).clamp(min=0)
        norms = torch.linalg.vector_norm(torch.cat([shrunk, columns[..., a:]], -1), dim=-1)
        largest = float(norms.max())
        limit_scale = self.beta / largest if largest > 0 else math.inf
        proof = RobustProof(torch.stack(loss), pi * self.sigma, facets)
        return self._dual_value(loss, limit_scale), proof

    def stationarity(self, at: Iterate) -> torch.Tensor:
        """Minus the u part of the transposed maps."""
        return -self.maps.adjoint(at.multipliers)[0]

    def stationarity_step(self, at: Iterate, step: Partial) -> torch.Tensor:
        """Linear in the multipliers."""
        return -self.maps.adjoint(step.multipliers)[0]

    def newton(self, at: Iterate, scaling: Scaling, residual: torch.Tensor) -> RobustNewton:
        """Factorise at the iterate."""
        return RobustNewton(self.maps, at, scaling, residual, self._slope(at), self._curvature(at))

    def _place(
        self,
        centre: float,
        xi: torch.Tensor,
        length: float,
        loss: tuple[torch.Tensor, torch.Tensor],
        longest: float = math.inf,
    ) -> Iterate:
        """v = w along the gates; h takes half the room of each cell, epsilon 1'g is `length`."""
        maps, a = self.maps, self.maps.attacked
        P, n = maps.facets.shape
        R = maps.rows.shape[0]
        centre = centre / (2 * n * P + 2 * P + 2 * n + 4 * P * a + 2 * R * a)
        reach = min(2 * n * centre / self.beta, longest)
        u = (0.5 * reach * self.gates).expand(2, -1, -1)
        spare = (0.25 * reach * self.room / (maps.epsilon * a))[:, None]
        g = torch.full_like(maps.X[:1, :a], length / (maps.epsilon * a)).expand(R, -1).clone()
        free = (u[..., :a].abs() + spare, g, xi)
        slacks = self._slacks(u, free)
        ratio = centre / slacks[0]
        facets = torch.minimum(ratio, 10 * ratio.median())
        half_h = 0.5 * maps.epsilon * facets.sum(-1, keepdim=True).expand(-1, -1, a)
        on_length = maps.by_row(-maps.across(*loss)[1])[:, None]
        half_g = 0.5 * maps.epsilon * on_length.expand(-1, a)
        point = torch.cat([torch.full_like(u[..., :1], reach), u], -1)
        dual = torch.zeros_like(point)
        dual[..., 0] = self.beta
        duals = (facets, half_h, half_h, half_g, half_g, *loss)
        return Iterate(point, dual, free, slacks, duals)

    def _slacks(self, u: torch.Tensor, free: Tensors) -> Tensors:
        slacks = self.maps.slacks(u, free)
        shifted = (s - c for s, c in zip(slacks[5:], self._shifts(), strict=True))
        return (*slacks[:5], *shifted)

    def _sign(self) -> torch.Tensor:
        raise NotImplementedError

    def _shifts(self) -> tuple[torch.Tensor, torch.Tensor]:
        raise NotImplementedError

    def _slope(self, at: Iterate) -> torch.Tensor:
        raise NotImplementedError

    def _curvature(self, at: Iterate) -> torch.Tensor | None:
        """Of the loss in each xi; None if it has none."""
        raise NotImplementedError

    def _worst_loss(self, score: torch.Tensor, length: torch.Tensor) -> float:
        raise NotImplementedError

    def _dual_pairs(self, at: Iterate) -> tuple[torch.Tensor, torch.Tensor]:
        raise NotImplementedError

    def _dual_value(self, loss: tuple[torch.Tensor, torch.Tensor], limit: float) -> float:
        raise NotImplementedError
