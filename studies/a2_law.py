"""The probability statement of Theorem 2 without Monte Carlo: every set of patterns is solved.

On three points of the plane there are six patterns and 63 programs (8). With their values, and the
exact measure of each sector, the law of P{p_s2 < p_s1} follows for any number of draws, for draws
with repeats or without, and whatever the law of the further draw.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np

from robustcore import convex, losses, patterns
from robustcore.convex import pricing
from robustcore.patterns import Patterns

from .oracles.expected import read_from_the_solution
from .oracles.instances import LOSSES

N_POINTS = 3
SCHEMES = ("independent", "distinct")
MEASURES = ("uniform", "gaussian")
COUNTS = (3, 5, 8, 16, 32, 64)
_KEPT = 1e-6  # relative: a constraint exceeded by no more than this is kept
_LOWER = 1e-5  # relative: less is the solver's rounding
_SQUEEZE = 0.03  # of the second input, on every other instance


@dataclass(frozen=True)
class Lattice:
    """The value of (8) for every set of patterns; sets are the bits of an integer.

    Source: own (on [A] eqs. (8), (9))
    """

    n: int
    cells: Patterns
    masses: dict[str, np.ndarray]  # measure to (P,) probabilities of one draw
    value: np.ndarray  # (2^P,), the empty set has the cost of the zero network
    lowers: np.ndarray  # (2^P, P) bool: whether one more pattern lowers the optimum


def instance(seed: int) -> tuple[np.ndarray, np.ndarray, float, str]:
    """X (3, 2), y, beta, loss; every other X has inputs of very different sizes.

    Source: own
    """
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((N_POINTS, 2))
    if seed % 2:
        X = np.stack([np.ones(N_POINTS), _SQUEEZE * X[:, 1]], axis=1)
    y = rng.permutation([1.0, -1.0, float(rng.choice([-1.0, 1.0]))])
    return X, y, float(rng.choice([1e-1, 1e-2, 1e-3])), LOSSES[seed % 3]


def sector_masses(X: np.ndarray, cells: Patterns) -> np.ndarray:
    """The probability that a Gaussian gate falls into each cell of the plane: its angle over 2 pi.

    Source: own (on [A] Algorithm 1, line 1)
    """
    normals = np.arctan2(X[:, 1], X[:, 0])
    walls = np.sort(np.concatenate([normals + np.pi / 2, normals - np.pi / 2]) % (2 * np.pi))
    walls = walls[np.diff(walls, prepend=-1.0) > 1e-9]
    if walls[-1] - walls[0] > 2 * np.pi - 1e-9:
        walls = walls[:-1]  # 0 and 2 pi are one wall
    assert cells.gates is not None
    inside = np.arctan2(cells.gates[1], cells.gates[0]) % (2 * np.pi)
    width = np.diff(walls, append=walls[0] + 2 * np.pi)
    return np.asarray(width[np.searchsorted(walls, inside) - 1] / (2 * np.pi))


@read_from_the_solution()
def lattice(X: np.ndarray, y: np.ndarray, beta: float, loss: str = "hinge") -> Lattice:
    """Solve (8) for every set of patterns of planar data.

    Source: own (on [A] eqs. (8), (9), (20))

    Notes
    -----
    A theta of (20) that keeps the constraints of further cells certifies that the value is the
    same with them; such sets are not solved again. Values are right to about 1e-6 of themselves.
    """
    cells = patterns.enumerate(X)
    count = len(cells)
    members = (np.arange(2**count)[:, None] >> np.arange(count)) & 1 > 0
    zero = losses.named(loss).value(np.zeros(len(y)), y)
    value = np.full(2**count, np.nan)
    value[0] = zero
    design, order = patterns.design_matrix(X), np.argsort(members.sum(axis=1), kind="stable")
    for index in order[1:]:
        if not np.isnan(value[index]):
            continue  # a smaller set has settled it
        solved = convex.train_standard(X, y, cells.take(members[index]), beta, loss)
        pulls = pricing.price(design, cells, np.asarray(solved.theta), floor=beta)
        harmless = members[index] | (pulls <= beta * (1 + _KEPT))
        settled = (members[:, members[index]].all(axis=1)) & ~members[:, ~harmless].any(axis=1)
        value[settled & np.isnan(value)] = solved.objective
    with_one = np.arange(2**count)[:, None] | (1 << np.arange(count))
    lowers = value[:, None] - value[with_one] > _LOWER * value[:, None]
    masses = {"uniform": np.full(count, 1 / count), "gaussian": sector_masses(X, cells)}
    return Lattice(len(X), cells, masses, value, lowers)


def law_of_sets(mass: np.ndarray, scheme: str, n_draws: int) -> np.ndarray:
    """The probability of each set of patterns after so many draws.

    Source: own (on [A] Algorithm 1, line 1)

    Parameters
    ----------
    mass : (P,) array
        Of one draw.
    scheme : str
        "independent", or "distinct": repeats are discarded and drawn again.
    n_draws : int
        At most P if distinct.

    Returns
    -------
    (2^P,) array
    """
    count = len(mass)
    sets = np.arange(2**count)
    inside = (sets[:, None] >> np.arange(count)) & 1 > 0
    law = np.zeros(2**count)
    law[0] = 1.0
    chance = np.broadcast_to(mass, inside.shape)
    if scheme == "distinct":
        left = 1 - inside @ mass
        left[-1] = 1.0  # nothing is left of the full set
        chance = np.where(inside, 0.0, mass / np.maximum(left, 1e-300)[:, None])
    for _ in range(n_draws):
        following = np.zeros_like(law)
        np.add.at(following, sets[:, None] | (1 << np.arange(count)), law[:, None] * chance)
        law = following
    return law


def violation_law(
    solved: Lattice, scheme: str, drawn: str, further: str, n_draws: int
) -> tuple[np.ndarray, np.ndarray]:
    """The values that P{p_s2 < p_s1} takes over the draws, and their probabilities.

    Source: [A] Theorem 2, eq. (9)

    Parameters
    ----------
    solved : Lattice
    scheme : str
        "independent" or "distinct".
    drawn, further : str
        The measure of the P_s draws and that of the further draw: "uniform" over the patterns, or
        "gaussian", that of Algorithm 1's gates.
    n_draws : int
        P_s.
    """
    levels = np.round(solved.lowers @ solved.masses[further], 12)
    values, place = np.unique(levels, return_inverse=True)
    law = law_of_sets(solved.masses[drawn], scheme, n_draws)
    return values, np.bincount(place.ravel(), weights=law, minlength=len(values))


def against_theorem_2(
    solved: Lattice, scheme: str, drawn: str, further: str, n_draws: int
) -> dict[str, float]:
    """The mean, and by how much the law exceeds what Theorem 2 and the exact tail allow.

    Source: [A] Theorem 2

    Notes
    -----
    The law is a staircase and the bounds fall with psi, so the largest excess is at a step.
    """
    values, chance = violation_law(solved, scheme, drawn, further, n_draws)
    beyond = np.cumsum(chance[::-1])[::-1]  # P{V >= value}
    excess = {"printed": -1.0, "binomial": -1.0}
    for psi, tail in zip(values, beyond, strict=True):
        if 0 < psi < 1:
            for rule in excess:
                allowed = patterns.failure_level(solved.n, n_draws, float(psi), rule)
                excess[rule] = max(excess[rule], float(tail) - allowed)
    return {
        "mean": float(values @ chance),
        "mean_bound": patterns.mean_violation_bound(solved.n, n_draws),
        "excess_printed": excess["printed"],
        "excess_binomial": excess["binomial"],
    }


def lattices(n_instances: int) -> list[Lattice]:
    """Every set of patterns of so many random instances, solved.

    Source: own (on [A] eqs. (8), (9))
    """
    return [lattice(*instance(seed)) for seed in range(n_instances)]


def rows(solved: list[Lattice], counts: tuple[int, ...] = COUNTS) -> list[dict[str, Any]]:
    """The worst case over instances, for each way to draw and each number of draws.

    Source: [A] Theorem 2, eqs. (8), (9)
    """
    fewest = min(len(one.cells) for one in solved)
    answers = []
    for scheme, drawn, further, n_draws in itertools.product(SCHEMES, MEASURES, MEASURES, counts):
        if scheme == "distinct" and n_draws >= fewest:
            continue
        found = [against_theorem_2(one, scheme, drawn, further, n_draws) for one in solved]
        broken = [f["excess_printed"] > 1e-9 for f in found]  # `instance` squeezes every other one
        answers.append(
            {
                "scheme": scheme,
                "drawn": drawn,
                "further": further,
                "n_draws": n_draws,
                "instances": len(solved),
                "mean_bound": found[0]["mean_bound"],
                "largest_mean": max(f["mean"] for f in found),
                "excess_printed": max(f["excess_printed"] for f in found),
                "excess_binomial": max(f["excess_binomial"] for f in found),
                "broken": sum(broken),
                "broken_ordinary": sum(broken[::2]),
                "broken_squeezed": sum(broken[1::2]),
            }
        )
    return answers


def monotone(solved: list[Lattice]) -> dict[str, Any]:
    """The largest rise of the optimum when a pattern is added, over all sets of all instances.

    Source: [A] Theorem 2, eqs. (8), (9)
    """
    rise, pairs = -np.inf, 0
    for one in solved:
        sets = np.arange(1, len(one.value))
        larger = sets[:, None] | (1 << np.arange(len(one.cells)))
        change = one.value[larger] / one.value[sets, None] - 1
        rise, pairs = max(rise, float(change.max())), pairs + change.size
    return {"instances": len(solved), "pairs": pairs, "largest_rise": rise}


def record(n_instances: int = 8) -> dict[str, list[dict[str, Any]]]:
    """The rows of the page on sampling that concern the probability statement.

    Source: [A] Theorem 2
    """
    solved = lattices(n_instances)
    return {"a2_law.bounds": rows(solved), "a2_law.monotone": [monotone(solved)]}
