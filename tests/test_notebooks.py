"""Every notebook keeps the house's rules, and runs with parameters other than its own."""

from __future__ import annotations

import ast
import inspect
import re
import shutil
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import jupytext
import nbformat
import pytest
import yaml

from notebooks import execute
from robustcore.errors import InputError
from studies.__main__ import study

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "notebooks"
NAMES = sorted(path.stem for path in FOLDER.glob("*.md"))
SMOKE = yaml.safe_load((FOLDER / "profiles" / "smoke.yml").read_text()) or {}
PAPER = yaml.safe_load((FOLDER / "profiles" / "paper.yml").read_text()) or {}
MAX_CELLS, MAX_LINES = 25, 12

every_notebook = pytest.mark.parametrize("name", NAMES)


def read(name: str) -> nbformat.NotebookNode:
    return jupytext.read(FOLDER / f"{name}.md")


def code_of(notebook: nbformat.NotebookNode) -> list[str]:
    return [cell.source for cell in notebook.cells if cell.cell_type == "code"]


def tagged(notebook: nbformat.NotebookNode, tag: str) -> list[nbformat.NotebookNode]:
    return [cell for cell in notebook.cells if tag in cell.metadata.get("tags", [])]


def parameters(notebook: nbformat.NotebookNode) -> dict[str, object]:
    """The literals of the cell tagged `parameters`."""
    (cell,) = tagged(notebook, "parameters")
    return {
        node.target.id: ast.literal_eval(node.value)
        for node in ast.parse(cell.source).body
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value
    }


def complaints(notebook: nbformat.NotebookNode) -> list[str]:
    """One sentence for each breach of the rules for a notebook."""
    found = []
    if len(notebook.cells) > MAX_CELLS:
        found.append(f"{len(notebook.cells)} cells, more than {MAX_CELLS}")
    if len(tagged(notebook, "parameters")) != 1:
        found.append("not exactly one cell tagged parameters")
    if not tagged(notebook, "nbval-check-output"):
        found.append("no cell tagged nbval-check-output")
    if "assert" not in "\n".join(code_of(notebook)):
        found.append("no assert: nothing in it can fail")
    if notebook.cells[0].cell_type != "markdown" or not notebook.cells[0].source.startswith("# "):
        found.append("does not begin with its title")
    for number, source in enumerate(code_of(notebook), start=1):
        if len(source.splitlines()) > MAX_LINES:
            found.append(f"code cell {number} has {len(source.splitlines())} lines")
        found += [f"code cell {number} {what}" for what in _forbidden(ast.parse(source))]
    found += _hidden_imports(ast.parse("\n".join(code_of(notebook))))
    for cell in tagged(notebook, "parameters"):
        found += _loose_parameters(cell.source)
    return found


def _hidden_imports(tree: ast.Module) -> list[str]:
    imports = [n for n in ast.walk(tree) if isinstance(n, ast.Import | ast.ImportFrom)]
    imported = {(a.asname or a.name).split(".")[0] for node in imports for a in node.names}
    stored = [n for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)]
    return [f"{name} hides an import" for name in sorted({n.id for n in stored} & imported)]


def _forbidden(tree: ast.Module) -> list[str]:
    loops = (ast.For, ast.While)
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.append(f"defines {node.name}: that belongs in studies/")
        inner = (n for child in ast.iter_child_nodes(node) for n in ast.walk(child))
        if isinstance(node, loops) and any(isinstance(n, loops) for n in inner):
            found.append("nests loops: that belongs in studies/")
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func).split(".")[-1]
            if called in ("open", "read_csv", "read_json", "read_text", "write_text", "savefig"):
                found.append(f"calls {called}(): no file access in a notebook")
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [getattr(node, "module", None) or "", *(a.name for a in node.names)]
            if any(n.split(".")[0] == "matplotlib" for n in names):
                found.append("imports Matplotlib: pictures come from studies/")
    return found


def _loose_parameters(source: str) -> list[str]:
    found = []
    lines = source.splitlines()
    for node in ast.parse(source).body:
        text = lines[node.lineno - 1]
        if not (isinstance(node, ast.AnnAssign) and node.value):
            found.append(f"parameter line without type: {text}")
            continue
        try:
            ast.literal_eval(node.value)
        except ValueError:
            found.append(f"parameter is not a literal: {text}")
        if "#" not in text:
            found.append(f"parameter without comment: {text}")
    return found


@every_notebook
def test_a_notebook_keeps_the_rules(name: str) -> None:
    assert complaints(read(name)) == []


@pytest.mark.parametrize(
    ("cell", "complaint"),
    [
        ("def f():\n    return 1", "defines f"),
        ("class A:\n    pass", "defines A"),
        ("for i in a:\n    for j in b:\n        print(i, j)", "nests loops"),
        ("open('x')", "calls open()"),
        ("rc = 1", "rc hides an import"),
        ("import matplotlib.pyplot as plt", "imports Matplotlib"),
        ("\n".join(["x = 1"] * 13), "has 13 lines"),
    ],
)
def test_a_breach_is_seen(cell: str, complaint: str) -> None:
    notebook = read(NAMES[0])
    assert not any(complaint in found for found in complaints(notebook))
    notebook.cells.append(nbformat.v4.new_code_cell(cell))
    assert any(complaint in found for found in complaints(notebook))


@every_notebook
def test_nothing_that_is_printed_is_a_padded_table(name: str) -> None:
    """Columns made of blanks: on a page that is a `robustcore.plots.tables.table`."""
    stored = nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)
    outputs = [o for cell in stored.cells for o in cell.get("outputs", [])]
    printed = [line for o in outputs for line in o.get("text", "").splitlines()]
    assert [line for line in printed if re.search(r"\S {2,}\S", line)] == []


@every_notebook
def test_a_torch_notebook_lets_the_reader_choose_the_device(name: str) -> None:
    notebook = read(name)
    if any("import torch" in source for source in code_of(notebook)):
        assert parameters(notebook).get("device") == "auto"


@every_notebook
def test_the_pair_is_in_step(name: str) -> None:
    """The cells of the .ipynb are those of the .md; every code cell has been run, in order."""
    text, stored = read(name), nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)
    assert [c.source for c in text.cells] == [c.source for c in stored.cells]
    assert [c.get("metadata", {}).get("tags", []) for c in text.cells] == [
        c.get("metadata", {}).get("tags", []) for c in stored.cells
    ]
    counts = [c.execution_count for c in stored.cells if c.cell_type == "code"]
    assert counts == list(range(1, len(counts) + 1))
    assert "papermill" not in stored.metadata
    for cell in stored.cells:
        outputs = cell.get("outputs", [])
        kinds = [(o.output_type, o.get("name")) for o in outputs]
        assert ("stream", "stdout") not in (a for a, b in pairwise(kinds) if a == b)
        assert not any(" at 0x" in o.get("data", {}).get("text/plain", "") for o in outputs)


@every_notebook
def test_smoke_parameters_are_real_and_other(name: str) -> None:
    own = parameters(read(name))
    given = SMOKE.get(name) or {}
    assert given, f"profiles/smoke.yml has no parameters for {name}"
    assert set(given) <= set(own)
    assert all(own[key] != value for key, value in given.items())


@every_notebook
def test_the_profile_and_the_study_know_the_notebooks_parameters(name: str) -> None:
    """The defaults of a study's `record` are what the notebook stores, where both have the name."""
    own = parameters(read(name))
    assert set(PAPER.get(name) or {}) <= set(own)
    try:
        signature = inspect.signature(study(name)).parameters
    except InputError:
        return  # a page without recorded runs
    shared = {k: p.default for k, p in signature.items() if k in own and p.default is not p.empty}
    assert shared == {k: own[k] for k in shared}
    assert set(signature) - set(own) <= {"device"}, "record takes what the notebook does not have"


@every_notebook
def test_a_notebook_runs_with_other_parameters(name: str, tmp_path: Path) -> None:
    command = [sys.executable, str(FOLDER / "execute.py"), name, "--out", str(tmp_path)]
    done = subprocess.run([*command, "--profile", "smoke"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    ran = nbformat.read(tmp_path / f"{name}.ipynb", as_version=4)
    (injected,) = tagged(ran, "injected-parameters")
    assert all(f"{key} = " in injected.source for key in SMOKE[name])


def test_parameters_are_of_the_type_that_the_notebook_declares() -> None:
    texts = {"learning_rate": "1e-3", "steps": "1e3", "data": "mnist", "test_epsilons": "[1e-1]"}
    found = execute.values("b5_rub", "quick", texts)
    assert found == {"learning_rate": 0.001, "steps": 1000, "data": "mnist", "test_epsilons": [0.1]}
    assert isinstance(found["steps"], int)
    declared = execute.declared(nbformat.v4.new_notebook(cells=[_parameters("x: float = 1  # 1")]))
    assert isinstance(declared["x"], float)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (("steps", "some"), "parameter steps is a whole number such as 500, got 'some'."),
        (("step", "5"), "b5_rub has no parameter step; it has data, side, "),
    ],
)
def test_an_unfit_parameter_is_one_sentence(
    given: tuple[str, str], sentence: str, tmp_path: Path
) -> None:
    command = [sys.executable, str(FOLDER / "execute.py"), "b5_rub", "--out", str(tmp_path)]
    done = subprocess.run([*command, "-p", *given], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith(sentence)
    assert done.stderr.count("\n") == 1
    assert not list(tmp_path.iterdir())


@every_notebook
@pytest.mark.parametrize("profile", sorted(p.stem for p in (FOLDER / "profiles").glob("*.yml")))
def test_a_profile_gives_what_the_notebook_takes(name: str, profile: str) -> None:
    execute.values(name, profile, {})


def test_other_parameters_have_another_folder(tmp_path: Path) -> None:
    """Two runs of one notebook at once do not meet."""
    folders = [execute.apart("b5_rub", tmp_path, {"steps": n}) for n in (1, 2, 1)]
    assert folders[0] != folders[1]
    assert folders[0] == folders[2]


HIGHS = "HighsMipSolverData::transformNewIntegerFeasibleSolution tmpSolver.run();"


def _parameters(source: str) -> nbformat.NotebookNode:
    return nbformat.v4.new_code_cell(source, metadata={"tags": ["parameters"]})


def test_every_notebook_is_in_the_book() -> None:
    toc = (ROOT / "book" / "_toc.yml").read_text()
    assert [n for n in NAMES if f"notebooks/{n}.ipynb" not in toc] == []


def test_a_tampered_output_is_found(tmp_path: Path) -> None:
    """nbval, as `make test` calls it, fails on a checked number that was changed by hand."""
    name = NAMES[0]
    stored = nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)
    kept = [c for c in stored.cells if c.cell_type == "code"][:1]
    source = f"print('{HIGHS}')\nprint('0.25')"  # which only some processors see
    cell = nbformat.v4.new_code_cell(source, metadata={"tags": ["nbval-check-output"]})
    cell.outputs = [nbformat.v4.new_output("stream", name="stdout", text="0.25\n")]
    cell.execution_count = 2
    stored.cells = [*kept, cell]
    shutil.copy(ROOT / "nbval_sanitize.cfg", tmp_path)
    assert _nbval(stored, tmp_path) == 0
    cell.outputs[0]["text"] = "0.26\n"
    assert _nbval(stored, tmp_path) == 1


def test_what_a_solver_prints_on_some_processors_is_not_stored() -> None:
    texts = [f"{HIGHS}\n0.25\n", f"{HIGHS}\n", "0.5\n"]
    streams = [nbformat.v4.new_output("stream", name="stdout", text=text) for text in texts]
    assert [output.text for output in execute.merged(streams)] == ["0.25\n0.5\n"]
    assert execute.merged(streams[1:2]) == []


def _nbval(notebook: nbformat.NotebookNode, folder: Path) -> int:
    nbformat.write(notebook, folder / "x.ipynb")
    command = ["pytest", "-q", "-p", "no:cacheprovider", "--nbval-lax", "--nbval-current-env"]
    command += ["--nbval-sanitize-with", "nbval_sanitize.cfg", "x.ipynb"]
    return subprocess.run(
        [sys.executable, "-m", *command], cwd=folder, capture_output=True
    ).returncode


def test_a_kernel_that_dies_at_birth_is_started_again(monkeypatch, tmp_path):
    said = iter(["Kernel died before replying to kernel_info"] * 2 + [""])

    def start(notebook, path, *arguments, **options):
        if word := next(said):
            raise RuntimeError(word)
        nbformat.write(notebook, path)

    monkeypatch.setattr(execute.papermill, "execute_notebook", start)
    out = tmp_path / "one.ipynb"
    execute._execute(nbformat.v4.new_notebook(), out, {})
    assert out.exists()
    for words in (["Kernel died before replying to kernel_info"] * 3, ["something else"]):
        said = iter(words)
        with pytest.raises(RuntimeError, match=words[-1]):
            execute._execute(nbformat.v4.new_notebook(), out, {})
