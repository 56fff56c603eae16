"""RUB cut with the box as a loss: never above the bound, and RUB itself where the box is far."""

from __future__ import annotations

import pytest
import torch

from robustcore import LpBall, bounds, defenses
from robustcore.defenses import explicit
from robustcore.errors import InputError
from robustcore.losses import adversarial_loss_bound
from robustcore.networks import ReLUNetwork, Stack

M, K = 6, 4


def instance(seed: int) -> tuple[ReLUNetwork, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    net = ReLUNetwork([M, 9, 8, K], generator, dtype=torch.float64)
    x = torch.rand(5, M, generator=generator, dtype=torch.float64).round(decimals=1)
    return net, x, torch.randint(0, K, (5,), generator=generator)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("radius", [0.2, 1.5, 4.0])
def test_it_is_between_the_clean_loss_and_the_bound(seed: int, radius: float) -> None:
    net, x, y = instance(seed)
    ball = LpBall(1, radius, (0, 1))
    bound = adversarial_loss_bound(bounds.rub_boxed(net, x, y, ball), y)
    clean = defenses.nominal().per_sample(net, x, y)
    for top, classes in ((1, 1), (3, 2), (M, K - 1)):
        found = defenses.rub_boxed(ball, top, classes).per_sample(net, x, y)
        assert (found >= clean - 1e-12).all()
        assert (found <= bound + 1e-9).all()


@pytest.mark.parametrize("seed", range(8))
def test_it_is_rub_where_the_box_is_far(seed: int) -> None:
    net, x, y = instance(seed)
    here = Stack([net])
    radius = torch.tensor([[0.7]], dtype=torch.float64)
    wide = explicit.rub_boxed(here.layers(), x, y, radius, (-50.0, 50.0), M, K - 1)
    plain = explicit.rub(here.layers(), x, y, radius, top=M)
    torch.testing.assert_close(wide, plain, rtol=1e-10, atol=1e-10)


def test_the_box_shares_the_radius_out_among_pixels() -> None:
    """One hidden neuron per pixel, gap x_1 + x_2 - 4: from (.5, .5) the box leaves .5 to each."""
    eye = torch.eye(2, dtype=torch.float64)
    zero = torch.zeros(2, dtype=torch.float64)
    W = torch.tensor([[0.0, 0.0], [1.0, 1.0]], dtype=torch.float64)
    b = torch.tensor([0.0, -4.0], dtype=torch.float64)
    net = ReLUNetwork.from_arrays([(eye, zero), (W, b)])
    x = torch.full((1, 2), 0.5, dtype=torch.float64)
    y = torch.zeros(1, dtype=torch.long)

    def gap(radius: float, top: int) -> float:
        ball = LpBall(1, radius, (0, 1))
        loss = defenses.rub_boxed(ball, top, 1).per_sample(net, x, y)
        return float(loss.detach().exp().sub(1).log())  # of log(1 + exp(gap))

    assert gap(0.5, 2) == pytest.approx(-2.5)  # all of it on one pixel
    assert gap(0.8, 2) == pytest.approx(-2.2)  # .5 on one, .3 on the other
    assert gap(5.0, 2) == pytest.approx(-2.0)  # both at 1, and no further
    assert gap(5.0, 1) == pytest.approx(-2.5)  # looks at one pixel alone


def test_a_stack_and_its_networks_have_the_same_losses_and_gradients() -> None:
    defense = defenses.rub_boxed(LpBall(1, 1.2, (0, 1)), top=3)
    nets = [instance(seed)[0] for seed in (0, 1)]
    _, x, y = instance(2)
    stack = Stack(nets)
    together = defense.of_each(stack, x, y)
    together.sum().backward()
    for s, net in enumerate(nets):
        alone = defense.per_sample(net, x, y)
        torch.testing.assert_close(together[s], alone)
        alone.sum().backward()
        assert stack.weights[0].grad is not None
        torch.testing.assert_close(stack.weights[0].grad[s], net.layers[0].weight.grad)


def test_what_it_cannot_train_is_refused() -> None:
    with pytest.raises(InputError, match="a box is needed"):
        defenses.rub_boxed(LpBall(1, 1.0))
    with pytest.raises(InputError, match="L1"):
        defenses.rub_boxed(LpBall(2, 1.0, (0, 1)))
    linear = ReLUNetwork([3, 2])
    with pytest.raises(InputError, match="hidden layer"):
        defenses.rub_boxed(LpBall(1, 1.0, (0, 1)))(linear, torch.rand(2, 3), torch.tensor([0, 1]))


def test_one_output_is_two_logits_of_which_the_first_is_zero() -> None:
    ball, x, y = LpBall(1, 0.4, (0, 1)), torch.rand(6, 5).double(), torch.tensor([0, 1] * 3)
    one = ReLUNetwork([5, 7, 1], torch.Generator().manual_seed(0), dtype=torch.float64)
    pairs = [(layer.weight, layer.bias) for layer in one.layers]
    W, b = (torch.cat([0 * part, part]) for part in pairs[-1])
    two = ReLUNetwork.from_arrays([pairs[0], (W, b)])
    defense = defenses.rub_boxed(ball, top=2)
    torch.testing.assert_close(defense(one, x, 2 * y - 1), defense(two, x, y))
    with torch.no_grad():
        torch.testing.assert_close(defense(one, x, y), defense(two, x, y))
    for bad in (ReLUNetwork([3, 2]), ReLUNetwork([3, 1])):
        with torch.no_grad(), pytest.raises(InputError, match="hidden layer"):
            defense(bad, torch.rand(2, 3), torch.tensor([0, 1]))
