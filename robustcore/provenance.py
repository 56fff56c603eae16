"""Where a number comes from: commit, machine, versions and date. No host name and no path."""

from __future__ import annotations

import datetime
import os
import platform
import re
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

CHECKOUT = Path(__file__).resolve().parents[1]
_PACKAGES = ("torch", "numpy", "scipy", "cvxpy", "clarabel", "mosek")


def now() -> dict[str, Any]:
    """Commit, machine, versions and date of a run made now; no host name and no path.

    Source: own

    Notes
    -----
    Where the sources are not a git checkout (a copy on another machine), the commit is read from
    the environment variable `ROBUSTCORE_COMMIT`, else from a file `COMMIT` beside the packages;
    without either it is "unknown".
    """
    commit, changes = (
        _git("rev-parse", "HEAD"),
        _git("status", "--porcelain", "--", "robustcore", "studies"),
    )
    gpus = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    return {
        "commit": commit or os.environ.get("ROBUSTCORE_COMMIT") or _told() or "unknown",
        "dirty": None if changes is None else bool(changes),
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "machine": {"cpu": _cpu(), "cores": os.cpu_count(), "gpu": gpus},
        "versions": {"python": platform.python_version(), **_versions()},
    }


def _told() -> str:
    try:
        return (CHECKOUT / "COMMIT").read_text(encoding="utf-8").strip()
    except OSError:
        return ""


def _versions() -> dict[str, str]:
    found = {}
    for name in _PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def _cpu() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        text = ""
    model = re.search(r"model name\s*:\s*(.+)", text)
    return model.group(1).strip() if model else platform.processor() or platform.machine()


def _git(*arguments: str) -> str | None:
    if not (CHECKOUT / ".git").exists():
        return None
    try:
        done = subprocess.run(
            ["git", "-C", str(CHECKOUT), *arguments], capture_output=True, text=True, timeout=20
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
