r"""(25) and (26) of Appendix C beside (2): a proof for the hinge loss, and a counterexample.

Take any network, and the blocks v, w of its neurons by (7).

**(26) is a lower bound of (2) for losses that fall with the margin of each sample**, as the hinge
loss does, and with it (25), which the paper shows to be below (26). Let the
margin :math:`y_kf` be least at :math:`x_k` on the set of sample k. A neuron whose hyperplane leads
through :math:`x_k` may be on there or off, and can be split: a share :math:`\lambda_{ik}` of its
block goes to a pattern in which it is on, the rest to one in which it is off, at the same penalty.
(A hyperplane that only touches the set has one side there, and needs no share.) No direction into
the set lowers the margin. Neurons that bend it down lower it at least as much as any share of them
does, and the rest of it is convex: so there are shares with which the *linear* margin, too, falls
in no direction into the set, and is least at :math:`x_k`. Delta of (2) is then a Delta of (26),
the constraints hold at it, and the cost is the robust cost. Where the linear margin is least at
several points, one of them keeps the constraints; the paper speaks of "the optimal point". Neurons
of one sign that share a pattern there make one block, which keeps the constraints as its parts do.

**(25) for other losses is open here.** That its Delta are some of those of (2) is not enough: a
block made of two neurons keeps the constraints at more Delta than both of them do, and there the
convex objective is not the network's cost. For t_+ + (t - 1)_+ on [.5, 2] and the target 2, with
both on, it is 2 at t = .5, and the network's robust cost 1.125; other patterns give no more.

**For the squared loss it is not.** A line is worst where it is farthest from the target, above it
or below. Where f rises, bends down and passes the target, the line before the bend can be worst
behind it, and the line behind the bend before it. No share of the neuron helps, and (26) has to do
without this network. `bent` is such an instance; every case of (26) is bounded from below by a
point of its dual.
"""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
from scipy.optimize import minimize

from robustcore import convex, patterns

_MOVED, _RADIUS, _BETA = 2, 1.0, 3.0  # of `bent`
_TURNS = 40  # directions in each cell at which the dual keeps its constraint, before scaling
_ANY = (-math.inf, math.inf)
_UP, _DOWN = (0.0, math.inf), (-math.inf, 0.0)
# signs of the multipliers of L(centre) - y and of the slope of L, by end and slope
CASES = {
    "left, rising": (_UP, _DOWN),
    "left, falling": (_DOWN, _UP),
    "right, rising": (_DOWN, _DOWN),
    "right, falling": (_UP, _UP),
    "anywhere, flat": ((0.0, 0.0), _ANY),
}


def bent() -> tuple[np.ndarray, np.ndarray]:
    """Four samples that hold a rising, bent line in place, and one between that can be moved.

    Source: own

    Returns
    -------
    X : (5, 2) array
        The third sample may be moved along its first input by 1; the others are fixed. A row ten
        times as long is a hundred samples of its direction, for the squared loss.
    y : (5,) array
    """
    X = np.array([[-20.0, 10.0], [-10.0, 10.0], [0.5, 1.0], [20.0, 10.0], [30.0, 10.0]])
    return X, np.array([-20.0, 0.0, 2.75, 40.0, 50.0])


def worst_on(
    u: np.ndarray, alpha: np.ndarray, x: np.ndarray, radius: float
) -> tuple[np.ndarray, np.ndarray]:
    """Where a network can be least or largest when a sample moves along its first input.

    Source: own (on [A] eq. (2))

    Parameters
    ----------
    u : (m, 2) array
    alpha : (m,) array
    x : (2,) array
    radius : float

    Returns
    -------
    places : (k, 2) array
        Both ends, and every place where a neuron switches.
    outputs : (k,) array
    """
    steep = u[:, 0] != 0
    switches = -(u[steep] @ x) / u[steep, 0]
    moves = np.concatenate([[-radius, radius], switches[np.abs(switches) < radius]])
    places = x + np.stack([moves, np.zeros(len(moves))], axis=1)
    return places, np.maximum(places @ u.T, 0) @ alpha


def robust_squared_cost(u: np.ndarray, alpha: np.ndarray) -> float:
    """The cost (2) of a network on `bent`, its inner maximum exact.

    Source: [A] eqs. (2), (16)
    """
    X, y = bent()
    residuals = np.maximum(X @ u.T, 0) @ alpha - y
    outputs = worst_on(u, alpha, X[_MOVED], _RADIUS)[1]
    residuals[_MOVED] = np.abs(outputs - y[_MOVED]).max()
    penalty = _BETA / 2 * (np.square(u).sum() + np.square(alpha).sum())
    return float(residuals @ residuals / 2 + penalty)


def trained_at_the_left_end() -> float:
    """The robust cost of the network that is optimal where the sample is moved left: above (2).

    Source: [A] eqs. (2), (24)
    """
    X, y = bent()
    X[_MOVED, 0] -= _RADIUS
    net = convex.train_standard(X, y, patterns.enumerate(X), _BETA, loss="squared").network()
    u, alpha = (p.detach().double().numpy() for p in (net.u, net.alpha))
    return robust_squared_cost(u, alpha)


def lower_bound(case: str, lo: float, hi: float) -> float:
    r"""A lower bound of (26) on `bent` where Delta* puts the moved sample in [lo, hi].

    The linear form L of that sample is worst at the left end if it rises and is below the target
    at the centre, or falls and is above; at the right end likewise; and anywhere if it is flat.
    With multipliers m of these conditions, weak duality gives

    .. math:: -\tfrac12\|\theta\|^2 - \theta^\top y - m_1y_k \quad\text{where}\quad
              \bigl|\textstyle\sum_k d_{ik}\theta_kx_k^\top u
              + d_{ik}(m_1c + m_2e_1)^\top u\bigr| \le \beta\|u\|

    in each cell i, c the centre.

    Source: own (on [A] eq. (26))

    Parameters
    ----------
    case : str
        Of `CASES`.
    lo, hi : float
        First inputs; equal at an end.

    Notes
    -----
    A point of the dual is looked for on a grid of directions and then scaled by the exact suprema
    over the cells: the bound does not depend on how well it was found. In an interval a neuron that
    switches anywhere in it may be on or off.
    """
    X, y = bent()
    centre = X[_MOVED].copy()
    if lo == hi:
        X[_MOVED, 0] = lo  # where L is flat any place has its value
    cells = _cells(X, lo, hi)
    grid = np.concatenate([_pulls(X, centre, *cell) for cell in cells])
    linear = np.concatenate([y, [y[_MOVED], 0.0]])
    square = np.concatenate([np.ones(len(y)), np.zeros(2)])
    both = np.concatenate([grid, -grid])
    found = minimize(
        lambda p: float(square * p @ p / 2 + linear @ p),
        np.zeros(len(linear)),
        jac=lambda p: square * p + linear,
        method="SLSQP",
        bounds=[_ANY] * len(y) + list(CASES[case]),
        constraints={"type": "ineq", "fun": lambda p: _BETA - both @ p, "jac": lambda _: -both},
    ).x
    found = found * min(1.0, _BETA / max(_supremum(X, centre, found, *cell) for cell in cells))
    return -float(square * found @ found / 2 + linear @ found)


def shares(
    u: np.ndarray, alpha: np.ndarray, x: np.ndarray, y: float, radius: float
) -> tuple[np.ndarray, np.ndarray]:
    """The worst place of a sample for the margin, and the share of each neuron that is on there.

    Source: own (on [A] eq. (26))

    Parameters
    ----------
    u, alpha, x, radius
        As for `worst_on`.
    y : float
        -1 or 1.

    Returns
    -------
    place : (2,) array
        Where y f is least.
    on : (m,) array
        0 or 1, and between them for a neuron that switches at the place.
    """
    places, outputs = worst_on(u, alpha, x, radius)
    at = int(np.argmin(y * outputs))
    value = u @ places[at]
    on = (value > 0).astype(float)
    if at < 2:
        return places[at], on  # at an end
    switching = np.abs(value) <= 1e-12 * np.linalg.norm(u, axis=1)
    bends = np.where(switching, y * alpha * u[:, 0], 0.0)
    on[switching] = bends[switching] < 0
    low = float(y * (alpha * on) @ u[:, 0])  # the least slope that shares can give
    part = np.clip(-low / np.abs(bends).sum(), 0, 1)
    on[switching] += part * np.sign(bends[switching])
    return places[at], on


def attained(seed: int, n: int = 2, width: int = 5, beta: float = 0.1) -> dict[str, Any]:
    """A random network as a point of (26) with its robust hinge cost.

    Source: own (on [A] eqs. (2), (26))

    Returns
    -------
    dict
        `inside`: samples whose worst place is one where a neuron switches. `not_least`: by how much
        the linear margin is lower elsewhere. `difference`: (26) at the point less the robust cost.
    """
    rng = np.random.default_rng(seed)
    u, alpha = rng.standard_normal((width, 2)), rng.standard_normal(width)
    X, y = rng.standard_normal((n, 2)), rng.choice([-1.0, 1.0], n)
    radius = float(rng.uniform(0.3, 1.5))
    inside, not_least, linear, true = 0, 0.0, [], []
    on = np.empty((n, width))
    for k in range(n):
        place, on[k] = shares(u, alpha, X[k], y[k], radius)
        form = y[k] * (on[k] * alpha) @ u
        ends = X[k] + np.array([[-radius, 0.0], [radius, 0.0]])
        inside += bool(np.abs(place - ends).max(axis=1).min() > 0)
        not_least = max(not_least, float(form @ place - (ends @ form).min()))
        linear.append(max(0.0, 1 - float(form @ place)))
        outputs = worst_on(u, alpha, X[k], radius)[1]
        true.append(max(0.0, 1 - float((y[k] * outputs).min())))
    size = np.abs(alpha) * np.linalg.norm(u, axis=1)  # ||v_i|| of (7)
    blocks = np.diff(np.sort(on, axis=0), axis=0, prepend=0.0, append=1.0)  # one for each pattern
    point = np.mean(linear) + beta * float((np.abs(blocks) @ size).sum())
    network = np.mean(true) + beta * float(size.sum())
    return {"data": seed, "inside": inside, "not_least": not_least, "difference": point - network}


def record(n_networks: int = 20, n_parts: int = 2) -> dict[str, list[dict[str, Any]]]:
    """The rows of the page on robust training that concern (25) and (26).

    Source: [A] Appendix C, eqs. (2), (25), (26)
    """
    left, right = (float(bent()[0][_MOVED, 0] + side * _RADIUS) for side in (-1, 1))
    cuts = np.linspace(left, right, n_parts + 1).tolist()
    ends = {"left": [(left, left)], "right": [(right, right)]}
    parts = ends | {"anywhere": list(itertools.pairwise(cuts))}
    cost = trained_at_the_left_end()
    return {
        "a3_lower_bounds.hinge": [attained(seed) for seed in range(n_networks)],
        "a3_lower_bounds.squared": [
            {"case": case, "lo": lo, "hi": hi, "bound": lower_bound(case, lo, hi), "cost_2": cost}
            for case in CASES
            for lo, hi in parts[case.split(",")[0]]
        ],
    }


def _cells(X: np.ndarray, lo: float, hi: float) -> list[tuple[float, float, np.ndarray]]:
    """Arcs of directions, from one angle to another, with the samples that are on in them."""
    at = np.array([[lo, X[_MOVED, 1]], [hi, X[_MOVED, 1]]])
    rows = np.concatenate([np.delete(X, _MOVED, axis=0), at])
    walls = np.arctan2(rows[:, 0], -rows[:, 1])
    walls = np.unique(np.round(np.concatenate([walls, walls + np.pi]) % (2 * np.pi), 12))
    found = []
    for first, last in zip(walls, np.append(walls[1:], walls[0] + 2 * np.pi), strict=True):
        middle = _turned(np.array([(first + last) / 2]))[:, 0]
        for moved_on in np.unique(at @ middle > 0):  # both, where it switches in between
            on = X @ middle > 0
            on[_MOVED] = moved_on
            found.append((first, last, on))
    return found


def _turned(angles: np.ndarray) -> np.ndarray:
    return np.stack([np.cos(angles), np.sin(angles)])


def _pulls(
    X: np.ndarray, centre: np.ndarray, first: float, last: float, on: np.ndarray
) -> np.ndarray:
    """What theta and m pull at directions of one cell: a row for each direction."""
    u = _turned(np.linspace(first, last, _TURNS))
    return np.concatenate([on[:, None] * (X @ u), on[_MOVED] * np.stack([centre @ u, u[0]])]).T


def _supremum(
    X: np.ndarray, centre: np.ndarray, p: np.ndarray, first: float, last: float, on: np.ndarray
) -> float:
    """The largest pull of (theta, m) in one cell, exact."""
    pull = (on * p[:-2]) @ X + on[_MOVED] * (p[-2] * centre + p[-1] * np.array([1.0, 0.0]))
    ends = float(np.abs(pull @ _turned(np.array([first, last]))).max())
    for side in (1, -1):
        angle = math.atan2(side * pull[1], side * pull[0])
        if (angle - first) % (2 * np.pi) <= last - first:
            return float(np.linalg.norm(pull))
    return ends
