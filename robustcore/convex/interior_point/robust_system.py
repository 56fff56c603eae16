r"""The Newton system of the reduced (15) and (18).

Of h and g the sums p_j = 1'h_j and q_r = 1'g_r, the lengths themselves, stay unknowns; where there
is more to them than the sum, it is eliminated entry by entry (`lengths`). Every term of the reduced
system is then a sum of positive semidefinite ones and nothing is subtracted. The blocks v_i and w_i
meet the rows only through delta_i = v_i - w_i, so one dense factorisation of size R + P d couples
everything.
"""

from __future__ import annotations

import torch

from .batch import Tensors, largest, spread
from .cones import Scaling
from .protocol import Iterate, Partial
from .robust_maps import Pairs, RobustMaps
from .system import Refinement, accuracy, cholesky_solve, robust_cholesky

Right = Tensors  # of u, h, g, xi
_REFINEMENTS = 4


class RobustNewton:
    """Directions of the robust program at one iterate."""

    def __init__(
        self,
        maps: RobustMaps,
        at: Iterate,
        scaling: Scaling,
        residual: torch.Tensor,
        slope: torch.Tensor,
        curvature: torch.Tensor | None,
    ) -> None:
        self.maps, self.bent = maps, curvature is not None
        self.curvature = torch.zeros_like(slope) if curvature is None else curvature
        s, m = Pairs.of(at.slacks), Pairs.of(at.multipliers)
        self.enough = accuracy((s.facets * m.facets).flatten(1).mean(1))
        each = zip(maps.cones, at.slacks, at.multipliers, strict=True)
        self.pairs = [cone.pair(*both) for cone, *both in each]
        _, h, g, xi = maps.adjoint(at.multipliers)
        self.residuals: Right = (residual, -h, -g, slope - xi)
        head, tail = scaling.w[..., 0], scaling.w[..., 1:]
        norm = torch.linalg.vector_norm(tail, dim=-1, keepdim=True)
        self.axis = torch.where(norm > 0, tail / norm, torch.zeros_like(tail))
        self.weight = scaling.eta**-2
        self.shrink = 1 - 1 / (2 * head.square() - 1)
        self.form_h = maps.length.form(s.u_length, m.u_length)
        self.form_g = maps.length.form(s.z_length, m.z_length)
        self.one, self.two = m.first / s.first, m.second / s.second
        self.total = self.one + self.two + self.curvature
        self._factor_blocks(m.facets / s.facets)
        self._factor_coupling()

    def directions(self, cone: torch.Tensor, goals: Tensors) -> Partial:
        """All directions but t and z, refined.

        A multiplier is goal - stiffness slack, and a stiffness of 1e9 turns the rounding of a slack
        into an error of the dual equation, just where a cone has no room for it. So multipliers are
        unknowns of the refinement: what is left of stationarity is solved again, and the error
        of the elimination stays in the complementarity of its own pair.
        """
        gradient = (cone - self.residuals[0], *(-part for part in self.residuals[1:]))
        found = self._solve(_plus(gradient, self.maps.adjoint(goals)))
        slacks = self.maps.slacks(found[0], found[1:]).flat
        multipliers = self._after(goals, slacks)
        size = _largest(gradient).clamp(min=torch.finfo(gradient[0].dtype).tiny)
        refinement = Refinement(self.enough * size)
        for _ in range(_REFINEMENTS):
            left = _plus(gradient, self.maps.adjoint(multipliers), self._curved(found), -1.0)
            going = refinement.goes_on(_largest(left))
            if going is None:
                break
            change = tuple(spread(going, part) * part for part in self._solve(left))
            found = _plus(found, change)
            slacks = self.maps.slacks(change[0], change[1:]).flat
            multipliers = self._after(multipliers, slacks)
        slacks = self.maps.slacks(found[0], found[1:]).flat
        return Partial(found[0], found[1:], slacks, multipliers)

    def _after(self, goals: Tensors, slacks: Tensors) -> Tensors:
        """What changes of the slacks leave of the goals."""
        each = zip(self.pairs, goals, slacks, strict=True)
        return tuple(goal - pair.stiffness(change) for pair, goal, change in each)

    def _curved(self, x: Right) -> Right:
        """What the cones and the loss itself add to the normal operator."""
        u, h, g, xi = x
        along = (self.axis * u).sum(-1, keepdim=True) * self.axis
        cone = self.weight[..., None] * (u - self.shrink[..., None] * along)
        return cone, torch.zeros_like(h), torch.zeros_like(g), self.curvature * xi

    def _factor_blocks(self, facet: torch.Tensor) -> None:
        """H_j on (p, u), Cholesky with p first; its trailing factor is that of the Schur block."""
        maps, d = self.maps, self.maps.X.shape[1]
        blocks = self.form_h.matrix(d)
        blocks[..., 0, 0] += maps.epsilon**2 * facet.sum(-1)
        signs = maps.facets[:, None]
        cross = -maps.epsilon * (facet * signs) @ maps.X
        blocks[..., 0, 1:] += cross
        blocks[..., 1:, 0] += cross
        blocks[..., 1:, 1:] += maps.gram(facet * signs.square())
        pull = self.weight * self.shrink
        blocks[..., 1:, 1:] -= (
            pull[..., None, None] * self.axis[..., :, None] * self.axis[..., None, :]
        )
        blocks[..., 1:, 1:].diagonal(dim1=-2, dim2=-1).add_(self.weight[..., None])
        self.blocks = robust_cholesky(blocks)
        trailing = self.blocks[..., 1:, 1:]
        schur = trailing @ trailing.mT  # S_v, S_w: (B, 2, P, d, d)
        self.first = schur[:, 0]
        self.both = robust_cholesky(schur[:, 0] + schur[:, 1])
        K = torch.linalg.solve_triangular(trailing[:, 1], trailing[:, 0], upper=False)
        gram = K.mT @ K
        gram.diagonal(dim1=-2, dim2=-1).add_(1.0)
        half = torch.linalg.solve_triangular(
            robust_cholesky(gram), trailing[:, 0].mT.contiguous(), upper=False
        )
        self.parallel = half.mT @ half  # (S_v^-1 + S_w^-1)^-1

    def _lines(self) -> list[tuple[torch.Tensor, tuple[float, float]]]:
        """What is left of the loss once xi is eliminated: weights, and slopes of (length, score).

        Squares of xi + l_i, each with weight w_i, leave the sum over pairs of
        w_i w_j (l_i - l_j)^2 / sum w; the curvature of the loss is one more square with l = 0.
        """
        (a, b), (c, e) = self.maps.slopes, self.maps.weights
        one, two = self.one, self.two
        lines = [(one * (two / self.total), (c - e, b - a))]
        if self.bent:
            lines.append((self.curvature * (one / self.total), (-c, a)))
            lines.append((self.curvature * (two / self.total), (-e, b)))
        return lines

    def _row_matrices(self) -> torch.Tensor:
        """What each row adds on (q, z), (B, R, 1 + d, 1 + d)."""
        maps, d = self.maps, self.maps.X.shape[1]
        rows = self.form_g.matrix(d)
        lines = self._lines()
        length, cross, score = (
            torch.stack([weight * slope[i] * slope[j] for weight, slope in lines]).sum(0)
            for i, j in ((0, 0), (0, 1), (1, 1))
        )
        rows[..., 0, 0] += maps.epsilon**2 * maps.by_row(length[..., None])[..., 0]
        mixed = maps.epsilon * maps.pull(cross)
        rows[..., 0, 1:] += mixed
        rows[..., 1:, 0] += mixed
        maps.add_row_grams(rows[..., 1:, 1:], score)
        return rows

    def _factor_coupling(self) -> None:
        """The dense matrix on (q, delta), its lower triangle: rows first, then patterns."""
        maps, d = self.maps, self.maps.X.shape[1]
        B, R, P = maps.rows.shape
        rows = self._row_matrices()
        matrix = rows.new_empty(B, R + P * d, R + P * d)
        matrix[:, :R, :R] = 0.0
        matrix[:, :R, :R].diagonal(dim1=-2, dim2=-1).copy_(rows[..., 0, 0])
        below = (maps.rows[..., None] * rows[:, :, None, 0, 1:]).reshape(B, R, P * d)
        matrix[:, R:, :R] = below.mT
        tail = rows[..., 1:, 1:].reshape(B, R, d * d)
        for i in range(P):
            weights = maps.rows[..., : i + 1].mT * maps.rows[:, None, :, i]  # blocks (i, 0..i)
            strip = (weights @ tail).reshape(B, i + 1, d, d)
            strip[:, i] += self.parallel[:, i]
            at = R + i * d
            matrix[:, at : at + d, R : at + d] = strip.transpose(1, 2).reshape(B, d, (i + 1) * d)
        self.coupling = robust_cholesky(matrix)

    def _solve(self, right: Right) -> Right:
        maps, d = self.maps, self.maps.X.shape[1]
        on_u, on_h, on_g, on_xi = right
        R = maps.rows.shape[1]
        block = self.form_h.right(on_h, d)
        block[..., 1:] += on_u
        row = self.form_g.right(on_g, d)
        pushed = -on_xi / self.total
        on_score, on_length = maps.across(self.one * pushed, self.two * pushed)
        row[..., :1] += maps.epsilon * maps.by_row(on_length[..., None])
        row[..., 1:] += maps.pull(on_score)
        # p out of each block: forward substitution of its first row
        first = self.blocks[..., 0, 0]
        across = self.blocks[..., 1:, 0]
        reduced = block[..., 1:] - across * (block[..., :1] / first[..., None])
        both = reduced[:, 0] + reduced[:, 1]
        mean = cholesky_solve(self.both, both)[..., None]
        on_delta = reduced[:, 0] - (self.first @ mean)[..., 0] + maps.rows.mT @ row[..., 1:]
        unknown = torch.cat([row[..., 0], on_delta.flatten(1)], -1)
        unknown = cholesky_solve(self.coupling, unknown)
        q, delta = unknown[:, :R], unknown[:, R:].unflatten(1, (-1, d))
        w = both - (self.first @ delta[..., None])[..., 0]
        w = cholesky_solve(self.both, w)
        u = torch.stack([w + delta, w], dim=1)
        p = (block[..., 0] / first - (across * u).sum(-1)) / first
        a, z = maps.attacked, maps.rows @ delta
        first_l, second_l = maps.along(maps.score(z), maps.epsilon * maps.at_samples(q))
        xi = (on_xi - self.one * first_l - self.two * second_l) / self.total
        h = self.form_h.unfold(on_h, p, u[..., :a])
        return u, h, self.form_g.unfold(on_g, q, z[..., :a]), xi


def _largest(parts: Right) -> torch.Tensor:
    return largest(*(part.abs() for part in parts))


def _plus(a: Right, b: Right, c: Right | None = None, weight: float = 1.0) -> Right:
    """a + b + weight c."""
    total = tuple(p + q for p, q in zip(a, b, strict=True))
    if c is None:
        return total
    return tuple(p + weight * q for p, q in zip(total, c, strict=True))
