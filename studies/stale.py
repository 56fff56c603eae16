"""Which records were made by other code than today's, what it costs to make them again, and how.

    python -m studies.stale                     the stale records with their cost
    python -m studies.stale --write             the same, into results/stale.yml
    python -m studies.stale --run 600           make those again that cost at most so many seconds

A record is stale if the digest of its study's code is not the one that it keeps, or if it keeps
none. `results/stale.yml` lists them with the digest of today's code, so that every change of code
that concerns a record shows, the second one too: a test refuses a list that is not today's. A study
is run with the parameters of its records, cheapest first; the list is written again at the end. A
sweep is not run from here: its rows carry a version and its shards their commits, and it takes
hours.
"""

from __future__ import annotations

from robustcore.starting import loading, stoppable

with loading("python -m studies.stale", __name__ == "__main__"):
    import argparse
    import sys
    from collections.abc import Sequence
    from dataclasses import dataclass
    from pathlib import Path
    from typing import Any

    from robustcore import records
    from robustcore.errors import InputError, RobustcoreError

    from . import __main__ as command
    from . import digest

_HEAD = """# Records made by other code than today's: the seconds they took, and the digest today.
# Written by `python -m studies.stale --write`; `--run SECONDS` makes them again.
"""


@dataclass(frozen=True)
class Stale:
    """The stale records of one study: `name` is what `python -m studies` takes.

    Source: own
    """

    name: str
    seconds: float
    ids: tuple[str, ...]
    sweep: bool = False
    digest: str = ""  # of today's code


def outdated(record: records.Record) -> bool:
    """Whether a record was made by other code than today's, or by code that is not known.

    Source: own
    """
    made_by = record.provenance.get("code") or {}
    return not made_by.get("digest") or made_by != digest.code(made_by["study"])


def _today(name: str) -> str:
    """The digest of the code that would make the records of a study today."""
    return (digest.code(command.module_of(name)) or {}).get("digest", "")


def listing(folder: Path | str | None = None) -> list[Stale]:
    """The stale records of a folder by study, cheapest first.

    Source: own
    """
    found: dict[str, list[records.Record]] = {}
    for id in records.identifiers(folder):
        record = records.load(id, folder)
        if outdated(record):
            found.setdefault(_name(record), []).append(record)
    stale = [
        Stale(
            name,
            max(r.provenance["seconds"] or 0.0 for r in group),
            tuple(r.id for r in group),
            any("grid" in r.provenance for r in group),
            _today(name),
        )
        for name, group in found.items()
    ]
    return sorted(stale, key=lambda s: (s.seconds, s.name))


def text(stale: Sequence[Stale]) -> str:
    """The list as `results/stale.yml` holds it.

    Source: own
    """
    lines = []
    for one in stale:
        lines += [f"{one.name}:", f"  seconds: {one.seconds:.0f}", f"  code: '{one.digest}'"]
        lines += ["  records:"]
        lines += [f"  - {id}" for id in one.ids]
    return _HEAD + "\n".join([*lines, ""])


def run_again(stale: Stale, folder: Path | str | None = None) -> list[Path]:
    """Run the study of stale records with the parameters that they keep.

    Source: own

    Raises
    ------
    InputError
        If two of them keep different values of one parameter, or one keeps a parameter that the
        study no longer takes: what it would be made with instead is for a person to say.
    """
    every = [records.load(id, folder) for id in stale.ids]
    profile = str(every[0].provenance["profile"]).split(",")[0]
    usual = command.parameters(stale.name, profile, {})
    as_kept = records.plain(usual, every[0].id)  # tuples are lists there
    kept: dict[str, Any] = {}
    for one in every:
        if unknown := sorted(one.parameters.keys() - usual.keys()):
            raise InputError(
                f"{one.id} keeps {', '.join(unknown)}, which {stale.name} no longer takes; make it "
                "again by hand, at least as large."
            )
        for name, value in one.parameters.items():
            if kept.setdefault(name, value) != value:
                raise InputError(
                    f"the records of {stale.name} were made with {name} = {kept[name]} and with "
                    f"{value}; make them again one by one."
                )
    given = {name: value for name, value in kept.items() if as_kept[name] != value}
    return command.run(stale.name, profile, given, None if folder is None else Path(folder))


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line.

    Source: own
    """
    parser = argparse.ArgumentParser(
        prog="python -m studies.stale", description=(__doc__ or "").split("\n\n")[0]
    )
    parser.add_argument("--write", action="store_true", help="write results/stale.yml")
    parser.add_argument("--run", type=float, metavar="SECONDS", help="make again what costs less")
    options = parser.parse_args(arguments)
    kept = "what it said to be recorded is, and results/stale.yml is as it was"
    with stoppable("python -m studies.stale", kept):
        refused = _asked(options)
    if refused:
        sys.exit(1)


def _asked(options: argparse.Namespace) -> bool:
    """Do what the options say; whether a study was refused."""
    stale = listing()
    for one in stale:
        print(f"{one.seconds:8.0f} s  {one.name}: {', '.join(one.ids)}", flush=True)
    refused = False
    for one in stale if options.run is not None else []:
        if one.seconds <= options.run and not one.sweep:
            try:
                for path in run_again(one):
                    print(f"recorded {path.name}", flush=True)
            except RobustcoreError as error:
                refused = True
                print(error, file=sys.stderr, flush=True)
    if options.write or options.run is not None:
        target = records.results_folder() / "stale.yml"
        target.write_text(text(listing()), encoding="utf-8")
    return refused


def _name(record: records.Record) -> str:
    """The notebook whose study made a record: the id's, or the study's own name."""
    made_by: dict[str, Any] = record.provenance.get("code") or {}
    notebook = record.id.split(".")[0]
    study = made_by.get("study") or command.module_of(notebook)
    return notebook if command.module_of(notebook) == study else study.removeprefix("studies.")


if __name__ == "__main__":
    main()
