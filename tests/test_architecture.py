"""The floors hold: imports go down, third parties stay behind doors, the torch half is light."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from architecture import complaints

BLOCKED = ("cvxpy", "clarabel", "mosek", "matplotlib", "snakemake", "jupytext", "IPython", "pooch")


def test_imports_go_down(root: Path) -> None:
    assert complaints(root / "robustcore") == []


@pytest.mark.parametrize(
    ("file", "line", "complaint"),
    [
        ("balls.py", "from .networks import ReLUNetwork", "imports networks, 1 floors up"),
        ("bounds/rub.py", "from ..convex import solving", "imports convex of its own floor"),
        ("convex/dual.py", "import robustcore.bounds", "imports bounds of its own floor"),
        ("networks.py", "from . import datasets", "imports datasets of its own floor"),
        ("losses.py", "def f():\n    from .studies import records", "imports studies, 4 floors up"),
        ("attacks/gradient.py", "import cvxpy as cp", "imports cvxpy, which lives in convex alone"),
        (
            "training.py",
            "from matplotlib import pyplot",
            "imports matplotlib, which lives in plots",
        ),
        ("studies/x.py", "import papermill", "the library knows nothing of the book"),
        ("utils.py", "", "is named after nothing"),
        ("extra.py", "", "stands on no floor"),
        ("balls.py", "\n" * 300, "more than 300"),
    ],
)
def test_a_breach_is_seen(root: Path, tmp_path: Path, file: str, line: str, complaint: str) -> None:
    """Each rule is broken once in a copy; a rule that sees nothing is no rule."""
    copy = tmp_path / "robustcore"
    shutil.copytree(
        root / "robustcore", copy, ignore=shutil.ignore_patterns("samples", "__pycache__")
    )
    broken = copy / file
    before = broken.read_text(encoding="utf-8") if broken.exists() else ""
    broken.write_text(f"{before}\n{line}\n", encoding="utf-8")
    assert any(complaint in found and file in found for found in complaints(copy))


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
for name in ("defenses", "training", "evaluation", "losses", "patterns", "datasets", "studies"):
    getattr(rc, name)
print(sorted(m for m in sys.modules if m.split(".")[0] in Blocker.names))
"""
    assert _run(code, root).strip() == "[]"


def test_importing_the_package_loads_nothing_heavy(root: Path) -> None:
    code = "import robustcore; print([m for m in sys.modules if m.startswith('robustcore.')])"
    loaded = _run(code, root)
    assert "robustcore.balls" in loaded
    assert "convex" not in loaded
    assert "datasets" not in loaded


def test_a_missing_extra_is_one_sentence_with_the_remedy(root: Path) -> None:
    code = """
import robustcore as rc, numpy as np
X, y = np.array([[0.0], [1.0]]), np.array([-1.0, 1.0])
try:
    rc.convex.train_standard(X, y, rc.patterns.enumerate(X), beta=0.1)
except rc.errors.MissingExtraError as error:
    print(error)
"""
    assert "pip install 'robustcore[convex]'" in _run(code, root)
