"""Warm starts: what they save along a path of beta, down and up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from robustcore import convex
from robustcore.convex import ConvexSolution

from .jobs import Job, Problem, images, problem


def warm_path(
    n: int, every: int, n_patterns: int, betas: Sequence[float], loss: str
) -> list[dict[str, Any]]:
    """(8) along a list of betas and back, each cold and from the solution before it.

    Source: own (on [A] eq. (8))

    Parameters
    ----------
    n : int
        Images of the CIFAR-10 pair.
    every : int
        Take every so many of the 147 columns.
    n_patterns : int
    betas : list of float
        From the largest to the smallest.
    loss : str
        "hinge" or "logistic".

    Returns
    -------
    list of dict
        way ("down" or "up"), beta, cold and warm (iterations), deviation of the two objectives and
        the larger of the two gaps, both in units of max(1, objective).
    """
    given = problem(Job("(8)", n, every, n_patterns), images(n))
    rows = []
    for way, path in (("down", list(betas)), ("up", list(betas)[::-1])):
        last: ConvexSolution | None = None
        for beta in path:
            cold, many = _count(given, beta, loss, None)
            warm, few = _count(given, beta, loss, last)
            size = max(1.0, cold.objective)
            rows.append(
                {
                    "way": way,
                    "loss": loss,
                    "beta": beta,
                    "first": last is None,
                    "cold": many,
                    "warm": few,
                    "deviation": abs(cold.objective - warm.objective) / size,
                    "gap": max(cold.gap, warm.gap) / size,
                }
            )
            last = warm
    return rows


def both_losses(
    n: int, every: int, n_patterns: int, betas: Sequence[float]
) -> list[dict[str, Any]]:
    """`warm_path` for the hinge and the logistic loss.

    Source: own
    """
    losses = ("hinge", "logistic")
    return [row for loss in losses for row in warm_path(n, every, n_patterns, betas, loss)]


def saved(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Iterations of each way in all, without its first beta, where there is nothing to start from.

    Source: own
    """
    found = []
    for loss, way in dict.fromkeys((row["loss"], row["way"]) for row in rows):
        mine = [r for r in rows if (r["loss"], r["way"]) == (loss, way) and not r["first"]]
        cold, warm = (sum(row[key] for row in mine) for key in ("cold", "warm"))
        worst = {key: max(row[key] for row in mine) for key in ("deviation", "gap")}
        found.append({"loss": loss, "way": way, "cold": cold, "warm": warm, **worst})
    return found


def _count(
    given: Problem, beta: float, loss: str, start: ConvexSolution | None
) -> tuple[ConvexSolution, int]:
    """A solution certified to 1e-6, and how many iterations it took."""
    passed: list[int] = []
    options = {
        "tolerance": 1e-6,
        "start": start,
        "progress": lambda iteration, objective, lower: passed.append(iteration),
    }
    data = (given.X, given.y, given.patterns)
    return convex.train_standard(*data, beta, loss, "interior_point", options), passed[-1]
