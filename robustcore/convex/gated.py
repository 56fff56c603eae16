r"""Gated ReLU networks by one convex program: the cells of (5) and (8) without their constraints.

.. math:: \min_U\ \ell\Bigl(\sum_i D_iXU_i,\ Y\Bigr) + \beta\sum_i\|U_i\|_F

Shape letters: n samples, d' inputs with the column of ones, P patterns, C outputs.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch

from ..errors import InputError, check_finite
from ..networks import GatedReLU
from ..patterns import Patterns
from .interior import interior_points
from .interior_point import GATED, minimise
from .options import OWN, Options
from .parts import Data, Problem, as_doubles
from .running import CERTIFIED, TOO_LARGE, until_certified, warn_of_gaps, warn_of_no_neuron
from .solving import Stopwatch, as_callers, in_one_sentence, load_cvxpy, solve, solvers_to_try

_TOLERANCE, _ITERATIONS = 1e-7, 100
_SHORTEST = 1e-8  # blocks below this share of the longest are rounding of the solver


@dataclass(frozen=True)
class GatedSolution:
    r"""A solved gated program, with its certificate.

    Source: own (on [A] eqs. (6), (8))

    Parameters
    ----------
    weights : (P, d') or (P, d', C) array
        U, in the units of the X given.
    gates : (d', P) array
        Strictly inside their cells: what switches the neurons of `network`.
    objective : float
        Computed from U.
    lower_bound : float
        From `theta`, by weak duality; an optimum lies between the two.
    theta : (n,) or (n, C) array
        The multiplier of the outputs.
    status : str
        What the solver said, if the gap bears it out; else it begins with "not certified".
    solver : str
    seconds : float
    loss : str
    beta : float
    bias : bool
    """

    weights: np.ndarray
    gates: np.ndarray = field(repr=False)
    objective: float
    lower_bound: float
    theta: np.ndarray = field(repr=False)
    status: str
    solver: str
    seconds: float
    loss: str
    beta: float
    bias: bool

    @property
    def gap(self) -> float:
        """objective - lower_bound: how far from optimal the weights can be."""
        return self.objective - self.lower_bound

    @property
    def n_neurons(self) -> int:
        """How many blocks are not zero."""
        return int(self.weights.reshape(len(self.weights), -1).any(axis=1).sum())

    def network(self) -> GatedReLU:
        """The trained network, its zero neurons left out.

        Source: own
        """
        alive = self.weights.reshape(len(self.weights), -1).any(axis=1)
        gates, weights = (torch.from_numpy(a) for a in (self.gates[:, alive], self.weights[alive]))
        return GatedReLU(gates, weights, self.bias)

    def __repr__(self) -> str:
        return (
            f"GatedSolution(objective={self.objective:.6g}, gap={self.gap:.1e}, "
            f"neurons={self.n_neurons}, {self.solver}: {self.status}, {self.seconds:.1f} s)"
        )


def train_gated(
    X: np.ndarray,
    y: np.ndarray,
    patterns: Patterns,
    beta: float,
    loss: str = "squared",
    solver: str = "auto",
    options: Mapping[str, Any] | None = None,
) -> GatedSolution:
    r"""Train a gated ReLU network, with one or several outputs, to its certified optimum.

    Over the same patterns its optimum is at most that of (8): :math:`U_i = v_i - w_i` gives the
    same outputs at a penalty :math:`\|v_i-w_i\|\le\|v_i\|+\|w_i\|`, and nothing keeps U in a cell.

    Source: own (Mishkin, Sahiner and Pilanci, 2022, "Fast convex optimization for two-layer ReLU
    networks"; on [A] eq. (8))

    Parameters
    ----------
    X : (n, d) array
    y : (n,) array, or (n, C) for the squared loss
        As for `train_standard`.
    patterns : Patterns
        Of this X; each must have a gate strictly inside its cell.
    beta : float
        Positive.
    loss : str
        A name of `robustcore.losses.CONVEX`.
    solver : str
        "auto" tries one after the other until the gap is certified, our own "interior_point" first
        where it has the loss ("hinge", "squared", "logistic"); the others go through cvxpy.
    options : mapping, optional
        "tolerance" (1e-7) of the certified gap, relative to max(1, objective), "max_iterations";
        for our own also "progress", a callable (iteration, objective, lower bound), and "device".

    Returns
    -------
    GatedSolution

    Warns
    -----
    AccuracyWarning
        With both bounds, where the gap is above 1e-5 or the tolerance asked for.
    EmptyNetworkWarning
        If the network has no neuron.

    Raises
    ------
    InputError
        For what `train_standard` refuses, several outputs with another loss than the squared one,
        a pattern without a gate, or a warm start, which this program does not take.

    Notes
    -----
    With several outputs the norm of a block is Frobenius': a gate serves all outputs or none. A
    network with weight decay on both layers has the nuclear norm there, which is larger: this
    optimum bounds its from below.

    Examples
    --------
    >>> import numpy as np, robustcore as rc
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((30, 3))
    >>> Y = np.stack([np.abs(X[:, 0]), X[:, 1]], axis=1)
    >>> best = rc.convex.train_gated(X, Y, rc.patterns.sample(X, 8, rng), beta=1e-2)
    >>> best.gap < 1e-6, best.weights.shape
    (True, (8, 3, 2))
    """
    clock, read = Stopwatch(), Options.read(options, solver)
    if read.start is not None:
        raise InputError("a gated program takes no warm start; leave out options['start'].")
    several = np.ndim(y) == 2
    targets = as_doubles("y", y)
    if several and loss != "squared":
        raise InputError(f"several outputs go with the squared loss, got {loss!r}; pass (n,).")
    if several and (targets.shape[1] == 0 or len(targets) != len(X)):
        raise InputError(f"y must be (n,) or (n, C) with n = {len(X)}, got {targets.shape}.")
    check_finite("y", targets)
    data = Problem.of(X, targets[:, 0] if several else targets, patterns, beta, loss).scaled()
    gates = interior_points(data, patterns.gates)
    wanted = CERTIFIED if read.tolerance is None else read.tolerance

    def answer(name: str) -> GatedSolution:
        with in_one_sentence(name):
            found = _own if name == OWN else _general
            blocks, theta, status = found(data, targets, name, read)
        lengths = np.linalg.norm(blocks.reshape(len(blocks), -1), axis=1)
        blocks[lengths <= _SHORTEST * lengths.max(initial=0.0)] = 0.0
        if _value(data, targets, blocks) >= _value(data, targets, 0 * blocks):
            blocks = 0 * blocks  # beta is too large for any neuron: what is left is rounding
        told = GatedSolution(
            weights=blocks / data.sigma,
            gates=gates,
            objective=_value(data, targets, blocks),
            lower_bound=gated_lower_bound(data, targets, theta),
            theta=theta,
            status=status,
            solver=name,
            seconds=clock(),
            loss=loss,
            beta=float(beta),
            bias=patterns.bias,
        )
        if status.startswith("optimal") and _excess(told) > wanted:
            status = f"not certified: {name} said '{status}' at a gap of {told.gap:.1e}"
        return replace(told, status=status)

    names = solvers_to_try(solver, loss in GATED, read.only_ours)
    tried = until_certified(names, answer, _excess, wanted)
    best = min(tried, key=_excess)
    warn_of_gaps(best, [one for one in tried if _excess(one) > wanted], stacklevel=3)
    if best.n_neurons == 0:
        warn_of_no_neuron(TOO_LARGE, stacklevel=3)
    return best


def _excess(solution: GatedSolution) -> float:
    """The gap, relative to max(1, objective); inf for no number."""
    gap = abs(solution.gap) / max(1.0, abs(solution.objective))
    return gap if math.isfinite(gap) else math.inf


def gated_lower_bound(data: Data, targets: np.ndarray, theta: np.ndarray) -> float:
    r"""A lower bound of a prepared gated program from any multiplier of its outputs.

    .. math:: \max_{0\le s\le\min(1,\ \beta/\max_i\|X^\top D_i\theta\|_F)} -\ell^*(s\,\theta)

    Source: own (on [A] eqs. (6), (20))

    Parameters
    ----------
    data : Data
    targets, theta : (n,) or (n, C) arrays
    """
    flat = targets.reshape(-1)
    theta = data.loss.into_domain(theta.reshape(-1), flat)[0]
    several = theta.reshape(len(data.design), -1)
    pull = np.einsum("nd,np,nc->pdc", data.design, data.active, several)
    largest = float(np.linalg.norm(pull.reshape(len(pull), -1), axis=1).max())
    scale = min(1.0, data.beta / largest) if largest > 0 else 1.0
    return data.loss.dual_value(theta, flat, scale)


def _value(data: Data, targets: np.ndarray, blocks: np.ndarray) -> float:
    """The objective at prepared blocks (P, d') or (P, d', C)."""
    several = blocks.reshape(*blocks.shape[:2], -1)
    output = np.einsum("np,nd,pdc->nc", data.active, data.design, several, optimize=True)
    penalty = np.linalg.norm(several.reshape(len(blocks), -1), axis=1).sum()
    loss = data.loss.value(output.reshape(-1), targets.reshape(-1))
    return loss + data.beta * float(penalty)


def _own(
    data: Data, targets: np.ndarray, name: str, read: Options
) -> tuple[np.ndarray, np.ndarray, str]:
    """By our own interior-point method: U in prepared units, theta, status."""
    if data.loss.name not in GATED:
        raise InputError(
            f"solver={name!r} has no program for the loss {data.loss!r}, it has "
            f"{', '.join(GATED)}; use solver='clarabel'."
        )
    told = read.progress
    device = torch.device(read.device or "cpu")
    design, y = (torch.as_tensor(a, device=device) for a in (data.design, targets))
    active = torch.as_tensor(data.active.astype(bool), device=device)
    outcome = minimise(
        GATED[data.loss.name](design, y, active, data.beta),
        tolerance=read.tolerance or _TOLERANCE,
        max_iterations=read.max_iterations or _ITERATIONS,
        progress=told and as_callers(lambda step, highs, lows: told(step, highs[0], lows[0])),
    )[0]
    shape = (data.active.shape[1], data.design.shape[1], *targets.shape[1:])
    blocks = outcome.u[0].reshape(shape).cpu().numpy()
    return blocks, outcome.proof.theta.reshape(targets.shape).cpu().numpy(), outcome.status


def _general(
    data: Data, targets: np.ndarray, name: str, read: Options
) -> tuple[np.ndarray, np.ndarray, str]:
    """Through cvxpy."""
    cp = load_cvxpy()
    n, d = data.design.shape
    several = targets.reshape(n, -1)
    outputs = [cp.Variable((data.active.shape[1], d)) for _ in several.T]
    score = cp.Variable(several.shape)
    rules = [
        score[:, c] == cp.sum(cp.multiply(data.active, data.design @ u.T), axis=1)
        for c, u in enumerate(outputs)
    ]
    flat = cp.reshape(score, targets.size, order="C")
    hurt = data.loss.sides(cp, flat, targets.reshape(-1))[0]
    norms = cp.sum(cp.norm(cp.hstack(outputs), 2, axis=1))
    objective = data.loss.weight * (data.loss.program(cp, hurt) + data.beta * norms)
    problem = cp.Problem(cp.Minimize(objective), rules)
    status = solve(problem, name, read)
    blocks = np.stack([u.value for u in outputs], axis=-1)
    theta = np.stack([-rule.dual_value / data.loss.weight for rule in rules], axis=-1)
    shape = (*blocks.shape[:2], *targets.shape[1:])
    return blocks.reshape(shape), theta.reshape(targets.shape), status
