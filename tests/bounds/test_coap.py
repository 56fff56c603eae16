"""COAP against the dual written as in Wong and Kolter, the relaxed linear program, and by hand."""

import math

import numpy as np
import pytest
import torch
from scipy.optimize import linprog

from robustcore import bounds
from robustcore.balls import LpBall
from robustcore.networks import ReLUNetwork, affine_layers
from studies.oracles.bound_twins import random_instances


def test_by_hand():
    """|x| on [-1, 3] lies below the chord 3/4 (x + 1) + 1/4 (3 - x), as CROWN finds it too."""
    two_rays = (torch.tensor([[1.0], [-1.0]]).double(), torch.zeros(2).double())
    total = (torch.tensor([[0.0, 0.0], [1.0, 1.0]]).double(), torch.zeros(2).double())
    net = ReLUNetwork.from_arrays([two_rays, total])
    x, y, ball = torch.ones(1, 1).double(), torch.tensor([0]), LpBall(math.inf, 2.0)
    assert bounds.coap(net, x, y, ball)[0, 1].item() == pytest.approx(3.0)
    # -|x|: both lower lines are 3/4 x and -1/4 x, so that -x/2 at x = -1 bounds it, not 0
    down = (-total[0], total[1])
    net = ReLUNetwork.from_arrays([two_rays, down])
    assert bounds.coap(net, x, y, ball)[0, 1].item() == pytest.approx(0.5)


def literal(net, x, y, k, ball):
    """J of Wong and Kolter, one sample, one objective, negated: loops and their own signs."""
    layers = [(W.detach().numpy(), b.detach().numpy()) for W, b in affine_layers(net)]
    q = ball.dual_exponent

    def lowest(depth, start):
        """min start'z^depth over the relaxed network, from the dual with nu_depth = -start."""
        nu, total = -start, 0.0
        for l in range(depth, 0, -1):
            W, b = layers[l - 1]
            total -= nu @ b
            hat = W.T @ nu
            if l == 1:
                return total - x @ hat - ball.radius * np.linalg.norm(hat, q)
            low, high = box[l - 2]
            nu = np.zeros_like(hat)
            for j in range(len(hat)):
                if low[j] >= 0:
                    nu[j] = hat[j]
                elif high[j] > 0:
                    slope = high[j] / (high[j] - low[j])
                    nu[j] = slope * hat[j]
                    total += slope * low[j] * max(hat[j], 0.0)
        return total

    box = []
    for depth in range(1, len(layers)):
        eye = np.eye(layers[depth - 1][1].size)
        box.append(
            (
                np.array([lowest(depth, e) for e in eye]),
                np.array([-lowest(depth, -e) for e in eye]),
            )
        )
    c = np.eye(layers[-1][1].size)
    return -lowest(len(layers), c[y] - c[k])


@pytest.mark.parametrize("p", [1, 2, math.inf])
def test_the_dual_as_the_authors_write_it(p):
    for instance in random_instances(15, seed=60):
        ball = LpBall(p, instance.radius)
        found = bounds.coap(instance.net, instance.x, instance.y, ball)
        for i in range(len(instance.y)):
            for k in range(3):
                twin = literal(instance.net, instance.x[i].numpy(), int(instance.y[i]), k, ball)
                assert float(found[i, k]) == pytest.approx(twin, rel=1e-10, abs=1e-10)


def test_two_layers_are_the_relaxed_linear_program_or_above():
    """The dual at one feasible point is above the optimum over the triangle hulls."""
    gaps_to_lp = []
    for instance in random_instances(30, seed=61):
        if instance.depth != 2:
            continue
        ball = LpBall(math.inf, instance.radius)
        found = bounds.coap(instance.net, instance.x, instance.y, ball)
        (W, b), (W2, b2) = ((w.numpy(), c.numpy()) for w, c in affine_layers(instance.net))
        for i in range(len(instance.y)):
            centre = W @ instance.x[i].numpy() + b
            spread = ball.radius * np.abs(W).sum(1)
            for k in range(3):
                row = W2[k] - W2[int(instance.y[i])]
                optimum = triangle_optimum(W, centre, centre - spread, centre + spread, row, ball)
                value = optimum + b2[k] - b2[int(instance.y[i])]
                assert float(found[i, k]) >= value - 1e-9
                gaps_to_lp.append(float(found[i, k]) - value)
    assert min(gaps_to_lp) < 1e-9 < 1e-3 < max(gaps_to_lp)  # attained in some, above in others


def triangle_optimum(W, centre, low, high, row, ball):
    """max row'h over (z, h) in the product of the triangles, z = centre + W delta."""
    m, M = W.shape
    A, rhs = [], []
    bounds_of_h = []
    for j in range(m):
        unit = np.zeros(m)
        unit[j] = 1
        if high[j] <= 0 or low[j] >= 0:
            slope, lift = float(low[j] >= 0), 0.0
        else:
            slope = high[j] / (high[j] - low[j])
            lift = -slope * low[j]
        A.append(np.concatenate([-slope * W[j], unit]))  # h <= slope z + lift
        rhs.append(slope * centre[j] + lift)
        A.append(np.concatenate([W[j], -unit]))  # h >= z
        rhs.append(-centre[j])
        bounds_of_h.append((0.0, 0.0 if high[j] <= 0 else None))
    cost = np.concatenate([np.zeros(M), -row])
    limits = [(-ball.radius, ball.radius)] * M + bounds_of_h
    solved = linprog(cost, A_ub=np.array(A), b_ub=np.array(rhs), bounds=limits)
    assert solved.status == 0
    return -solved.fun


def test_neither_coap_nor_crown_dominates():
    wins = {"coap": 0, "crown": 0}
    for instance in random_instances(30, seed=64):
        arguments = (instance.net, instance.x, instance.y, LpBall(math.inf, instance.radius))
        difference = bounds.coap(*arguments) - bounds.crown(*arguments)
        wins["coap"] += int((difference < -1e-9).sum())
        wins["crown"] += int((difference > 1e-9).sum())
    assert min(wins.values()) > 0
