"""The losses: factors as printed, assumptions (3) and (4), and Lemma 1."""

import math

import pytest
import torch

from robustcore import losses
from robustcore.errors import InputError

MULTICLASS = [losses.cross_entropy, losses.multiclass_hinge, losses.zero_one]


def batch(seed=0, n=200, K=4):
    generator = torch.Generator().manual_seed(seed)
    z = torch.randn(n, K, generator=generator, dtype=torch.float64)
    return z, torch.randint(0, K, (n,), generator=generator)


def test_hinge_is_a_mean_and_squared_is_half_a_sum():
    score = torch.tensor([0.0, 3.0], dtype=torch.float64)
    y = torch.tensor([1.0, -1.0], dtype=torch.float64)
    assert losses.hinge(score, y) == (1 + 4) / 2
    assert losses.squared(score, y) == 0.5 * (1 + 16)


def test_cross_entropy_is_torchs():
    z, y = batch()
    ours = losses.cross_entropy(z, y)
    assert torch.allclose(ours, torch.nn.functional.cross_entropy(z, y, reduction="none"))


def test_cross_entropy_does_not_overflow():
    z = torch.tensor([[0.0, 1e4]], dtype=torch.float32)
    assert losses.cross_entropy(z, torch.tensor([0])).item() == pytest.approx(1e4)


def test_the_multiclass_hinge_by_hand():
    """The true class counts with 0, every other with its gap and 1; samples do not mix."""
    z = torch.tensor([[3.0, 1.0, 2.5], [0.0, 0.25, -4.0], [5.0, 1.0, 3.0]], dtype=torch.float64)
    y = torch.tensor([0, 1, 0])
    # 1 + 2.5 - 3; 1 + 0 - 0.25; 1 + 3 - 5 < 0
    assert losses.multiclass_hinge(z, y).tolist() == [0.5, 0.75, 0.0]
    assert losses.multiclass_hinge(z, torch.tensor([1, 2, 1])).tolist() == [3.0, 5.25, 5.0]


def test_the_zero_one_loss_by_hand():
    """Right only where every other class is below: one that ties is enough for an error."""
    z = torch.tensor([[3.0, 1.0, 2.0], [1.0, 3.0, 3.0], [2.0, 1.0, 5.0], [0.0, -1.0, -1.0]])
    assert losses.zero_one(z, torch.tensor([0, 1, 0, 0])).tolist() == [0.0, 1.0, 1.0, 0.0]
    assert losses.zero_one(z, torch.tensor([1, 0, 2, 0])).tolist() == [1.0, 1.0, 0.0, 0.0]


@pytest.mark.parametrize("loss", MULTICLASS)
def test_assumption_3_1_translation(loss):
    z, y = batch()
    assert torch.allclose(loss(z, y), loss(z + 3.7, y))


@pytest.mark.parametrize("loss", MULTICLASS)
def test_assumption_3_2_monotone(loss):
    z, y = batch()
    larger = losses.gaps(z, y) + torch.rand_like(z) * (torch.arange(4) != y[:, None])
    assert (loss(z, y) <= loss(larger, y) + 1e-12).all()


def test_the_squared_error_breaks_assumption_3_1():
    """As the paper says: it sees the logits themselves, not only their differences."""
    z, y = batch()
    one_hot = torch.nn.functional.one_hot(y, 4)
    moved = ((z + 1 - one_hot) ** 2).sum(-1)
    assert not torch.allclose(((z - one_hot) ** 2).sum(-1), moved)


@pytest.mark.parametrize("loss", MULTICLASS)
def test_lemma_1_over_a_finite_set(loss):
    """max over points of the loss <= loss of the maxima over points of the gaps."""
    y = batch(n=50)[1]
    points = torch.stack([batch(seed, n=50)[0] for seed in range(1, 20)])
    worst_loss = torch.stack([loss(z, y) for z in points]).amax(0)
    worst_gaps = torch.stack([losses.gaps(z, y) for z in points]).amax(0)
    assert (worst_loss <= losses.adversarial_loss_bound(worst_gaps, y, loss) + 1e-12).all()


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (torch.tensor([0.5]), "must be whole numbers"),
        (torch.tensor([True]), "labels 0..3, got booleans"),
        (torch.tensor([0, 1]), r"shape \(1,\)"),
        (torch.tensor([4]), "must lie in 0..3"),
        (torch.tensor([-1]), "must lie in 0..3"),
    ],
)
def test_bad_labels_are_refused(y, message):
    with pytest.raises(InputError, match=message):
        losses.gaps(torch.zeros(1, 4), y)


def test_the_logistic_loss_is_exact_where_softplus_gives_up() -> None:
    """torch's softplus is the identity from 20 on; log(1 + e^20) is 2e-9 more than 20."""
    for margin in (-20.5, -25.0, 0.0, 30.0):
        score = torch.tensor([margin], dtype=torch.float64)
        value = float(losses.logistic(score, torch.ones(1, dtype=torch.float64)))
        exact = math.log1p(math.exp(-abs(margin))) + max(-margin, 0.0)
        assert value == pytest.approx(exact, rel=1e-15)
