"""A network that is saved and loaded is the same network; a damaged file is one sentence."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from robustcore import LpBall, bounds, convex, patterns
from robustcore.errors import CorruptDataError, InputError, UnsupportedLayerError
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


@pytest.mark.parametrize(
    "net",
    [
        nn.Sequential(_Doubled(2, 2)),
        nn.Sequential(nn.Linear(2, 2), nn.Tanh()),
        nn.utils.parametrizations.weight_norm(nn.Linear(2, 2)),
    ],
    ids=["subclass", "tanh", "parametrised"],
)
def test_what_is_more_than_its_class_is_not_saved(net: nn.Module, tmp_path: Path) -> None:
    with pytest.raises(UnsupportedLayerError):
        save(net, tmp_path / "net.npz")
    assert not (tmp_path / "net.npz").exists()


def test_a_file_that_is_not_ours_is_one_sentence(tmp_path: Path) -> None:
    path, net = tmp_path / "net.npz", _networks()["dense"][0]
    with pytest.raises(InputError, match=r"must end in \.npz"):
        save(net, tmp_path / "net.pt")
    path.write_bytes(b"not an archive")
    with pytest.raises(CorruptDataError, match="damaged"):
        load(path)
    np.savez(path, u=np.zeros(3))
    with pytest.raises(CorruptDataError, match="damaged, or is no file of ours"):
        load(path)
    np.savez(path, manifest=np.array(["x"], dtype=object), allow_pickle=True)
    with pytest.raises(CorruptDataError):  # nothing in it is unpickled
        load(path)
    save(net, path)
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(CorruptDataError):
        load(path)
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "none.npz")


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
