"""VNN-LIB properties that we write ourselves: read back, asked, and refused where they differ."""

import sys

import numpy as np
import pytest
import torch

from robustcore import evaluation
from robustcore.attacks import apgd
from robustcore.balls import LpBall, Radii
from robustcore.errors import DataError, InputError, MissingExtraError
from robustcore.evaluation import read_vnnlib
from robustcore.networks import ReLUNetwork

D, K = 3, 4


def written(low, high, labels, version=2):
    """A file in the words of a version: any of the boxes, and in it another output on top."""
    x = (lambda m: f"X[0,{m}]") if version == 2 else (lambda m: f"X_{m}")
    y = (lambda k: f"Y[0,{k}]") if version == 2 else (lambda k: f"Y_{k}")
    number = "{:.17f}".format if version == 2 else repr
    lines = [
        f"(vnnlib-version <2.0>)\n(declare-network N\n (declare-input X real [1,{D}])\n"
        f" (declare-output Y real [1,{K}])\n)"
    ]
    if version == 1:
        lines = [f"(declare-const X_{m} Real)" for m in range(D)]
        lines += [f"(declare-const Y_{k} Real) ; an output" for k in range(K)]
    ways = []
    for a, b, label in zip(low.tolist(), high.tolist(), labels, strict=True):
        box = " ".join(f"(>= {x(m)} {number(a[m])}) (<= {x(m)} {number(b[m])})" for m in range(D))
        ways += [f"(and {box} (>= {y(k)} {y(label)}))" for k in range(K) if k != label]
    return "\n".join([*lines, f"(assert (or {' '.join(ways)}))"])


def boxes(n=5, seed=0):
    rng = np.random.default_rng(seed)
    middle, half = rng.standard_normal((n, D)), rng.uniform(1e-7, 0.3, size=(n, D))
    return middle - half, middle + half, rng.integers(K, size=n).tolist()


@pytest.mark.parametrize("version", [1, 2])
def test_what_is_written_is_read(version, tmp_path):
    low, high, labels = boxes()
    path = tmp_path / "p.vnnlib"
    path.write_text(written(low, high, labels, version), encoding="utf-8")
    asked = read_vnnlib(path)
    assert asked.y.tolist() == labels
    assert asked.n_classes == K
    assert asked.ball.p == np.inf
    left, right = asked.x - asked.ball.radii, asked.x + asked.ball.radii
    for end, wanted in ((left, low), (right, high)):
        assert torch.allclose(end, torch.from_numpy(wanted), rtol=0, atol=1e-14)
    assert (left <= torch.from_numpy(low)).all(), "every point of the box is inside"
    assert (right >= torch.from_numpy(high)).all()


def test_the_answer_is_that_of_the_set(tmp_path):
    net = ReLUNetwork((D, 8, K), torch.Generator().manual_seed(0), dtype=torch.float64)
    low, high, labels = boxes(20, 1)
    middle = torch.from_numpy(low + high) / 2
    labels[:15] = net(middle).argmax(1).tolist()[:15]
    path = tmp_path / "p.vnnlib"
    path.write_text(written(low, high, labels), encoding="utf-8")
    asked = read_vnnlib(path)
    proved = evaluation.certified(net, asked.x, asked.y, asked.ball)
    ball = Radii(np.inf, torch.from_numpy(high - low) / 2)
    assert torch.equal(proved, evaluation.certified(net, middle, torch.tensor(labels), ball))
    assert proved.any()
    assert not proved.all()
    found = evaluation.certify_within(net, asked.x, asked.y, asked.ball, 20.0)
    assert (proved <= found.proved).all()
    assert not (found.proved & found.broken).any()
    for ball in (LpBall(1, 0.1), LpBall(2, 0.1), Radii(1, [0.1, 0.2, 0.0])):
        within = asked.decide(net, 20.0, ["best"], ball)
        assert torch.equal(within.proved, evaluation.certified(net, asked.x, asked.y, ball))


def test_a_float32_network_is_asked_about_no_less_and_refuted_by_no_more(tmp_path):
    """The middle rounds: the box that is asked holds the box, and attacks stay within it."""
    net = ReLUNetwork((D, 8, K), torch.Generator().manual_seed(0))
    low, high, labels = boxes(20, 2)
    narrow = slice(0, 2)
    high[narrow] = low[narrow] + 1e-9  # no float32 lies between
    labels = [(label + 1) % K for label in net(torch.from_numpy(low).float()).argmax(1).tolist()]
    path = tmp_path / "p.vnnlib"
    path.write_text(written(low, high, labels), encoding="utf-8")
    asked = read_vnnlib(path, torch.float32)
    middle = asked.x.double()
    assert asked.x.dtype == torch.float32
    assert (middle - asked.ball.radii <= torch.from_numpy(low)).all()
    assert (middle + asked.ball.radii >= torch.from_numpy(high)).all()
    found = asked.decide(net, 20.0, ("ibp",))
    assert found.by[narrow] == ["", ""]
    assert found.broken[2:].all()
    part = evaluation.asking._Part(asked, net, K, torch.arange(20), None)
    point = apgd(net, asked.x, asked.y, part.sure).double()
    assert ((point >= torch.from_numpy(low)) & (point <= torch.from_numpy(high)))[2:].all()


def test_conditions_may_stand_apart_scaled_and_turned_around(tmp_path):
    text = """(vnnlib-version <2.0>)
    (declare-network N (declare-input X real [2]) (declare-output Y real [3]))
    (assert (and (<= X[0] 0.5) (<= 0.25 X[0])))
    (assert (<= (* 2.0 X[1]) 3.0))
    (assert (>= (+ X[1] 1.0) 0.0))
    (assert (or (> Y[0] Y[1]) (<= (- Y[1] Y[2]) 0.0)))
    """
    (tmp_path / "p.vnnlib").write_text(text, encoding="utf-8")
    asked = read_vnnlib(tmp_path / "p.vnnlib")
    assert asked.y.tolist() == [1]
    assert torch.allclose(asked.x, torch.tensor([[0.375, 0.25]]).double())
    assert torch.allclose(asked.ball.radii, torch.tensor([[0.125, 1.25]]).double())


def test_an_image_keeps_its_shape(tmp_path):
    ends = " ".join(f"(>= X[0,{i},{j}] 0.0) (<= X[0,{i},{j}] 1.0)" for i in (0, 1) for j in (0, 1))
    text = f"""(vnnlib-version <2.0>)
    (declare-network N (declare-input X real [1,2,2]) (declare-output Y real [2]))
    (assert (and {ends} (>= Y[1] Y[0])))
    """
    (tmp_path / "p.vnnlib").write_text(text, encoding="utf-8")
    asked = read_vnnlib(tmp_path / "p.vnnlib")
    assert asked.x.shape == (1, 2, 2)
    assert asked.ball.radii.shape == (1, 4)


HEAD = "(vnnlib-version <2.0>)\n(declare-network N\n(declare-input X real [1])\n" \
    "(declare-output Y real [3])\n)\n"  # fmt: skip
BOX = "(assert (<= X[0] 1.0)) (assert (>= X[0] 0.0))\n"
WINS = "(assert (or (>= Y[1] Y[0]) (>= Y[2] Y[0])))"


@pytest.mark.parametrize(
    ("text", "kind", "sentence"),
    [
        (HEAD + BOX, InputError, "refuted by 0 comparisons of outputs"),
        (HEAD + "(assert (<= X[0] 1.0))" + WINS, InputError, "gives input 0 no lower end"),
        (HEAD + BOX + "(assert (<= X[0] -1.0))" + WINS, InputError, "has an empty box"),
        (HEAD + BOX + WINS + "(assert (>= 1.0 2.0))", InputError, "something else than boxes"),
        (HEAD + BOX + "(assert (== Y[1] Y[0]))", InputError, "use <= and >="),
        (HEAD + BOX + "(assert (>= (+ Y[1] X[0]) Y[0]))", InputError, "something else"),
        (HEAD + BOX + "(assert (>= Y[1] Y[0))", DataError, "is no VNN-LIB property"),
        (HEAD + BOX + "(assert (>= Y[1] Y[7]))", DataError, "is no VNN-LIB property"),
        (HEAD + BOX + 14 * "(assert (or (<= X[0] 1.0) (<= X[0] 2.0)))", InputError, "more than"),
    ],
)
def test_other_properties_are_refused_in_one_sentence(text, kind, sentence, tmp_path):
    (tmp_path / "p.vnnlib").write_text(text, encoding="utf-8")
    with pytest.raises(kind, match=sentence) as refused:
        read_vnnlib(tmp_path / "p.vnnlib")
    assert "\n" not in str(refused.value)


def test_a_missing_file_and_a_missing_extra_are_one_sentence(monkeypatch, tmp_path):
    with pytest.raises(DataError, match="cannot be read"):
        read_vnnlib(tmp_path / "p.vnnlib")
    monkeypatch.setitem(sys.modules, "vnnlib", None)
    with pytest.raises(MissingExtraError, match=r"needs vnnlib, .* '\.\[vnnlib\]'"):
        read_vnnlib(tmp_path / "p.vnnlib")
