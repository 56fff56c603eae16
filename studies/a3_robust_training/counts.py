"""The patterns of perturbed data: how many there are, and how many of them (10) can use."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from robustcore import patterns
from robustcore.balls import LpBall

from ..planar_boxes import Planar

_PERTURBATIONS = 4  # S of Algorithm 2, which the paper does not give


def perturbed_patterns(X: np.ndarray, radius: float) -> np.ndarray:
    r"""Every pattern of every X + Delta, for planar data without a bias and an Linf ball.

    .. math:: \{[(X+\Delta)u\ge0] : u\in\mathbb R^2,\ \|\delta_k\|_\infty\le\epsilon\}

    Source: [A] Section IV, the count P-hat

    Parameters
    ----------
    X : (n, 2) array
        At most 16 samples, in general position.
    radius : float

    Returns
    -------
    (P-hat, n) bool array

    Notes
    -----
    Exact. u is an angle; as it turns, sample k is on, off or free while
    :math:`|x_k^\top u|\le\epsilon\|u\|_1`, and free samples take every value. What is free changes
    at finitely many angles, and each arc between two of them gives one subcube of patterns.
    """
    square = np.array([[1, 1], [1, -1], [-1, -1], [-1, 1]])
    lines = np.concatenate([X + radius * s for s in square])  # (x + eps s) u = 0
    turns = np.arctan2(lines[:, 0], -lines[:, 1])
    turns = np.concatenate([turns, turns + math.pi, np.arange(4) * math.pi / 2]) % (2 * math.pi)
    turns = np.unique(turns)
    middles = (turns + np.append(turns[1:], turns[0] + 2 * math.pi)) / 2
    u = np.stack([np.cos(middles), np.sin(middles)])
    score, reach = X @ u, radius * np.abs(u).sum(axis=0)
    codes = [_subcube(s, r) for s, r in zip(score.T, reach, strict=True)]
    bits = np.unique(np.concatenate(codes))
    return (bits[:, None] >> np.arange(len(X)) & 1).astype(bool)


def _subcube(score: np.ndarray, reach: float) -> np.ndarray:
    """The patterns of one arc, as integers: fixed bits, and every value of the free ones."""
    codes = np.array([(1 << np.flatnonzero(score > reach)).sum()])
    for k in np.flatnonzero(np.abs(score) <= reach):
        codes = np.concatenate([codes, codes + (1 << int(k))])
    return codes


def exact_counts(n: int, seed: int, radii: Sequence[float]) -> list[dict[str, Any]]:
    """P, P-hat and how many of them can carry a neuron, over the radius: planar, no bias.

    Source: [A] Section IV; the last count is own

    Parameters
    ----------
    n : int
        Samples, uniform in the square [-1, 1]^2.
    seed : int
    radii : sequence of float
    """
    X = np.random.default_rng(seed).uniform(-1, 1, size=(n, 2))
    cells = patterns.enumerate(X)
    rows = []
    for radius in radii:
        every = perturbed_patterns(X, radius)
        found = patterns.Patterns(every.T, None, False, cells.fingerprint)
        usable = patterns.robust_feasible(X, found, LpBall(math.inf, radius))
        rows.append(
            {
                "n": n,
                "radius": radius,
                "P": len(cells),
                "P_hat": len(found),
                "usable": int(usable.sum()),
                "usable_not_clean": int((usable & ~cells.contains(found)).sum()),
            }
        )
    return rows


def sampled_counts(
    points: Planar, radii: Sequence[float], n_patterns: int, seed: int
) -> list[dict[str, Any]]:
    """Of the patterns that Algorithm 2 samples: how many clean X has, how many carry a neuron.

    Source: [A] Algorithm 2, Section VII-B

    Parameters
    ----------
    points : Planar
        Their bias is not perturbed.
    radii : sequence of float
    n_patterns : int
        P_s of Algorithm 2; P_a is ten times that, and S is 4.
    seed : int
    """
    cells = patterns.enumerate(points.X, bias=True)
    rows = []
    for radius in radii:
        ball, rng = LpBall(math.inf, radius), np.random.default_rng(seed)
        found = patterns.sample_perturbed(
            points.X, ball, n_patterns, rng, n_gates=10 * n_patterns,
            n_perturbations=_PERTURBATIONS, bias=True, at_most=True,
        )  # fmt: skip
        usable = patterns.robust_feasible(points.X, found, ball)
        rows.append(
            {
                "n": len(points.y),
                "radius": radius,
                "clean": len(cells),
                "clean_usable": int(patterns.robust_feasible(points.X, cells, ball).sum()),
                "sampled": len(found),
                "sampled_clean": int(cells.contains(found).sum()),
                "sampled_usable": int(usable.sum()),
            }
        )
    return rows
