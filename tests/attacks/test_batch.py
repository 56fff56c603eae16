import math

import pytest
import torch

from robustcore import attacks
from robustcore.attacks.batch import AttackedBatch
from robustcore.balls import LpBall
from robustcore.errors import InputError, RobustcoreError
from robustcore.networks import ReLUNetwork

NORMS = [1, 2, math.inf]


@pytest.mark.parametrize("p", [1, 2, math.inf])
def test_a_point_outside_the_ball_is_refused(p):
    x = torch.full((2, 16), 0.5)
    direction = torch.ones(16)
    delta = direction / torch.linalg.vector_norm(direction, p)
    ball = LpBall(p, 0.25)
    attacks.check_inside(x + 0.25 * delta, x, ball)
    with pytest.raises(RobustcoreError, match="1 of 2 perturbed inputs are outside LpBall"):
        attacks.check_inside(x + torch.tensor([[0.25], [0.2501]]) * delta, x, ball)


def test_a_point_outside_the_box_is_refused():
    x = torch.full((1, 4), 0.9)
    with pytest.raises(RobustcoreError, match="project them first"):
        attacks.check_inside(x + 0.2, x, LpBall(math.inf, 0.3, (0, 1)))
    attacks.check_inside(x + 0.2, x, LpBall(math.inf, 0.3))


@pytest.mark.parametrize("p", [1, 2, math.inf])
@pytest.mark.parametrize("moved", [-0.1, 1.1])
def test_one_coordinate_outside_the_box_is_refused_before_the_attack(p, moved):
    net = ReLUNetwork([4, 3, 2], torch.Generator().manual_seed(0))
    x, y = torch.full((3, 4), 0.5), torch.zeros(3, dtype=torch.int64)
    attacks.fgm(net, x, y, LpBall(p, 0.1, (0, 1)))
    x[1, 2] = moved
    with pytest.raises(InputError, match=r"x must lie in the box of LpBall.*clip or rescale"):
        attacks.fgm(net, x, y, LpBall(p, 0.1, (0, 1)))


def attacked(W, x, ball):
    """Of a linear network, label 0 everywhere."""
    W = torch.as_tensor(W, dtype=torch.float64)
    net = ReLUNetwork.from_arrays([(W, torch.zeros(len(W), dtype=torch.float64))])
    x = torch.as_tensor(x, dtype=torch.float64)
    return AttackedBatch(net, x, torch.zeros(len(x), dtype=torch.int64), ball, attacks.margin)


def test_the_wrong_classes_come_by_falling_logit_without_the_label():
    batch = attacked([[0.0], [1.0], [3.0], [-2.0]], [[1.0], [-1.0]], LpBall(1, 0.1))
    assert batch.wrong_classes().tolist() == [[2, 1, 3], [3, 1, 2]]


def test_the_room_is_what_the_box_leaves_along_a_direction_from_where_the_path_is():
    batch = attacked([[0.0] * 3, [1.0] * 3], [[0.25, 0.5, 1.0]], LpBall(1, 1.0, (0, 1)))
    delta = torch.tensor([[0.25, -0.25, 0.0]], dtype=torch.float64)
    up, down = torch.ones_like(delta), -torch.ones_like(delta)
    assert batch.room(up, delta).tolist() == [[0.5, 0.75, 0.0]]
    assert batch.room(down, delta).tolist() == [[0.5, 0.25, 1.0]]


def test_a_step_is_steepest_and_for_the_l1_ball_spread_over_free_coordinates():
    gradient = torch.linspace(1, 3, 300, dtype=torch.float64)[None] * torch.tensor([1.0, -1] * 150)
    x, delta = torch.full((1, 300), 0.5), torch.zeros_like(gradient)
    x[0, -2] = 1.0  # where the second largest can go no further
    steps = {p: attacked(gradient.new_zeros(2, 300), x, LpBall(p, 0.1, (0, 1))).step for p in NORMS}
    torch.testing.assert_close(steps[2](gradient, delta, 0.5), gradient / gradient.norm())
    assert torch.equal(steps[math.inf](gradient, delta, 0.5), gradient.sign())
    for done, count in ((0.0, 3), (0.5, 2), (0.999, 1)):
        found = steps[1](gradient, delta, done)[0]
        at = [299, 297, 296][:count]
        assert found.nonzero()[:, 0].tolist() == sorted(at)
        assert found[at].tolist() == (gradient[0, at].sign() / count).tolist()
