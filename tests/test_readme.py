"""What a stranger reads first: its links lead somewhere and its commands exist."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pytest
import torch
import yaml
from sklearn.datasets import load_iris
from sklearn.preprocessing import StandardScaler
from torch import nn

import robustcore as rc

ROOT = Path(__file__).resolve().parents[1]
TEXTS = ("README.md", "CONTRIBUTING.md", "book/how_to_run.md")


@pytest.mark.parametrize("name", TEXTS)
def test_every_link_and_picture_is_there(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    links = [t for t in re.findall(r"\]\(([^)#]+)\)", text) if "://" not in t]
    assert [t for t in links if not ((ROOT / name).parent / t).exists()] == []


@pytest.mark.parametrize("name", TEXTS)
def test_every_make_target_exists(name: str) -> None:
    named = re.findall(
        r"(?:^|`)make ([a-z]+)", (ROOT / name).read_text(encoding="utf-8"), flags=re.M
    )
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    lines = [t for t in named if re.search(rf"^{t}:", makefile, flags=re.MULTILINE)]
    assert {"book", "test"} <= {*lines} or name != "README.md"
    assert [t for t in named if t not in lines] == []


def test_the_picture_is_a_figure_of_the_book() -> None:
    stored = nbformat.read(ROOT / "notebooks" / "a1_convex_training.ipynb", as_version=4)
    outputs = [o for c in stored.cells if c.cell_type == "code" for o in c.outputs]
    drawn = [o.data.get("image/svg+xml") for o in outputs if "data" in o]
    assert (ROOT / "book" / "images" / "optimum.svg").read_text(encoding="utf-8") in drawn


def test_the_readme_fits_on_a_screen() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 45


def example(word: str) -> str:
    """The block of Python that has this word."""
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), flags=re.S)
    (found,) = (block for block in blocks if word in block)
    return found


def test_a_table_is_certified_by_five_lines_that_need_nothing_else(
    capsys: pytest.CaptureFixture[str],
) -> None:
    given: dict[str, Any] = {}
    block = example("load_wine")
    exec(compile(block, "README.md", "exec"), given)
    assert len(block.replace("\n\n", "\n").splitlines()) == 5
    assert 0.5 < float(capsys.readouterr().out) < 1
    X, y = given["X"], given["y"]
    proved = given["in_raw_units"](given["pipe"]).certify(X, y, radius=X.mean(axis=0) / 20)
    rng = np.random.default_rng(0)
    for _ in range(50):
        moved = X + X.mean(axis=0) / 20 * rng.choice([-1, 1], X.shape)
        assert (given["pipe"].predict(moved) == y)[proved].all()


def test_the_example_of_the_readme_does_what_it_says(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The block is run as it stands, on a network that plain torch and scikit-learn made."""
    data, target = load_iris(return_X_y=True)
    scaler = StandardScaler().fit(data)
    y = torch.as_tensor(target)
    scaled = torch.as_tensor(scaler.transform(data), dtype=torch.float32)
    torch.manual_seed(0)  # the stranger's own affair
    net = nn.Sequential(nn.Linear(4, 12), nn.ReLU(), nn.Linear(12, 8), nn.ReLU(), nn.Linear(8, 3))
    update = torch.optim.Adam(net.parameters(), lr=0.03)
    for _ in range(60):
        update.zero_grad()
        nn.functional.cross_entropy(net(scaled), y).backward()
        update.step()
    rows = slice(None, None, 10)
    given = {
        "net": net,
        "mean": torch.as_tensor(scaler.mean_, dtype=torch.float32),
        "std": torch.as_tensor(scaler.scale_, dtype=torch.float32),
        "x": torch.as_tensor(data, dtype=torch.float32)[rows],
        "y": y[rows],
        "X": data[:100],
        "signs": np.where(target[:100] == 0, 1.0, -1.0),
    }
    exec(compile(example("mean, std"), "README.md", "exec"), given)
    torch.testing.assert_close(given["whole"](given["x"]), net(scaled[rows]), atol=1e-4, rtol=1e-4)
    proved, ball = given["certified"], given["ball"]
    exact = rc.bounds.exact(given["whole"], given["x"], given["y"], ball, attained=True)
    assert proved.any()
    assert not proved.all()
    assert (exact[proved] <= 0).all()  # the worst gap of a proved sample, solved exactly
    best = given["best"]
    assert str(best.objective) in capsys.readouterr().out
    assert 0 <= best.gap <= 1e-6
    cost = rc.convex.vertex_cost(best.network(), data[:100], given["signs"], best.ball, best.beta)
    assert cost == pytest.approx(best.objective, abs=1e-6)
    lower = given["lower"]
    assert lower.cost <= lower.trail[0][1] == pytest.approx(best.objective, abs=1e-6)
    assert given["loss"] > nn.functional.cross_entropy(net(scaled[rows]), y[rows])


def test_no_recorded_number_is_typed() -> None:
    """What was found is told in words; the book draws its numbers from the records."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    (found,) = re.findall(r"^- What was found.*?(?=^- )", text, flags=re.S | re.M)
    assert re.findall(r"\d*\.\d+|\d+e-?\d+|\d{2,}|\d ?%", found) == []


def test_conda_users_get_the_lock() -> None:
    content = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    (pip,) = [d["pip"] for d in content["dependencies"] if isinstance(d, dict)]
    assert pip == ["-c requirements.lock", "-e .[all]"]


def test_the_library_alone_needs_little() -> None:
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert {re.split("[<>=]", d)[0] for d in project["dependencies"]} == {"numpy", "scipy", "torch"}
    assert {"convex", "attacks", "book", "test", "all"} <= set(project["optional-dependencies"])


def documented(program: str) -> list[str]:
    """The lines of the texts' shell blocks that call a program, comments off."""
    texts = "\n".join((ROOT / name).read_text(encoding="utf-8") for name in TEXTS)
    blocks = re.findall(r"^```(?:bash|sh)\n(.*?)^```", texts, flags=re.MULTILINE | re.DOTALL)
    lines = [line.split(" #")[0].strip() for line in "".join(blocks).splitlines()]
    return sorted({line for line in lines if re.search(rf"(?:^|[ /]){program}\b", line)})


@pytest.mark.parametrize("line", documented("make"))
def test_a_documented_call_of_make_is_one(line: str) -> None:
    """As it stands, without doing what it says."""
    said = re.sub(r"\bmake\b", "make --dry-run", line, count=1)
    done = subprocess.run(["bash", "-c", said], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("line", documented("studies"))
def test_a_documented_call_of_a_study_has_options_that_exist(line: str) -> None:
    called, module, *options = line.partition("-m ")[2].replace("studies.", "studies ").split()
    assert any((ROOT / called / name).exists() for name in (module, f"{module}.py"))
    program = f"{called}.{module}" if f"{called}.{module}" in line else called
    help_text = subprocess.run(
        [sys.executable, "-m", program, "--help"], cwd=ROOT, capture_output=True, text=True
    ).stdout
    assert [o for o in options if o.startswith("--") and o not in help_text] == []


@pytest.mark.parametrize("line", documented("robustcore (?:certify|attack)"))
def test_a_documented_call_of_the_command_is_one(line: str) -> None:
    asked = rc.command.parser().parse_args(line.split()[1:])
    assert asked.task in ("certify", "attack")


def test_the_documented_way_to_list_parameters_lists_them() -> None:
    command = [str(Path(sys.executable).with_name("papermill")), "--help-notebook"]
    done = subprocess.run(
        [*command, "notebooks/b5_rub.ipynb"], cwd=ROOT, capture_output=True, text=True
    )
    assert "steps: int" in done.stdout, done.stderr


def test_the_workflow_calls_what_there_is() -> None:
    jobs = yaml.safe_load((ROOT / ".github" / "workflows" / "check.yml").read_text())["jobs"]
    runs = [step["run"] for job in jobs.values() for step in job["steps"] if "run" in step]
    assert "bash .ci/run" in runs
    assert (ROOT / ".ci" / "run").is_file()
    assert any("pytest tests" in run for run in runs)
