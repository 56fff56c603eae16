"""The same two rules run a sweep's shards on this machine's cores and through a real scheduler."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

STUDY = """
import os
from studies.engine import Sweep

def rows(cells, device):
    return [{"square": cell["i"] ** 2, "job": os.environ.get("SLURM_JOB_ID")} for cell in cells]

def sweep(n: int = 12):
    return Sweep("toy", 1, [{"i": i} for i in range(n)], rows, settings={"n": n})
"""
SNAKEFILE = """
import sys
from pathlib import Path
PYTHON = sys.executable
wildcard_constraints: name="[a-z0-9_]+"
include: "sweeps.smk"
"""
SNAKEMAKE = [str(Path(sys.executable).with_name("snakemake"))]
CLUSTER = [
    *("--executor", "slurm", "--slurm-status-command", "squeue", "--default-resources"),
    *("slurm_partition=loopback", "slurm_account=nobody", "--jobs", "2"),
]


@pytest.fixture
def checkout(root: Path, tmp_path: Path) -> Path:
    """The rules and the engine, and one study `toy` of 12 squares."""
    shutil.copytree(root / "studies" / "engine", tmp_path / "studies" / "engine")
    for file in (root / "studies").glob("*.py"):
        shutil.copy(file, tmp_path / "studies")
    shutil.copytree(root / "robustcore", tmp_path / "robustcore")
    shutil.copy(root / "sweeps.smk", tmp_path)
    (tmp_path / "studies" / "toy.py").write_text(STUDY)
    (tmp_path / "Snakefile").write_text(SNAKEFILE)
    (tmp_path / "results").mkdir()
    return tmp_path


def said(checkout: Path, *command: str) -> str:
    """What a command prints; it must end well."""
    done = subprocess.run(
        command,
        cwd=checkout,
        env={**os.environ, "PYTHONPATH": str(checkout)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-3000:]
    return done.stdout


@pytest.mark.slow
def test_shards_run_on_this_machines_cores(checkout: Path) -> None:
    target = "_build/sweeps/toy/quick/3-shards"
    assert "12 of 12 cells done" in said(checkout, *SNAKEMAKE, "--cores", "2", target)
    assert (checkout / "results" / "sweeps" / "toy" / "grid.jsonl.xz").exists()
    assert "Nothing to be done" in said(checkout, *SNAKEMAKE, "--cores", "2", target)
    study = checkout / "studies" / "toy.py"
    study.write_text(STUDY.replace('"toy", 1', '"toy", 2'))  # a person raises the version
    said(checkout, *SNAKEMAKE, "--cores", "2", target)
    grid = said(checkout, "xz", "-dc", "results/sweeps/toy/grid.jsonl.xz")
    assert grid.count('"cell"') == 12
    assert '"version":1' not in grid


@pytest.mark.slow
def test_a_study_of_a_room_is_named_with_a_dot(checkout: Path) -> None:
    room = checkout / "studies" / "room"
    room.mkdir()
    (room / "__init__.py").write_text("")
    shutil.move(checkout / "studies" / "toy.py", room / "toy.py")
    target = "_build/sweeps/room.toy/quick/1-shards"
    assert "12 of 12 cells done" in said(checkout, *SNAKEMAKE, "--cores", "1", target)
    assert "Nothing to be done" in said(checkout, *SNAKEMAKE, "--cores", "1", target)


@pytest.mark.slow
@pytest.mark.skipif(
    not all(map(shutil.which, ("slurmctld", "slurmd", "munged")))
    or importlib.util.find_spec("snakemake_executor_plugin_slurm") is None,
    reason="needs SLURM, munge and snakemake-executor-plugin-slurm: see slurm.sh",
)
def test_shards_run_through_a_scheduler(checkout: Path, root: Path) -> None:
    cluster = root / "tests" / "studies" / "engine" / "slurm.sh"
    target = "_build/sweeps/toy/quick/3-shards"
    done = said(checkout, "bash", str(cluster), *SNAKEMAKE, *CLUSTER, target)
    assert "12 of 12 cells done, 0 failed, 0 left" in done
    grid = said(checkout, "xz", "-dc", "results/sweeps/toy/grid.jsonl.xz")
    jobs = {line.partition('"job":')[2][:4] for line in grid.splitlines() if '"cell"' in line}
    assert len(jobs) == 3  # each shard was a job of the cluster
    assert not any("null" in job for job in jobs)
