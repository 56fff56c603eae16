"""The graph runs again what changed, and only that."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

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
print(m)
```
"""


@pytest.fixture
def checkout(root: Path, tmp_path: Path) -> Path:
    """A small checkout with the real Snakefile and runner, two pages and a one-file library."""
    for name in ("book", "notebooks/profiles", "robustcore"):
        (tmp_path / name).mkdir(parents=True)
    for name in ("Snakefile", "notebooks/execute.py", "requirements.lock", "_config.yml"):
        shutil.copy(root / name, tmp_path / name)
    (tmp_path / "README.md").touch()
    (tmp_path / "robustcore" / "balls.py").write_text("RADIUS = 1\n")
    for name in ("one", "two"):
        (tmp_path / "notebooks" / f"{name}.md").write_text(NOTEBOOK.format(name=name))
    chapters = "".join(f"  - file: notebooks/{name}.ipynb\n" for name in ("one", "two"))
    (tmp_path / "book" / "_toc.yml").write_text(f"root: book/index\nchapters:\n{chapters}")
    return tmp_path


def ran(checkout: Path, *arguments: str) -> set[str]:
    """Which notebooks a call executes."""
    command = [str(Path(sys.executable).with_name("snakemake")), "--cores", "2", "notebooks"]
    done = subprocess.run(
        [*command, *arguments], cwd=checkout, capture_output=True, text=True, env={**os.environ}
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return {name for name in ("one", "two") if f"{name}: running" in done.stdout}


@pytest.mark.slow
def test_only_what_changed_runs_again(checkout: Path) -> None:
    assert ran(checkout) == {"one", "two"}
    assert ran(checkout) == set()

    library = checkout / "robustcore" / "balls.py"
    os.utime(library)  # touched, with the same content
    assert ran(checkout) == set()

    (checkout / "notebooks" / "profiles" / "quick.yml").write_text("two: {m: 5}\n")
    assert ran(checkout) == {"two"}  # its parameters
    assert "5" in (checkout / "_build" / "site" / "notebooks" / "two.ipynb").read_text()

    one = checkout / "notebooks" / "one.md"
    one.write_text(one.read_text().replace("print(m)", "print(m + 1)"))
    assert ran(checkout) == {"one"}  # the notebook

    library.write_text("RADIUS = 2\n")
    assert ran(checkout) == {"one", "two"}  # the library
