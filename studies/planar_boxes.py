"""Labelled boxes in the plane, and the three programs that Figure 2 of paper A solves on them.

Apart from the page of Figure 2, so that pages which need its points do not rest on its attacks.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from robustcore import convex, patterns
from robustcore.balls import LpBall
from robustcore.convex import ConvexSolution

N_POINTS, RADIUS, N_PATTERNS = 34, 0.08, 360  # Section VII-B
BETAS = (1e-2, 1e-3, 1e-6, 1e-9)  # Figure 6; Figure 2 has the last


@dataclass(frozen=True)
class Planar:
    """Labelled points in the plane whose boxes do not overlap.

    Source: own
    """

    X: np.ndarray
    y: np.ndarray
    ball: LpBall


def planar(seed: int, n: int = N_POINTS, radius: float = RADIUS, frequency: float = 4.0) -> Planar:
    """`n` uniform points of the square [-1, 1]^2, no two boxes overlapping, split by a wave.

    Source: [A] Section VII-B (which does not give its points)

    Parameters
    ----------
    seed : int
    n : int
    radius : float
        Half the side of the boxes; points are at least 2.2 radii apart in the maximum norm, and at
        least two radii above or below the wave.
    frequency : float
        Of the wave that separates the classes.
    """
    rng = np.random.default_rng(seed)
    points: list[np.ndarray] = []
    labels: list[float] = []
    while len(points) < n:
        x = rng.uniform(-1, 1, size=2)
        height = x[1] - 0.5 * math.sin(frequency * x[0])
        apart = all(np.abs(x - other).max() > 2.2 * radius for other in points)
        if apart and abs(height) > 2 * radius:
            points.append(x)
            labels.append(math.copysign(1.0, height))
    return Planar(np.array(points), np.array(labels), LpBall(math.inf, radius))


def figure_2(
    points: Planar, beta: float, seed: int, n_patterns: int = N_PATTERNS
) -> dict[str, ConvexSolution]:
    """Algorithm 1, Algorithm 2, and (15) over every robust-feasible pattern.

    Source: [A] Figure 2, Section VII-B

    Parameters
    ----------
    points : Planar
    beta : float
    seed : int
        Of the patterns.
    n_patterns : int
        P_s of both algorithms.
    """
    rng = np.random.default_rng(seed)
    X, y, ball = points.X, points.y, points.ball
    clean = patterns.sample(X, n_patterns, rng, bias=True)
    perturbed = patterns.sample_perturbed(
        X, ball, n_patterns, rng, n_gates=10 * n_patterns, n_perturbations=4, bias=True
    )
    cells = patterns.enumerate(X, bias=True)
    return {
        "Algorithm 1": convex.train_standard(X, y, clean, beta),
        "Algorithm 2": convex.train_robust_hinge(X, y, perturbed, ball, beta),
        "exact (15)": convex.train_robust_hinge(X, y, cells, ball, beta),
    }
