"""The page of what users ask elsewhere: every line of its table runs, and proves or finds."""

from __future__ import annotations

import importlib.metadata
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import robustcore as rc
from robustcore.errors import RobustcoreError

PAGE = (Path(__file__).resolve().parents[1] / "book" / "asks.md").read_text(encoding="utf-8")
ROWS = [line.strip("| ").split(" | ") for line in PAGE.splitlines() if line.startswith("| ")][1:]
N = 30


class Residual(nn.Module):
    """A connection around a layer."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(4, 4), nn.Linear(4, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.last(torch.relu(self.first(x)) + x)


class ScaledWithin(nn.Module):
    """Numbers are scaled in the forward pass."""

    def __init__(self, net: nn.Module, mean: torch.Tensor, std: torch.Tensor) -> None:
        super().__init__()
        self.net, self.mean, self.std = net, mean, std

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.net((x - self.mean) / self.std)


def names() -> dict[str, Any]:
    """What the page calls by name; labels are what each network says itself."""
    torch.manual_seed(0)
    dense = lambda k: nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, k))  # noqa: E731
    net, residual, one_output = dense(3), Residual(), dense(1)
    net[0].weight.data[:, 0] *= 5  # the number matters more than the category
    normalised = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 3))
    one_output[2].bias.data -= one_output(torch.rand(99, 4)).mean()  # both classes occur
    category = nn.functional.one_hot(torch.randint(3, (N,)), 3).float()
    x = torch.cat([torch.rand(N, 1), category], dim=1)
    normalised(x)
    mean, std = torch.rand(4), torch.rand(4) + 0.5
    given = {
        **{"np": np, "nn": nn, "rc": rc, "importlib": importlib, "x": x},
        **{"net": net, "residual": residual, "normalised": normalised.eval()},
        **{"one_output": one_output, "regression": dense(1), "mean": mean, "std": std},
        **{"raw": x * std + mean, "scaled_within": ScaledWithin(net, mean, std)},
        **{"points": 0.1 * torch.randn(5, 4), "radii": 0.2 * torch.rand(N, 1)},
    }
    return given | {"signs": torch.sign(one_output(x).detach()[:, 0])}


def said_by(line: str, given: dict[str, Any]) -> torch.Tensor:
    """Labels of the network that the line asks about."""
    own = re.search(r"certified\((normalised|residual)\b", line)
    with torch.no_grad():
        return given[own[1] if own else "net"](given["x"]).argmax(1)


def at_values(line: str, x: torch.Tensor) -> list[torch.Tensor]:
    """The samples at every category, numbers at many values; or a whole number farther."""
    categories = [x[:, 1:]] if "whole" in line else torch.eye(3)[:, None].expand(3, N, 3)
    steps = torch.arange(-1, 2) if "whole" in line else torch.linspace(-0.1, 0.1, 201)
    return [torch.cat([x[:, :1] + step, one], dim=1) for one in categories for step in steps]


@pytest.mark.parametrize(("ask", "where", "line"), ROWS)
def test_a_line_does_what_is_asked(ask: str, where: str, line: str) -> None:
    given = names()
    given["y"] = said_by(line, given)
    found = eval(compile(line.strip("` "), "asks.md", "eval"), given)
    if "certified(" in line:
        assert found.dtype == torch.bool
        assert found.shape == (N,)
        assert found.any()
    elif "certify_within(" in line:
        real = at_values(line, given["x"])
        right = [rc.evaluation.correct(given["net"], one, given["y"]) for one in real]
        assert found.proved.any() or "whole" in line
        assert found.broken.any()
        assert torch.stack(right)[:, found.proved].all()
        assert not torch.stack(right).all(0)[found.broken].any()
    elif "attacks." in line:
        assert found.shape == given["x"].shape
        asked = given["one_output"] if "one_output" in line else given["net"]
        label = given["signs"] if "one_output" in line else given["y"]
        assert not rc.evaluation.correct(asked, found, label).all(), "it turns some sample"
    elif "outputs(" in line:
        low, high = found
        z = given["regression"](given["x"])
        assert ((low < z) & (z < high)).all()
    else:
        assert found == ["torch>=2.4"]


def test_every_ask_names_its_threads() -> None:
    assert len(ROWS) == 15
    for _, where, _ in ROWS:
        threads = re.findall(r"\[[\w.+-]+ (\d+)\]\(https://github\.com/([^)]+)\)", where)
        assert threads
        assert all(url.rsplit("/", 1)[1] == number for number, url in threads)


class Sign(nn.Module):
    """As binarised networks have it."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.sign(x)


class Product(nn.Module):
    """Of two inputs."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x[:, :2] * x[:, 2:]


@pytest.mark.parametrize(
    "net", [nn.Sequential(nn.Linear(4, 4), Sign(), nn.Linear(4, 3)), Product()]
)
def test_what_is_said_not_to_be_here_is_refused(net: nn.Module) -> None:
    x = torch.rand(N, 4)
    with pytest.raises(RobustcoreError) as refused:
        rc.evaluation.certified(net, x, net(x).argmax(1), rc.LpBall(2, 0.1))
    assert "\n" not in str(refused.value)
