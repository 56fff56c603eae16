"""Run notebooks. The `.md` is what is run; the `.ipynb` beside it holds what came out.

    python notebooks/execute.py NAME ...             store: run, update NAME.ipynb
    python notebooks/execute.py NAME --out DIR       run into DIR/NAME.ipynb
    python notebooks/execute.py NAME --out DIR -p steps 1000 -p device cpu
    python notebooks/execute.py NAME --out DIR --profile paper --html     and its page, in a folder
                                                                          of these parameters' own

A profile is `notebooks/profiles/PROFILE.yml`, parameters by notebook; `quick` is what the notebook
itself holds. Stored notebooks are always quick, and stripped of times and machine, so that running
them again leaves git clean.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
os.environ.setdefault("OMP_NUM_THREADS", "1")  # kernels run side by side, one core each
os.environ.setdefault("PYDEVD_DISABLE_FILE_VALIDATION", "1")
sys.path.insert(0, str(HERE.parent))

from robustcore.starting import loading, stoppable  # noqa: E402

with loading("notebooks/execute.py", __name__ == "__main__"):
    import argparse
    import ast
    import hashlib
    import json
    import re
    import subprocess
    import time
    from typing import Any

    import jupytext
    import nbformat
    import papermill
    from jupytext.combine import combine_inputs_with_outputs

    from book import once
    from book.page import page
    from robustcore.errors import InputError, RobustcoreError
    from studies import parameters as typed

# figure of a notebook -> picture of the README
PICTURES = {"fig-a1-optimum": HERE.parent / "book" / "images" / "optimum.svg"}
_STARTS = 3  # of a kernel that dies before it says a word
STYLER_ID = re.compile(r"\bT_[0-9a-f]{5}(?=\b|_)")
ADDRESS = re.compile(r" at 0x[0-9a-f]+")
# HiGHS 1.12 prints this whatever it is told, on some processors
LEFT_OVER = re.compile(r"HighsMipSolverData::transformNewIntegerFeasibleSolution.*\n")
STRIP = "metadata.papermill cell.metadata.papermill cell.metadata.execution"


def run(name: str, out: Path, parameters: dict[str, Any]) -> float:
    """Execute NAME.md with the parameters into the file `out`; returns seconds."""
    started = time.monotonic()
    _execute(read(name), out, parameters)
    return time.monotonic() - started


def store(name: str) -> float:
    """Run NAME.md as it stands and put the outputs into NAME.ipynb, cell ids unchanged."""
    paired = HERE / f"{name}.ipynb"
    notebook = read(name)
    if paired.exists():
        notebook = combine_inputs_with_outputs(notebook, nbformat.read(paired, as_version=4))
    started = time.monotonic()
    _execute(notebook, paired, {})
    keep_pictures(nbformat.read(paired, as_version=4))
    return time.monotonic() - started


def strip(path: Path) -> None:
    """Take out what differs from run to run: times, addresses, machine, papermill's notes."""
    keep = ["--keep-output", "--keep-count", "--extra-keys", STRIP]
    subprocess.run([sys.executable, "-m", "nbstripout", *keep, str(path)], check=True)
    notebook = nbformat.read(path, as_version=4)
    # papermill also writes the Python version of this machine here
    notebook.metadata["language_info"] = {"name": "python", "pygments_lexer": "ipython3"}
    for number, cell in enumerate(notebook.cells):
        if not cell.metadata.get("tags"):
            cell.metadata.pop("tags", None)
        if cell.cell_type == "code":
            cell.outputs = captioned(cell, merged(cell.outputs))
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            if html := data.get("text/html"):  # pandas draws a new id each time
                data["text/html"] = STYLER_ID.sub(f"T_{number}", html)
            if plain := data.get("text/plain"):
                data["text/plain"] = ADDRESS.sub("", plain)
    nbformat.write(notebook, path)


def merged(outputs: list[nbformat.NotebookNode]) -> list[nbformat.NotebookNode]:
    """What is printed in a row as one output, however its lines arrived."""
    joined: list[nbformat.NotebookNode] = []
    for output in outputs:
        last = joined[-1] if joined else {}
        stream = output.get("output_type") == last.get("output_type") == "stream"
        if stream and output.name == last["name"]:
            last["text"] += output.text
        else:
            joined.append(output)
    for output in joined:
        if output.get("output_type") == "stream":
            output.text = LEFT_OVER.sub("", output.text)
    return [output for output in joined if output.get("text") != ""]


def captioned(
    cell: nbformat.NotebookNode, outputs: list[nbformat.NotebookNode]
) -> list[nbformat.NotebookNode]:
    """The outputs with the caption below a figure, for readers of the plain notebook.

    The book has the caption from the cell's metadata. Where outputs are compared, none is added.
    """
    caption = cell.metadata.get("mystnb", {}).get("figure", {}).get("caption")
    kept = [o for o in outputs if not o.get("metadata", {}).get("caption")]
    if not caption or "nbval-check-output" in cell.metadata.get("tags", []):
        return kept
    data = {"text/markdown": caption.strip()}
    return [*kept, nbformat.v4.new_output("display_data", data, metadata={"caption": True})]


def apart(name: str, out: Path, parameters: dict[str, Any]) -> Path:
    """The folder under `out` of this notebook at these parameters, and of nothing else."""
    canonical = json.dumps(parameters, sort_keys=True)
    return out / f"{name}-{hashlib.sha256(canonical.encode()).hexdigest()[:8]}"


def read(name: str) -> nbformat.NotebookNode:
    """The text of a notebook, by name."""
    if name not in names():
        raise InputError(f"no notebook {name}; there are {', '.join(names())}.")
    return jupytext.read(HERE / f"{name}.md")


def names() -> list[str]:
    """Every notebook of the folder, sorted."""
    return sorted(path.stem for path in HERE.glob("*.md"))


def values(name: str, which: str, given: dict[str, str]) -> dict[str, Any]:
    """What a notebook is given: a profile's values, then the texts of the command line."""
    usual = declared(read(name))
    listed = profile(name, which)
    if unknown := sorted({*listed, *given} - set(usual)):
        raise InputError(
            f"{name} has no parameter {', '.join(unknown)}; it has {', '.join(usual)}."
        )
    fitted = {key: typed.fit(key, value, usual[key]) for key, value in listed.items()}
    return fitted | {key: typed.read(key, text, usual[key]) for key, text in given.items()}


def profile(name: str, which: str) -> dict[str, Any]:
    """The parameters of a notebook in a profile."""
    path = HERE / "profiles" / f"{which}.yml"
    if which == "quick" and not path.exists():
        return {}
    if not path.exists():
        raise InputError(f"no profile {which!r}: there is no notebooks/profiles/{which}.yml.")
    return dict((typed.load(path.read_text(encoding="utf-8")) or {}).get(name) or {})


def declared(notebook: nbformat.NotebookNode) -> dict[str, Any]:
    """The parameters that the cell tagged `parameters` assigns; `x: float = 1` is 1.0."""
    cell = next((c for c in notebook.cells if "parameters" in c.metadata.get("tags", [])), None)
    found = {}
    for line in ast.parse(cell.source if cell else "").body:
        if isinstance(line, ast.AnnAssign) and line.value:
            value = ast.literal_eval(line.value)
            name = ast.unparse(line.target)
            found[name] = float(value) if ast.unparse(line.annotation) == "float" else value
    return found


def keep_pictures(notebook: nbformat.NotebookNode) -> None:
    """Copy the figures that the README shows to where it looks for them."""
    for cell in notebook.cells:
        figure = cell.metadata.get("mystnb", {}).get("figure", {}).get("name")
        for output in cell.get("outputs", []) if figure in PICTURES else []:
            if picture := output.get("data", {}).get("image/svg+xml"):
                PICTURES[figure].parent.mkdir(exist_ok=True)
                PICTURES[figure].write_text(picture, encoding="utf-8")


def _execute(notebook: nbformat.NotebookNode, out: Path, parameters: dict[str, Any]) -> None:
    """Run into a file of this process's own, and put it in place when it is whole."""
    for cell in notebook.cells:
        cell.metadata.setdefault("tags", [])
    running = out.parent / ".running" / f"{out.stem}-{os.getpid()}.ipynb"
    running.parent.mkdir(parents=True, exist_ok=True)
    _sweep(running.parent)
    try:
        _in_a_kernel(notebook, running, parameters)
        strip(running)
        running.replace(out)
    except papermill.PapermillExecutionError:
        failed = running.replace(running.with_name(f"{out.stem}.failed.ipynb"))
        print(f"{out.stem} failed; its cells and the error are in {failed}", file=sys.stderr)
        raise
    finally:
        running.unlink(missing_ok=True)


def _in_a_kernel(
    notebook: nbformat.NotebookNode, running: Path, parameters: dict[str, Any]
) -> None:
    """Run it; again where its kernel died at birth, as two do that pick the same free port."""
    for left in reversed(range(_STARTS)):
        try:
            papermill.execute_notebook(
                notebook,
                str(running),
                parameters,
                cwd=str(HERE),
                kernel_name="python3",
                progress_bar=sys.stderr.isatty(),
                extra_arguments=["--log-level=CRITICAL"],
            )
            return
        except RuntimeError as error:
            if not left or "died before replying" not in str(error):
                raise


def _sweep(folder: Path) -> None:
    """Remove what runs that were killed left behind."""
    for path in folder.glob("*-*.ipynb"):
        if not Path("/proc", path.stem.rpartition("-")[2]).exists():
            path.unlink(missing_ok=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("names", nargs="*", help="notebooks, without extension; none: all")
    parser.add_argument("--out", type=Path, help="folder for what comes out; default: the pair")
    parser.add_argument("--profile", default="quick")
    parser.add_argument("--html", action="store_true", help="build the page too; needs --out")
    parser.add_argument("-p", nargs=2, action="append", default=[], metavar=("NAME", "VALUE"))
    options = parser.parse_args()
    if not options.out and (options.p or options.html or options.profile != "quick"):
        parser.error("give --out too: stored notebooks hold the quick profile, and no page")
    try:
        with stoppable("notebooks/execute.py", "a notebook is put in place when it is whole"):
            for name in [Path(n).stem for n in options.names] or names():
                _one(name, options)
    except (RobustcoreError, once.BusyError) as error:
        parser.exit(1, f"{error}\n")


def _one(name: str, options: argparse.Namespace) -> None:
    if not options.out:
        print(f"{name}: {store(name):.1f} s", flush=True)
        return
    parameters = values(name, options.profile, dict(options.p))
    if not options.html:
        print(f"{name}: {run(name, options.out / f'{name}.ipynb', parameters):.1f} s", flush=True)
        return
    folder = apart(name, options.out, parameters)
    with once.hold(folder.name):
        print(f"{name}: {run(name, folder / f'{name}.ipynb', parameters):.1f} s", flush=True)
        print(f"Open {page(folder / f'{name}.ipynb')}", flush=True)


if __name__ == "__main__":
    main()
