"""The proofs of paper B's Theorems 5 and 8, line by line, where every line can be evaluated.

Shape letters: v points of the ball, r hidden neurons of one layer. Two inputs, classes 1 against 0.
Each line of a proof is computed by itself: conjugates as maxima over an interval, infima as linear
programs in the variable that the line names, suprema over corners.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from scipy.optimize import linprog

from robustcore import bounds
from robustcore.balls import LpBall
from robustcore.networks import ReLUNetwork, affine_layers

from ..oracles.corners import critical_points
from ..oracles.sup_inf import random_network

Rows = list[dict[str, Any]]
_FIRST = torch.tensor([0])
_REACH = 1e3  # conjugates are maximised over [-1000, 1000] in each coordinate
_EQUAL = 1e-7  # above rounding of the programs, below any excess of interest


def binary(r: int) -> np.ndarray:
    """All 0/1 vectors, (2^r, r).

    Source: own
    """
    return np.array(list(itertools.product((0.0, 1.0), repeat=r)))


@dataclass(frozen=True)
class Lines:
    """One gap [up]'[z]_+ - [down]'[z]_+ + offset of a layer's values z, ready for the proof.

    Source: [B] Theorem 5 (its convex and its concave part)

    Parameters
    ----------
    up, down : (r,) arrays, at least 0
        Coefficients of the convex and of the concave part.
    offset : float
    hull : (v, r) array
        Values of z whose convex hull holds all others; enough for a supremum that is linear in z.
    corners : (w, r) array
        Values of z at the corners of its linear pieces and of the ReLUs behind them.
    """

    up: np.ndarray
    down: np.ndarray
    offset: float
    hull: np.ndarray
    corners: np.ndarray

    def left(self) -> float:
        """The worst gap from the corners.

        Source: [B] eqs. (12), (31)
        """
        return float((_relu(self.corners) @ (self.up - self.down)).max()) + self.offset

    def after_lemma_2(self, u: np.ndarray, conjugate: bool) -> float:
        """The supremum over the given u and over the ball, with or without the conjugate of f.

        Source: [B] eqs. (14), (15), (16)
        """
        values = u @ self.corners.T - (_relu(self.corners) @ self.down)[None]
        if conjugate:
            values = values - self.convex_conjugate(u)[:, None]
        return float(values.max()) + self.offset

    def convex_conjugate(self, u: np.ndarray) -> np.ndarray:
        """Conjugate of the convex part at each row of u, over [-1000, 1000]^r: kink and ends.

        Source: [B] Lemma 4, eq. (14)
        """
        return np.maximum(0, np.maximum(-u * _REACH, (u - self.up) * _REACH)).sum(axis=1)

    def concave_conjugate(self, v: np.ndarray, u: np.ndarray) -> np.ndarray:
        """Conjugate of g, u'z minus the concave part, at each row of v, over [-1000, 1000]^r.

        Source: [B] Lemma 4, eq. (17)
        """
        return np.minimum(0, np.minimum((u - v) * _REACH, (v - u + self.down) * _REACH)).sum(axis=1)

    def best_v(self, u: np.ndarray) -> tuple[float, np.ndarray]:
        """The least, over the domain of g's conjugate, of the largest v'z: one linear program.

        Source: [B] eqs. (18), (32)
        """
        n, r = self.hull.shape
        found = linprog(
            np.eye(r + 1)[0],
            A_ub=np.hstack([-np.ones((n, 1)), self.hull]),
            b_ub=np.zeros(n),
            bounds=[(None, None), *zip(u - self.down, u, strict=True)],
        )
        return float(found.fun) + self.offset, found.x[1:]

    def after_lemma_3(self) -> tuple[float, np.ndarray, np.ndarray]:
        """sup over binary s of inf over v: the value and the s and v that give it.

        Source: [B] eqs. (18), (32)
        """
        found = [(*self.best_v(s * self.up), s) for s in binary(len(self.up))]
        value, v, s = max(found, key=lambda item: item[0])
        return value, s, v


def _relu(z: np.ndarray) -> np.ndarray:
    return np.maximum(z, 0)


# -- Theorem 5 and Corollary 6 -----------------------------------------------------------------


def theorem_5_values(
    net: ReLUNetwork, x: torch.Tensor, ball: LpBall, rng: np.random.Generator
) -> dict[str, float]:
    """Every line of the proof for one network 2-r-2, by the number of its equation.

    Source: [B] Theorem 5, Corollary 6, eqs. (12)-(20)

    Notes
    -----
    (14) and (17) are also tried at random u and v outside the domains of the conjugates, where
    they must not win.
    """
    (W, b), (V, c) = affine_layers(net)
    row, offset = (V[1] - V[0]).numpy(), float(c[1] - c[0])
    points = x + torch.from_numpy(ball.vertices(2))
    hull, corners = ((p @ W.T + b).numpy() for p in (points, critical_points(net, x, ball)))
    lines = Lines(_relu(row), _relu(-row), offset, hull, corners)
    inside = np.concatenate([binary(len(row)), rng.uniform(size=(50, len(row)))]) * lines.up
    anywhere = np.concatenate([inside, inside + rng.normal(size=inside.shape)])
    value, s, v = lines.after_lemma_3()
    p = lines.up * s
    q = np.clip(p - v, 0, lines.down)
    t = np.divide(q, lines.down, out=np.zeros_like(q), where=lines.down > 0)
    slopes = [[torch.from_numpy(w)[None]] for w in (s, t)]
    return {
        "(12)": lines.left(),
        "(13)": float((hull @ (p - q)).max()) + offset,
        "(14)": lines.after_lemma_2(anywhere, conjugate=True),
        "(15)": lines.after_lemma_2(inside, conjugate=False),
        "(16)": max(_outer(lines, u) for u in inside),
        "(17)": _with_conjugate(lines, p, v, rng),
        "(18)": value,
        "(19)": float(bounds.exact(net, x[None], _FIRST, ball, attained=True)[0, 1]),
        "(20)": float(bounds.split(net, x[None], _FIRST, ball, *slopes)[0, 1]),
    }


def _outer(lines: Lines, u: np.ndarray) -> float:
    g = lines.corners @ u - _relu(lines.corners) @ lines.down
    return float(g.max()) + lines.offset  # (16)


def _with_conjugate(
    lines: Lines, u: np.ndarray, best: np.ndarray, rng: np.random.Generator
) -> float:
    """(17) at the best s: the least of v'z - g_*(v) over that v and many others."""
    v = np.concatenate([best[None], best + rng.normal(size=(50, len(best)))])
    values = (v @ lines.hull.T).max(axis=1) - lines.concave_conjugate(v, u)
    return float(values.min()) + lines.offset


def theorem_5_rows(n_networks: int = 30, seed: int = 0) -> Rows:
    """How far each line of the proof of Theorem 5 is from the worst gap, over L1 and Linf balls.

    Source: [B] Theorem 5, Corollary 6, eqs. (12)-(20)

    Returns
    -------
    list of dict
        A row for each equation: largest `distance` to (12), `equal`, the share within 1e-7.
    """
    generator, rng = torch.Generator().manual_seed(seed), np.random.default_rng(seed)
    found = []
    for number in range(n_networks):
        net = random_network((2, 4, 2), generator)
        x = torch.randn(2, generator=generator).double()
        ball = LpBall((1, math.inf)[number % 2], float(rng.uniform(0.3, 3)))
        found.append(theorem_5_values(net, x, ball, rng))
    return [
        {"proof of": "Theorem 5", "eq": eq, **_distances([(f["(12)"], f[eq]) for f in found])}
        for eq in found[0]
    ]


# -- the induction step of Theorem 8 ------------------------------------------------------------


def induction_values(
    net: ReLUNetwork, x: torch.Tensor, ball: LpBall, p: torch.Tensor, q: torch.Tensor
) -> tuple[float, float]:
    """(31) and (32) for given p_l, q_l, where z^{l-1} is the output of `net`.

    Source: [B] Theorem 8, eqs. (31), (32)
    """
    *front, (W, b) = affine_layers(net)
    plus, minus = W.clamp(min=0).T, (-W).clamp(min=0).T
    up, down = plus @ p + minus @ q, minus @ p + plus @ q
    row, offset = (p - q) @ W, (p - q) @ b
    points = x + torch.from_numpy(ball.vertices(2))
    if len(front) > 1:
        points = critical_points(net, x, ball)
    for number, (weight, bias) in enumerate(front):
        points = (points.clamp(min=0) if number else points) @ weight.T + bias
    lines = Lines(up.numpy(), down.numpy(), float(offset), points.numpy(), points.numpy())
    last = torch.stack([0 * row, row]), torch.stack([0 * offset, offset])
    whole = ReLUNetwork.from_arrays([*front, last]).requires_grad_(False)
    left = float(bounds.exact(whole, x[None], _FIRST, ball, attained=True)[0, 1])  # (31)
    return left, lines.after_lemma_3()[0]  # (32)


def induction_rows(n_networks: int = 30, seed: int = 0) -> Rows:
    """The step (31) to (32) where the values below are affine in the perturbation, and where not.

    Source: [B] Theorem 8, eqs. (31), (32)

    Returns
    -------
    list of dict
        For each of z^1 (affine) and z^2 (not): `violation`, the largest (31) - (32), and how often
        the two are equal.
    """
    rng = np.random.default_rng(seed)
    rows = []
    for below, sizes in (("z^1", (2, 4, 3)), ("z^2", (2, 3, 4, 3))):
        pairs = list(_induction_pairs(sizes, n_networks, rng, seed))
        rows.append({"proof of": "Theorem 8", "eq": "(31), (32)", "below": below})
        rows[-1] |= _distances(pairs) | {"violation": max(left - right for left, right in pairs)}
    return rows


def _induction_pairs(
    sizes: tuple[int, ...], n_networks: int, rng: np.random.Generator, seed: int
) -> Iterator[tuple[float, float]]:
    generator = torch.Generator().manual_seed(seed)
    for _ in range(n_networks):
        net = random_network(sizes, generator)
        x = torch.randn(2, generator=generator).double()
        p, q = torch.from_numpy(rng.uniform(size=(2, sizes[-1])))
        yield induction_values(net, x, LpBall(1, float(rng.uniform(0.3, 3))), p, q)


def _distances(pairs: list[tuple[float, float]]) -> dict[str, Any]:
    away = [abs(left - right) for left, right in pairs]
    return {
        "instances": len(pairs),
        "distance": max(away),
        "equal": sum(a < _EQUAL for a in away) / len(away),
    }


def record(n_networks: int = 150, seed: int = 0) -> dict[str, Rows]:
    """The record `b4_split.steps`.

    Source: [B] Theorems 5, 8, eqs. (12)-(20), (31), (32)
    """
    return {"b4_split.steps": theorem_5_rows(n_networks, seed) + induction_rows(n_networks, seed)}
