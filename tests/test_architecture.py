"""The floors hold: imports go down, third parties stay behind doors, the torch half is light."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import robustcore as rc
from architecture import complaints

BLOCKED = ("cvxpy", "clarabel", "mosek", "matplotlib", "snakemake", "jupytext", "IPython", "pooch")


def test_imports_go_down(root: Path) -> None:
    assert complaints(root / "robustcore") == []
    assert complaints(root / "studies") == []


@pytest.mark.parametrize(
    ("file", "line", "complaint"),
    [
        ("balls.py", "from .networks import ReLUNetwork", "imports networks, 1 floors up"),
        ("bounds/rub.py", "from ..convex import solving", "imports convex of its own floor"),
        ("convex/dual.py", "import robustcore.bounds", "imports bounds of its own floor"),
        ("networks.py", "from . import datasets", "imports datasets of its own floor"),
        ("losses.py", "def f():\n    from . import records", "imports records, 4 floors up"),
        ("attacks/gradient.py", "import cvxpy as cp", "imports cvxpy, which lives in convex alone"),
        (
            "training.py",
            "from matplotlib import pyplot",
            "imports matplotlib, which lives in plots",
        ),
        ("claims.py", "import papermill", "the library knows nothing of the book"),
        ("claims.py", "from studies import oracles", "the library knows nothing of the book"),
        ("utils.py", "", "is named after nothing"),
        ("extra.py", "", "stands on no floor"),
        ("balls.py", "\n" * 300, "more than 300"),
    ],
)
def test_a_breach_is_seen(root: Path, tmp_path: Path, file: str, line: str, complaint: str) -> None:
    """Each rule is broken once in a copy; a rule that sees nothing is no rule."""
    assert _seen(root / "robustcore", tmp_path, file, line, complaint)


@pytest.mark.parametrize(
    ("file", "line", "complaint"),
    [
        ("b5_rub/small.py", "import papermill", "a study knows nothing of the book"),
        ("b5_rub/small.py", "from matplotlib import pyplot", "in pictures.py alone"),
        ("a4_hinge/cifar.py", "import cvxpy", "through the library alone"),
        ("oracles/instances.py", "from .. import b5_rub", "oracles are shared and know no page"),
        ("b5_rub/common.py", "", "is named after nothing"),
        ("b5_rub/small.py", "\n" * 300, "more than 300"),
    ],
)
def test_a_breach_in_a_study_is_seen(
    root: Path, tmp_path: Path, file: str, line: str, complaint: str
) -> None:
    assert _seen(root / "studies", tmp_path, file, line, complaint)


def _seen(package: Path, folder: Path, file: str, line: str, complaint: str) -> bool:
    copy = folder / package.name
    shutil.copytree(package, copy, ignore=shutil.ignore_patterns("samples", "__pycache__"))
    broken = copy / file
    before = broken.read_text(encoding="utf-8") if broken.exists() else ""
    broken.write_text(f"{before}\n{line}\n", encoding="utf-8")
    return any(complaint in found and file in found for found in complaints(copy))


def _run(code: str, root: Path) -> str:
    """Run code in a fresh interpreter in which the blocked packages cannot be imported."""
    blocker = (
        "import sys\n"
        "class Blocker:\n"
        f"    names = {BLOCKED!r}\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.split('.')[0] in self.names:\n"
        "            raise ModuleNotFoundError(f'{name} is blocked', name=name)\n"
        "sys.meta_path.insert(0, Blocker())\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", blocker + code],
        capture_output=True,
        text=True,
        cwd=root,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_torch_half_runs_without_solvers_pictures_and_book(root: Path) -> None:
    code = """
import robustcore as rc, torch
torch.manual_seed(0)
net = torch.nn.Sequential(torch.nn.Linear(4, 5), torch.nn.ReLU(), torch.nn.Linear(5, 3)).double()
x, y = torch.rand(6, 4, dtype=torch.float64), torch.arange(6) % 3
ball = rc.LpBall(1, 0.1)
assert rc.bounds.rub(net, x, y, ball).shape == (6, 3)
assert rc.attacks.pgd(net, x, y, ball).shape == x.shape
for name in ("defenses", "training", "evaluation", "losses", "patterns", "datasets", "records"):
    getattr(rc, name)
print(sorted(m for m in sys.modules if m.split(".")[0] in Blocker.names))
"""
    assert _run(code, root).strip() == "[]"


def test_importing_the_package_loads_nothing_heavy(root: Path) -> None:
    code = "import robustcore; print([m for m in sys.modules if m.startswith('robustcore.')])"
    assert _run(code, root).strip() == "[]"
    code = "import robustcore; robustcore.LpBall(1, 0.1); print(*sys.modules)"
    loaded = _run(code, root).split()
    assert "robustcore.balls" in loaded
    assert "robustcore.convex" not in loaded
    assert "robustcore.datasets" not in loaded


def test_every_name_of_the_package_is_there(root: Path) -> None:
    """What a type checker is told of it is what is loaded."""
    told = ast.parse((root / "robustcore" / "__init__.py").read_text(encoding="utf-8"))
    blocks = [node for node in told.body if isinstance(node, ast.If)]
    names = {alias.name for block in blocks for line in block.body for alias in line.names}
    assert names == set(rc.__all__) == {name for name in names if hasattr(rc, name)}
    assert rc.LpBall is rc.balls.LpBall


def test_a_missing_extra_is_one_sentence_with_the_remedy(root: Path) -> None:
    code = """
import robustcore as rc, numpy as np
X, y = np.array([[0.0], [1.0]]), np.array([-1.0, 1.0])
cells = rc.patterns.enumerate(X)
try:
    rc.convex.train_standard(X, y, cells, beta=0.1, solver="clarabel")
except rc.errors.MissingExtraError as error:
    print(error)
print(rc.convex.train_standard(X, y, cells, beta=0.1).gap < 1e-6)  # by our own solver
"""
    said = _run(code, root)
    assert "run pip install '.[convex]' in the checkout" in said
    assert said.strip().endswith("True")


def test_the_studies_are_found_from_anywhere_and_not_in_the_wheel(
    root: Path, tmp_path: Path
) -> None:
    """An editable install puts the checkout on the path; the wheel holds the library alone."""
    found = subprocess.run(
        [sys.executable, "-c", "import robustcore, studies; print(studies.__file__)"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert Path(found.stdout.strip()) == root / "studies" / "__init__.py", found.stderr
    setuptools = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools"]
    assert setuptools["packages"]["find"] == {"include": ["robustcore*"]}
    assert setuptools["package-dir"] == {"": "."}  # what makes the editable install a path
