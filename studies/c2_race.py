r"""The same bounds by auto_LiRPA, where it is installed: how far apart, and how long each takes.

It is no dependency of this book. Its release in the public registry, 0.3, was made for a torch and
a NumPy that have moved four names since; `moved` puts them back, so that it can be raced beside the
locked ones:

    pip install --no-deps --target DIR auto_LiRPA appdirs oslo.concurrency ninja packaging
    PYTHONPATH=DIR python -m studies c2_race
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import math
import sys
import time
import types
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import nn

from robustcore import bounds, defenses
from robustcore.balls import LpBall
from robustcore.errors import MissingExtraError

from . import mnist_networks

# ours, and what auto_LiRPA calls the same
PAIRS = {"ibp": "IBP", "crown": "CROWN", "crown_optimised": "CROWN-Optimized"}
NORMS = {"1": 1.0, "2": 2.0, "inf": math.inf}
_MOST_STEPS = 200
Rows = list[dict[str, Any]]


def installed() -> bool:
    """Whether there is an auto_LiRPA to race with.

    Source: own
    """
    return importlib.util.find_spec("auto_LiRPA") is not None


def moved() -> None:
    """Put back what release 0.3 asks for by a name that is gone; what is there is left alone.

    Source: own
    """
    place = "numpy.lib.arraysetops"
    if place not in sys.modules and importlib.util.find_spec(place) is None:
        sys.modules[place] = types.ModuleType(place)
        sys.modules[place].isin = np.isin  # type: ignore[attr-defined]
    helper = importlib.import_module("torch.onnx.symbolic_helper")
    if not hasattr(helper, "_set_opset_version"):
        room = "torch.onnx._internal.torchscript_exporter._globals"
        own = importlib.import_module(room).GLOBALS
        helper._set_opset_version = lambda version: setattr(  # type: ignore[attr-defined]
            own, "export_onnx_opset_version", version
        )
    if not hasattr(torch._C.Node, "__getitem__"):
        reader = lambda self, key: getattr(self, self.kindOf(key))(key)  # noqa: E731
        setattr(torch._C.Node, "__getitem__", reader)  # noqa: B010


class Peer:
    """A network as auto_LiRPA reads it, once; `gaps` is what it says of the worst ones.

    Source: own

    Raises
    ------
    MissingExtraError
        Where it is not installed, or cannot be loaded.
    """

    def __init__(self, net: nn.Module, x: torch.Tensor, steps: int) -> None:
        try:
            with contextlib.suppress(ImportError, AttributeError):
                moved()
            self.lirpa = importlib.import_module("auto_LiRPA")
        except ImportError as error:
            raise MissingExtraError(
                f"the race needs auto_LiRPA, which is not here: {error}."
            ) from error
        options = {
            "optimize_bound_args": {"iteration": steps, "lr_alpha": 0.1},
            "sparse_features_alpha": False,  # rows are asked for by C, which its short cuts for
            "sparse_spec_alpha": False,  # unstable neurons do not take
        }
        self.module = self.lirpa.BoundedModule(net, x[:1], bound_opts=options, device=x.device)

    def gaps(self, x: torch.Tensor, y: torch.Tensor, ball: LpBall, method: str) -> torch.Tensor:
        """Upper bounds of z_k - z_y: minus its lower bounds of z_y - z_k, (n, K).

        Source: own
        """
        norm = self.lirpa.PerturbationLpNorm(norm=ball.p, eps=ball.radius)
        eye = torch.eye(self.module(x[:1]).shape[1], dtype=x.dtype, device=x.device)
        rows = eye[y][:, None] - eye[None]
        perturbed = self.lirpa.BoundedTensor(x, norm)
        usual = torch.get_default_dtype()
        torch.set_default_dtype(x.dtype)  # in which its search keeps the best
        try:
            low, _ = self.module.compute_bounds(
                x=(perturbed,), C=rows, method=PAIRS[method], bound_upper=False
            )
        finally:
            torch.set_default_dtype(usual)
        return -low.detach()


def race(
    net: nn.Module, x: torch.Tensor, y: torch.Tensor, ball: LpBall, steps: int, repeats: int
) -> Rows:
    """A row for each method, on one network: the same work, in turns; optimised, the same time.

    Source: own

    Parameters
    ----------
    net : nn.Sequential of Linear and ReLU layers
    x : (n, M) tensor
    y : (n,) class labels
    ball : LpBall
    steps : int
        Updates of the slopes by auto_LiRPA; ours are as many as its seconds allow.
    repeats : int
        The least time of so many counts, after one call that does not.

    Returns
    -------
    list of dict
        `apart` is the largest difference, `mean` and `proved` are of the worst gaps and of samples
        with none above 0.
    """
    peer, rows = Peer(net, x, steps), []
    for method in PAIRS:
        bound = partial(getattr(bounds, method), net, x, y, ball)
        found = {"their_": _timed(partial(peer.gaps, x, y, ball, method), repeats)}
        made = dict.fromkeys(("", "their_"), 0)
        if method == "crown_optimised":
            _, seconds = _timed(partial(bound, steps=steps), repeats)
            fits = int(steps * found["their_"][1] / seconds)
            made = {"": max(1, min(_MOST_STEPS, fits)), "their_": steps}
            bound = partial(bound, steps=made[""])
        found[""] = _timed(bound, repeats)
        wrong = torch.arange(found[""][0].shape[1]) != y[:, None]
        apart = (found[""][0] - found["their_"][0])[wrong].abs().max().detach()
        row: dict[str, Any] = {"method": method, "samples": len(x), "apart": float(apart)}
        for whose in ("", "their_"):
            gaps, seconds = found[whose]
            row[f"{whose}steps"], row[f"{whose}seconds"] = made[whose], seconds
            row[f"{whose}mean"] = float(gaps[wrong].mean())
            row[f"{whose}proved"] = int((gaps <= 0)[wrong].view(len(x), -1).all(dim=1).sum())
        rows.append(row)
    return rows


def _timed(call: Callable[[], torch.Tensor], repeats: int) -> tuple[torch.Tensor, float]:
    """What it says, and the least of its times on the processor."""
    answer, least = call(), math.inf
    for _ in range(repeats):
        start = time.process_time()
        call()
        least = min(least, time.process_time() - start)
    return answer, least


def record(
    trainings: Sequence[str] = ("nominal", "rub"),
    norms: Sequence[str] = ("1", "2", "inf"),
    epsilons: Sequence[float] = (0.01, 0.03),
    data: str = "mnist-sample",
    side: int = 7,
    width: int = 20,
    train_steps: int = 100,
    train_epsilon: float = 0.05,
    samples: int = 20,
    steps: int = 20,
    repeats: int = 1,
) -> dict[str, Rows]:
    """The rows of the race, on networks of three hidden layers that are trained for it.

    Source: own

    Parameters
    ----------
    trainings : sequence of str
        Of "nominal", "rub".
    norms : sequence of str
        Of "1", "2", "inf".
    epsilons : sequence of float
        Of the balls, as :mod:`studies.mnist_networks` scales them.
    data, side, width, train_steps : see `mnist_networks`
    train_epsilon : float
        Of RUB's ball.
    samples : int
        Test images that the network has right.
    steps, repeats : int
        As for `race`.

    Raises
    ------
    MissingExtraError
        Where auto_LiRPA is not installed: nothing is recorded.
    """
    rows: Rows = []
    images = mnist_networks.load_images(data, side, n_test=4 * samples, device="cpu")
    for training in trainings:
        rub = defenses.rub(images.ball(1, train_epsilon), top=1)
        net, _ = mnist_networks.train_network(
            images,
            defenses.nominal() if training == "nominal" else rub,
            width=width,
            steps=train_steps,
            batch_size=64,
            learning_rate=2e-3,
            seed=0,
        )
        chain = _chain(net)
        x, y = images.test[0].double(), images.test[1]
        right = (chain(x).argmax(dim=1) == y).nonzero()[:samples, 0]
        for p in norms:
            for epsilon in epsilons:
                ball = images.ball(NORMS[p], epsilon)
                about = {"training": training, "p": p, "epsilon": epsilon, "radius": ball.radius}
                rows += [
                    {**about, **row}
                    for row in race(chain, x[right], y[right], ball, steps, repeats)
                ]
    return {"c2_race": rows}


def _chain(net: nn.Module) -> nn.Sequential:
    """Its layers as torch has them, in float64, for both."""
    parts: list[nn.Module] = []
    for layer in net.layers:  # type: ignore[union-attr]
        parts += [layer, nn.ReLU()]
    return nn.Sequential(*parts[:-1]).double().requires_grad_(False)
