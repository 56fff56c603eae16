import math

import pytest
import torch

from robustcore import attacks
from robustcore.balls import LpBall
from robustcore.errors import RobustcoreError


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
