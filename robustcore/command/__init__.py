"""The command `robustcore`: certify or attack a stored network on the rows of a CSV file.

    robustcore certify model.npz data.csv --ball l1 --radius 0.5 --report report.html
    robustcore attack model.npz data.csv --ball linf --features ranges.toml --out rows.csv
    robustcore certify model.onnx property.vnnlib --seconds 60

It ends with 0, with 1 if fewer rows than `--require` asks for stand, and with 2 and one sentence if
it could not run.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from ..errors import InputError, RobustcoreError
from . import judging, properties, reading, report

_RANGES = """\
A file for --features is TOML: how far each feature may move, in its own unit.

    [radii]
    age = 2
    income = 500.0
    "*" = 0          # every feature that is not named; 0 means that it does not move

The radius then scales all of them, and is 1 unless it is given.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit status.

    Source: own

    Parameters
    ----------
    arguments : sequence of str, optional
        In place of those of the process.
    """
    asked = parser().parse_args(arguments)
    try:
        return run(asked)
    except (RobustcoreError, OSError) as error:
        print(f"robustcore: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("robustcore: stopped; nothing was written.", file=sys.stderr)
        return 130


def run(asked: argparse.Namespace) -> int:
    """Read, judge, print, write: the exit status.

    Source: own

    Raises
    ------
    RobustcoreError
        For whatever of the input does not fit.
    """
    for target in (asked.out, asked.report):
        if target is not None and not target.parent.is_dir():
            raise InputError(f"there is no folder {target.parent} to write {target.name} into.")
    if asked.data.suffix == ".vnnlib":
        return properties.run(asked)
    data = reading.rows(asked.data, asked.label, asked.classes)
    network = reading.network(asked.network)
    ball = reading.ball(asked.ball, asked.radius, asked.features, asked.box, data.features)
    if asked.task == "certify":
        ball = judging.cut(ball, asked.method)
    judged = judging.judge(network, data, ball, asked.task, asked.method, asked.steps)
    print(judged.table())
    if asked.out is not None:
        judged.write(asked.out)
        print(f"rows: {asked.out}")
    if asked.report is not None:
        asked.report.write_text(report.page(judged, asked.network.name), encoding="utf-8")
        print(f"report: {asked.report}")
    return int(asked.require is not None and judged.standing.value < asked.require)


def parser() -> argparse.ArgumentParser:
    """What the command takes.

    Source: own
    """
    root = argparse.ArgumentParser("robustcore", description=__doc__.split("\n\n")[0])
    tasks = root.add_subparsers(dest="task", required=True, metavar="certify | attack")
    for task, says in (
        ("certify", "prove for which rows the decision holds on the whole ball"),
        ("attack", "search each ball for a point where the decision turns"),
    ):
        one = tasks.add_parser(
            task,
            help=says,
            description=says.capitalize() + ".",
            epilog=_RANGES,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        _add(one)
    return root


def _add(one: argparse.ArgumentParser) -> None:
    one.add_argument(
        "network", type=Path, help="an .onnx file, or an .npz that robustcore.networks.save wrote"
    )
    one.add_argument(
        "data",
        type=Path,
        help="a CSV file with a head, features and a label; or, to certify, a .vnnlib property",
    )
    one.add_argument("--label", help="the column of the label; the last one by default")
    one.add_argument(
        "--classes",
        type=lambda text: text.split(","),
        help="labels in the order of the outputs, as in no,yes; else they are 0, 1, ...",
    )
    one.add_argument("--ball", choices=("l1", "l2", "linf"), default="linf", help="the norm")
    one.add_argument("--radius", type=float, help="in the units of the features")
    one.add_argument(
        "--features", type=Path, help="a TOML file with radii of single features, see below"
    )
    one.add_argument(
        "--box",
        type=float,
        nargs=2,
        metavar=("LOW", "HIGH"),
        help="range of every feature: attacks keep to it, and bounds that can prove for it alone",
    )
    one.add_argument("--method", default="best", help="the bound of certify: best, rub, crown, ...")
    one.add_argument(
        "--seconds", type=float, default=60.0, help="for a property, after which no bound is begun"
    )
    one.add_argument("--steps", type=int, default=100, help="gradient steps of each path of attack")
    one.add_argument("--out", type=Path, help="a CSV file to write, one line a row")
    one.add_argument("--report", type=Path, help="an HTML page to write")
    one.add_argument(
        "--require", type=float, metavar="SHARE", help="end with 1 if fewer rows than this stand"
    )
