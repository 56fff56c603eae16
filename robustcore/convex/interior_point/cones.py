r"""The algebra of second-order cones :math:`\{(x_0, x_1) : x_0 \ge \|x_1\|_2\}`.

Every function works on the last axis, shape (..., 1 + d), all axes before it are a batch of cones.
Source: Vandenberghe, "The CVXOPT linear and quadratic cone program solvers" (2010).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch


def determinant(x: torch.Tensor) -> torch.Tensor:
    """x_0^2 - |x_1|^2, computed as a product so that it stays accurate near the boundary."""
    norm = torch.linalg.vector_norm(x[..., 1:], dim=-1)
    return (x[..., 0] - norm) * (x[..., 0] + norm)


def product(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """The Jordan product a o b."""
    head = (a * b).sum(-1, keepdim=True)
    return torch.cat([head, a[..., :1] * b[..., 1:] + b[..., :1] * a[..., 1:]], -1)


def divide(a: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
    """The x with a o x = v."""
    inner = (a[..., 1:] * v[..., 1:]).sum(-1, keepdim=True)
    head = (a[..., :1] * v[..., :1] - inner) / determinant(a)[..., None]
    return torch.cat([head, (v[..., 1:] - head * a[..., 1:]) / a[..., :1]], -1)


def longest_step(x: torch.Tensor, dx: torch.Tensor) -> torch.Tensor:
    """(B,), the largest alpha <= 1 that keeps x + alpha dx in the cones of each batch index."""
    root = determinant(x).clamp(min=torch.finfo(x.dtype).tiny).sqrt()[..., None]
    unit = x / root
    inner = unit[..., :1] * dx[..., :1] - (unit[..., 1:] * dx[..., 1:]).sum(-1, keepdim=True)
    tail = (dx[..., 1:] - (inner + dx[..., :1]) / (unit[..., :1] + 1) * unit[..., 1:]) / root
    speed = torch.linalg.vector_norm(tail, dim=-1) - (inner / root)[..., 0]
    return 1 / speed.flatten(1).amax(1).clamp(min=1.0)


def pull_to_centre(v: torch.Tensor, low: torch.Tensor, high: torch.Tensor) -> torch.Tensor:
    """What both eigenvalues of v miss to lie in [low, high], each not below -high.

    The second-order form of the correction in Gondzio (1996), "Multiple centrality corrections in
    a primal-dual method for linear programming".
    """
    norm = torch.linalg.vector_norm(v[..., 1:], dim=-1, keepdim=True)
    small, large = v[..., :1] - norm, v[..., :1] + norm
    a, b = (torch.maximum(e.clamp(low, high) - e, -high) for e in (small, large))
    direction = torch.where(norm > 0, v[..., 1:] / norm, torch.zeros_like(v[..., 1:]))
    return torch.cat([(a + b) / 2, (b - a) / 2 * direction], -1)


@dataclass(frozen=True)
class Scaling:
    """The Nesterov-Todd scaling W with W z = W^{-1} s.

    Attributes
    ----------
    w : (..., 1 + d)
        Hyperbolic unit vector, w_0^2 - |w_1|^2 = 1.
    eta : (...)
    """

    w: torch.Tensor
    eta: torch.Tensor

    @classmethod
    def between(cls, s: torch.Tensor, z: torch.Tensor) -> Scaling:
        """From a primal and a dual point, both strictly inside their cones."""
        det_s, det_z = determinant(s), determinant(z)
        s, z = s / det_s.sqrt()[..., None], z / det_z.sqrt()[..., None]
        gamma = ((1 + (s * z).sum(-1, keepdim=True)) / 2).sqrt()
        tail = (s[..., 1:] - z[..., 1:]) / (2 * gamma)
        head = (1 + tail.square().sum(-1, keepdim=True)).sqrt()  # exact on the hyperboloid
        return cls(torch.cat([head, tail], -1), (det_s / det_z) ** 0.25)

    def apply(self, x: torch.Tensor) -> torch.Tensor:
        """W x."""
        return self.eta[..., None] * self._boost(x, self.w[..., 1:])

    def undo(self, x: torch.Tensor) -> torch.Tensor:
        """W^{-1} x."""
        return self._boost(x, -self.w[..., 1:]) / self.eta[..., None]

    def inverse_square(self) -> torch.Tensor:
        """W^{-2} as a matrix, (..., 1 + d, 1 + d)."""
        mirrored = torch.cat([self.w[..., :1], -self.w[..., 1:]], -1)
        square = 2 * mirrored[..., :, None] * mirrored[..., None, :]
        diagonal = square.diagonal(dim1=-2, dim2=-1)
        diagonal[..., 0] -= 1.0
        diagonal[..., 1:] += 1.0
        return square / self.eta.square()[..., None, None]

    def _boost(self, x: torch.Tensor, tail: torch.Tensor) -> torch.Tensor:
        head = self.w[..., :1]
        inner = (tail * x[..., 1:]).sum(-1, keepdim=True)
        return torch.cat(
            [head * x[..., :1] + inner, x[..., 1:] + (x[..., :1] + inner / (1 + head)) * tail], -1
        )
