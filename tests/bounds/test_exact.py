"""The MILP referee against brute force."""

import math

import numpy as np
import pytest
import torch

from robustcore import bounds
from robustcore.balls import LpBall
from robustcore.errors import InputError
from robustcore.losses import gaps
from studies.oracles.bound_twins import random_instances


@pytest.mark.parametrize("p", [1, math.inf])
def test_no_dense_sample_beats_it_and_a_grid_comes_close(p):
    """In two dimensions a fine sample of the ball reaches the maximum of a Lipschitz function."""
    rng = np.random.default_rng(0)
    instances = [i for i in random_instances(60, seed=20) if i.x.shape[1] == 2][:8]
    assert len(instances) == 8
    for instance in instances:
        ball = LpBall(p, instance.radius)
        exact = bounds.exact(instance.net, instance.x, instance.y, ball)
        delta = torch.from_numpy(ball.sample((20_000, 2), rng))
        for i in range(2):
            z = instance.net(instance.x[i] + delta)
            attacked = gaps(z, instance.y[i].expand(len(delta))).amax(0)
            assert (attacked <= exact[i] + 1e-6).all()
            assert (attacked >= exact[i] - 0.1 * (1 + exact[i].abs())).all()


def test_it_needs_a_polyhedral_ball():
    instance = next(iter(random_instances(1, seed=0)))
    with pytest.raises(InputError, match="L1 or Linf ball, got p=2"):
        bounds.exact(instance.net, instance.x, instance.y, LpBall(2, 1.0))
