"""Lemmas 2, 3 and 4 of paper B on grids and on small sets, where both sides are exact.

Z is the set of values z(delta), delta in U: a list of points, a path, or a polygon. r is its
dimension. The concave functions are those of the paper, g(z) = u'z - q'[z]_+ with u, q >= 0.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from scipy.optimize import linprog

from robustcore.balls import LpBall
from robustcore.networks import ReLUNetwork

from ..oracles.corners import critical_points

Rows = list[dict[str, Any]]
_EQUAL = 1e-12  # rounding of sides of size 1 is 1e-15, and an excess was never below 1e-5


# -- Lemma 4 ---------------------------------------------------------------------------------------


def conjugate_rows(n_trials: int = 200, half_width: float = 40.0, seed: int = 0) -> Rows:
    """Conjugates of p'[x]_+ and u'x - q'[x]_+ by maximising over a grid of the plane.

    Source: [B] Lemma 4

    Parameters
    ----------
    n_trials : int
        Random (p, u, q) and z; z lies in the printed domain every second time.
    half_width : float
        The grid covers [-half_width, half_width]^2 and holds 0 and the corners.
    seed : int

    Returns
    -------
    list of dict
        For parts a and b: largest absolute value inside the printed domain (0 is claimed), and
        smallest and largest value outside it over half_width times the L1 distance to the domain:
        1 if the conjugate is +infinity there, -1 if it is -infinity.
    """
    rng = np.random.default_rng(seed)
    side = np.linspace(-half_width, half_width, 81)
    x = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
    found: dict[str, dict[str, list[float]]] = {k: {"in": [], "out": []} for k in ("a", "b")}
    for trial in range(n_trials):
        p, q, u = rng.uniform(0, 2, size=(3, 2))
        for part, low, high in (("a", 0 * p, p), ("b", u - q, u)):
            z = rng.uniform(low, high)
            if trial % 2:
                z = z + rng.normal(size=2) * 2
            f = np.maximum(x, 0) @ p if part == "a" else x @ u - np.maximum(x, 0) @ q
            value = (x @ z - f).max() if part == "a" else (x @ z - f).min()
            away = np.abs(z - z.clip(low, high)).sum()
            if away == 0:
                found[part]["in"].append(abs(value))
            else:
                found[part]["out"].append(value / (half_width * away))
    return [
        {
            "part": part,
            "inside": len(v["in"]),
            "largest_inside": max(v["in"]),
            "outside": len(v["out"]),
            "lowest_outside": min(v["out"]),
            "highest_outside": max(v["out"]),
        }
        for part, v in found.items()
    ]


# -- Lemma 2 ---------------------------------------------------------------------------------------


def convex_rows(n_instances: int = 200, n_points: int = 30, seed: int = 0) -> Rows:
    """Both sides of Lemma 2 for three convex f, an arbitrary g and an arbitrary finite Z.

    Source: [B] Lemma 2

    Returns
    -------
    list of dict
        For each f the largest difference of the sides. The supremum over u runs over a subgradient
        of f at each point, where it is attained if the lemma holds, and over 200 random points of
        dom f*, where nothing may exceed it (`excess`).
    """
    rng = np.random.default_rng(seed)
    p = rng.uniform(0, 2, size=3)
    # name: f, a subgradient, f*, random points of dom f*
    functions: dict[str, tuple[Callable, Callable, Callable, Callable]] = {
        "p'[z]_+": (
            lambda z: np.maximum(z, 0) @ p,
            lambda z: p * (z > 0),
            lambda u: 0 * u[:, 0],
            lambda: rng.uniform(0, p, size=(200, 3)),
        ),
        "|z|^2 / 2": (
            lambda z: 0.5 * (z**2).sum(axis=1),
            lambda z: z,
            lambda u: 0.5 * (u**2).sum(axis=1),
            lambda: rng.normal(size=(200, 3)),
        ),
        "max_i z_i": (
            lambda z: z.max(axis=1),
            lambda z: np.eye(3)[z.argmax(axis=1)],
            lambda u: 0 * u[:, 0],
            lambda: rng.dirichlet(np.ones(3), size=200),
        ),
    }
    rows = []
    for name, (f, subgradient, conjugate, draw) in functions.items():
        distance, excess = 0.0, -np.inf
        for _ in range(n_instances):
            z = 2 * rng.normal(size=(n_points, 3))
            g = np.sin(3 * z).sum(axis=1) * rng.normal()  # neither convex nor concave
            left = (f(z) + g).max()
            at = [(z @ u.T - conjugate(u) + g[:, None]).max() for u in (subgradient(z), draw())]
            distance, excess = max(distance, abs(at[0] - left)), max(excess, at[1] - left)
        row = {"f": name, "instances": n_instances, "distance": distance, "excess": excess}
        rows.append(row)
    return rows


# -- Lemma 3 ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Case:
    """A set Z and a concave g(z) = u'z - q'[z]_+.

    Source: [B] Lemma 3
    """

    kind: str
    vertices: np.ndarray  # (v, r): their convex hull is that of Z
    candidates: np.ndarray  # (c, r): points of Z among which g is largest on Z
    u: np.ndarray
    q: np.ndarray

    @property
    def left(self) -> float:
        """sup over Z of g."""
        return float((self.candidates @ self.u - np.maximum(self.candidates, 0) @ self.q).max())

    @property
    def right(self) -> float:
        """inf over u - q <= v <= u of sup over Z of v'z, by a linear program in (tau, v)."""
        n, r = self.vertices.shape
        matrix = np.hstack([-np.ones((n, 1)), self.vertices])
        bounds = [(None, None), *zip(self.u - self.q, self.u, strict=True)]
        return float(linprog(np.eye(r + 1)[0], matrix, np.zeros(n), bounds=bounds).fun)

    @property
    def hull(self) -> float:
        """max over the convex hull of Z of g, by a linear program in the weights and [z]_+."""
        n, r = self.vertices.shape
        cost = np.concatenate([-self.vertices @ self.u, self.q])
        above = np.hstack([self.vertices.T, -np.eye(r)])  # z <= h
        total = np.concatenate([np.ones(n), np.zeros(r)])[None]
        return -float(linprog(cost, above, np.zeros(r), total, [1.0]).fun)


def two_points() -> Case:
    """Z = {-1, 1} and g(z) = z - 2[z]_+ = -|z|: the smallest set on which Lemma 3 fails.

    Source: own
    """
    z = np.array([[-1.0], [1.0]])
    return Case("two points", z, z, np.array([1.0]), np.array([2.0]))


def bent_path() -> Case:
    """z(d) = (1 - 2[-d]_+, 1 - 2[d]_+) on [-1, 1], a hidden layer; g(z) = -[z_1]_+ - [z_2]_+.

    Source: own
    """
    z = np.array([[-1.0, 1.0], [1.0, 1.0], [1.0, -1.0]])
    kinks = np.array([[0.0, 1.0], [1.0, 0.0]])
    return Case("bent path", z, np.concatenate([z, kinks]), np.zeros(2), np.ones(2))


def random_cases(n_instances: int, seed: int) -> Iterator[Case]:
    """Points, paths of a ReLU layer and affine images of a ball, in turn, in 2 or 3 dimensions.

    Source: [B] Lemma 3
    """
    rng = np.random.default_rng(seed)
    generator = torch.Generator().manual_seed(seed)
    for number in range(n_instances):
        r = 2 + number % 2
        u, q = rng.uniform(0, 1, size=r), rng.uniform(0, 2, size=r)
        points = rng.normal(size=(6, r))
        yield Case("points", points, points, u, q)
        yield _random_path(rng, r, u, q)
        net = ReLUNetwork((2, r, 2), generator, dtype=torch.float64).requires_grad_(False)
        ball, x = LpBall(1, 2.0), torch.randn(2, generator=generator).double()
        W, b = net.layers[0].weight.numpy(), rng.normal(size=r)  # type: ignore[operator, union-attr]
        net.layers[0].bias.copy_(torch.from_numpy(b))  # type: ignore[operator, union-attr]
        corners = (x.numpy() + ball.vertices(2)) @ W.T + b
        pieces = critical_points(net, x, ball).numpy() @ W.T + b
        yield Case("affine image", corners, pieces, u, q)


def _random_path(rng: np.random.Generator, r: int, u: np.ndarray, q: np.ndarray) -> Case:
    """z(d) = W[w d + b]_+ + c on [-2, 2]: corners where a ReLU turns, zeros of z in between."""
    w, b = rng.normal(size=(2, 4))
    W, c = rng.normal(size=(r, 4)), rng.normal(size=r)
    turns = (-b / w)[np.abs(b / w) < 2]
    d = np.sort(np.concatenate([[-2.0, 2.0], turns]))
    corners = np.maximum(np.outer(d, w) + b, 0) @ W.T + c
    found = [corners]
    for start, end in itertools.pairwise(corners):
        for i in np.flatnonzero(start * end < 0):
            found.append((start + (end - start) * start[i] / (start[i] - end[i]))[None])
    return Case("path", corners, np.concatenate(found), u, q)


def concave_rows(cases: list[Case]) -> Rows:
    """Both sides of Lemma 3, and the maximum over the convex hull, for each kind of set.

    Source: [B] Lemma 3, eq. (28)

    Returns
    -------
    list of dict
        `violation`: the largest left - right (Lemma 3 with <= if at most rounding). `equal`: share
        of instances where the sides agree to 1e-12. `largest`: the largest right - left.
        `hull_distance`: the largest difference of the right side and the maximum over the hull.
    """
    rows = []
    for kind in dict.fromkeys(case.kind for case in cases):
        here = [case for case in cases if case.kind == kind]
        left, right, hull = (
            np.array([getattr(case, side) for case in here]) for side in ("left", "right", "hull")
        )
        rows.append(
            {
                "Z": kind,
                "instances": len(here),
                "violation": float((left - right).max()),
                "equal": float((right - left < _EQUAL).mean()),
                "largest": float((right - left).max()),
                "hull_distance": float(np.abs(right - hull).max()),
            }
        )
    return rows


def record(
    n_trials: int = 200, n_instances: int = 100, half_width: float = 40.0, seed: int = 0
) -> dict[str, Rows]:
    """The rows behind the claims of the page.

    Source: [B] Lemmas 2-4
    """
    named = [
        {"Z": case.kind, "left": case.left, "right": case.right, "hull": case.hull}
        for case in (two_points(), bent_path())
    ]
    return {
        "b3_conjugates.lemma4": conjugate_rows(n_trials, half_width, seed),
        "b3_conjugates.lemma2": convex_rows(n_instances, seed=seed),
        "b3_conjugates.lemma3": concave_rows(list(random_cases(n_instances, seed))),
        "b3_conjugates.by_hand": named,
    }
