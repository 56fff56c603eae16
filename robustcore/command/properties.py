"""What the command says of a VNN-LIB property: holds, is refuted, or is open, box by box."""

from __future__ import annotations

import argparse
import csv
from dataclasses import replace

from .. import evaluation
from ..balls import LpBall
from ..starting import stoppable
from . import judging, progress, reading, sets


def run(asked: argparse.Namespace) -> int:
    """Read, decide, print, write: the exit status.

    1 if fewer boxes hold than --require asks for, or without it, if one is refuted.

    Source: own

    Raises
    ------
    RobustcoreError
        For a network of other outputs, or a bound that is not for boxes.
    """
    net = reading.network(asked.network)
    question = evaluation.read_vnnlib(asked.data)
    question = replace(question, x=reading.shaped(question.x, asked.shape, asked.data))
    radius = asked.radius
    ball = None if radius is None else LpBall(sets.NORMS[asked.ball], radius)
    if asked.method != "best":
        judging.check_takes(asked.method, ball or question.ball)
    in_turn = None if asked.method == "best" else (asked.method,)
    with progress.shown("decide", len(question.x), "boxes", ending=True) as show:
        found = question.decide(net, asked.seconds, in_turn, ball, show)
    words = [
        "holds" if proved else "refuted" if broken else "open"
        for proved, broken in zip(found.proved.tolist(), found.broken.tolist(), strict=True)
    ]
    print(_table(words, found))
    if asked.out is not None:
        with (
            stoppable("robustcore", "the file that it was writing is cut off"),
            asked.out.open("w", newline="", encoding="utf-8") as file,
        ):
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(["box", "label", "verdict", "by"])
            labels = ["" if y < 0 else y for y in question.y.tolist()]
            rows = zip(labels, words, found.by, strict=True)
            writer.writerows([i, *row] for i, row in enumerate(rows, start=1))
        print(f"boxes: {asked.out}")
    if asked.require is None:
        return int("refuted" in words)
    return int(found.accuracy.value < asked.require)


def _table(words: list[str], found: evaluation.Escalation) -> str:
    """The verdict on the whole property, and how many boxes have which."""
    whole = "refuted" if "refuted" in words else "open" if "open" in words else "holds"
    lines = [("property", whole), ("boxes", str(len(words)))]
    lines += [(word, str(words.count(word))) for word in ("holds", "refuted", "open")]
    lines += [(f"by {name}", str(n)) for name, n in found.counts().items() if name]
    lines.append(("seconds", f"{found.seconds:.2f}"))
    width = max(len(name) for name, _ in lines)
    return "\n".join(f"{name:>{width}}  {value}" for name, value in lines)
