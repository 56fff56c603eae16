"""Runs that are cut off: nothing lost but the stack under way, nothing twice."""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from toy import PROCESSES, Process, sweep

from studies.engine import Sweep, progress, read, run
from studies.engine.grid import folder_of
from studies.engine.shards import entries


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


def test_killed_twenty_times_at_random_loses_nothing(tmp_path: Path) -> None:
    """200 cells of 10 ms in stacks of 3: kill -9 after a random number of cells, or before any."""
    rng, seen = random.Random(3), Counter[int]()
    for _ in range(20):
        killed = Process(tmp_path, 200, 10, 3)
        if rng.random() < 0.8:
            wait_for_cells(tmp_path, rng.randrange(1, 9))
        time.sleep(0.03 * rng.random())
        killed.process.kill()
        assert killed.join() == -signal.SIGKILL
        now = on_disk(tmp_path)
        assert seen - now == Counter(), "a finished cell was lost"
        seen = now
    assert 0 < len(seen) < 200  # the kills came in the middle
    reached, stopped = Process(tmp_path, 200, 10, 3).said()
    assert (reached.done, reached.failed, reached.left, stopped) == (200, 0, 0, "")
    assert on_disk(tmp_path) == Counter(range(200))  # each of them once
    assert [row["square"] for row in read(sweep(), tmp_path).rows] == [i * i for i in range(200)]


def test_two_machines_shards_merge(tmp_path: Path) -> None:
    """Each runs half in a folder of its own; the files are copied together."""
    one, two, both = (tmp_path / name for name in ("one", "two", "both"))
    for process in [Process(one, 90, 1, 7, (1, 2)), Process(two, 90, 1, 7, (2, 2))]:
        process.said()
    target = folder_of(sweep(), both)
    target.mkdir(parents=True)
    for folder in (one, two):
        assert 0 < len(on_disk(folder)) < 90
        for file in folder_of(sweep(), folder).iterdir():
            assert not (target / file.name).exists()
            (target / file.name).write_bytes(file.read_bytes())
    assert on_disk(both) == Counter(range(90))
    assert [row["i"] for row in read(sweep(90), both).rows] == list(range(90))


def test_two_processes_share_a_folder(tmp_path: Path) -> None:
    """Started at once without shards, both may run the same cells; each row is counted once."""
    for process in [Process(tmp_path, 40, 1, 5) for _ in range(2)]:
        reached, stopped = process.said()
        assert (reached.done, stopped) == (40, "")
    grid = read(sweep(40), tmp_path)
    assert progress(grid).done == 40
    assert grid.differing == []


@pytest.mark.parametrize(
    ("number", "by"), [(signal.SIGINT, "by Ctrl-C"), (signal.SIGTERM, "by SIGTERM")]
)
def test_a_signal_stops_cleanly(tmp_path: Path, number: int, by: str) -> None:
    stopped = Process(tmp_path, 200, 20, 2)
    wait_for_cells(tmp_path, 4)
    os.kill(stopped.process.pid or 0, number)
    reached, reason = stopped.said()
    assert reason == by
    assert reached.done == sum(on_disk(tmp_path).values()) < 200


def _stubborn(folder: Path, pipe: Any) -> None:
    def rows(cells: Sequence[Mapping[str, Any]], device: str) -> list[dict[str, Any]]:
        while True:
            try:
                pipe.send("ready")
                time.sleep(60)
            except BaseException as error:  # as a careless library does
                pipe.send(repr(error))

    run(Sweep("x", 1, [{"i": 1}], rows), results=folder)


def test_a_second_ctrl_c_kills(tmp_path: Path) -> None:
    """The function of this sweep swallows the first one and goes on."""
    ours, theirs = PROCESSES.Pipe(duplex=False)
    process = PROCESSES.Process(target=_stubborn, args=(tmp_path, theirs))
    process.start()
    theirs.close()
    assert ours.recv() == "ready"
    os.kill(process.pid or 0, signal.SIGINT)
    assert (ours.recv(), ours.recv()) == ("Stopped()", "ready")
    os.kill(process.pid or 0, signal.SIGINT)
    process.join()
    assert process.exitcode == -signal.SIGINT
    process.close()
    ours.close()


def test_it_ends_at_its_time(tmp_path: Path) -> None:
    """Cells of a minute each: the one under way is given up."""
    reached, reason = Process(tmp_path, 5, 60_000, 1, seconds=0.3).said()
    assert (reached.left, reason) == (5, "at its time")
    assert list(folder_of(sweep(), tmp_path).iterdir()) == []  # no empty file stays


def test_a_torn_last_line_is_dropped(tmp_path: Path) -> None:
    """A file cut at every byte of its last line keeps the lines before it."""
    run(sweep(3), results=tmp_path)
    (file,) = folder_of(sweep(), tmp_path).iterdir()
    whole = file.read_bytes()
    last = whole[:-1].rindex(b"\n") + 1
    for size in range(last, len(whole)):
        file.write_bytes(whole[:size])
        assert [row["i"] for row in read(sweep(3), tmp_path).rows] == [0, 1]
    run(sweep(3), results=tmp_path)
    assert [row["i"] for row in read(sweep(3), tmp_path).rows] == [0, 1, 2]


def test_a_torn_header_is_a_file_without_cells(tmp_path: Path) -> None:
    folder = folder_of(sweep(), tmp_path)
    folder.mkdir(parents=True)
    (folder / "1-1of1-00000000.jsonl").write_bytes(b'{"sweep":"to')
    assert read(sweep(3), tmp_path).rows == []
