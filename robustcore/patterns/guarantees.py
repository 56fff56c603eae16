r"""How many patterns Theorem 2 asks for, and what a number of patterns guarantees.

Sampled convex programs: N constraints are drawn independently from a distribution, the program
with d unknowns is solved over them, and V is the probability that one more draw cuts its solution
off. For Algorithm 1 a constraint is a pattern, V is the probability that it lowers the training
cost, N is :math:`P_s`, and the unknowns are :math:`\theta\in\mathbb R^n` and one slack: d = n + 1.

- "printed" (Calafiore and Campi 2005): :math:`P\{V>\psi\}\le\xi` if :math:`\psi\xi\ge d/(N+1)`.
- "binomial" (Campi and Garatti 2008):
  :math:`P\{V>\psi\}\le\sum_{i<d}\binom Ni\psi^i(1-\psi)^{N-i}`, with equality for programs that
  need d constraints almost surely.

All hold for independent draws and a further draw from the *same* distribution, whatever it is.
"""

from __future__ import annotations

import math

from scipy.stats import beta, binom

from ..errors import InputError

RULES = ("printed", "binomial")


def sample_size(
    n: int, psi: float, xi: float, rule: str = "printed", support: int | None = None
) -> int:
    r"""The least number of independently drawn patterns that guarantees psi and xi.

    .. math:: P_s \ge \frac{n+1}{\psi\xi} - 1 \qquad\text{("printed")}

    Source: [A] Theorem 2

    Parameters
    ----------
    n : int
        Samples of the data.
    psi : float
        In (0, 1): one further draw may lower the optimum with at most this probability...
    xi : float
        In (0, 1): ... except for a share of at most xi of the samples of patterns.
    rule : str
        "printed" or "binomial".
    support : int, optional
        How many patterns may be needed at most: n + 1, as [A] count, by default; n is enough.

    Returns
    -------
    int

    Raises
    ------
    InputError
        For n < 1, a level outside (0, 1), or an unknown rule.
    """
    d = _support(n, support, rule)
    _check_level("psi", psi)
    _check_level("xi", xi)
    if rule == "printed":
        return math.ceil(d / (psi * xi) - 1 - 1e-9)  # Theorem 2
    low, high = d - 1, d  # the tail is 1 below d draws, and falls with more
    while binom.cdf(d - 1, high, psi) > xi:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if binom.cdf(d - 1, middle, psi) <= xi else (middle, high)
    return high


def violation_level(
    n: int, n_patterns: int, xi: float, rule: str = "printed", support: int | None = None
) -> float:
    r"""The psi that a number of patterns guarantees, with confidence 1 - xi.

    .. math:: \psi = \frac{n+1}{\xi(P_s+1)} \qquad\text{("printed")}

    Source: [A] Theorem 2

    Parameters
    ----------
    n : int
        Samples of the data.
    n_patterns : int
        P_s, independent draws (repeats count).
    xi : float
        In (0, 1).
    rule, support
        As for `sample_size`.

    Returns
    -------
    float
        At most 1, where nothing is guaranteed.

    Raises
    ------
    InputError
        For n < 1, n_patterns < 1, xi outside (0, 1), or an unknown rule.
    """
    d = _support(n, support, rule)
    _check_patterns(n_patterns)
    _check_level("xi", xi)
    if rule == "printed":
        return min(1.0, d / (xi * (n_patterns + 1)))  # Theorem 2
    # binom.cdf(d - 1, N, psi) = 1 - beta.cdf(psi, d, N - d + 1)
    return float(beta.ppf(1 - xi, d, n_patterns - d + 1)) if n_patterns >= d else 1.0


def failure_level(
    n: int, n_patterns: int, psi: float, rule: str = "printed", support: int | None = None
) -> float:
    r"""The xi that a number of patterns guarantees for a given psi.

    .. math:: \xi = \frac{n+1}{\psi(P_s+1)}\ \text{("printed")},\qquad
              \xi = \sum_{i=0}^{n}\binom{P_s}{i}\psi^i(1-\psi)^{P_s-i}\ \text{("binomial")}

    Source: [A] Theorem 2

    Parameters
    ----------
    n : int
        Samples of the data.
    n_patterns : int
        P_s, independent draws (repeats count).
    psi : float
        In (0, 1).
    rule, support
        As for `sample_size`.

    Returns
    -------
    float
        An upper bound of the probability that V exceeds psi; at most 1.

    Raises
    ------
    InputError
        For n < 1, n_patterns < 1, psi outside (0, 1), or an unknown rule.
    """
    d = _support(n, support, rule)
    _check_patterns(n_patterns)
    _check_level("psi", psi)
    if rule == "printed":
        return min(1.0, d / (psi * (n_patterns + 1)))  # Theorem 2
    return float(binom.cdf(d - 1, n_patterns, psi))


def mean_violation_bound(n: int, n_patterns: int, support: int | None = None) -> float:
    r"""A bound of the mean of V: the product psi xi that Theorem 2 asks for.

    .. math:: \mathbb E\,V \le \frac{n+1}{P_s+1}

    Source: [A] Theorem 2

    Parameters
    ----------
    n : int
        Samples of the data.
    n_patterns : int
        P_s.
    support : int, optional
        As for `sample_size`.

    Returns
    -------
    float
        At most 1.

    Notes
    -----
    Of P_s + 1 exchangeable draws at most d are such that leaving one out changes the optimum, and
    the last is as likely to be one of them as any other. Markov's inequality then gives the
    printed rule. The argument needs exchangeable draws only: it holds for uniform sampling without
    repetition as well.
    """
    d = _support(n, support, "printed")
    _check_patterns(n_patterns)
    return min(1.0, d / (n_patterns + 1))


def _support(n: int, support: int | None, rule: str) -> int:
    if rule not in RULES:
        raise InputError(f"rule must be one of {', '.join(RULES)}, got {rule!r}.")
    if not n >= 1:
        raise InputError(f"n must be at least 1, got {n}.")
    if support is not None and not support >= 1:
        raise InputError(f"support must be at least 1, got {support}.")
    return n + 1 if support is None else support


def _check_level(name: str, value: float) -> None:
    if not 0 < value < 1:
        raise InputError(f"{name} must lie strictly between 0 and 1, got {value}.")


def _check_patterns(n_patterns: int) -> None:
    if not n_patterns >= 1:
        raise InputError(f"n_patterns must be at least 1, got {n_patterns}.")
