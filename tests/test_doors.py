"""One output is a binary network, and a label is a whole number of any type, at every door."""

import math
from functools import partial

import numpy as np
import pytest
import torch
from torch import nn

import bound_cases
from bound_cases import LOSSES, quick
from robustcore import attacks, bounds, defenses, doors, evaluation, losses, methods, training
from robustcore.balls import LpBall
from robustcore.errors import InputError
from robustcore.networks import ReLUNetwork, Stack, TwoLayerReLU

BALL = LpBall(1, 0.3)
BOUNDS = {
    **{name: quick(one) for name, one in bound_cases.BOUNDS.items() if name not in LOSSES},
    "rub_top": bounds.rub_top,
    "rub_polytope": lambda net, x, y, ball: bounds.rub_polytope(
        net, x, y, torch.as_tensor(ball.vertices(4))
    ),
    "split": bounds.split,
    "sup_inf": bounds.sup_inf,
    "inf_sup": bounds.inf_sup,
}
SOUND = [m.name for m in bound_cases.BOUNDS.values() if m.sound]
ATTACKS = {
    "fgm": attacks.fgm,
    "pgd": partial(attacks.pgd, steps=5),
    "apgd": partial(attacks.apgd, steps=5),
    "strongest": partial(attacks.strongest, steps=5),
    "as_published": partial(attacks.as_published, random_start=False),
}
DEFENSES = {
    "nominal": defenses.nominal(),
    "fgsm": defenses.fgsm(BALL),
    "pgd": defenses.pgd(BALL, steps=3),
    "baseline": defenses.baseline(BALL),
    "arub": defenses.arub(BALL),
    "ibp": defenses.ibp(BALL, clean_weight=0.5),
    "coap": defenses.coap(BALL),
    "crown": defenses.crown(BALL),
    "rub": defenses.rub(BALL),
    "rub_top": defenses.rub(BALL, top=2),
}
SIGNS = torch.tensor([-1, 1, 1, -1, 1, -1, -1, 1])
KINDS = {
    "int64": SIGNS,
    "int8": SIGNS.to(torch.int8),
    "int32": SIGNS.int(),
    "float": SIGNS.double(),
    "numpy": SIGNS.numpy().astype(np.int16),
    "list": SIGNS.tolist(),
    "0 and 1": (SIGNS + 1) // 2,
    "uint8": ((SIGNS + 1) // 2).to(torch.uint8),
    "uint16": ((SIGNS + 1) // 2).numpy().astype(np.uint16),
    "bool": SIGNS > 0,
}


def binary(seed=0, column=True):
    """A network with one output, its twin with the logits (0, z), inputs and their signs."""
    g = torch.Generator().manual_seed(seed)
    u = torch.randn(6, 4, generator=g, dtype=torch.float64)
    b, alpha = (torch.randn(6, generator=g, dtype=torch.float64) for _ in range(2))
    x = torch.randn(8, 4, generator=g, dtype=torch.float64)
    if column:
        net = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 1)).double()
        with torch.no_grad():
            for layer, (w, c) in zip(net[::2], [(u, b), (alpha[None], 0 * b[:1])], strict=True):
                layer.weight.copy_(w)
                layer.bias.copy_(c)
    else:
        net = TwoLayerReLU(u, alpha, b)
    twin = ReLUNetwork.from_arrays([(u, b), (torch.stack([0 * alpha, alpha]), torch.zeros(2))])
    return net, twin, x


@pytest.mark.parametrize("column", [True, False], ids=["(n, 1)", "(n,)"])
@pytest.mark.parametrize("name", BOUNDS)
def test_a_bound_of_one_output_is_that_of_two_logits(name, column):
    net, twin, x = binary(column=column)
    found = BOUNDS[name](net, x, SIGNS, BALL)
    assert found.shape == (8, 2)
    torch.testing.assert_close(found, BOUNDS[name](twin, x, (SIGNS + 1) // 2, BALL))


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_on_one_output_is_that_on_two_logits(name):
    net, twin, x = binary()
    found = ATTACKS[name](net, x, SIGNS, BALL)
    assert torch.equal(found, ATTACKS[name](twin, x, (SIGNS + 1) // 2, BALL))


@pytest.mark.parametrize("name", DEFENSES)
def test_a_defense_of_one_output_is_that_of_two_logits(name):
    net, twin, x = binary()
    loss = DEFENSES[name](net, x, SIGNS)
    torch.testing.assert_close(loss, DEFENSES[name](twin, x, (SIGNS + 1) // 2))
    loss.backward()
    assert all(bool(p.grad.isfinite().all()) for p in net.parameters())
    assert float(net[0].weight.grad.abs().max()) > 0


def test_the_cross_entropy_of_one_output_is_the_logistic_loss():
    net, _, x = binary()
    z = net(x)[:, 0]
    wanted = losses.logistic(z, SIGNS.double())
    torch.testing.assert_close(defenses.nominal()(net, x, SIGNS), wanted)
    target = (SIGNS > 0).double()
    torch.testing.assert_close(
        losses.cross_entropy(z, SIGNS), nn.BCEWithLogitsLoss(reduction="none")(z, target)
    )


def test_what_is_certified_withstands_and_what_withstands_is_right():
    """One output, random labels of both kinds, every method: no false certificate."""
    certified = 0
    for seed in range(5):
        net, _, x = binary(seed)
        z = net(x)[:, 0].detach()
        right = torch.where(z > 0, 1, -1)
        y = torch.where(torch.arange(8) % 4 == 0, -right, right)  # some labels are wrong
        for kind in (y, (y + 1) // 2, torch.ones_like(y), torch.zeros_like(y), -torch.ones_like(y)):
            good = evaluation.correct(net, x, kind)
            assert torch.equal(good, ((z > 0) == (kind > 0)) & (z != 0))
            stands = evaluation.withstands(net, x, kind, BALL)
            assert bool((stands <= good).all())
            for name in (name for name in SOUND if methods.METHODS[name].takes(BALL)):
                proved = evaluation.certified(net, x, kind, BALL, name)
                assert bool((proved <= stands).all())
                certified += int(proved.sum())
    assert certified > 100


@pytest.mark.parametrize("name", [*SOUND, "sup_inf"])
def test_a_tie_of_one_output_is_never_certified(name):
    net = nn.Sequential(nn.Linear(4, 1)).double()
    with torch.no_grad():
        net[0].weight.zero_()
        net[0].bias.zero_()
    x, ball = torch.zeros(2, 4, dtype=torch.float64), LpBall(1, 0.0)
    for y in ([0, 1], [-1, 1]):
        assert not bool(evaluation.correct(net, x, y).any())
        gap = BOUNDS[name](net, x, y, ball)
        assert bool((gap.amax(dim=1) >= 0).all())


def test_the_certified_radius_of_one_output_is_the_distance_to_its_line():
    net = nn.Linear(2, 1).double()
    with torch.no_grad():
        net.weight.copy_(torch.tensor([[3.0, -4.0]]))
        net.bias.fill_(1.0)
    x = np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 0.25]])  # z = 4, -3, 0
    found = evaluation.certified_radius(net, x, [1, -1, 1], LpBall(math.inf, 1.0), tolerance=2**-10)
    # an Linf ball of radius r moves z by 7 r
    assert found.tolist() == pytest.approx([4 / 7, 3 / 7, 0.0], abs=2**-10)


@pytest.mark.parametrize("kind", KINDS)
def test_every_type_of_label_gives_the_same_answers(kind):
    net, _, x = binary()
    y = KINDS[kind]
    assert torch.equal(evaluation.correct(net, x, y), evaluation.correct(net, x, SIGNS))
    assert torch.equal(
        evaluation.certified(net, x, y, BALL), evaluation.certified(net, x, SIGNS, BALL)
    )
    for bound in BOUNDS.values():
        assert torch.equal(bound(net, x, y, BALL), bound(net, x, SIGNS, BALL))
    for attack in ATTACKS.values():
        assert torch.equal(attack(net, x, y, BALL), attack(net, x, SIGNS, BALL))
    for defense in DEFENSES.values():
        assert torch.equal(defense(net, x, y), defense(net, x, SIGNS))


@pytest.mark.parametrize(
    "dtype", [torch.uint8, torch.int8, torch.int16, torch.int32, torch.float32, torch.uint64]
)
def test_every_type_of_label_gives_the_same_answers_for_many_classes(dtype):
    net = ReLUNetwork((4, 6, 3), torch.Generator().manual_seed(0), dtype=torch.float64)
    x, y = torch.randn(9, 4, dtype=torch.float64), torch.arange(9) % 3
    for bound in (bounds.rub, bounds.rub_polytope, bounds.crown, bounds.exact, bounds.rub_any):
        ball = torch.as_tensor(BALL.vertices(4)) if bound is bounds.rub_polytope else BALL
        assert torch.equal(bound(net, x, y.to(dtype), ball), bound(net, x, y, ball))
    assert torch.equal(attacks.apgd(net, x, y.to(dtype), BALL, 3), attacks.apgd(net, x, y, BALL, 3))
    for loss in (losses.cross_entropy, losses.multiclass_hinge, losses.zero_one, attacks.margin):
        assert torch.equal(loss(net(x), y.to(dtype)), loss(net(x), y))
    aim = attacks.towards(((y + 1) % 3).to(dtype))
    assert torch.equal(aim(net(x), y), attacks.towards((y + 1) % 3)(net(x), y))


def test_arrays_take_the_precision_of_the_network():
    net = ReLUNetwork((4, 6, 3), torch.Generator().manual_seed(0))
    x, y = np.random.default_rng(0).normal(size=(9, 4)), np.arange(9) % 3
    tensor = torch.as_tensor(x).float()
    assert attacks.pgd(net, x, y, BALL, 3).dtype == torch.float32
    assert torch.equal(bounds.crown(net, x, y, BALL), bounds.crown(net, tensor, y, BALL))
    assert evaluation.clean_accuracy(net, x, y) == evaluation.clean_accuracy(net, tensor, y)
    assert evaluation.certified_accuracy(net, x, y, BALL).n == 9


def test_the_network_of_a_convex_program_goes_through_every_door():
    pytest.importorskip("cvxpy")
    from robustcore import convex, patterns

    rng = np.random.default_rng(0)
    X = rng.normal(size=(24, 2))
    y = np.where(X[:, 0] + 0.3 * X[:, 1] > 0, 1.0, -1.0)
    found = convex.train_standard(X, y, patterns.sample(X, 12, rng), beta=1e-2)
    net = found.network()
    score = net(torch.as_tensor(X)).detach().numpy()
    assert evaluation.clean_accuracy(net, X, y).value == np.mean(score * y > 0) > 0.9
    ball = LpBall(math.inf, 0.1)
    certified = evaluation.certified_accuracy(net, X, y, ball, "exact").value
    attacked = evaluation.adversarial_accuracy(net, X, y, ball).value
    assert 0.2 < certified <= attacked <= np.mean(score * y > 0)
    assert float(evaluation.certified_radius(net, X, y, ball).max()) > 0
    assert bool(defenses.crown(ball)(net, X, y) > defenses.nominal()(net, X, y))


def test_a_training_run_takes_signs():
    net, _, x = binary()
    record = training.fit(
        net,
        (x, SIGNS),
        defenses.nominal(),
        steps=30,
        batch_size=4,
        learning_rate=1e-2,
        generator=torch.Generator().manual_seed(0),
        progress=False,
    )
    assert record.losses[-5:].mean() < record.losses[:5].mean()


@pytest.mark.parametrize("name", ["nominal", "pgd", "baseline", "arub", "rub", "rub_top", "crown"])
def test_a_stack_of_binary_networks_has_the_losses_of_its_networks(name):
    nets = [ReLUNetwork((4, 6, 1), torch.Generator().manual_seed(s)).double() for s in range(2)]
    x = binary()[2]
    found = DEFENSES[name].of_each(Stack(nets), x, SIGNS)
    wanted = torch.stack([DEFENSES[name].per_sample(net, x, SIGNS) for net in nets])
    torch.testing.assert_close(found, wanted)


@pytest.mark.parametrize(
    ("y", "outputs", "wanted"),
    [
        ([1, 1], 1, [1, 1]),  # class 1 and the sign +1 are the same class
        ([0, 0], 1, [0, 0]),
        ([-1, -1], 1, [0, 0]),
        ([-1, 1], 1, [0, 1]),
        ([0, 1], 2, [0, 1]),
        ([True, False], 2, [1, 0]),
        ([2.0, 0.0], 3, [2, 0]),
        ([], 1, []),
        ([], 7, []),
    ],
)
def test_labels_as_classes(y, outputs, wanted):
    y = doors.whole_labels(np.array(y), len(y), torch.device("cpu"))
    found = doors.class_labels(y, outputs)
    assert found.tolist() == wanted
    assert found.dtype == torch.int64


@pytest.mark.parametrize(
    ("y", "outputs", "message"),
    [
        ([-1, 0], 1, "must be 0 and 1, or -1 and \\+1, got \\[-1, 0\\]"),
        ([-1, 0, 1], 1, "must be 0 and 1, or -1 and \\+1"),
        ([2, 1], 1, "must be 0 and 1, or -1 and \\+1, got \\[1, 2\\]"),
        ([-2, 1], 1, "must be 0 and 1, or -1 and \\+1"),
        ([-1, 1], 2, "must lie in 0..1, got -1..1"),
        ([3], 3, "must lie in 0..2, got 3..3"),
        ([True], 3, "got booleans"),
        ([0.5], 1, "whole numbers"),
        ([math.nan], 3, "whole numbers"),
        ([math.inf], 3, "whole numbers"),
        ([2**64 - 1], 1, "whole numbers"),
        ([1j], 2, "whole numbers"),
        (["cat"], 2, "array of numbers"),
        ([[0], [1]], 2, "must have shape"),
        (None, 2, "array of numbers"),
    ],
)
def test_labels_that_are_none(y, outputs, message):
    n = 1 if y is None else len(y)
    with pytest.raises(InputError, match=message):
        doors.class_labels(doors.whole_labels(y, n, torch.device("cpu")), outputs)
