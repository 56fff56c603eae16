"""Runs that are cut off: nothing lost but the stack under way, nothing twice."""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from toy import sweep

from studies.engine import progress, read
from studies.engine.grid import folder_of
from studies.engine.shards import entries

TOY = Path(__file__).with_name("toy.py")


def start(root: Path, folder: Path, *arguments: object) -> subprocess.Popen[str]:
    """The toy in a process of its own; returns once it has read what is there and runs."""
    process = subprocess.Popen(
        [sys.executable, str(TOY), str(folder), *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": str(root)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def on_disk(folder: Path) -> Counter[int]:
    files = folder_of(sweep(), folder).glob("*.jsonl")
    return Counter(entry.cell["i"] for file in files for entry in entries(file))


def wait_for_cells(folder: Path, n: int) -> None:
    """Until so many cells more are on disk."""
    wanted = sum(on_disk(folder).values()) + n
    for _ in range(2000):
        if sum(on_disk(folder).values()) >= wanted:
            return
        time.sleep(0.01)
    raise AssertionError("the run writes nothing")


@pytest.mark.slow
def test_killed_twenty_times_at_random_loses_nothing(root: Path, tmp_path: Path) -> None:
    """200 cells of 10 ms in stacks of 3: kill -9 after a random number of cells or within one."""
    rng, seen = random.Random(3), Counter()
    for _ in range(20):
        process = start(root, tmp_path, 200, 10, 3)
        if rng.random() < 0.8:
            wait_for_cells(tmp_path, rng.randrange(1, 9))
        time.sleep(0.03 * rng.random())
        process.send_signal(signal.SIGKILL)
        process.communicate()
        now = on_disk(tmp_path)
        assert seen - now == Counter(), "a finished cell was lost"
        seen = now
    assert 0 < len(seen) < 200  # the kills came in the middle
    out, _ = start(root, tmp_path, 200, 10, 3).communicate()
    assert out.startswith("200 of 200 cells done, 0 failed, 0 left")
    assert on_disk(tmp_path) == Counter(range(200))  # each of them once
    assert [row["square"] for row in read(sweep(), tmp_path).rows] == [i * i for i in range(200)]


def test_two_machines_shards_merge(root: Path, tmp_path: Path) -> None:
    """Each runs half in a folder of its own; the files are copied together."""
    one, two, both = (tmp_path / name for name in ("one", "two", "both"))
    processes = [start(root, one, 90, 1, 7, "1/2"), start(root, two, 90, 1, 7, "2/2")]
    for process in processes:
        process.communicate()
    target = folder_of(sweep(), both)
    target.mkdir(parents=True)
    for folder in (one, two):
        assert 0 < len(on_disk(folder)) < 90
        for file in folder_of(sweep(), folder).iterdir():
            assert not (target / file.name).exists()
            (target / file.name).write_bytes(file.read_bytes())
    assert on_disk(both) == Counter(range(90))
    assert [row["i"] for row in read(sweep(90), both).rows] == list(range(90))


def test_two_processes_share_a_folder(root: Path, tmp_path: Path) -> None:
    """Started at once without shards, both may run the same cells; each row is counted once."""
    processes = [start(root, tmp_path, 40, 1, 5) for _ in range(2)]
    for process in processes:
        process.communicate()
        assert process.returncode == 0
    grid = read(sweep(40), tmp_path)
    assert progress(grid).done == 40
    assert grid.differing == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_cleanly(root: Path, tmp_path: Path, number: int) -> None:
    process = start(root, tmp_path, 200, 20, 2)
    wait_for_cells(tmp_path, 4)
    process.send_signal(number)
    out, err = process.communicate()
    said = re.fullmatch(r"(\d+) of 200 cells done.*; stopped by (Ctrl-C|SIGTERM)\n", out)
    assert said, out
    assert err == ""
    assert int(said[1]) == sum(on_disk(tmp_path).values()) < 200
    assert said[2] == ("Ctrl-C" if number == signal.SIGINT else "SIGTERM")


def test_a_second_ctrl_c_kills(root: Path, tmp_path: Path) -> None:
    """The function of this sweep takes the first one for its own and goes on."""
    code = (
        "import time\n"
        "from studies.engine import Sweep, run\n"
        "def rows(cells, device):\n"
        "    print('ready', flush=True)\n"
        "    while True:\n"
        "        try: time.sleep(60)\n"
        "        except BaseException: print('ready', flush=True)\n"
        f"run(Sweep('x', 1, [{{'i': 1}}], rows), results={str(tmp_path)!r})\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(root)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    for _ in range(2):
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGINT)
    process.communicate()
    assert process.returncode == -signal.SIGINT


def test_it_ends_at_its_time(root: Path, tmp_path: Path) -> None:
    """Cells of a minute each: the one under way is given up."""
    out, _ = start(root, tmp_path, 5, 60_000, 1, "1/1", 0.3).communicate(timeout=50)
    assert out.endswith("; stopped at its time\n")
    assert on_disk(tmp_path) == Counter()
    assert list(folder_of(sweep(), tmp_path).iterdir()) == []  # no empty file stays


def test_a_torn_last_line_is_dropped(tmp_path: Path, root: Path) -> None:
    """A file cut at every byte of its last line keeps the lines before it."""
    start(root, tmp_path, 3, 0, 1).communicate()
    (file,) = folder_of(sweep(), tmp_path).iterdir()
    whole = file.read_bytes()
    last = whole[:-1].rindex(b"\n") + 1
    for size in range(last, len(whole)):
        file.write_bytes(whole[:size])
        assert [row["i"] for row in read(sweep(3), tmp_path).rows] == [0, 1]
    start(root, tmp_path, 3, 0, 1).communicate()
    assert [row["i"] for row in read(sweep(3), tmp_path).rows] == [0, 1, 2]


def test_a_torn_header_is_a_file_without_cells(tmp_path: Path) -> None:
    folder = folder_of(sweep(), tmp_path)
    folder.mkdir(parents=True)
    (folder / "1-1of1-00000000.jsonl").write_bytes(b'{"sweep":"to')
    assert read(sweep(3), tmp_path).rows == []
