"""No multipliers whatever certify more than the optimum, which another program gives."""

import math

import numpy as np
import pytest
import torch

from robustcore import convex, patterns
from robustcore.balls import LpBall
from robustcore.convex import interior_point
from robustcore.convex.dual import Multipliers, lower_bound
from robustcore.convex.interior_point.protocol import Iterate
from robustcore.convex.interior_point.robust_maps import Pairs
from robustcore.convex.parts import Problem
from robustcore.convex.reductions import distinct_rows

LOSSES = ("hinge", "squared", "logistic")
ROBUST = {
    "hinge": convex.train_robust_hinge,
    "squared": convex.train_robust_squared,
    "logistic": convex.train_robust_logistic,
}
OURS = {
    "hinge": (interior_point.StandardHinge, interior_point.RobustHinge),
    "squared": (interior_point.StandardSquared, interior_point.RobustSquared),
    "logistic": (interior_point.StandardLogistic, interior_point.RobustLogistic),
}
RADIUS = 0.1
NORMS = (math.inf, 1, 2)


def instance(seed, n=7):
    """Points off the axis x_0 = 0, so that robust neurons exist at 1.5 times the radius too."""
    rng = np.random.default_rng(seed)
    X = rng.uniform(-1, 1, size=(n, 2))
    X[:, 0] += np.where(X[:, 0] > 0, 0.3, -0.3)
    y = np.sign(X[:, 0]) * rng.choice([1.0, 1.0, -1.0], size=n)
    y[:2] = 1.0, -1.0
    return rng, X, y, patterns.enumerate(X)


def optimum(X, y, cells, beta, loss, radius=0.0, p=math.inf):
    """Of the program written down for a general solver; an upper bound by at most its gap."""
    tight = {"tolerance": 1e-7}
    if radius == 0:
        given = (X, y, cells, beta, loss, "clarabel", tight)
        return convex.train_standard(*given).objective
    ball = LpBall(p, radius)
    return ROBUST[loss](X, y, cells, ball, beta, solver="clarabel", options=tight).objective


def program(X, y, cells, beta, loss, radius=0.0, p=math.inf):
    """One of ours, over patterns that all have an interior."""
    arrays = [torch.from_numpy(a) for a in (X, y)]
    active, gates = ([torch.from_numpy(a)] for a in (cells.active, cells.gates))
    standard, robust = OURS[loss]
    if radius == 0:
        return standard(*arrays, active, gates, beta)
    return robust(*arrays, active, gates, beta, radius, X.shape[1], p)


def interior(X, cells, radius, p=math.inf):
    """The patterns with a strict robust interior, and a gate in each."""
    alive, points = patterns.robust_interior(X, cells, LpBall(p, radius))
    inside = alive & np.isfinite(points).all(axis=0)
    kept = cells.take(inside)
    return patterns.Patterns(kept.active, points[:, inside], kept.bias, kept.fingerprint)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("beta", [1e-2, 0.1, 10.0])
@pytest.mark.parametrize("loss", LOSSES)
def test_standard(loss, beta, seed):
    """theta out of its domain, too long, of another beta; at a beta that allows no neuron too."""
    rng, X, y, cells = instance(seed)
    best = optimum(X, y, cells, beta, loss)
    other = convex.train_standard(X, y, cells, 3 * beta, loss, solver="clarabel").theta
    n, data = len(y), Problem.of(X, y, cells, beta, loss).scaled()
    thetas = [-y / n, other, rng.standard_normal(n) / n, -y * rng.uniform(0, 3, n) / n]
    bounds = []
    for theta in thetas:
        for size in (0.5, 1.0, 1.5, 2.0, 5.0, 100.0):
            lam = size * rng.uniform(size=(2, *cells.active.shape)) / n
            bounds.append(lower_bound(data, Multipliers(size * theta, *lam)))
            bounds.append(lower_bound(data, Multipliers(size * theta)))
    assert max(bounds) <= best + 1e-9
    assert max(bounds) >= 0.3 * best  # else it is no test of anything


def of_rows(pi, p):
    """Multipliers of the lengths of the rows that pull by pi."""
    if p == 2:
        return (torch.nn.functional.pad(pi, (1, 0)),)
    return (-pi).clamp(min=0), pi.clamp(min=0)


def iterate(proof, sigma, p, size, noise, rng):
    """An iterate with the multipliers of a proof, each entry changed by a factor near `size`."""

    def noisy(part):
        return part * torch.from_numpy(size * rng.uniform(1 - noise, 1 + noise, size=part.shape))

    facets, pi = noisy(proof.facets)[None], noisy(proof.pi)[None] / sigma
    loss, rows = noisy(proof.loss)[None], of_rows(pi, p)
    blocks = tuple(torch.zeros(1, 2, facets.shape[2], part.shape[-1]) for part in rows)
    multipliers = Pairs(facets, blocks, rows, loss[:, 0], loss[:, 1]).flat
    point = torch.zeros(1, 2, facets.shape[2], 3, dtype=torch.float64)
    return Iterate(point, point, (), (), multipliers)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("p", NORMS)
def test_robust(p, loss, seed):
    """Both certificates, fed with the multipliers of programs at other radii and other betas.

    A certificate that grants the cones twice their slack is that of a program at twice the radius:
    its own multipliers expose it.
    """
    rng, X, y, cells = instance(seed)
    kept, beta = interior(X, cells, 2 * RADIUS, p), 1e-2
    best = optimum(X, y, kept, beta, loss, RADIUS, p)
    mine = program(X, y, kept, beta, loss, RADIUS, p)
    data = Problem.of(X, y, kept, beta, loss, LpBall(p, RADIUS)).scaled()
    rows, row_of = distinct_rows(kept.active.astype(float), True)
    ours, theirs = [], []
    for factor, price in ((1.0, 1.0), (2.0, 1.0), (1.5, 1.0), (2.0, 2.0), (0.5, 1.0)):
        there = program(X, y, kept, price * beta, loss, factor * RADIUS, p)
        proof = interior_point.minimise(there, tolerance=1e-8)[0].proof
        for size, noise in ((1.0, 0.0), (1.0, 0.01), (0.7, 0.1), (1.5, 0.0), (3.0, 0.3)):
            at = iterate(proof, mine.sigma, p, size, noise, rng)
            ours.append(float(mine.certificate(at)[0]))
            if loss != "squared":
                pairs = Pairs.of(at.multipliers)
                ours_theta = pairs.second + (pairs.first if loss == "logistic" else 0)
                theta = -y * ours_theta[0].numpy()
                lam = pairs.facets[0].mT.numpy()
                pi = -mine.maps.length.adjoint(pairs.z_length)[0][0].numpy()
                given = Multipliers(theta, lam[0], lam[1], rows, row_of, pi)
                theirs.append(lower_bound(data, given))
    assert max(ours) <= best + 1e-9
    assert max(ours) >= 0.99 * best
    assert not theirs or 0.99 * best <= max(theirs) <= best + 1e-9


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("p", NORMS)
def test_our_certificate_of_random_multipliers(p, loss, seed):
    """Far from any optimum, standard and robust, of every size, out of their cones too."""
    rng, X, y, cells = instance(seed)
    for radius in (0.0, RADIUS):
        kept = interior(X, cells, RADIUS, p)
        best = optimum(X, y, kept, 1e-2, loss, radius, p)
        mine = program(X, y, kept, 1e-2, loss, radius, p)
        start = mine.start()
        for size in np.geomspace(1e-3, 1e3, 13):
            noisy = tuple(
                part * torch.from_numpy(rng.exponential(size, size=part.shape))
                for part in start.multipliers
            )
            moved = start.mapped(lambda part: part)
            at = Iterate(size * moved.point, moved.dual, moved.free, moved.slacks, noisy)
            assert float(mine.certificate(at)[0]) <= best + 1e-9
