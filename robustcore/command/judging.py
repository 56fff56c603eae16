"""What the command finds of each row: right, standing in the ball, how far, and where it turns."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from .. import attacks, evaluation, methods
from ..balls import Cut, LpBall, PerturbationSet
from ..doors import answer, two_logits
from ..evaluation import Accuracy
from .reading import Rows

_BATCH = 250  # rows between two steps of the progress bar


@dataclass(frozen=True)
class Judged:
    """One line a row.

    Source: own

    Parameters
    ----------
    task : "certify" or "attack"
    method : str
    ball : set of perturbations
    data : Rows
    predicted : (n,) tensor
    right, stands : (n,) tensors of booleans
        On the clean row; on the whole ball, or at every point that was tried.
    radius : (n,) tensor or None
        Certified, up to that of the ball.
    worst : (n, d) tensor or None
        The worst points found.
    """

    task: str
    method: str
    ball: PerturbationSet
    data: Rows
    predicted: torch.Tensor
    right: torch.Tensor
    stands: torch.Tensor
    radius: torch.Tensor | None
    worst: torch.Tensor | None

    @property
    def standing(self) -> Accuracy:
        """The share of rows that stand."""
        return Accuracy.of(self.stands)

    def lines(self) -> list[tuple[str, str]]:
        """What is said of all rows together: (name, value)."""
        proved = self.task == "certify"
        found = [
            ("rows", str(len(self.right))),
            ("ball", repr(self.ball)),
            ("right as they are", str(Accuracy.of(self.right))),
            ("proved on the whole ball" if proved else "withstand the attack", str(self.standing)),
        ]
        if self.radius is not None:
            found.append(("median certified radius", f"{float(self.radius.median()):.4g}"))
        turned = int((self.right & ~self.stands).sum())
        found.append(("right, and not proved" if proved else "right, and turned", str(turned)))
        return found

    def table(self) -> str:
        """The same as text."""
        width = max(len(name) for name, _ in self.lines())
        return "\n".join(f"{name:>{width}}  {value}" for name, value in self.lines())

    def heads(self) -> list[str]:
        """The columns of the file of rows."""
        found = ["row", "label", "predicted", "right"]
        if self.task == "certify":
            return [*found, "certified", "radius"]
        return [*found, "withstands", *(f"worst {name}" for name in self.data.features)]

    def rows(self) -> Iterator[list[str]]:
        """One line a row, numbered from 1 as they stand under the head."""
        for i, (y, z) in enumerate(zip(self.data.y.tolist(), self.predicted.tolist(), strict=True)):
            line = [str(i + 1), self.data.name(y), self.data.name(z)]
            line += [str(bool(self.right[i])).lower(), str(bool(self.stands[i])).lower()]
            if self.radius is not None:
                line.append(f"{float(self.radius[i]):.6g}")
            if self.worst is not None:
                line += [f"{value:.17g}" for value in self.worst[i].tolist()]
            yield line

    def write(self, path: Path) -> None:
        """The rows as a CSV file."""
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(self.heads())
            writer.writerows(self.rows())


def cut(ball: PerturbationSet, method: str) -> PerturbationSet:
    """A ball with a box as the set that is left of it, where the bound is for that one.

    Source: own
    """
    known = methods.METHODS.get(method)
    if not isinstance(ball, LpBall) or ball.box is None or known is None:
        return ball
    return Cut(ball) if known.takes(Cut(ball)) else ball


def judge(
    net: nn.Module, data: Rows, ball: PerturbationSet, task: str, method: str, steps: int
) -> Judged:
    """Certify or attack every row, with a progress bar where tqdm is installed.

    Source: own (on [B] Section 6.3)

    Parameters
    ----------
    net : module
    data : Rows
    ball : set of perturbations
    task : "certify" or "attack"
    method : str
        Of :func:`robustcore.evaluation.certified`.
    steps : int
        Of APGD.
    """
    x = data.x.to(next((p.dtype for p in net.parameters()), torch.float64))
    with torch.no_grad():
        predicted = two_logits(answer(net, x)).argmax(dim=1)
    right = evaluation.correct(net, x, data.y)
    stands, radii, worst = torch.zeros_like(right), [], []
    for part in _progress(len(x)):
        rows, labels, here = x[part], data.y[part], ball.at(torch.arange(len(x))[part])
        if task == "certify" and here.radius > 0:
            reached = evaluation.certified_radius(net, rows, labels, here, method)
            stands[part] = reached == here.radius
            radii.append(reached)
        elif task == "certify":
            stands[part] = evaluation.certified(net, rows, labels, here, method)
            radii.append(torch.zeros(len(rows), dtype=torch.float64))
        else:
            point = attacks.strongest(net, rows, labels, here, steps=steps)
            attacks.check_inside(point, rows, here)
            stands[part] = right[part] & evaluation.correct(net, point, labels)
            worst.append(point.detach())
    return Judged(
        *(task, method, ball, data, predicted, right, stands),
        radius=torch.cat(radii) if radii else None,
        worst=torch.cat(worst) if worst else None,
    )


def _progress(n: int) -> Iterator[slice]:
    parts = [slice(start, min(n, start + _BATCH)) for start in range(0, n, _BATCH)]
    try:
        from tqdm import tqdm
    except ImportError:
        yield from parts
        return
    yield from tqdm(parts, unit=f" x {_BATCH} rows", disable=len(parts) < 2, leave=False)
