"""Every public call of the torch half, with every kind of bad input: one sentence, no traceback."""

import copy
import math
import operator
from functools import partial

import numpy as np
import pytest
import torch
from torch import nn

from bound_cases import BOUNDS, quick
from robustcore import attacks, bounds, defenses, evaluation, training
from robustcore.balls import Cut, Hull, LpBall, Radii, Swaps
from robustcore.errors import InputError, RobustcoreError
from robustcore.networks import ReLUNetwork

BALL = LpBall(1, 0.3)
NET = ReLUNetwork((4, 5, 3), torch.Generator().manual_seed(0), dtype=torch.float64)
CHAIN = nn.Sequential(
    *(nn.Unflatten(1, (1, 2, 2)), nn.Conv2d(1, 2, 2, padding=1), nn.BatchNorm2d(2), nn.ReLU()),
    *(nn.Flatten(), nn.Linear(18, 4), nn.ReLU(), nn.Linear(4, 3)),
)
CHAIN.double().eval()
X = torch.randn(6, 4, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
Y = torch.arange(6) % 3


def _defend(name, net, x, y, ball):
    return getattr(defenses, name)(ball)(net, x, y)


def _boxed(net, x, y, ball):
    return defenses.rub_boxed(LpBall(1, 0.3, (-9, 9)) if ball is BALL else ball)(net, x, y)


def _polytope(net, x, y, ball):
    return bounds.rub_polytope(net, x, y, np.eye(4) if ball is BALL else None)


def _fit(net, x, y, ball):
    return training.fit(
        net,
        (x, y),
        defenses.ibp(ball),
        steps=1,
        batch_size=2,
        learning_rate=1e-3,
        generator=torch.Generator(),
        progress=False,
    )


CALLS = {
    **{name: quick(one) for name, one in BOUNDS.items()},
    **{name: getattr(bounds, name) for name in ("rub_top", "split", "sup_inf", "inf_sup")},
    "rounding": bounds.rounding,
    "rub_polytope": _polytope,
    "fgm": attacks.fgm,
    "pgd": partial(attacks.pgd, steps=2),
    "apgd": partial(attacks.apgd, steps=2),
    "strongest": partial(attacks.strongest, steps=2),
    "as_published": partial(attacks.as_published, random_start=False),
    **{
        f"defenses.{name}": partial(_defend, name)
        for name in ("fgsm", "pgd", "baseline", "arub", "ibp", "coap", "crown", "rub")
    },
    "defenses.rub_boxed": _boxed,
    "fit": _fit,
    "adversarial_accuracy": partial(
        evaluation.adversarial_accuracy, attack=partial(attacks.pgd, steps=2)
    ),
    "certified_accuracy": evaluation.certified_accuracy,
    "certified_radius": partial(evaluation.certified_radius, tolerance=0.5),
}  # fmt: skip
BAD = {
    "net None": (None, X, Y, BALL),
    "net a function": (lambda x: x, X, Y, BALL),
    "other precision": (NET, X, Y[:3], BALL),
    "x None": (NET, None, Y, BALL),
    "x text": (NET, "cat", Y, BALL),
    "x ragged": (NET, [[1.0], [1.0, 2.0]], [0, 1], BALL),
    "x of integers": (NET, X.long(), Y, BALL),
    "x complex": (NET, X.to(torch.complex128), Y, BALL),
    "x sparse": (NET, X.to_sparse(), Y, BALL),
    "x one sample": (NET, X[0], Y[:1], BALL),
    "x a number": (NET, torch.tensor(1.0), Y[:1], BALL),
    "x on meta": (NET, X.to("meta"), Y, BALL),
    "x NaN": (NET, X * math.nan, Y, BALL),
    "x inf": (NET, X / 0, Y, BALL),
    "x too wide": (NET, torch.cat([X, X], 1), Y, BALL),
    "x no features": (NET, X[:, :0], Y, BALL),
    "y None": (NET, X, None, BALL),
    "y short": (NET, X, Y[:-1], BALL),
    "y too large": (NET, X, Y + 1, BALL),
    "y negative": (NET, X, Y - 1, BALL),
    "y fractions": (NET, X, Y + 0.5, BALL),
    "y text": (NET, X, list("abcabc"), BALL),
    "y mask": (NET, X, Y > 0, BALL),
    "y column": (NET, X, Y[:, None], BALL),
    "y on meta": (NET, X, Y.to("meta"), BALL),
    "net on meta": (copy.deepcopy(NET).to("meta"), X, Y, BALL),
    "net and x on meta": (copy.deepcopy(NET).to("meta"), X.to("meta"), Y, BALL),
    "ball None": (NET, X, Y, None),
    "ball a number": (NET, X, Y, 0.3),
    "ball a polytope": (NET, X, Y, torch.as_tensor(BALL.vertices(4))),
}


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("name", CALLS)
def test_a_bad_input_is_one_sentence(name, bad):
    with pytest.raises(RobustcoreError) as found:
        CALLS[name](*BAD[bad])
    text = str(found.value)
    assert "\n" not in text
    assert len(text) < 400


@pytest.mark.parametrize("name", [name for name in CALLS if name[:4] not in ("defe", "fit")])
def test_no_sample_gives_an_empty_answer(name):
    if name.endswith("accuracy"):
        with pytest.raises(InputError, match="at least one sample"):
            CALLS[name](NET, X[:0], Y[:0], BALL)
        return
    found = CALLS[name](NET, X[:0], Y[:0], BALL)
    assert len(found) == 0


NO_RADII = torch.zeros(0, 4)
SETS = {
    **{f"cut, p={p:g}": Cut(LpBall(p, 0.3), (-5, 5)) for p in (1, 2, math.inf)},
    **{f"radii of features, p={p:g}": Radii(p, torch.arange(4.0)) for p in (1, 2, math.inf)},
    **{f"radii of samples, p={p:g}": Radii(p, NO_RADII[:, :1]) for p in (1, 2, math.inf)},
    **{f"radii of both, p={p:g}": Radii(p, NO_RADII) for p in (1, 2, math.inf)},
    "hull": Hull(torch.eye(4)),
    "hull each": Hull(torch.zeros(0, 5, 4)),
    "swaps": Swaps([[1, 2, 3]]),
    "swaps and numbers": Swaps([[1, 2, 3]], Radii(1, [0.4, 0, 0, 0])),
}
TAKEN = [
    (name, kind)
    for name, one in BOUNDS.items()
    for kind, there in SETS.items()
    if one.takes(there.around(X[:0]))
]


@pytest.mark.parametrize(("name", "kind"), TAKEN)
@pytest.mark.parametrize("graph", [False, True])
def test_no_sample_in_any_set_gives_an_empty_answer(name, kind, graph):
    with torch.set_grad_enabled(graph):
        found = CALLS[name](NET, X[:0], Y[:0], SETS[kind])
    assert len(found) == 0


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (lambda x: x * math.nan, "must be finite, got 24 NaN"),
        (lambda x: x / 0, "must be finite"),
        (lambda x: x[:-1], "must be like x"),
        (lambda x: x.flatten(), "must be like x"),
        (lambda x: x.float(), "got .* torch.float32"),
        (lambda x: x.to("meta"), "on meta"),
        (lambda x: x.numpy(), "must be a tensor like x, got ndarray"),
        (lambda x: None, "must be a tensor like x, got NoneType"),
        (lambda x: x + 1, "outside LpBall"),
    ],
)
def test_an_attack_that_answers_badly_is_refused(answer, message):
    y = NET(X).argmax(dim=1)
    with pytest.raises(RobustcoreError, match=message):
        evaluation.adversarial_accuracy(NET, X, y, BALL, lambda net, x, y, ball: answer(x))


@pytest.mark.parametrize(
    ("candidate", "message"),
    [
        (X * math.nan, "a candidate must be finite"),
        (X[:, :2], "a candidate must have the shape"),
        ("cat", "a candidate must be a tensor"),
    ],
)
def test_a_candidate_that_is_none_is_refused(candidate, message):
    with pytest.raises(InputError, match=message):
        attacks.strongest(NET, X, Y, BALL, 1, candidates=[candidate])


@pytest.mark.parametrize(
    "call",
    [
        lambda: attacks.pgd(NET, X, Y, BALL, steps=2.5),
        lambda: attacks.pgd(NET, X, Y, BALL, steps="3"),
        lambda: attacks.pgd(NET, X, Y, BALL, step_size="big"),
        lambda: attacks.pgd(NET, X, Y, BALL, random_start=True, generator=3),
        lambda: attacks.pgd(NET, X, Y, BALL, loss="margin"),
        lambda: attacks.pgd(NET, X, Y, BALL, loss=lambda z, y: z.sum()),
        lambda: attacks.pgd(NET, X, Y, BALL, loss=lambda z, y: z[:, 0] * math.nan),
        lambda: attacks.pgd(NET, X, Y, BALL, loss=lambda z, y: z[:, 0].detach()),
        lambda: attacks.apgd(NET, X, Y, BALL, losses=attacks.margin),
        lambda: attacks.strongest(NET, X, Y, BALL, targets=-1),
        lambda: evaluation.adversarial_accuracy(NET, X, Y, BALL, attack="pgd"),
        lambda: evaluation.adversarial_accuracy(NET, X, Y, BALL, attack=[]),
        lambda: evaluation.certified_accuracy(NET, X, Y, BALL, margin="wide"),
        lambda: evaluation.certified_radius(NET, X, Y, BALL, tolerance="fine"),
        lambda: defenses.rub(BALL, top=0),
        lambda: defenses.pgd(BALL, steps=0),
        lambda: defenses.pgd("ball"),
        lambda: defenses.fgsm(None, random_start=True, generator=torch.Generator()),
        lambda: defenses.ibp(BALL, clean_weight="half"),
        lambda: defenses.nominal()(NET, X[:0], Y[:0]),
        lambda: defenses.nominal(lambda z, y: z)(NET, X, Y),
        lambda: evaluation.clean_accuracy(nn.Sequential(nn.Linear(4, 3)), X, Y),  # float32
        lambda: evaluation.clean_accuracy(nn.Flatten(0), X, Y),
    ],
)
def test_a_bad_option_is_one_sentence(call):
    with pytest.raises(RobustcoreError) as found:
        call()
    assert "\n" not in str(found.value)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("inf", 0.1), r"p must be a number, got 'inf'; use 1, 2 or float\('inf'\)"),
        ((None, 0.1), "p must be a number"),
        ((1, "8/255"), "radius must be a number, got '8/255'; write 8 / 255"),
        ((1, None), "radius must be a number"),
        ((1, torch.ones(4)), r"radius must be one number, got an array of shape \(4,\)"),
        ((1, np.ones((2, 1))), r"radius must be one number, got an array of shape \(2, 1\)"),
        ((1, 1j), "radius must be a number"),
        ((1, 0.1, "01"), r"box must be \(low, high\)"),
        ((1, 0.1, 0.5), r"box must be \(low, high\)"),
        ((1, 0.1, (0, 1, 2)), r"box must be \(low, high\)"),
        ((1, 0.1, (0, math.nan)), "low < high"),
        ((1, 0.1, (torch.zeros(3), torch.ones(3))), r"box must be \(low, high\)"),
    ],
)
def test_a_ball_of_something_else_is_refused(arguments, message):
    with pytest.raises(InputError, match=message):
        LpBall(*arguments)


def test_numbers_of_any_kind_make_a_ball():
    assert LpBall(np.float64(2), torch.tensor(0.5), np.array([0, 1])) == LpBall(2, 0.5, (0.0, 1.0))


@pytest.mark.parametrize(
    "call",
    [
        lambda: BALL.support("cat"),
        lambda: BALL.norm(3.0),
        lambda: BALL.maximiser(np.array([1j])),
        lambda: BALL.project([[math.nan]]),
        lambda: LpBall(1, 1, (0, 1)).project(np.zeros((2, 3)), np.zeros((2, 4))),
        lambda: BALL.vertices(0),
        lambda: BALL.vertices(2.5),
        lambda: BALL.sample((2, 3), None),
        lambda: BALL.with_radius("1"),
    ],
)
def test_a_ball_refuses_what_it_cannot_take(call):
    with pytest.raises(InputError):
        call()


def test_an_attack_runs_where_torch_infers():
    with torch.inference_mode():
        x = X.clone()
        found = attacks.pgd(NET, x, Y.clone(), BALL, 3)
        assert evaluation.adversarial_accuracy(NET, x, Y, BALL).n == 6
    assert torch.equal(found, attacks.pgd(NET, X, Y, BALL, 3))


@pytest.mark.parametrize("name", [name for name in CALLS if not name.startswith("fit")])
def test_arrays_are_taken_like_tensors(name):
    found, wanted = CALLS[name](NET, X.numpy(), Y.numpy(), BALL), CALLS[name](NET, X, Y, BALL)
    assert torch.equal(found, wanted) if isinstance(found, torch.Tensor) else found == wanted


DENSE = ("sup_inf", "inf_sup", "defenses.rub_boxed")  # take no chain as deep as CHAIN
# they differentiate the network's own answer, which torch refuses of tensors made where it infers
OWN = ("fg", "pgd", "strongest", "as_published", "adversarial", "baseline")


@pytest.mark.parametrize("name", [name for name in CALLS if not name.startswith("fit")])
@pytest.mark.parametrize("inside", [False, True])
@pytest.mark.parametrize("made", [False, True])
def test_where_torch_infers_a_call_answers_as_elsewhere(name, inside, made):
    """A network made under torch.inference_mode, or the call itself, or both."""
    for net in (NET,) if name in DENSE else (NET, CHAIN):
        with torch.inference_mode(made):
            copied = copy.deepcopy(net)
        said = ""
        try:
            with torch.inference_mode(inside):
                found = CALLS[name](copied, X.clone(), Y.clone(), BALL)
        except InputError as error:
            said = str(error)
        if said:
            assert made
            assert any(word in name for word in OWN)
            assert "Inference tensors" in said
            assert "\n" not in said
            continue
        wanted = CALLS[name](net, X, Y, BALL)
        same = torch.allclose if isinstance(found, torch.Tensor) else operator.eq
        assert same(found, wanted)


def test_outputs_of_a_network_made_where_torch_infers_are_those_of_another():
    with torch.inference_mode():
        made = copy.deepcopy(CHAIN)
    found, wanted = (bounds.outputs(net, X, BALL) for net in (made, CHAIN))
    assert all(torch.allclose(*pair) for pair in zip(found, wanted, strict=True))
    with pytest.raises(InputError, match="x must hold numbers"):
        bounds.outputs(CHAIN, X.to("meta"), BALL)


@pytest.mark.parametrize("where", [torch.no_grad, torch.inference_mode])
def test_training_where_no_gradient_is_recorded_is_refused(where):
    with where(), pytest.raises(InputError, match="training records gradients"):
        _fit(copy.deepcopy(NET), X, Y, BALL)


def test_training_what_cannot_learn_is_refused():
    with torch.inference_mode():
        made = copy.deepcopy(NET)
    with pytest.raises(InputError, match=r"made under torch\.inference_mode"):
        _fit(made, X, Y, BALL)
    frozen = copy.deepcopy(NET).requires_grad_(False)
    with pytest.raises(InputError, match="no parameter that requires_grad"):
        _fit(frozen, X, Y, BALL)


@pytest.mark.parametrize(
    ("vertices", "message"),
    [
        (BALL, "vertices must be a tensor or an array of numbers, got LpBall"),
        ("cat", "got str"),
        (None, "got NoneType"),
        ([[1.0], [2.0, 3.0]], "got list"),
        (torch.eye(4) * 1j, "got a complex one"),
        (torch.eye(4).to_sparse(), "got a sparse one"),
        (torch.eye(4).to("meta"), "must hold numbers"),
        (torch.eye(4) * math.nan, "must be finite"),
        (torch.eye(3), r"must be \(V, 4\)"),
        (torch.zeros(5, 2, 4), "are for 5 samples, x has 6"),
    ],
)
@pytest.mark.parametrize("net", [NET, nn.Linear(4, 3).double()])
def test_vertices_that_are_none_are_refused(net, vertices, message):
    with pytest.raises(InputError, match=message):
        bounds.rub_polytope(net, X, Y, vertices)


def test_a_boxed_defense_names_the_class_of_what_it_does_not_train():
    with pytest.raises(InputError, match=r"got Sequential\.$"):
        _boxed(CHAIN, X, Y, BALL)
