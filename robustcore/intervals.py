"""Intervals and tests of differences, shares and spreads, as the ledger's criteria name them."""

from __future__ import annotations

import functools
import math
import statistics

from scipy import stats

from .errors import InputError

Interval = tuple[float, float]


def paired(a: list[float], b: list[float], level: float = 0.95) -> Interval:
    """Student's interval of the mean of a - b.

    Source: own

    Raises
    ------
    InputError
        Unless a and b have one length, of two or more.
    """
    if len(a) != len(b) or len(a) < 2:
        raise InputError(f"paired(a, b) needs two or more pairs, got {len(a)} and {len(b)} values.")
    differences = [x - y for x, y in zip(a, b, strict=True)]
    if len(set(differences)) == 1:
        return differences[0], differences[0]
    found = stats.ttest_1samp(differences, 0.0).confidence_interval(level)
    return float(found.low), float(found.high)


def apart(a: list[float], b: list[float], level: float = 0.95) -> Interval:
    """Welch's interval of mean(a) - mean(b).

    Source: own

    Raises
    ------
    InputError
        Unless a and b have two or more values each.
    """
    if min(len(a), len(b)) < 2:
        raise InputError(f"apart(a, b) needs two values of each, got {len(a)} and {len(b)}.")
    found = stats.ttest_ind(a, b, equal_var=False).confidence_interval(level)
    return float(found.low), float(found.high)


def against(a: list[float], mean: float, deviation: float, n: int, level: float = 0.95) -> Interval:
    """Welch's interval of mean(a) - mean, of n runs of which mean and deviation are printed.

    Source: own

    Raises
    ------
    InputError
        If a has fewer than two values, or n is below two.
    """
    if min(len(a), n) < 2:
        raise InputError(f"against(a, ..., n) needs two runs of each, got {len(a)} and {n}.")
    mine, theirs = statistics.variance(a) / len(a), deviation**2 / n
    off, error = statistics.fmean(a) - mean, math.sqrt(mine + theirs)
    if error == 0:
        return off, off
    freedom = (mine + theirs) ** 2 / (mine**2 / (len(a) - 1) + theirs**2 / (n - 1))
    reach = float(stats.t.ppf(0.5 + level / 2, freedom)) * error
    return off - reach, off + reach


def share(k: float, n: float, level: float = 0.95) -> Interval:
    """Clopper and Pearson's interval of a probability of which k of n were seen.

    Source: own
    """
    found = stats.binomtest(round(k), round(n)).proportion_ci(level)
    return float(found.low), float(found.high)


def shares_apart(k: float, n: float, l: float, m: float, level: float = 0.95) -> Interval:
    """Newcombe's interval of the first probability less the second: k of n seen, and l of m.

    Source: own; Newcombe (1998), method 10
    """
    (one, low, high), (other, least, most) = (_wilson(k, n, level), _wilson(l, m, level))
    down = math.hypot(one - low, most - other)
    up = math.hypot(high - one, other - least)
    return one - other - down, one - other + up


@functools.cache
def _wilson(k: float, n: float, level: float) -> tuple[float, float, float]:
    """The share, and Wilson's interval of its probability."""
    found = stats.binomtest(round(k), round(n)).proportion_ci(level, method="wilson")
    return round(k) / round(n), float(found.low), float(found.high)


def signs(a: list[float], b: list[float]) -> float:
    """The two-sided chance, if signs of a - b are even, of as uneven a number; ties are left out.

    Source: own
    """
    ups = sum(x > y for x, y in zip(a, b, strict=True))
    downs = sum(x < y for x, y in zip(a, b, strict=True))
    return float(stats.binomtest(ups, ups + downs).pvalue) if ups + downs else 1.0


def ranks(a: list[float], b: list[float]) -> float:
    """The two-sided chance of ranks as uneven, if a and b are drawn alike: Mann and Whitney's test.

    No run is left out, and one that failed counts as one, however far off it is.

    Source: own

    Raises
    ------
    InputError
        Unless a and b have three or more values each.
    """
    if min(len(a), len(b)) < 3:
        raise InputError(f"ranks(a, b) needs three values of each, got {len(a)} and {len(b)}.")
    return float(stats.mannwhitneyu(a, b).pvalue)


def spreads(a: list[float], b: list[float]) -> float:
    """The chance of spreads as different, if a and b have one: Brown and Forsythe's test.

    Source: own

    Raises
    ------
    InputError
        Unless a and b have three or more values each.
    """
    if min(len(a), len(b)) < 3:
        raise InputError(f"spreads(a, b) needs three values of each, got {len(a)} and {len(b)}.")
    return float(stats.levene(a, b, center="median").pvalue)
