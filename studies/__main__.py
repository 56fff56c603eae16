"""Run a study at a profile's size and record its rows.

    python -m studies NAME --profile paper --set epochs=20 --out results

NAME is a notebook (`b5_rub`), or what is left of it without leading digits and underscores. Its
study is the module `studies.NAME`; a study of a page's room is named with a dot, `b8_uci.NAME`. Its
function

    record(**parameters) -> {record id: rows}

makes the rows of every record that the notebook shows. Its arguments carry the names of the
notebook's parameters, and their defaults are the notebook's values: that is profile `quick`.
Profile `paper` adds what `notebooks/profiles/paper.yml` says under NAME, and `--set` has the last
word. Each record is saved by `robustcore.records` with its provenance, in which the profile
is named: "quick" if the profile asked for says nothing of the study, and with what --set changed.

A study whose module has `sweep(**parameters) -> Sweep`, beside `record` or instead of it, is run
cell by cell by the engine in `studies.engine`, here or in shards on several machines:

    python -m studies NAME --shard 3/16 --device cuda --seconds 600
    python -m studies NAME --status

This needs torch, numpy, scipy, pandas and pyyaml, and runs from a bare copy of the source tree.
"""

from __future__ import annotations

from robustcore.starting import loading, stoppable

with loading("python -m studies", __name__ == "__main__"):
    import argparse
    import importlib
    import inspect
    import os
    import time
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from contextlib import contextmanager
    from pathlib import Path
    from types import ModuleType
    from typing import Any

    from robustcore import provenance, records
    from robustcore.errors import DataError, InputError, RobustcoreError
    from robustcore.provenance import CHECKOUT

    from . import digest
    from . import parameters as typed
    from .engine import command as engine
    from .engine import save_record

_FOLDER = "ROBUSTCORE_RESULTS"


def study(name: str, function: str = "record") -> Callable[..., Any]:
    """The function `record` (or `sweep`) of the study that belongs to a notebook.

    Source: own

    Raises
    ------
    InputError
        If there is no such study, or it has no such function.
    """
    module = _module(name)
    if not hasattr(module, function):
        raise InputError(f"{module.__name__} has no function {function}(**parameters).")
    found: Callable[..., Any] = getattr(module, function)
    return found


def module_of(name: str) -> str:
    """The module of the study that belongs to a notebook.

    Source: own
    """
    return f"studies.{name.lstrip('0123456789_')}"


def parameters(
    name: str, profile: str, given: Mapping[str, Any], function: str = "record"
) -> dict[str, Any]:
    """Every argument of a study: defaults, then the profile, then what was given.

    Source: own

    Raises
    ------
    InputError
        For a name that the study does not know.
    DataError
        If the profile's file is missing.
    """
    signature = inspect.signature(study(name, function)).parameters
    defaults = {k: p.default for k, p in signature.items() if p.default is not p.empty}
    chosen = {**defaults, **_of_other(name, function, _profile(name, profile)), **given}
    if unknown := sorted(set(chosen) - set(signature)):
        raise InputError(f"{name} has no parameter {unknown}; it has {', '.join(signature)}.")
    if missing := sorted(set(signature) - set(chosen)):
        raise InputError(f"{name} needs {missing}; give it with --set, or a default.")
    return chosen


def label(name: str, profile: str, given: Mapping[str, Any]) -> str:
    """What a record says of its sizes: the profile they are from, and what was changed by hand.

    Source: own
    """
    own = profile if _profile(name, profile) else "quick"
    usual = parameters(name, profile, {})
    changed = [key for key, value in given.items() if usual[key] != value]
    return f"{own}, but {', '.join(changed)}" if changed else own


def run(name: str, profile: str, given: Mapping[str, Any], out: Path | None) -> list[Path]:
    """Run a study and save each of its records; returns the files.

    Source: own

    Raises
    ------
    InputError
        If the records would go to results/ and the code that makes them is not committed.
    DataError
        If the folder of the records cannot be written, found out before anything is computed.

    Notes
    -----
    The records of a sweep say where its whole grid is from, which is compressed beside them.
    """
    chosen = parameters(name, profile, given)
    into_results = Path(out or records.results_folder()).resolve() == CHECKOUT / "results"
    if into_results and provenance.now()["dirty"]:
        raise InputError(
            "a record of results/ is made by committed code, and robustcore/ or studies/ has "
            "uncommitted changes; commit them, or give another --out."
        )
    records.check_folder(out)
    code = digest.code(module_of(name))
    started = time.monotonic()
    with _results(out):
        found = study(name)(**chosen)
    seconds = time.monotonic() - started
    named = label(name, profile, given)
    if hasattr(_module(name), "sweep"):
        made = study(name, "sweep")(**parameters(name, profile, given, "sweep"))
        return [
            save_record(id, list(rows), made, chosen, results=out, profile=named, code=code)
            for id, rows in found.items()
        ]
    return [
        records.save(id, list(rows), chosen, folder=out, seconds=seconds, profile=named, code=code)
        for id, rows in found.items()
    ]


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line.

    Source: own
    """
    parser = argparse.ArgumentParser(prog="python -m studies", description=__doc__.split("\n\n")[0])
    parser.add_argument("name", help="a notebook, for example b5_rub")
    parser.add_argument("--profile", default="paper", help="paper (default) or quick")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--out", type=Path, help="folder of the records; default: results/")
    engine.add_options(parser)
    options = parser.parse_args(arguments)
    with stoppable(options.name, "records are written whole, and those of before are kept"):
        try:
            if status := _asked(options):
                parser.exit(status)
        except RobustcoreError as error:
            parser.exit(1, f"{error}\n")


def _asked(options: argparse.Namespace) -> int:
    """Do what the options say; the exit status."""
    name, profile, out = options.name, options.profile, options.out
    given = _given(name, options.set)
    if engine.asked(options) or not hasattr(_module(name), "record"):
        made = study(name, "sweep")(**parameters(name, profile, given, "sweep"))
        return engine.main(made, options, out)
    for path in run(name, profile, given, out):
        print(f"recorded {path.name}", flush=True)
    return 0


def _module(name: str) -> ModuleType:
    module_name = module_of(name)
    if not all(part.isidentifier() for part in module_name.split(".")):
        raise InputError(f"a study is named as its notebook, for example b5_rub, got {name!r}.")
    try:
        return importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if not f"{module_name}.".startswith(f"{error.name}."):
            raise
        raise InputError(f"no study {name!r}: there is no module {module_name}.") from error


def _of_other(name: str, function: str, profile: Mapping[str, Any]) -> dict[str, Any]:
    """What a profile says, less what only the study's other function takes."""
    mine = inspect.signature(study(name, function)).parameters
    other = getattr(_module(name), {"record": "sweep", "sweep": "record"}[function], None)
    theirs = inspect.signature(other).parameters if other else {}
    return {key: value for key, value in profile.items() if key in mine or key not in theirs}


@contextmanager
def _results(folder: Path | None) -> Iterator[None]:
    """Let a study that reads records or sweeps look where its own are saved."""
    before = os.environ.get(_FOLDER)
    if folder is not None:
        os.environ[_FOLDER] = str(folder)
    try:
        yield
    finally:
        os.environ.pop(_FOLDER, None)
        if before is not None:
            os.environ[_FOLDER] = before


def _given(name: str, texts: Sequence[str]) -> dict[str, Any]:
    """What `--set KEY=VALUE` says, as the types of the defaults of `record` or `sweep`."""
    functions = [f for f in ("sweep", "record") if hasattr(_module(name), f)]
    usual: dict[str, Any] = {}
    for function in functions:
        signature = inspect.signature(study(name, function)).parameters
        usual |= {k: p.default for k, p in signature.items()}
    found = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals:
            raise InputError(f"--set takes KEY=VALUE, got {text!r}.")
        default = usual.get(key)
        found[key] = typed.read(key, value, None if default is inspect.Parameter.empty else default)
    return found


def _profile(name: str, profile: str) -> dict[str, Any]:
    path = CHECKOUT / "notebooks" / "profiles" / f"{profile}.yml"
    if profile == "quick" and not path.exists():
        return {}
    if not path.exists():
        raise DataError(f"no profile {profile!r}: notebooks/profiles/{profile}.yml does not exist.")
    return dict((typed.load(path.read_text(encoding="utf-8")) or {}).get(name) or {})


if __name__ == "__main__":
    main()
