"""Patterns that can carry a robust neuron, found by moving gates off every ball."""

from __future__ import annotations

import numpy as np

from ..balls import LpBall
from ..errors import InputError, check_finite
from .record import Patterns, column_keys, design_matrix, fingerprint

_BATCH = 128  # starts at a time: the answer does not depend on it only if it is fixed
_FIRST_STEP = 0.01  # of a gate of length 1; larger steps end in the constant patterns
_CLEARANCE = 1e-3  # wanted beyond the ball, in units of the largest entry of X


def clear(
    X: np.ndarray,
    gates: np.ndarray,
    ball: LpBall,
    *,
    bias: bool = False,
    perturb_bias: bool = False,
    steps: int = 400,
) -> tuple[np.ndarray, np.ndarray]:
    r"""Move gates until no ball around a sample touches their hyperplane.

    Subgradient descent of

    .. math:: \sum_k \bigl(\epsilon\|a\|_q+\tau-|x_k a|\bigr)_+ \quad\text{over } \|a\|_2=1,

    each sample pushed to the side on which it is: a gate with value 0 satisfies (11) strictly with
    the signs of X a.

    Source: own (on [A] eq. (11))

    Parameters
    ----------
    X : (n, d) array
    gates : (d', P) array
        Starts, one a column; none may be zero.
    ball : LpBall
        Any p. Its box is not used.
    bias : bool
        Append a column of ones to X; the last entry of a gate multiplies it.
    perturb_bias : bool
        Whether that column is perturbed too.
    steps : int
        At most so many.

    Returns
    -------
    moved : (d', P) array
        Of length 1.
    cleared : (P,) bool array
        Where :math:`|x_k a| > \epsilon\|a\|_q` holds for every k.

    Raises
    ------
    InputError
        If the gates do not fit X, or one is zero.

    Notes
    -----
    A local method: where it fails, the cell of the start may still be robust-feasible, and where it
    succeeds the pattern is often not the one of the start.
    """
    design = design_matrix(X, bias)
    lengths = _lengths(gates, design)
    scale = float(np.abs(design).max()) or 1.0
    attacked = design.shape[1] - (bias and not perturb_bias)
    rows, scaled = design / scale, ball.with_radius(ball.radius / scale)
    moved, open_ = gates / lengths, np.arange(gates.shape[1])
    for t in range(steps):
        push = _push(rows, moved[:, open_], scaled, attacked)
        size = np.linalg.norm(push, axis=0)
        open_, push, size = open_[size > 0], push[:, size > 0], size[size > 0]
        if not open_.size:
            break
        moved[:, open_] += _FIRST_STEP / np.sqrt(1 + t / 30) * push / size
        moved[:, open_] /= np.linalg.norm(moved[:, open_], axis=0)
    need = ball.support(moved[:attacked].T)
    return moved, np.abs(design @ moved).min(axis=0) > need * (1 + 1e-9)


def sample_robust(
    X: np.ndarray,
    ball: LpBall,
    n_patterns: int,
    rng: np.random.Generator,
    *,
    bias: bool = False,
    perturb_bias: bool = False,
    max_draws: int | None = None,
    at_most: bool = False,
) -> Patterns:
    r"""Distinct robust-feasible patterns: random gates, moved off every ball by `clear`.

    .. math:: a = \sum_k g_k (x_k - \bar x),\qquad g \sim N(0, I)

    is the start: such gates vary as the data do, so that fewer balls lie across them. With a bias
    the hyperplane goes through a sample drawn at random.

    Source: own (in place of [A] Algorithm 2, lines 1-10)

    Parameters
    ----------
    X : (n, d) array
    ball : LpBall
        Any p. Its box is not used.
    n_patterns : int
        Distinct patterns wanted.
    rng : numpy Generator
    bias : bool
        Append a column of ones to X.
    perturb_bias : bool
        Perturb that column too.
    max_draws : int, optional
        Starts at most; by default 20 for each pattern wanted, and 512 at least.
    at_most : bool
        Return fewer patterns, even none, instead of refusing.

    Returns
    -------
    Patterns
        In the order in which they were found. Each gate is a strict witness of (11), so that
        `robust_feasible` needs no linear program for it.

    Raises
    ------
    InputError
        If fewer distinct patterns were found than wanted.

    Notes
    -----
    Every pattern is robust-feasible; not every robust-feasible pattern is found, and those that
    split off few samples are found more often.
    """
    design = design_matrix(X, bias)
    if n_patterns < 1:
        raise InputError(f"n_patterns must be at least 1, got {n_patterns}.")
    max_draws = max(512, 20 * n_patterns) if max_draws is None else max_draws
    found: dict[bytes, tuple[np.ndarray, np.ndarray]] = {}
    for drawn in range(0, max_draws, _BATCH):
        starts = _starts(design, min(_BATCH, max_draws - drawn), rng, bias)
        gates, cleared = clear(X, starts, ball, bias=bias, perturb_bias=perturb_bias)
        gates = gates[:, cleared]
        active = design @ gates >= 0
        for key, column, gate in zip(column_keys(active), active.T, gates.T, strict=True):
            if len(found) < n_patterns:
                found.setdefault(key, (column, gate))
        if len(found) == n_patterns:
            break
    if len(found) < n_patterns and not at_most:
        raise InputError(
            f"{n_patterns} robust-feasible patterns were wanted, {len(found)} came out of "
            f"{max_draws} starts; lower the radius, raise max_draws, or pass at_most=True."
        )
    columns = [pair[0] for pair in found.values()]
    active = np.stack(columns, axis=1) if columns else np.zeros((len(design), 0), dtype=bool)
    witnesses = [pair[1] for pair in found.values()]
    kept = np.stack(witnesses, axis=1) if witnesses else np.zeros((design.shape[1], 0))
    return Patterns(active, kept, bias, fingerprint(X))


def _lengths(gates: np.ndarray, design: np.ndarray) -> np.ndarray:
    check_finite("gates", gates)
    if gates.ndim != 2 or len(gates) != design.shape[1]:
        raise InputError(f"gates must be ({design.shape[1]}, P) for this X, got {gates.shape}.")
    lengths = np.linalg.norm(gates, axis=0)
    if (lengths == 0).any():
        raise InputError("a gate of length 0 has no hyperplane to move; leave it out.")
    return lengths


def _push(rows: np.ndarray, gates: np.ndarray, ball: LpBall, attacked: int) -> np.ndarray:
    """The descent direction of each gate; zero where every ball is clear."""
    outputs = rows @ gates
    need = ball.support(gates[:attacked].T) + _CLEARANCE
    short = np.abs(outputs) < need
    push = rows.T @ np.where(outputs >= 0, short, -1.0 * short)
    push[:attacked] -= short.sum(axis=0) * ball.maximiser(gates[:attacked].T).T
    return push


def _starts(design: np.ndarray, count: int, rng: np.random.Generator, bias: bool) -> np.ndarray:
    """Combinations of the centred samples; Gaussian gates where the samples do not differ."""
    centred = design - design.mean(axis=0)
    gates = centred.T @ rng.standard_normal((len(design), count))
    flat = np.linalg.norm(gates, axis=0) <= 1e-12 * np.abs(design).max(initial=1.0)
    gates[:, flat] = rng.standard_normal((len(gates), int(flat.sum())))
    if bias:
        through = design[rng.integers(len(design), size=count)]
        gates[-1] = -(through[:, :-1] * gates[:-1].T).sum(axis=1)
    return gates
