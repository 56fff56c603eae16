"""Random patterns: Algorithm 1 (clean data) and Algorithm 2 (perturbed data)."""

from __future__ import annotations

import math

import numpy as np

from ..balls import LpBall
from ..errors import InputError
from .cells import count
from .record import Patterns, column_keys, design_matrix, fingerprint

_BATCH = 512  # gates drawn at a time: the answer does not depend on it only if it is fixed


def sample(
    X: np.ndarray,
    n_patterns: int,
    rng: np.random.Generator,
    bias: bool = False,
    *,
    max_draws: int | None = None,
    at_most: bool = False,
) -> Patterns:
    r"""Distinct patterns of Gaussian gates.

    .. math:: D_i = \operatorname{diag}([X a_i \ge 0]),\qquad a_i \sim N(0, I)

    Source: [A] Algorithm 1, line 1

    Parameters
    ----------
    X : (n, d) array
    n_patterns : int
        P_s, the number of distinct patterns wanted.
    rng : numpy Generator
    bias : bool
        Append a column of ones to X.
    max_draws : int, optional
        Gates drawn at most; by default 200 for each pattern wanted, and 20000 at least.
    at_most : bool
        Return fewer patterns, instead of refusing, when the draws do not reach `n_patterns`.

    Returns
    -------
    Patterns
        In the order of their first draw.

    Raises
    ------
    InputError
        If fewer distinct patterns were met; the message names how many and how many can exist.

    Notes
    -----
    Gaussian gates are not uniform over the patterns: a pattern is met in proportion to the solid
    angle of its cell, which is why all of them are hardly ever met. Use `enumerate` for all.
    """
    design = design_matrix(X, bias)
    _check_wanted("n_patterns", n_patterns)
    max_draws = max(20_000, 200 * n_patterns) if max_draws is None else max_draws
    found: dict[bytes, tuple[np.ndarray, np.ndarray]] = {}
    drawn = 0
    while len(found) < n_patterns and drawn < max_draws:
        gates = rng.standard_normal((design.shape[1], min(_BATCH, max_draws - drawn)))
        _collect(found, design @ gates >= 0, gates, n_patterns)
        drawn += gates.shape[1]
    if len(found) < n_patterns and not at_most:
        rank = int(np.linalg.matrix_rank(design))
        raise InputError(
            f"{n_patterns} distinct patterns were wanted, {len(found)} came out of {drawn} draws "
            f"(at most {count(len(design), rank)} exist for n={len(design)} and rank {rank}); ask "
            "for fewer, raise max_draws, or pass at_most=True."
        )
    return _record(found, X, bias)


def sample_perturbed(
    X: np.ndarray,
    ball: LpBall,
    n_patterns: int,
    rng: np.random.Generator,
    *,
    n_gates: int,
    n_perturbations: int,
    bias: bool = False,
    perturb_bias: bool = False,
    at_most: bool = False,
) -> Patterns:
    r"""Distinct patterns of Gaussian gates on clean and on perturbed data.

    .. math:: D_{ij} = \operatorname{diag}([X_{ij} a_i \ge 0]),\qquad X_{i1} = X,\quad
              X_{ij} = X + \epsilon\,\operatorname{sgn}(R_{ij}),\; R_{ij} \sim N(0, I)

    Source: [A] Algorithm 2, lines 1-10

    Parameters
    ----------
    X : (n, d) array
    ball : LpBall
        The perturbation set; its box is not used.
    n_patterns : int
        P_s, the number of distinct patterns wanted in all.
    rng : numpy Generator
    n_gates : int
        P_a, the number of gates a_i.
    n_perturbations : int
        S, the number of patterns drawn from each gate: one on clean data and S - 1 on perturbed.
    bias : bool
        Append a column of ones to X.
    perturb_bias : bool
        Perturb that column too, as eq. (1) read literally does.
    at_most : bool
        Return fewer patterns, instead of refusing, when P_a S draws do not reach `n_patterns`.

    Returns
    -------
    Patterns
        In the order of their first draw. Gate i is repeated for each of its patterns.

    Raises
    ------
    InputError
        If fewer distinct patterns were met than wanted.

    Notes
    -----
    As printed, the break of line 8 leaves the inner loop only and every further gate would still
    add its clean pattern; here it ends the sampling, as the text says. For p = inf perturbations
    are vertices of the box, as printed; for other p they are uniform in the ball.
    """
    design = design_matrix(X, bias)
    for name, value in (
        ("n_patterns", n_patterns),
        ("n_gates", n_gates),
        ("n_perturbations", n_perturbations),
    ):
        _check_wanted(name, value)
    n, d = design.shape
    attacked = d if perturb_bias or not bias else d - 1
    found: dict[bytes, tuple[np.ndarray, np.ndarray]] = {}
    for _ in range(n_gates):
        gate = rng.standard_normal((d,))
        columns = [design @ gate]
        for _ in range(n_perturbations - 1):
            delta = _perturbation(ball, (n, attacked), rng)
            columns.append(columns[0] + delta @ gate[:attacked])
        active = np.stack(columns, axis=1) >= 0
        _collect(found, active, np.tile(gate[:, None], active.shape[1]), n_patterns)
        if len(found) == n_patterns:
            break
    if len(found) < n_patterns and not at_most:
        raise InputError(
            f"{n_patterns} distinct patterns were wanted, {len(found)} came out of {n_gates} gates "
            f"with {n_perturbations} draws each; raise n_gates, or pass at_most=True."
        )
    return _record(found, X, bias)


def _check_wanted(name: str, value: int) -> None:
    if not value >= 1:
        raise InputError(f"{name} must be at least 1, got {value}.")


def _perturbation(ball: LpBall, shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    if math.isinf(ball.p):
        return ball.radius * np.sign(rng.standard_normal(shape))
    return ball.sample(shape, rng)


def _collect(
    found: dict[bytes, tuple[np.ndarray, np.ndarray]],
    active: np.ndarray,
    gates: np.ndarray,
    wanted: int,
) -> None:
    """Add the new columns of `active` to `found`, with their gates, until `wanted` are there."""
    for key, column, gate in zip(column_keys(active), active.T, gates.T, strict=True):
        if len(found) == wanted:
            return
        found.setdefault(key, (column, gate))


def _record(
    found: dict[bytes, tuple[np.ndarray, np.ndarray]], X: np.ndarray, bias: bool
) -> Patterns:
    columns, gates = zip(*found.values(), strict=True)
    return Patterns(np.stack(columns, axis=1), np.stack(gates, axis=1), bias, fingerprint(X))
