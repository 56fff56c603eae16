r"""The reduced (15) and (18) for the interior-point engine.

Shape letters: B programs, n samples, d features of which the first a are attacked, P kept patterns,
R distinct rows of the pattern matrix; the axis of length 2 is v, then w.

Every sample of row r sees :math:`z_r = \sum_i R_{ri}(v_i - w_i)`. Free variables: h_j (B, 2, P, k)
and g_r (B, R, k), whose sums are at least the dual norms of u_j and z_r on the attacked features
(`lengths`: k = a for the Linf ball, 1 for L1 and L2), and one number a sample, xi (B, n). Pairs, in
order: facets :math:`e_{ik}x_k^\top u_j - \epsilon 1^\top h_j`; those of h and u; those of g and z;
and two of the loss, each xi + slope s_k - weight epsilon 1'g - shift with s_k = sign_k x_k'z.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import torch

from ...errors import InputError
from ...losses import ConvexLoss
from .batch import Tensors, largest, padded, spread, total
from .cones import Scaling
from .lengths import LENGTHS
from .pairs import Cone
from .products import WeightedGram
from .protocol import Iterate, Partial, all_inside, with_beta
from .robust_maps import Free, Pairs, RobustMaps, distinct_rows
from .robust_system import RobustNewton


@dataclass(frozen=True)
class RobustProof:
    """Multipliers behind lower bounds: loss (B, 2, n), pi (B, R, a), facets (B, 2, P, n).

    In the user's units; a loss multiplier of sample k weighs its score by slope times sign, and
    theta (B, n) is minus what both weigh the output with.
    """

    loss: torch.Tensor
    pi: torch.Tensor
    facets: torch.Tensor
    theta: torch.Tensor

    def of(self, j: int) -> RobustProof:
        """That of one program, without the axis of the batch."""
        return RobustProof(self.loss[j], self.pi[j], self.facets[j], self.theta[j])


class Robust:
    """What the losses share; each names the one it is for.

    Parameters
    ----------
    X : (n, d) float64 tensor
    y : (n,) tensor
    active : list of (n, P) bool tensors
        One for each program of the batch; shorter ones are filled up as for `Standard`.
    gates : list of (d, P) tensors
        A strictly robust-interior point of every cell:
        (2D_i - I) X a_i > epsilon ||a_i||_q over the attacked coordinates.
    beta : float
    epsilon : float
        Positive radius in the units of X.
    attacked : int
        The first so many columns of X are attacked (all but a bias).
    p : float
        Of the ball: inf, 1 or 2.

    Raises
    ------
    InputError
        If a gate is not strictly inside its robust cell.
    """

    loss: ClassVar[ConvexLoss]
    one_length: bool
    bends = False
    slopes: tuple[float, float]
    weights: tuple[float, float]

    def __init__(
        self,
        X: torch.Tensor,
        y: torch.Tensor,
        active: Sequence[torch.Tensor],
        gates: Sequence[torch.Tensor],
        beta: float,
        epsilon: float,
        attacked: int,
        p: float = math.inf,
    ) -> None:
        if not (beta > 0 and epsilon > 0):
            raise InputError(f"beta and epsilon must be positive, got {beta} and {epsilon}.")
        self.sigma = float(torch.linalg.matrix_norm(X, 2)) / math.sqrt(len(X)) or 1.0
        self.beta, self.y = beta / self.sigma, y
        used = padded([torch.ones_like(one[0]) for one in active])  # (B, P)
        facets = (2 * padded(active).mT.to(X) - 1) * used[..., None]
        rows, row_of = distinct_rows(active)
        scaled = X / self.sigma
        self.maps = RobustMaps(
            scaled, self._sign(), facets, rows.to(X), row_of, epsilon / self.sigma,
            LENGTHS[p], attacked, self.slopes, self.weights, WeightedGram(scaled),
        )  # fmt: skip
        self.gates = padded([gate / torch.linalg.vector_norm(gate, dim=0) for gate in gates]).mT
        length = self._worst(self.gates)[..., None]
        self.room = (facets * (self.gates @ scaled.T) - length).amin(dim=-1)
        if not bool(((self.room > 0) | self.idle).all()):
            program, worst = ((self.room <= 0) & used).nonzero()[0].tolist()
            where = f" of program {program}" if len(active) > 1 else ""
            raise InputError(f"the gate of pattern {worst}{where} is not strictly robust-feasible.")

    def subset(self, keep: torch.Tensor) -> Self:
        """Some programs of the batch."""
        some = copy.copy(self)
        some.maps, some.gates = self.maps.subset(keep), self.gates[keep]
        some.room = self.room[keep]
        return some

    @property
    def cones(self) -> tuple[Cone, ...]:
        """In which each of the pairs lies."""
        return self.maps.cones

    @property
    def idle(self) -> torch.Tensor:
        """Which patterns only fill up, (B, P)."""
        return (self.maps.facets == 0).all(dim=-1)

    def resume(self, at: Iterate) -> tuple[Iterate, torch.Tensor]:
        """With the slacks of this program."""
        slacks = self._slacks(at.u, at.free).flat
        return replace(with_beta(at, self.beta), slacks=slacks), all_inside(self.cones, slacks)

    def longest(self, at: Iterate, step: Iterate) -> torch.Tensor:
        """No variable has a domain of its own."""
        return torch.full_like(at.u[:, 0, 0, 0], math.inf)

    def objective(self, u: torch.Tensor) -> torch.Tensor:
        """The exact worst-case loss plus penalty.

        Source: [A] eqs. (15), (17)
        """
        z = self.maps.seen(u)
        loss = self._worst_loss(self.maps.score(z), self.maps.at_samples(self._worst(z)))
        return loss + self.beta * total(torch.linalg.vector_norm(u, dim=-1))

    def certificate(self, at: Iterate) -> tuple[torch.Tensor, RobustProof]:
        """Weak duality: of the attacked coordinates, the facets pay for what a ball can hold.

        The multipliers of u and h do not enter: the best point of that ball is its projection.

        Source: own (for [A] eqs. (15), (18))
        """
        maps, a, given = self.maps, self.maps.attacked, Pairs.of(at.multipliers)
        facets, loss = given.facets, self._dual_pairs(at)
        on_score, on_length = maps.across(*loss)
        limit = -maps.epsilon * maps.by_row(on_length[..., None])
        pi = maps.length.project(maps.length.adjoint(given.z_length)[0], limit)
        force = maps.pull(on_score)
        force[..., :a] += pi
        columns = (maps.facets[:, None] * facets) @ maps.X + maps.seen_adjoint(force)
        spent = maps.epsilon * facets.sum(-1, keepdim=True)
        head = columns[..., :a]
        left = head - maps.length.project(head, spent)
        norms = torch.linalg.vector_norm(torch.cat([left, columns[..., a:]], -1), dim=-1)
        theta = -on_score * maps.sign
        proof = RobustProof(torch.stack(loss, dim=1), pi * self.sigma, facets, theta)
        return self._dual_value(loss, self.beta / largest(norms)), proof

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
        worst: float,
        loss: tuple[torch.Tensor, torch.Tensor],
        longest: float = math.inf,
    ) -> Iterate:
        """v = w along the gates; h takes half the room of each cell, epsilon 1'g is `worst`."""
        maps, a = self.maps, self.maps.attacked
        B, P, n = maps.facets.shape
        R, k = maps.rows.shape[1], maps.length.width(a)
        cones = maps.length.degree(a)
        centre = centre / (2 * n * P + 2 * P + 2 * n + (2 * P + R) * cones)
        reach = min(2 * n * centre / self.beta, longest)
        u = (0.5 * reach * self.gates)[:, None].expand(-1, 2, -1, -1)
        room = torch.where(self.idle, 1.0, reach * self.room)
        spare = (0.25 * room / (maps.epsilon * k))[:, None, :, None]
        g = u.new_full((B, R, k), worst / (maps.epsilon * k))
        free = Free(maps.length.tight(u[..., :a]) + spare, g, xi)
        slacks = self._slacks(u, free)
        ratio = centre / slacks.facets
        binding = torch.where(self.idle[:, None, :, None], math.nan, ratio)
        middle = binding.flatten(1).nanmedian(1).values
        facets = torch.minimum(ratio, 10 * spread(middle, ratio))
        on_h = maps.epsilon * facets.sum(-1, keepdim=True)
        on_g = maps.epsilon * maps.by_row(-maps.across(*loss)[1][..., None])
        point = torch.cat([torch.full_like(u[..., :1], reach), u], -1)
        dual = torch.zeros_like(point)
        dual[..., 0] = self.beta
        even = maps.length.even(on_h, a), maps.length.even(on_g, a)
        duals = Pairs(facets, *even, *loss)
        return Iterate(point, dual, free, slacks.flat, duals.flat)

    def _slacks(self, u: torch.Tensor, free: Tensors) -> Pairs:
        bare, (one, two) = self.maps.slacks(u, free), self._shifts()
        # a pattern that fills up keeps a constraint of its own, 1 - epsilon 1'h, or h had no centre
        facets = bare.facets + self.idle.to(u)[:, None, :, None]
        return bare._replace(facets=facets, first=bare.first - one, second=bare.second - two)

    def _worst(self, x: torch.Tensor) -> torch.Tensor:
        """By how much the ball moves x'(x_k + delta): (..., d) -> (...)."""
        return self.maps.epsilon * self.maps.length.tight(x[..., : self.maps.attacked]).sum(-1)

    def _ones(self) -> torch.Tensor:
        """(B, n)."""
        return torch.ones_like(self.maps.facets[:, 0])

    def _sign(self) -> torch.Tensor:
        raise NotImplementedError

    def _shifts(self) -> tuple[torch.Tensor, torch.Tensor]:
        raise NotImplementedError

    def _slope(self, at: Iterate) -> torch.Tensor:
        raise NotImplementedError

    def _curvature(self, at: Iterate) -> torch.Tensor | None:
        """Of the loss in each xi; None if it has none."""
        raise NotImplementedError

    def _worst_loss(self, score: torch.Tensor, length: torch.Tensor) -> torch.Tensor:
        raise NotImplementedError

    def _dual_pairs(self, at: Iterate) -> tuple[torch.Tensor, torch.Tensor]:
        raise NotImplementedError

    def _dual_value(
        self, loss: tuple[torch.Tensor, torch.Tensor], limit: torch.Tensor
    ) -> torch.Tensor:
        raise NotImplementedError
