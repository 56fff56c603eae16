"""The graph runs again what changed, and only that."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest

from book import once

NOTEBOOK = """---
jupytext:
  formats: ipynb,md:myst
  text_representation:
    extension: .md
    format_name: myst
kernelspec:
  display_name: Python 3
  language: python
  name: python3
---

# {name}

```{{code-cell}} ipython3
:tags: [parameters]

m: int = 1  # a number
```

```{{code-cell}} ipython3
from robustcore import {imports}

print(m)
```
"""


REAL = (
    *(
        "Snakefile",
        "sweeps.smk",
        "notebooks/execute.py",
        "book/inputs.py",
        "book/once.py",
        "book/page.py",
    ),
    *("requirements.lock", "_config.yml", "robustcore/errors.py", "robustcore/starting.py"),
    *("studies/__init__.py", "studies/parameters.py"),
)


@pytest.fixture
def checkout(root: Path, tmp_path: Path) -> Path:
    """A small checkout, its path with a space and an umlaut: the real runner, two pages."""
    folder = tmp_path / "my dir ü"
    (folder / "notebooks" / "profiles").mkdir(parents=True)
    for name in REAL:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(root / name, folder / name)
    (folder / "README.md").touch()
    (folder / "robustcore" / "__init__.py").touch()
    (folder / "robustcore" / "balls.py").write_text("RADIUS = 1\n")
    (folder / "robustcore" / "attacks.py").write_text("from .balls import RADIUS\n")
    for name, imports in (("one", "balls"), ("two", "attacks")):
        text = NOTEBOOK.format(name=name, imports=imports)
        (folder / "notebooks" / f"{name}.md").write_text(text)
    chapters = "".join(f"  - file: notebooks/{name}.ipynb\n" for name in ("one", "two"))
    (folder / "book" / "_toc.yml").write_text(f"root: book/index\nchapters:\n{chapters}")
    return folder


def snakemake(root: Path) -> list[str]:
    """The call that the Makefile makes."""
    (options,) = re.findall(
        r"^SNAKEMAKE = \$\(BIN\)/snakemake (.*)$", (root / "Makefile").read_text(), flags=re.M
    )
    program = str(Path(sys.executable).with_name("snakemake"))
    return [program, *options.replace("$(CORES)", "2").split(), "--", "notebooks"]


def ran(checkout: Path, root: Path) -> set[str]:
    """Which notebooks a call executes."""
    done = subprocess.run(snakemake(root), cwd=checkout, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return {name for name in ("one", "two") if f"{name}: running" in done.stdout}


@pytest.mark.slow
def test_only_what_changed_runs_again(checkout: Path, root: Path) -> None:
    assert ran(checkout, root) == {"one", "two"}
    assert ran(checkout, root) == set()

    library = checkout / "robustcore" / "balls.py"
    os.utime(library)  # touched, with the same content
    assert ran(checkout, root) == set()

    (checkout / "notebooks" / "profiles" / "quick.yml").write_text("two: {m: 5}\n")
    assert ran(checkout, root) == {"two"}  # its parameters
    assert "5" in (checkout / "_build" / "site" / "notebooks" / "two.ipynb").read_text()

    one = checkout / "notebooks" / "one.md"
    one.write_text(one.read_text().replace("print(m)", "print(m + 1)"))
    assert ran(checkout, root) == {"one"}  # the notebook

    library.write_text("RADIUS = 2\n")
    assert ran(checkout, root) == {"one", "two"}  # a module that both import

    attacks = checkout / "robustcore" / "attacks.py"
    attacks.write_text(attacks.read_text() + "STEPS = 5\n")
    assert ran(checkout, root) == {"two"}  # a module of one of them


# files whose appearance says how far a run has come
MOMENTS = (
    "locks/book",
    "logs/one.log",
    "site/notebooks/.running/*.ipynb",
    "site/notebooks/*.ipynb",
)


@pytest.mark.slow
def test_after_a_kill_at_any_moment_the_next_call_just_goes_on(checkout: Path, root: Path) -> None:
    """The whole process group is killed, without a warning, once each file has appeared."""
    for moment in MOMENTS:
        process = subprocess.Popen(
            snakemake(root),
            cwd=checkout,
            start_new_session=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        while process.poll() is None and not any((checkout / "_build").glob(moment)):
            time.sleep(0.01)
        assert process.poll() is None, f"it ended before {moment}"
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    ran(checkout, root)
    for name in ("one", "two"):
        stored = checkout / "_build" / "site" / "notebooks" / f"{name}.ipynb"
        cells = nbformat.read(stored, as_version=4).cells
        assert all(c.execution_count for c in cells if c.cell_type == "code")
    assert ran(checkout, root) == set()


@pytest.mark.slow
def test_a_second_run_of_the_same_is_one_sentence(checkout: Path, root: Path) -> None:
    with once.hold("book", checkout / "_build" / "locks"):
        done = subprocess.run(snakemake(root), cwd=checkout, capture_output=True, text=True)
    assert done.returncode != 0
    assert f"'book' is already running in this folder (process {os.getpid()})" in done.stderr
    assert "Traceback" not in done.stderr
    assert not list((checkout / "_build").rglob("*.ipynb"))
    assert ran(checkout, root) == {"one", "two"}  # nothing of it is left


def test_a_lock_dies_with_its_process(root: Path, tmp_path: Path) -> None:
    held = once.hold("x", tmp_path)
    with pytest.raises(once.BusyError, match=rf"'x' is already .* \(process {os.getpid()}\)"):
        once.hold("x", tmp_path)
    once.hold("y", tmp_path).close()
    held.close()
    code = f"from book import once; once.hold('x', once.Path({str(tmp_path)!r})); import os; "
    code += "print('held', flush=True); os.kill(os.getpid(), 9)"
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True)
    assert done.stdout == "held\n"
    once.hold("x", tmp_path).close()


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (["run"], "say which: make run NOTEBOOK=b5_rub"),
        (["run", "NOTEBOOK=b5"], "no notebook b5; there are 00_threat_model "),
        (["record"], "say which: make record NAME=b5_rub"),
    ],
)
def test_an_unfit_call_is_refused_before_anything_is_installed(
    root: Path, tmp_path: Path, asked: list[str], said: str
) -> None:
    command = ["make", "--no-print-directory", *asked, f"VENV={tmp_path / 'venv'}"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True)
    assert done.returncode != 0
    assert done.stderr.startswith(said)
    assert not (tmp_path / "venv").exists()
