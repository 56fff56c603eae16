"""The command `robustcore`: certify or attack a stored network on the rows of a CSV file.

    robustcore certify model.npz data.csv --ball l1 --radius 0.5 --report report.html
    robustcore certify model.npz data.csv --radius 0.1 --seconds 60 --worst --out rows.csv
    robustcore attack model.npz data.csv --ball linf --features ranges.toml --out rows.csv
    robustcore certify model.onnx property.vnnlib --seconds 60

It ends with 0, with 1 if fewer rows than `--require` asks for stand, or without `--require` a
property is refuted, with 2 and one sentence if it could not run, or an option cannot be used, and
with 130 if Ctrl-C stopped it.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from ..starting import loading, stoppable


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit status.

    Source: own

    Parameters
    ----------
    arguments : sequence of str, optional
        In place of those of the process.
    """
    with loading("robustcore", started=arguments is None):
        from ..errors import RobustcoreError
        from . import judging, options, properties, reading, report, sets  # noqa: F401
    with stoppable("robustcore", "nothing was written"):
        try:
            return run(parser().parse_args(arguments))
        except RobustcoreError as error:
            print(f"robustcore: {error}", file=sys.stderr)
            return 2
        except OSError as error:
            about = "a file" if error.filename is None else error.filename
            why = error.strerror or error
            print(f"robustcore: {about} cannot be used: {why}.", file=sys.stderr)
            return 2


def run(asked: argparse.Namespace) -> int:
    """Read, judge, print, write: the exit status.

    Source: own

    Raises
    ------
    RobustcoreError
        For whatever of the input does not fit.
    """
    from . import judging, options, properties, reading, report, sets

    asked = options.settle(asked)
    if options.is_property(asked):
        return properties.run(asked)
    data = reading.rows(asked.data, asked.label, asked.classes, asked.shape)
    network = reading.network(asked.network)
    ball = sets.ball(asked.ball, asked.radius, asked.features, asked.box, data)
    if asked.task == "certify":
        judged = judging.certify(
            *(network, data, ball, asked.method, asked.seconds),
            steps=asked.steps if asked.worst or asked.seconds is not None else None,
            worst=bool(asked.worst),
        )
    else:
        judged = judging.attack(network, data, ball, asked.steps)
    print(judged.table())
    with stoppable("robustcore", "the file that it was writing is cut off"):
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
    from . import options

    return options.parser(__doc__.split("\n\n")[0])
