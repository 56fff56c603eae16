"""Run notebooks. The `.md` is what is run; the `.ipynb` beside it holds what came out.

    python notebooks/execute.py NAME ...             store: run, update NAME.ipynb
    python notebooks/execute.py NAME --out DIR       run into DIR/NAME.ipynb
    python notebooks/execute.py NAME --out DIR -p steps 1000 -p device cpu
    python notebooks/execute.py NAME --out DIR --profile paper --html

A profile is `notebooks/profiles/PROFILE.yml`, parameters by notebook; `quick` is what the notebook
itself holds. Stored notebooks are always quick, and stripped of times and machine, so that running
them again leaves git clean.
"""

from __future__ import annotations

import argparse
import ast
import base64
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # kernels run side by side, one core each
os.environ.setdefault("PYDEVD_DISABLE_FILE_VALIDATION", "1")

import jupytext
import nbformat
import papermill
import yaml

HERE = Path(__file__).resolve().parent
PAGE_PARTS = (
    "_config.yml",
    "book/references.bib",
    "book/static/book.css",
    "book/extension/robustcore_book.py",
)
# figure of a notebook -> picture of the README
PICTURES = {"fig-a1-optimum": HERE.parent / "book" / "images" / "optimum.png"}
STYLER_ID = re.compile(r"\bT_[0-9a-f]{5}(?=\b|_)")
ADDRESS = re.compile(r" at 0x[0-9a-f]+")
STRIP = "metadata.papermill cell.metadata.papermill cell.metadata.execution"


def run(name: str, out: Path, parameters: dict[str, Any]) -> float:
    """Execute NAME.md with the parameters into the file `out`; returns seconds."""
    started = time.monotonic()
    notebook = jupytext.read(HERE / f"{name}.md")
    known = parameter_names(notebook)
    if unknown := sorted(set(parameters) - set(known)):
        raise SystemExit(
            f"{name} has no parameter {', '.join(unknown)}; it has {', '.join(known)}."
        )
    out.parent.mkdir(parents=True, exist_ok=True)
    _execute(notebook, out, parameters)
    return time.monotonic() - started


def store(name: str) -> float:
    """Run NAME.md as it stands and put the outputs into NAME.ipynb, cell ids unchanged."""
    paired = HERE / f"{name}.ipynb"
    update = ["--update"] if paired.exists() else []
    subprocess.run(
        [sys.executable, "-m", "jupytext", "--quiet", "--to", "ipynb", *update, f"{name}.md"],
        cwd=HERE,
        check=True,
    )
    started = time.monotonic()
    fresh = paired.with_suffix(".running.ipynb")
    try:
        _execute(nbformat.read(paired, as_version=4), fresh, {})
        fresh.replace(paired)
    finally:
        fresh.unlink(missing_ok=True)
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
            cell.outputs = merged(cell.outputs)
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
    return joined


def page(out: Path, name: str) -> Path:
    """Build the executed OUT/NAME.ipynb as a page of its own, OUT/NAME/notebooks/NAME.html."""
    site = out / name / "site"
    shutil.rmtree(out / name, ignore_errors=True)
    for source in PAGE_PARTS:
        (site / source).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(HERE.parent / source, site / source)
    (site / "notebooks").mkdir()
    shutil.copy(out / f"{name}.ipynb", site / "notebooks")
    (site / "_toc.yml").write_text(f"format: jb-book\nroot: notebooks/{name}.ipynb\n")
    jupyter_book = Path(sys.executable).with_name("jupyter-book")
    command = [jupyter_book, "build", "-q", str(site), "--path-output", str(out / name)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=HERE.parent)
    if done.returncode:
        raise SystemExit(f"the page of {name} was not built:\n{done.stdout}{done.stderr}")
    return (out / name / "_build" / "html" / "notebooks" / f"{name}.html").resolve()


def profile(name: str, which: str) -> dict[str, Any]:
    """The parameters of a notebook in a profile."""
    path = HERE / "profiles" / f"{which}.yml"
    if which == "quick" and not path.exists():
        return {}
    if not path.exists():
        raise SystemExit(f"no profile {which!r}: there is no notebooks/profiles/{which}.yml.")
    return dict((yaml.safe_load(path.read_text()) or {}).get(name) or {})


def names() -> list[str]:
    """Every notebook of the folder, sorted."""
    return sorted(path.stem for path in HERE.glob("*.md"))


def parameter_names(notebook: nbformat.NotebookNode) -> list[str]:
    """The names that the cell tagged `parameters` assigns."""
    for cell in notebook.cells:
        if "parameters" in cell.metadata.get("tags", []):
            tree = ast.parse(cell.source)
            return [s.target.id for s in tree.body if isinstance(s, ast.AnnAssign)]
    return []


def keep_pictures(notebook: nbformat.NotebookNode) -> None:
    """Copy the figures that the README shows to where it looks for them."""
    for cell in notebook.cells:
        figure = cell.metadata.get("mystnb", {}).get("figure", {}).get("name")
        for output in cell.get("outputs", []) if figure in PICTURES else []:
            if picture := output.get("data", {}).get("image/png"):
                PICTURES[figure].parent.mkdir(exist_ok=True)
                PICTURES[figure].write_bytes(base64.b64decode(picture))


def _execute(notebook: nbformat.NotebookNode, out: Path, parameters: dict[str, Any]) -> None:
    for cell in notebook.cells:
        cell.metadata.setdefault("tags", [])
    try:
        papermill.execute_notebook(
            notebook,
            str(out),
            parameters,
            cwd=str(HERE),
            kernel_name="python3",
            progress_bar=sys.stderr.isatty(),
            extra_arguments=["--log-level=ERROR"],
        )
    finally:  # a failed run is kept, with its traceback in it
        if out.exists():
            strip(out)


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
    chosen = [Path(n).stem for n in options.names] or names()
    for name in chosen:
        if name not in names():
            parser.error(f"no notebook {name}; there are {', '.join(names())}")
    given = {key: yaml.safe_load(value) for key, value in options.p}
    for name in chosen:
        if options.out:
            parameters = {**profile(name, options.profile), **given}
            seconds = run(name, options.out / f"{name}.ipynb", parameters)
        else:
            seconds = store(name)
        print(f"{name}: {seconds:.1f} s", flush=True)
        if options.html:
            print(f"Open {page(options.out, name)}", flush=True)


if __name__ == "__main__":
    main()
