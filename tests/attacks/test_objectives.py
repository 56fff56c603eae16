"""Losses of attacks by hand, and against a loop over classes."""

import pytest
import torch

from robustcore import attacks
from robustcore.balls import LpBall
from robustcore.errors import InputError
from robustcore.networks import ReLUNetwork


def test_dlr_by_hand():
    z = torch.tensor([[4.0, 1.0, 0.0, -5.0], [4.0, 1.0, 0.0, -5.0], [1.0, 1.0, 1.0, 0.0]])
    y = torch.tensor([0, 2, 0])
    # (1 - 4) / (4 - 0); (4 - 0) / (4 - 0); a three-fold tie has no value and is set to 0
    assert attacks.dlr(z, y).tolist() == pytest.approx([-0.75, 1.0, 0.0])
    assert attacks.dlr(1000 * z[:2], y[:2]).tolist() == pytest.approx([-0.75, 1.0])


def test_dlr_has_the_sign_of_the_margin():
    z = torch.randn(500, 5, generator=torch.Generator().manual_seed(0))
    y = torch.randint(5, (500,), generator=torch.Generator().manual_seed(1))
    assert torch.equal(attacks.dlr(z, y) >= 0, attacks.margin(z, y) >= 0)
    assert attacks.dlr(z, y).min() >= -1 - 1e-6


def test_dlr_wants_three_classes_and_the_margin_two():
    z, y = torch.tensor([[1.0, 3.0]]), torch.tensor([0])
    with pytest.raises(InputError, match="needs 3 classes, got 2; attack the margin"):
        attacks.dlr(z, y)
    assert attacks.margin(z, y).tolist() == [2.0]
    three = torch.tensor([[1.0, 3.0, 2.0]])
    assert attacks.dlr(three, y).tolist() == [1.0]  # (3 - 1) / (3 - 1)


def test_the_margin_is_the_largest_of_the_aimed_gaps():
    z = torch.randn(50, 4, generator=torch.Generator().manual_seed(0))
    y = torch.randint(4, (50,), generator=torch.Generator().manual_seed(1))
    gaps = torch.stack([attacks.towards((y + k) % 4)(z, y) for k in range(1, 4)])
    assert torch.equal(gaps.amax(dim=0), attacks.margin(z, y))


@pytest.mark.parametrize("p", [1, 2, float("inf")])
def test_apgd_climbs_dlr(p):
    g = torch.Generator().manual_seed(0)
    net = ReLUNetwork((9, 12, 12, 4), g, dtype=torch.float64)
    x = torch.rand(10, 9, generator=g, dtype=torch.float64)
    y = net(x).argmax(dim=1)
    ball = LpBall(p, 0.3, (0, 1))
    found = attacks.apgd(net, x, y, ball, 30, losses=(attacks.dlr,))
    step = attacks.fgm(net, x, y, ball, attacks.margin)
    with torch.no_grad():
        rise = attacks.margin(net(found), y) - attacks.margin(net(step), y)
    assert bool((rise >= -1e-12).all())
    assert float(rise.sum()) > 1e-3
