"""The perturbation set both papers share, and the one lemma that joins them.

The support function of an Lp ball is its radius times the dual norm. Paper A uses it in (11), (15)
and (18), paper B in (7), (9) and (20); here it is written once.

Every method takes numpy arrays or torch tensors and answers in kind. The last axis holds the `d`
features; all axes before it are batch axes.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from ..errors import InputError, check_count, check_finite, check_nonnegative, check_number
from ..projections import onto_ball
from .questions import EXTREME_POINTS, NORM, PerturbationSet, answers_in_kind, check_set

_MAX_SIGN_VECTORS = 20  # 2^20 vertices of a box are a million rows; more is a mistake


def as_ball(given: Any, who: str) -> LpBall:
    """The set itself if it is an `LpBall`; any other is refused in the name of who asks.

    Source: own
    """
    check_set(given, who, NORM)
    if not isinstance(given, LpBall):  # a ball that is cut: it has them, and is not all of it
        raise InputError(f"{who} is for an LpBall, got {given!r}; take LpBall(p, radius, box=...).")
    return given


def _box(box: Any) -> tuple[float, float] | None:
    if box is None:
        return None
    try:
        low, high = (check_number("an end of the box", end) for end in box)
    except (TypeError, ValueError) as error:
        raise InputError(f"box must be (low, high) with low < high, got {box!r}.") from error
    if not low < high:
        raise InputError(f"box must be (low, high) with low < high, got {box}.")
    return low, high


@dataclass(frozen=True)
class LpBall(PerturbationSet):
    r"""The set of perturbations :math:`\{\delta : \|\delta\|_p \le \rho\}`.

    Source: [A] eq. (1); [B] Section 3.

    Parameters
    ----------
    p : float
        Exponent, 1 <= p <= inf.
    radius : float
        rho, in the units of the inputs as the user has them (before any scaling inside a network).
    box : (float, float), optional
        Valid range of each input coordinate, for example (0, 1) for pixels. With a box, projections
        and attacks keep `x + delta` inside it; bounds ignore it unless they say otherwise, or are
        asked about `Cut(ball)`.

    Raises
    ------
    InputError
        For p < 1, a negative radius, an empty box, or what is not a number.
    """

    p: float
    radius: float
    box: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        p = check_number("p", self.p, "use 1, 2 or float('inf')")
        if not p >= 1:
            raise InputError(f"p must be at least 1, got {self.p}; use 1, 2 or float('inf').")
        advice = "write 8 / 255, not '8/255'; radii of single features: Radii(p, radii)"
        radius = check_number("radius", self.radius, advice)
        check_nonnegative("radius", radius)
        for name, number in (("p", p), ("radius", radius), ("box", _box(self.box))):
            object.__setattr__(self, name, number)

    def __repr__(self) -> str:
        p = "inf" if math.isinf(self.p) else f"{self.p:g}"
        box = "" if self.box is None else f", box=({self.box[0]:g}, {self.box[1]:g})"
        return f"LpBall({p}, {self.radius:g}{box})"

    @property
    def dual_exponent(self) -> float:
        """q with 1/p + 1/q = 1.

        Source: [B] eq. (7)
        """
        if self.p == 1:
            return math.inf
        return 1.0 if math.isinf(self.p) else self.p / (self.p - 1)

    def with_radius(self, radius: float) -> LpBall:
        """The same ball with another radius."""
        return LpBall(self.p, radius, self.box)

    def lacks(self, question: str) -> str | None:
        """Only the cross-polytope, p = 1, has few extreme points."""
        if question == EXTREME_POINTS and self.p != 1:
            return "has too many of; take LpBall(1, ...), or a method for any p"
        return None

    def extreme_points(self, d: int) -> torch.Tensor:
        """`vertices` as a tensor: (V, d)."""
        return torch.from_numpy(self.vertices(d))

    @answers_in_kind
    def norm(self, delta: Any) -> Any:
        """The p-norm over the last axis, shape (..., d) -> (...)."""
        return torch.linalg.vector_norm(delta, self.p, dim=-1)

    @answers_in_kind
    def support(self, c: Any) -> Any:
        r""":math:`\sup_{\|\delta\|_p\le\rho} c^\top\delta = \rho\,\|c\|_q`.

        Source: [B] eq. (23); [A] Appendix D, eq. (27)

        Parameters
        ----------
        c : (..., d)

        Returns
        -------
        (...)
            Exact. The box is not used.
        """
        return self.radius * torch.linalg.vector_norm(c, self.dual_exponent, dim=-1)

    @answers_in_kind
    def maximiser(self, c: Any) -> Any:
        r"""A point of the ball at which :math:`c^\top\delta` attains its support value.

        For p = inf it is rho sgn(c) ([A] Theorem 4), for p = 1 a signed unit vector.

        Source: [A] Theorem 4; [B] Section 4

        Parameters
        ----------
        c : (..., d)

        Returns
        -------
        (..., d)
        """
        if math.isinf(self.p):
            return self.radius * torch.sign(c)
        if self.p == 1:
            m = c.abs().argmax(dim=-1, keepdim=True)
            return torch.zeros_like(c).scatter(-1, m, self.radius * torch.sign(c.gather(-1, m)))
        q = self.dual_exponent
        scale = c.abs().amax(dim=-1, keepdim=True)
        c = torch.where(scale > 0, c / scale, c)  # no overflow, no underflow in the powers
        direction = torch.sign(c) * c.abs() ** (q - 1)
        norm = torch.linalg.vector_norm(direction, self.p, dim=-1, keepdim=True)
        return self.radius * torch.where(norm > 0, direction / norm, direction)

    def vertices(self, d: int) -> np.ndarray:
        """The vertices of the ball in dimension `d`, for p = 1 (2d rows) and p = inf (2^d rows).

        Returns
        -------
        (m, d)
            Order for p = 1: all +rho e_m, then all -rho e_m.

        Raises
        ------
        InputError
            For another p (no finite vertex set) or a box of more than 20 dimensions.
        """
        if self.p == 1:
            identity = np.eye(check_count("d", d))
            return self.radius * np.concatenate([identity, -identity])
        if not math.isinf(self.p):
            raise InputError(
                f"only L1 and Linf balls have finitely many vertices, got p={self.p:g}."
            )
        if check_count("d", d) > _MAX_SIGN_VECTORS:
            raise InputError(
                f"an Linf ball in {d} dimensions has 2^{d} vertices; at most d = "
                f"{_MAX_SIGN_VECTORS} is enumerated."
            )
        return self.radius * np.array(list(itertools.product((1.0, -1.0), repeat=d)))

    @answers_in_kind
    def contains(self, delta: Any, x: Any = None, tol: float = 1e-9) -> Any:
        """Whether each perturbation is in the ball, and `x + delta` in the box: (..., d) -> (...).

        `tol` is relative to the radius for the ball and to the width of the box for the box.
        """
        inside = self.norm(delta) <= self.radius * (1 + tol) + 1e-300
        if self.box is None or x is None:
            return inside
        low, high = self.box
        slack = tol * (high - low)
        moved = x + delta
        return inside & (moved >= low - slack).all(-1) & (moved <= high + slack).all(-1)

    def sample(self, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
        """Points drawn uniformly from the ball (the box is not used).

        Parameters
        ----------
        shape : (..., d)
        rng : numpy Generator

        Returns
        -------
        (..., d)

        Notes
        -----
        Barthe, Guedon, Mendelson, Naor (2005): generalised Gaussians g_i with density
        proportional to `exp(-|g|^p)`, divided by `(|g|_p^p + Exp(1))^(1/p)`.
        """
        if not isinstance(rng, np.random.Generator):
            raise InputError(f"rng must be numpy.random.default_rng(seed), got {rng!r}.")
        if math.isinf(self.p):
            return self.radius * rng.uniform(-1.0, 1.0, size=shape)
        magnitude = rng.gamma(1 / self.p, size=shape)  # |g|^p
        g = rng.choice((-1.0, 1.0), size=shape) * magnitude ** (1 / self.p)
        total = magnitude.sum(axis=-1, keepdims=True) + rng.exponential(size=(*shape[:-1], 1))
        return self.radius * g / total ** (1 / self.p)

    @answers_in_kind
    def project(self, delta: Any, x: Any = None) -> Any:
        r"""The Euclidean projection of `delta` onto the ball, or onto the ball cut with the box.

        .. math:: \arg\min_{\delta'} \tfrac12\|\delta'-\delta\|_2^2 \quad\text{s.t.}\quad
                  \|\delta'\|_p \le \rho,\; x+\delta' \in \text{box}

        Source: [A] eq. (3)

        Parameters
        ----------
        delta : (..., d)
        x : (..., d), optional
            The unperturbed inputs; needed when the ball has a box, and must lie in it.

        Returns
        -------
        (..., d)
            Exact up to rounding for p = 1, 2, inf and their cuts with a box; for other p the scalar
            equations are solved by bisection to machine precision.

        Raises
        ------
        InputError
            If the ball has a box and `x` is missing or outside of it.
        """
        check_finite("delta", delta)
        low, high = self._room(delta, x)
        return onto_ball(delta, self.p, self.radius, low, high)

    def _room(self, delta: torch.Tensor, x: torch.Tensor | None) -> tuple[Any, Any]:
        if self.box is None:
            inf = torch.full((), math.inf, dtype=delta.dtype, device=delta.device)
            return -inf, inf
        if x is None:
            raise InputError(f"{self!r} has a box: projecting needs the inputs x as well.")
        if x.shape[-1:] != delta.shape[-1:] or x.ndim > delta.ndim:
            raise InputError(f"x must be as delta, {tuple(delta.shape)}, got {tuple(x.shape)}.")
        low, high = self.box
        if bool((x < low).any() | (x > high).any()):
            raise InputError(f"x must lie in the box ({low:g}, {high:g}) of {self!r}.")
        return low - x, high - x
