"""What the command found of each row: right, proved, how far and by what, and where it turns."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch

from ..balls import PerturbationSet
from ..evaluation import Accuracy
from .reading import Rows


@dataclass(frozen=True)
class Judged:
    """One line a row.

    Source: own

    Parameters
    ----------
    ball : set of perturbations
    data : Rows
    predicted : (n,) tensor
    right : (n,) tensor of booleans
        On the row as it is.
    method : str
        Of the bound; of several within a time "best".
    proved : (n,) tensor of booleans, or None
        On the whole ball; None of an attack.
    radius : (n,) tensor, or None
        Certified, up to that of the ball; None where no smaller one was searched.
    by : list of str
        Of each row the method that decided it, or "".
    withstands : (n,) tensor of booleans, or None
        Proved, or right at every point tried; None without attack.
    worst : (n, d) tensor, or None
        The worst points found; NaN where none was searched.
    seconds : float, or None
        Taken by :func:`robustcore.evaluation.certify_within`, where it was asked.
    """

    ball: PerturbationSet
    data: Rows
    predicted: torch.Tensor
    right: torch.Tensor
    method: str = ""
    proved: torch.Tensor | None = None
    radius: torch.Tensor | None = None
    by: list[str] | None = None
    withstands: torch.Tensor | None = None
    worst: torch.Tensor | None = None
    seconds: float | None = None

    @property
    def standing(self) -> Accuracy:
        """The share of rows that are proved, or withstand the attack."""
        stands = self.withstands if self.proved is None else self.proved
        assert stands is not None
        return Accuracy.of(stands)

    def parts(self) -> list[tuple[str, int]]:
        """Of all rows how many came out how; each row counts once."""
        n = len(self.right)
        proved = torch.zeros(n, dtype=torch.bool) if self.proved is None else self.proved
        turned = torch.zeros(n, dtype=torch.bool)
        if self.by is not None:
            turned |= torch.tensor([name == "attack" for name in self.by])
        if self.withstands is not None:
            turned |= self.right & ~self.withstands
        open_ = self.right & ~proved & ~turned
        found = [] if self.proved is None else [("proved", proved)]
        attacked = self.withstands is not None or self.seconds is not None
        name = "withstand the attack" if self.proved is None else "right, and open"
        found.append((name if attacked else "right, and not proved", open_))
        if attacked:
            found.append(("right, and turned", turned))
        return [
            *((name, int(one.sum())) for name, one in found),
            ("wrong as they are", int((~self.right & ~proved).sum())),
        ]

    def lines(self) -> list[tuple[str, str]]:
        """What is said of all rows together: (name, value)."""
        name = "withstand the attack" if self.proved is None else "proved on the whole ball"
        found = [
            ("rows", str(len(self.right))),
            ("ball", repr(self.ball)),
            ("right as they are", str(Accuracy.of(self.right))),
            (name, str(self.standing)),
        ]
        if self.radius is not None:
            found.append(("median certified radius", f"{float(self.radius.median()):.4g}"))
        found += [(name, str(n)) for name, n in self.parts()[1:-1]]
        if self.seconds is not None and self.by is not None:
            found += [(f"by {name}", str(self.by.count(name))) for name in dict.fromkeys(self.by)]
            found = [one for one in found if one[0] != "by "]
            found.append(("seconds", f"{self.seconds:.2f}"))
        return found

    def table(self) -> str:
        """The same as text."""
        width = max(len(name) for name, _ in self.lines())
        return "\n".join(f"{name:>{width}}  {value}" for name, value in self.lines())

    def heads(self) -> list[str]:
        """The columns of the file of rows."""
        found = ["row", "label", "predicted", "right"]
        if self.proved is None:
            found += ["withstands", "radius"]
        else:
            found += ["certified", "radius", "by"]
            found += [] if self.withstands is None else ["withstands"]
        return found + [f"worst {name}" for name in self.data.features if self.worst is not None]

    def rows(self) -> Iterator[list[str]]:
        """One line a row, numbered from 1 as they stand under the head."""
        for i, (y, z) in enumerate(zip(self.data.y.tolist(), self.predicted.tolist(), strict=True)):
            line = [str(i + 1), self.data.name(y), self.data.name(z), _word(self.right[i])]
            if self.proved is None:
                assert self.withstands is not None
                line += [_word(self.withstands[i]), repr(float(self.ball.radius))]
            else:
                line += [_word(self.proved[i]), self._reached(i), self.by[i] if self.by else ""]
                line += [] if self.withstands is None else [_word(self.withstands[i])]
            if self.worst is not None:
                line += ["" if v != v else f"{v:.17g}" for v in self.worst[i].tolist()]
            yield line

    def write(self, path: Path) -> None:
        """The rows as a CSV file."""
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(self.heads())
            writer.writerows(self.rows())

    def _reached(self, i: int) -> str:
        """The radius up to which a row is certified, to the last digit; "" where nobody looked."""
        if self.radius is not None:
            return repr(float(self.radius[i]))
        return repr(float(self.ball.radius)) if self.proved is not None and self.proved[i] else ""


def _word(value: torch.Tensor) -> str:
    return str(bool(value)).lower()
