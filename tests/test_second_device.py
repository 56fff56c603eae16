"""The checks on the second device, in a process of their own.

torch must know the device before its autograd engine starts, which other tests have started here.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


def test_the_torch_half_follows_the_device_of_its_inputs(root: Path) -> None:
    folder = Path("tests") / "second"
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "-p", "no:xdist", "-p", "no:cacheprovider"),
            *("-o", f"pythonpath=. {folder}", str(folder / "device_checks.py")),
        ],
        capture_output=True,
        text=True,
        cwd=root,
        env={k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")},
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-1000:]
    assert "skipped" not in done.stdout
