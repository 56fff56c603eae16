"""An image between its certificate and an attack: the two never cross, and say what they are."""

from __future__ import annotations

import math

import pytest
import torch

from robustcore import LpBall
from robustcore.networks import ReLUNetwork
from studies.b10_certificates import meaning


def certain() -> ReLUNetwork:
    """z_1 - z_0 = x_1 + x_2 - 1, wrong from a change of 1 - x_1 - x_2 on."""
    last = torch.tensor([[0.0, 0.0], [1.0, 1.0]])
    layers = [(torch.eye(2), torch.zeros(2)), (last, torch.tensor([0.0, -1.0]))]
    return ReLUNetwork.from_arrays(layers).requires_grad_(False)


def test_proof_and_attack_meet_where_the_network_is_known() -> None:
    """From (.3, .1) the answer turns at an L1 length of .6, which both find to 1/64 of 2."""
    x, y = torch.tensor([[0.3, 0.1]]), torch.tensor([0])
    (found,) = meaning.followed(certain(), x, y, LpBall(1, 2.0, (0, 1)))
    assert found.certified <= 0.6 <= found.broken + 1e-6
    assert found.certified == pytest.approx(0.6, abs=2 / 64)
    assert found.broken == pytest.approx(0.6, abs=2 / 32)
    assert (found.label, found.answer) == (0, 1)
    assert float(found.spent.sum()) == pytest.approx(found.broken, rel=1e-5)
    assert found.pixels() in (1, 2)


def test_what_no_attack_turns_is_said_so() -> None:
    x, y = torch.tensor([[0.3, 0.1]]), torch.tensor([0])
    (found,) = meaning.followed(certain(), x, y, LpBall(1, 0.4, (0, 1)))
    assert math.isinf(found.broken)
    assert found.certified == 0.4
    assert torch.equal(found.image, found.moved)
    assert found.pixels() == 0


def test_one_image_of_each_kind_is_picked() -> None:
    x = torch.tensor([[0.9, 0.9], [0.4, 0.4], [0.1, 0.1]])  # wrong, nearly, safe
    y = torch.zeros(3, dtype=torch.long)
    pair = meaning.told_apart(certain(), x, y, 0.5, LpBall(1, 2.0, (0, 1)))
    assert [one.proved_at(0.5) for one in pair] == [True, False]
    assert [one.image.tolist() for one in pair] == [x[2].tolist(), x[1].tolist()]
