"""What the command takes, and which of it a call can use; what it cannot use is refused."""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import NoReturn

from .. import methods
from ..errors import InputError, check_count

_MORE = """\
A file for --features is TOML: how far each feature may move, in its own unit.

    whole = ["age"]  # may be left away: what moves by whole numbers alone; above the tables
    [radii]
    age = 2
    income = 500.0
    "*" = 0          # every feature that is not named; 0 means that it does not move
    [ranges]         # may be left away: what a feature can be at all, as --box for each
    age = [0, 120]
    income = [0, inf]
    [categories]     # may be left away: what may be swapped, by one-hot columns
    housing = ["own", "rent", "free"]

The radius then scales all of them, and is 1 unless it is given; below 1 a swap goes part of its
way. A feature without a range has that of "*" in [ranges], or else of --box, or none.
What is proved holds between two whole numbers or categories too; an attack ends at one.

The file of --out has a line for each row:
    certify  row, label, predicted, right, certified, radius, by; with --worst withstands and worst
    attack   row, label, predicted, right, withstands, radius, worst
  radius     up to which the row is certified, or of the ball that was attacked; with --features
             the radii of the file are 1. With --seconds no smaller one is searched, so that it is
             empty for every row that is not proved
  by         the bound that proved it; with --seconds also clean or attack, where it is wrong
  worst ...  a column for each feature: the worst point found, empty for a row that is proved

It ends with 0; with 1 if fewer rows, or boxes of a property, than --require asks for stand, and
without --require if a property is refuted; with 2 and one sentence if it could not run. A property
that stays open ends with 0 unless --require 1 asks for its proof.

On a terminal, many rows and --seconds show how far it is: by a bar if tqdm is installed (the extra
"command"), by lines without it.
"""
# what stands for an option that is not given, where a call uses it
_DEFAULTS = {"ball": "linf", "method": "best", "steps": 100}
_SECONDS = 60.0  # for a property
_BRINGS = ("label", "classes", "features", "box")  # what a property says itself
_PROVES = ("method", "seconds", "worst")  # what is about proofs


class _Parser(argparse.ArgumentParser):
    """What it does not understand is bad input like any other: one sentence."""

    def error(self, message: str) -> NoReturn:
        raise InputError(f"{message}; see {self.prog} --help.")


def parser(about: str) -> argparse.ArgumentParser:
    """What the command takes.

    Source: own

    Parameters
    ----------
    about : str
        Its first sentence.
    """
    root = _Parser("robustcore", description=about)
    tasks = root.add_subparsers(dest="task", required=True, metavar="certify | attack")
    for task, says in (
        ("certify", "prove for which rows the decision holds on the whole ball"),
        ("attack", "search each ball for a point where the decision turns"),
    ):
        one = tasks.add_parser(
            task,
            help=says,
            description=says.capitalize() + ".",
            epilog=_MORE,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        _add_data(one)
        _add_search(one, proves=task == "certify")
    return root


def settle(asked: argparse.Namespace) -> argparse.Namespace:
    """The same call with defaults for what is not given.

    Source: own

    Raises
    ------
    InputError
        For an option that this call cannot use, one out of its range, or a file that is not there
        or cannot be written.
    """
    for name, why in _useless(asked).items():
        if getattr(asked, name) is not None:
            raise InputError(f"{why}; leave --{name} away.")
    _check(asked)
    found = argparse.Namespace(**vars(asked))
    for name, value in _DEFAULTS.items():
        if getattr(asked, name) is None:
            setattr(found, name, value)
    if is_property(asked) and asked.seconds is None:
        found.seconds = _SECONDS
    return found


def is_property(asked: argparse.Namespace) -> bool:
    """Whether a call is about a property, by the ending of its file.

    Source: own
    """
    return bool(asked.data.suffix == ".vnnlib")


def _useless(asked: argparse.Namespace) -> dict[str, str]:
    """Options that a call has no use for, each with the reason."""
    if is_property(asked):
        if asked.task != "certify":
            raise InputError(
                "a property is certified, and attacked on the way; use robustcore certify."
            )
        if asked.ball is not None and asked.radius is None:
            raise InputError("a property has boxes of its own; --ball asks for --radius too.")
        return {
            **dict.fromkeys(_BRINGS, "a property brings its own samples and set"),
            "report": "the report is about rows, and --out writes the boxes of a property",
            **dict.fromkeys(("steps", "worst"), "the attack on a property takes no options"),
        }
    if asked.task == "attack":
        return dict.fromkeys(_PROVES, "an attack proves nothing, that is certify's")
    if asked.worst is None and asked.seconds is None:
        return {"steps": "certify attacks with --worst or --seconds alone"}
    return {}


def _check(asked: argparse.Namespace) -> None:
    """Refuse values out of their range, and files that are not there."""
    if asked.method not in (None, "best"):
        methods.certificate(asked.method)
    if asked.seconds is not None and not asked.seconds > 0:
        raise InputError(f"--seconds must be positive, got {asked.seconds:g}.")
    if asked.steps is not None:
        check_count("--steps", asked.steps)
    if asked.require is not None and not 0 <= asked.require <= 1:
        raise InputError(f"--require is a share between 0 and 1, got {asked.require:g}.")
    if asked.radius is not None and not (math.isfinite(asked.radius) and asked.radius >= 0):
        raise InputError(f"--radius must be a finite number >= 0, got {asked.radius:g}.")
    for source in (asked.network, asked.data, asked.features):
        if source is not None and not source.is_file():
            raise InputError(f"there is no file {source}; give the path of one that is there.")
    for target in (asked.out, asked.report):
        if target is not None and not target.parent.is_dir():
            raise InputError(f"there is no folder {target.parent} to write {target.name} into.")
        if target is not None and target.is_dir():
            raise InputError(f"{target} is a folder; give the name of a file to write.")


def _add_data(one: argparse.ArgumentParser) -> None:
    """The network, the rows, and the set."""
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
        type=lambda text: [name.strip() for name in text.split(",")],
        help="labels in the order of the outputs, as in no,yes; else they are 0, 1, ...",
    )
    one.add_argument(
        "--shape",
        type=_shape,
        metavar="C,H,W",
        help="of one sample, where the network takes images: 1,28,28 for rows of 784 features",
    )
    one.add_argument("--ball", choices=("l1", "l2", "linf"), help="the norm; linf by default")
    one.add_argument(
        "--radius",
        type=float,
        help="in the units of the features; for a property, around the middles of its boxes",
    )
    one.add_argument(
        "--features", type=Path, help="a TOML file: radii and ranges of single features, see below"
    )
    one.add_argument(
        "--box",
        type=float,
        nargs=2,
        metavar=("LOW", "HIGH"),
        help="range of every feature: attacks keep to it, and bounds that can prove for it alone",
    )


def _add_search(one: argparse.ArgumentParser, proves: bool) -> None:
    """How to prove or attack, and what to write; attack takes what is certify's to refuse it."""

    def said(text: str) -> str:
        return text if proves else argparse.SUPPRESS

    one.add_argument("--method", help=said("the bound: best (the default), rub, crown, ..."))
    one.add_argument(
        "--seconds",
        type=float,
        help=said(
            "bounds in turn, from cheap to exact, and an attack, for about as long: none is begun "
            "later; with --method that bound alone (for a property, 60 by default)"
        ),
    )
    one.add_argument(
        "--worst",
        action="store_true",
        default=None,
        help=said("attack the rows that are not proved, and write the worst points found"),
    )
    one.add_argument(
        "--steps",
        type=int,
        help="gradient steps of each path of an attack; 100 by default",
    )
    one.add_argument("--out", type=Path, help="a CSV file to write, one line a row")
    one.add_argument("--report", type=Path, help="an HTML page to write")
    one.add_argument(
        "--require", type=float, metavar="SHARE", help="end with 1 if fewer rows than this stand"
    )


def _shape(text: str) -> tuple[int, ...]:
    """Sizes as in 1,28,28."""
    sizes = [size.strip() for size in text.split(",")]
    if not all(size.isdecimal() and int(size) > 0 for size in sizes):
        raise argparse.ArgumentTypeError(f"sizes as in 1,28,28 are wanted, got {text!r}")
    return tuple(int(size) for size in sizes)
