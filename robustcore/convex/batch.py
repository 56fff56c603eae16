"""Several draws of the patterns trained as one batch: what a study over seeds asks for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..balls import LpBall
from ..errors import InputError
from ..patterns import Patterns
from .interior import Solved, solve_batch
from .options import OWN, Options
from .parts import Problem
from .robust import check_norm
from .running import CERTIFIED, Task, check_start, warn_of
from .solving import ConvexSolution, Stopwatch, in_one_sentence


def train_batch(
    X: np.ndarray,
    y: np.ndarray,
    draws: Sequence[Patterns],
    beta: float,
    loss: str = "hinge",
    ball: LpBall | None = None,
    perturb_bias: bool = False,
    options: Mapping[str, Any] | None = None,
) -> list[ConvexSolution]:
    r"""Solve (8), (15) or (18) for several draws of the patterns at once, by our own solver.

    The programs share every matrix product and nothing else: each has its own step lengths, bounds
    and end, and leaves the batch when its gap is certified. This is for a GPU, which one program is
    too small to keep busy. On a CPU it saves most of the time of small programs, which is that of
    the calls. But every step corrects and refines as often as its neediest program wants: large
    programs take longer together, and `train_standard` one by one is the better call there.

    Source: [A] eqs. (8), (15), (18), Algorithms 1 and 2; method: own

    Parameters
    ----------
    X : (n, d) array
    y : (n,) array
        As for `train_standard`.
    draws : list of Patterns
        Of this X, one for each program; their numbers of patterns may differ.
    beta : float
        Positive, the same for all.
    loss : str
        "hinge", "squared" or "logistic", as for `train_standard`.
    ball : LpBall, optional
        Robust training against it, with p = inf, 1 or 2. None for standard training.
    perturb_bias : bool
        Perturb the column of ones too.
    options : mapping, optional
        "tolerance" (1e-7) on the certified gap, relative to max(1, objective); "max_iterations";
        "device", of torch; "progress", a callable (iteration, objectives, lower bounds) with one
        number for each program that has a pattern left; "start", the solutions of an earlier
        batch of the same draws with another beta or radius, in the same order.

    Returns
    -------
    list of ConvexSolution
        In the order of `draws`; `seconds` is that of the whole batch.

    Raises
    ------
    InputError
        For no draw, another loss, a ball with another p, a cell without interior, or what
        `train_standard` refuses.

    Examples
    --------
    >>> import numpy as np, robustcore as rc
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((20, 3))
    >>> y = np.where(X[:, 0] > 0, 1.0, -1.0)
    >>> draws = [rc.patterns.sample(X, 5, rng) for _ in range(3)]
    >>> [s.gap < 1e-6 for s in rc.convex.train_batch(X, y, draws, beta=1e-2)]
    [True, True, True]
    """
    clock = Stopwatch()
    if not draws:
        raise InputError("draws is empty; pass at least one Patterns record.")
    if ball is not None:
        check_norm(ball)
    read = Options.read(options, OWN)
    problems = [Problem.of(X, y, draw, beta, loss, ball, perturb_bias) for draw in draws]
    before = read.start
    if before is not None:
        if len(before) != len(draws):
            raise InputError(f"start must hold {len(draws)} solutions, got {len(before)}.")
        for one, problem in zip(before, problems, strict=True):
            check_start(one, problem)
    tasks = [Task.of(problem) for problem in problems]
    alive = [k for k, task in enumerate(tasks) if task.kept.any()]
    resumed = before is not None and all(_resumable(before[k], tasks[k]) for k in alive)
    read = replace(read, start=[before[k].waypoint for k in alive] if resumed else None)
    solved: dict[int, Solved] = {}
    if alive:
        batch, gates = [tasks[k].data for k in alive], [tasks[k].gates for k in alive]
        with in_one_sentence(OWN):
            solved = dict(zip(alive, solve_batch(batch, gates, read), strict=True))
    seconds, wanted = clock(), read.tolerance or CERTIFIED
    found = [task.solution(solved.get(k), OWN, seconds, wanted) for k, task in enumerate(tasks)]
    for one, task in zip(found, tasks, strict=True):
        warn_of(one, [one] if task.excess(one) > wanted else [])
    return found


def _resumable(start: ConvexSolution, task: Task) -> bool:
    """Whether there is a waypoint, over the patterns that the task kept."""
    return start.waypoint is not None and np.array_equal(start.pattern_kept, task.kept)
