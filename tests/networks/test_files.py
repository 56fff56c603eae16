"""A network that is saved and loaded is the same network; a damaged file is one sentence."""

from __future__ import annotations

import json
import math
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from robustcore import LpBall, bounds, convex, patterns
from robustcore.errors import CorruptDataError, DataError, InputError, UnsupportedLayerError
from robustcore.networks import ReLUNetwork, Scaler, TwoLayerReLU, load, save


def _networks() -> dict[str, tuple[nn.Module, tuple[int, ...]]]:
    seed = torch.Generator().manual_seed(0)
    torch.manual_seed(0)
    scaler = Scaler(torch.zeros(3), torch.ones(3) * 2)
    image = nn.Sequential(
        *(nn.Conv2d(2, 3, 3, padding=1, bias=False), nn.BatchNorm2d(3), nn.LeakyReLU(0.2)),
        *(nn.AvgPool2d(2, divisor_override=3), nn.Flatten(), nn.Dropout(0.3)),
        *(nn.Linear(12, 4), nn.LogSoftmax(1)),
    )
    nested = nn.Sequential(scaler, nn.Sequential(nn.Linear(3, 5), nn.ReLU()), nn.Linear(5, 1))
    return {
        "dense": (ReLUNetwork([3, 6, 4], seed), (3,)),
        "scaled": (ReLUNetwork([3, 6, 4], seed, scaler, torch.float64), (3,)),
        "two layers": (TwoLayerReLU.initialise(3, 5, seed, bias=True), (3,)),
        "no neuron": (TwoLayerReLU(torch.zeros(0, 3), torch.zeros(0)), (3,)),
        "image": (image, (2, 4, 4)),
        "nested": (nested.half().float(), (3,)),
    }


@pytest.mark.parametrize("name", list(_networks()))
def test_a_loaded_network_answers_bit_by_bit(name: str, tmp_path: Path) -> None:
    net, shape = _networks()[name]
    net.eval()
    save(net, tmp_path / "net.npz")
    again = load(tmp_path / "net.npz")
    assert type(again) is type(net)
    dtype = next(net.parameters()).dtype
    x = torch.randn(5, *shape, dtype=dtype)
    assert torch.equal(again(x), net(x))
    assert next(again.parameters()).dtype == dtype
    assert not again.training
    assert again.state_dict().keys() == net.state_dict().keys()


def test_a_loaded_network_is_certified_alike(tmp_path: Path) -> None:
    net, _ = _networks()["scaled"]
    save(net, tmp_path / "net.npz")
    x, y, ball = torch.randn(4, 3).double(), torch.arange(4), LpBall(1, 0.3)
    assert torch.equal(
        bounds.rub(load(tmp_path / "net.npz"), x, y, ball), bounds.rub(net, x, y, ball)
    )


class _Doubled(nn.Linear):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return 2 * super().forward(x)


class _Of(nn.Module):
    """A forward of its own: whatever a function makes of two layers, a weight and a constant."""

    def __init__(self, function: Callable[[Any, torch.Tensor], torch.Tensor]) -> None:
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(4, 4), nn.Linear(4, 4)])
        self.last, self.relu = nn.Linear(4, 3), nn.ReLU()
        self.scale = nn.Parameter(torch.rand(4))
        self.register_buffer("mask", torch.arange(4.0) % 2)
        self.pick = function

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.pick(self, x)


def _named() -> nn.Sequential:
    relu = nn.ReLU()
    return nn.Sequential(
        OrderedDict(a=nn.Linear(4, 4), one=relu, b=nn.Linear(4, 4), two=relu, c=nn.Linear(4, 3))
    )


class _Image(nn.Module):
    """A residual block with batch normalisation, as image networks have it."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(1, 1, 3, padding=1), nn.BatchNorm2d(1)
        self.last = nn.Linear(4, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x.view(-1, 1, 2, 2)
        return self.last((x + functional.relu(self.norm(self.conv(x)))).flatten(1))


_BRANCHES: dict[str, nn.Module] = {
    "residual": _Of(lambda m, x: m.last(x + m.relu(m.layers[0](x)))),
    "weights": _Of(lambda m, x: m.last(torch.relu(x @ m.layers[0].weight.T) * m.scale)),
    "a layer twice": _Of(lambda m, x: m.last(m.layers[1](m.relu(m.layers[1](x))))),
    "constants": _Of(lambda m, x: m.last(x * m.mask + torch.arange(4.0) / 2)),
    "pieces": _Of(
        lambda m, x: m.last(
            torch.cat([m.relu(m.layers[0](x))[:, [3, 1]], x[..., : x.shape[1] // 2]], dim=-1)
        )
    ),
    "dropout by its flag": _Of(
        lambda m, x: m.last(functional.dropout(m.layers[0](x).clamp(min=0), 0.5, m.training))
    ),
    "batch normalisation": _Image(),
    "within a sequence": nn.Sequential(
        Scaler(torch.zeros(4), torch.ones(4) * 2), _Of(lambda m, x: m.last(x - m.layers[0](x)))
    ),
    "subclass": nn.Sequential(_Doubled(4, 2)),
    "a ReLU that stands there twice": _named(),
}


@pytest.mark.parametrize("name", list(_BRANCHES))
def test_a_forward_of_its_own_is_saved_by_its_steps(name: str, tmp_path: Path) -> None:
    """As it answers in evaluation, whatever it was in; and what bounds say stays what it was."""
    net, x = _BRANCHES[name], torch.randn(6, 4)
    modes = [one.training for one in net.modules()]
    save(net, tmp_path / "net.npz")
    assert [one.training for one in net.modules()] == modes
    again = load(tmp_path / "net.npz")
    net.eval()
    assert torch.equal(again(x), net(x))
    y, ball = torch.arange(6) % 2, LpBall(1, 0.2)
    assert torch.equal(bounds.rub(again, x, y, ball), bounds.rub(net, x, y, ball))
    save(again, tmp_path / "again.npz")
    assert torch.equal(load(tmp_path / "again.npz")(x), net(x))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (["call_function", "builtins.eval", {"tuple": ["1"]}, {"dict": {}}], "builtins.eval"),
        (["call_method", "apply_", {"tuple": [{"step": 0}]}, {"dict": {}}], "apply_"),
        (
            [
                "call_function",
                "builtins.getattr",
                {"tuple": [{"step": 0}, "__class__"]},
                {"dict": {}},
            ],
            "attribute",
        ),
        (["call_module", "__class__", {"tuple": [{"step": 0}]}, {"dict": {}}], "__class__"),
        (["call_method", "view", {"tuple": [{"step": 99}]}, {"dict": {}}], "range"),
        (["call_method", "view", {"tuple": []}, {"dict": {"a=print(1)": 1}}], "rename it"),
    ],
)
def test_a_step_that_is_not_known_is_never_taken(
    change: list[Any], said: str, tmp_path: Path
) -> None:
    path = tmp_path / "net.npz"
    save(_BRANCHES["residual"], path)
    with np.load(path) as archive:
        arrays = {name: archive[name] for name in archive.files}
    told = json.loads(str(arrays["manifest"][()]))
    told["network"]["steps"].insert(0, change)
    arrays["manifest"] = np.array(json.dumps(told))
    np.savez(path, **arrays)
    with pytest.raises(CorruptDataError, match=said):
        load(path)


def _by_numbers(m: Any, x: torch.Tensor) -> torch.Tensor:
    return m.last(x if x.sum() > 0 else -x)


@pytest.mark.parametrize(
    ("net", "said"),
    [
        (nn.Sequential(nn.Linear(2, 2), nn.Tanh()), "Tanh"),
        (nn.utils.parametrizations.weight_norm(nn.Linear(2, 2)), "by a parametrization"),
        (_Of(lambda m, x: m.last(torch.tanh(x))), "_Of cannot be saved with tanh in its forward"),
        (_Of(lambda m, x: m.last(x.exp())), "_Of cannot be saved with exp in its forward"),
        (_Of(lambda m, x: m.last(x.to(torch.float32))), "with to in its forward"),
        (_Of(_by_numbers), "cannot be recorded"),
    ],
    ids=["tanh", "parametrised", "function", "method", "type", "numbers"],
)
def test_what_no_bound_reads_is_not_saved(net: nn.Module, said: str, tmp_path: Path) -> None:
    with pytest.raises(UnsupportedLayerError, match=said):
        save(net, tmp_path / "net.npz")
    assert not (tmp_path / "net.npz").exists()


def test_a_file_that_is_not_ours_is_one_sentence(tmp_path: Path) -> None:
    path, net = tmp_path / "net.npz", _networks()["dense"][0]
    with pytest.raises(InputError, match=r"must end in \.npz"):
        save(net, tmp_path / "net.pt")
    path.write_bytes(b"not an archive")
    with pytest.raises(CorruptDataError, match=r"damaged, or is no file of ours: it is no \.npz"):
        load(path)
    np.savez(path, u=np.zeros(3))
    with pytest.raises(CorruptDataError, match="no file of ours: it has no manifest"):
        load(path)
    np.savez(path, manifest=np.array(["x"], dtype=object))
    with pytest.raises(CorruptDataError, match="not all in it are arrays") as said:
        load(path)  # nothing in it is unpickled
    assert "allow_pickle" not in str(said.value)
    save(net, path)
    whole = path.read_bytes()
    path.write_bytes(whole[:-40])
    with pytest.raises(CorruptDataError, match="damaged"):
        load(path)
    middle = whole.index(b"manifest") + 60
    path.write_bytes(whole[:middle] + bytes(40) + whole[middle + 40 :])
    with pytest.raises(CorruptDataError, match="damaged"):
        load(path)
    for missing in (tmp_path / "none.npz", tmp_path / "no" / "none.npz"):
        with pytest.raises(DataError, match=r"none\.npz cannot be read: No such file .* give"):
            load(missing)


def test_parts_that_do_not_fit_are_one_sentence(tmp_path: Path) -> None:
    path, net = tmp_path / "net.npz", _networks()["dense"][0]
    save(net, path)
    with np.load(path) as archive:
        arrays = {name: archive[name] for name in archive.files}
    del arrays["layers.0.bias"]
    np.savez(path, **arrays)
    with pytest.raises(CorruptDataError, match="do not fit together"):
        load(path)


@pytest.mark.parametrize("ball", [None, LpBall(math.inf, 0.1)], ids=["standard", "robust"])
def test_a_loaded_solution_is_the_saved_one(ball: LpBall | None, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(8, 2))
    y = np.sign(X[:, 0])
    cells = patterns.sample(X, 5, rng, bias=True)
    solved = (
        convex.train_standard(X, y, cells, 0.01)
        if ball is None
        else convex.train_robust(X, y, cells, ball, 0.01)
    )
    convex.save_solution(solved, tmp_path / "solved.npz")
    again = convex.load_solution(tmp_path / "solved.npz")
    assert (again.objective, again.gap, again.ball) == (solved.objective, solved.gap, solved.ball)
    assert np.array_equal(again.v, solved.v)
    assert np.array_equal(again.patterns.active, cells.active)
    again.patterns.check_belongs_to(X)
    x = torch.from_numpy(X)
    assert torch.equal(again.network()(x), solved.network()(x))
    with pytest.raises(CorruptDataError, match="no file of the kind"):
        load(tmp_path / "solved.npz")
