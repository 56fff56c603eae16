"""What a sweep declares, how its stacks are shared out, and what is kept of their rows."""

from __future__ import annotations

import json
import lzma
import math
import resource
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from toy import sweep

from robustcore.errors import CorruptDataError, DataError, InputError
from studies.engine import Sweep, compact, complete, progress, read, run, save_record
from studies.engine.grid import COMPACT, folder_of
from studies.engine.sweep import canonical


def squares(cells: list[dict[str, Any]], device: str) -> list[dict[str, Any]]:
    return [{"square": cell["i"] ** 2} for cell in cells]


def cells(n: int) -> list[dict[str, Any]]:
    return [{"i": i} for i in range(n)]


def numbers(stacks: list[list[Any]]) -> list[list[int]]:
    return [[cell["i"] for cell in stack] for stack in stacks]


def test_neighbours_with_an_equal_value_make_a_stack() -> None:
    asked = Sweep("x", 1, cells(7), squares, stack=lambda c: c["i"] in (3, 5, 6), max_stack=2)
    assert numbers(asked.stacks()) == [[0, 1], [2], [3], [4], [5, 6]]
    assert numbers(Sweep("x", 1, cells(3), squares).stacks()) == [[0], [1], [2]]


def test_shards_take_every_nth_stack() -> None:
    asked = Sweep("x", 1, cells(10), squares, stack=lambda c: 0, max_stack=2)
    assert numbers(asked.shard(1, 3)) == [[0, 1], [6, 7]]
    assert numbers(asked.shard(2, 3)) == [[2, 3], [8, 9]]
    assert numbers(asked.shard(3, 3)) == [[4, 5]]
    assert asked.shard(9, 9) == []
    with pytest.raises(InputError, match="got 4/3"):
        asked.shard(4, 3)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"name": "../x"}, "lower case"),
        ({"cells": []}, "no cells"),
        ({"cells": [{"i": 1, "j": 2}, {"j": 2, "i": 1}]}, "twice"),
        ({"cells": [{"i": math.nan}]}, "JSON values"),
        ({"cells": [{"i": np.int64(1)}]}, "JSON values"),
        ({"settings": {"i": object()}}, "JSON values"),
        ({"max_stack": 0}, "max_stack"),
    ],
)
def test_an_unfit_sweep_is_refused(changed: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        replace(Sweep("x", 1, cells(2), squares), **changed)


def test_what_is_done_is_not_run_again(tmp_path: Path) -> None:
    calls: list[int] = []

    def counted(cells: list[Any], device: str) -> list[Any]:
        calls.extend(cell["i"] for cell in cells)
        return squares(cells, device)

    run(Sweep("x", 1, cells(4), counted), shard=(1, 2), results=tmp_path)
    assert calls == [0, 2]
    reached, stopped = run(Sweep("x", 1, cells(6), counted), results=tmp_path)
    assert calls == [0, 2, 1, 3, 4, 5]
    assert (reached.done, reached.failed, reached.left, stopped) == (6, 0, 0, "")
    run(Sweep("x", 2, cells(1), counted), results=tmp_path)  # the version was raised
    run(Sweep("x", 2, cells(1), counted, settings={"a": 1}), results=tmp_path)
    assert calls[6:] == [0, 0]
    assert len(read(Sweep("x", 1, cells(6), counted), tmp_path).rows) == 6


def test_a_row_is_plain_and_has_its_cell_before_it(tmp_path: Path) -> None:
    def odd(cells: list[Any], device: str) -> list[Any]:
        return [{"a": np.float32(0.5), "device": device} for _ in cells]

    grid = complete(Sweep("x", 1, cells(1), odd), device="cuda", results=tmp_path)
    assert grid.rows == [{"i": 0, "a": 0.5, "device": "cuda"}]


def test_a_failed_cell_is_told_from_its_stack_and_retried_when_asked(tmp_path: Path) -> None:
    (tmp_path / "bad").write_text("4 17")
    asked = sweep(20, max_stack=20, folder=tmp_path)
    reached, _ = run(asked, results=tmp_path)
    assert (reached.done, reached.failed, reached.left) == (18, 2, 0)
    grid = read(asked, tmp_path)
    assert set(grid.failed.values()) == {"ValueError: cell 4 is bad", "ValueError: cell 17 is bad"}
    with pytest.raises(DataError, match=r"2 cells .* failed.*cell 4 is bad"):
        complete(asked, results=tmp_path)
    (tmp_path / "bad").write_text("4")
    assert run(asked, results=tmp_path)[0].failed == 2
    assert run(asked, retry_failed=True, results=tmp_path)[0].failed == 1
    assert [row["i"] for row in read(asked, tmp_path).rows] == [i for i in range(20) if i != 4]
    compact(asked, tmp_path)
    assert list(read(asked, tmp_path).failed.values()) == ["ValueError: cell 4 is bad"]


def test_a_sweep_that_only_fails_ends_soon(tmp_path: Path) -> None:
    def broken(cells: list[Any], device: str) -> list[Any]:
        raise RuntimeError("out of memory")

    with pytest.raises(DataError, match=r"20 cells in succession failed.*out of memory"):
        run(Sweep("x", 1, cells(500), broken), results=tmp_path)
    assert progress(read(Sweep("x", 1, cells(500), broken), tmp_path)).failed == 20


def test_what_is_no_row_fails_by_itself(tmp_path: Path) -> None:
    def nan_at_one(cells: list[Any], device: str) -> list[Any]:
        return [{"a": math.nan if cell["i"] == 1 else 0.0} for cell in cells]

    asked = Sweep("x", 1, cells(3), nan_at_one, stack=lambda c: 0, max_stack=3)
    reached, _ = run(asked, results=tmp_path)
    assert (reached.done, reached.failed) == (2, 1)
    with pytest.raises(InputError, match="one row for each of 3 cells, got 2"):
        run(replace(asked, version=2, run=lambda cells, device: [{}, {}]), results=tmp_path)


def test_of_two_rows_the_first_by_date_counts_and_a_difference_is_told(tmp_path: Path) -> None:
    asked = Sweep("x", 1, cells(2), squares)
    run(asked, results=tmp_path)
    folder = folder_of(asked, tmp_path)
    (file,) = folder.iterdir()
    head, zero, one = map(json.loads, file.read_text().splitlines())
    zero |= {"at": "2001-01-01T00:00:00.000+00:00", "row": {"square": -1}}
    lines = "".join(f"{json.dumps(line)}\n" for line in (head, zero, one))
    (folder / "1-1of1-0.jsonl").write_text(lines)
    grid = read(asked, tmp_path)
    assert [row["square"] for row in grid.rows] == [-1, 1]
    assert (grid.twice, grid.differing) == (1, ['{"i":0}'])


def test_compact_is_sorted_the_same_bytes_and_all_there_is(tmp_path: Path) -> None:
    asked = sweep(60, max_stack=7)
    run(asked, shard=(1, 2), results=tmp_path)
    run(replace(asked, settings={"a": 1}), results=tmp_path)
    run(replace(asked, version=2), results=tmp_path)
    half = read(asked, tmp_path).rows
    compact(asked, tmp_path)
    assert read(asked, tmp_path).rows == half
    run(asked, results=tmp_path)  # the rest goes to a new shard
    before = read(asked, tmp_path).rows
    path = compact(asked, tmp_path)
    once = path.read_bytes()
    assert compact(asked, tmp_path).read_bytes() == once
    assert read(asked, tmp_path).rows == before
    assert len(read(replace(asked, settings={"a": 1}), tmp_path).rows) == 60
    left = [p.name for p in path.parent.iterdir() if p != path]
    assert [name[:2] for name in left] == ["2-"]  # of the other version
    lines = [json.loads(line) for line in lzma.decompress(once).splitlines()]
    found = [(line["from"], canonical(line["cell"])) for line in lines if "cell" in line]
    assert found == sorted(found)


def test_cells_of_several_folders_count_once(tmp_path: Path) -> None:
    """A folder that shards were copied to, and the one that they were copied from."""
    one, two = tmp_path / "one", tmp_path / "two"
    asked = Sweep("x", 1, cells(6), squares)
    run(asked, shard=(1, 2), results=one)
    shutil.copytree(one, two)
    compact(asked, two)
    reached, _ = run(asked, results=two, also=[one])
    assert reached.done == 6
    (new,) = folder_of(asked, two).glob("*.jsonl")
    assert len(new.read_text().splitlines()) == 1 + 3  # a header and what was left
    grid = read(asked, one, two)
    assert (len(grid.rows), grid.twice) == (6, 0)


def test_compact_leaves_a_shard_that_is_written_to(tmp_path: Path) -> None:
    asked = Sweep("x", 1, cells(4), squares)
    inside: list[int] = []

    def compacting(cells: list[Any], device: str) -> list[Any]:
        compact(asked, tmp_path)
        inside.append(len(list(folder_of(asked, tmp_path).glob("*.jsonl"))))
        return squares(cells, device)

    run(replace(asked, run=compacting), results=tmp_path)
    assert inside == [1, 1, 1, 1]
    assert len(read(asked, tmp_path).rows) == 4


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    asked = Sweep("x", 1, cells(3), squares)
    run(asked, results=tmp_path)
    (file,) = folder_of(asked, tmp_path).iterdir()
    file.write_text(file.read_text().replace('"cell"', "cell", 1))
    with pytest.raises(CorruptDataError, match=r"line 2 of .*jsonl"):
        read(asked, tmp_path)
    file.unlink()
    file.with_name(COMPACT).write_bytes(b"no xz")
    with pytest.raises(CorruptDataError, match="not whole"):
        read(asked, tmp_path)


def test_a_folder_that_cannot_be_written_to_is_found_before_anything_runs(tmp_path: Path) -> None:
    (tmp_path / "sweeps").write_text("a file")

    def never(cells: list[Any], device: str) -> list[Any]:
        raise AssertionError

    with pytest.raises(DataError, match=r"cannot write to .*--out"):
        run(Sweep("x", 1, cells(3), never), results=tmp_path)


def test_a_full_disk_is_one_sentence_and_keeps_what_was_done(tmp_path: Path) -> None:
    """The limit of a file's size stands for it: the write is cut in the middle of a line."""
    asked = Sweep("x", 1, cells(100), lambda cells, device: [{"a": "b" * 200} for _ in cells])
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (5000, before[1]))
    try:
        with pytest.raises(DataError, match=r"cannot write to .* cells before are kept"):
            run(asked, results=tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    (file,) = folder_of(asked, tmp_path).iterdir()
    assert file.read_bytes().endswith(b"\n")  # no half a line
    kept = len(read(asked, tmp_path).rows)
    assert 5 < kept < 30
    run(asked, results=tmp_path)
    assert len(read(asked, tmp_path).rows) == 100


def test_hours_left_follow_the_costs(tmp_path: Path) -> None:
    asked = Sweep("x", 1, cells(4), squares, cost=lambda cell: 10.0 ** cell["i"])
    run(asked, shard=(1, 2), results=tmp_path)  # cells 0 and 2: cost 101
    (file,) = folder_of(asked, tmp_path).iterdir()
    head, *lines = map(json.loads, file.read_text().splitlines())
    head["machine"] = {"cpu": "A", "cores": 1, "gpu": ["G"]}
    timed = [head, {**lines[0], "seconds": 3.6}, {**lines[1], "seconds": 360.0}]
    file.write_text("".join(f"{json.dumps(line)}\n" for line in timed))
    reached = progress(read(asked, tmp_path))
    assert (reached.done, reached.failed, reached.left) == (2, 0, 2)
    assert reached.hours == pytest.approx({"A": 1010 * 363.6 / 101 / 3600})  # cells 1 and 3
    assert str(reached) == "2 of 4 cells done, 0 failed, 2 left; about 1.0 hours on A"
    head["device"] = "cuda"
    file.write_text("".join(f"{json.dumps(line)}\n" for line in [head, *timed[1:]]))
    assert set(progress(read(asked, tmp_path)).hours) == {"G"}


def test_a_record_tells_where_its_grid_is_from(tmp_path: Path) -> None:
    asked = Sweep("x", 1, cells(3), squares, settings={"a": 1})
    rows = complete(asked, results=tmp_path).rows
    path = save_record("x.best", rows[-1:], asked, {"n": 3}, results=tmp_path)
    content = json.loads(path.read_text())
    assert content["rows"] == [{"i": 2, "square": 4}]
    assert content["parameters"] == {"n": 3}
    grid = content["provenance"]["grid"]
    assert (grid["cells"], grid["version"], grid["settings"]) == (3, 1, {"a": 1})
    assert [p.name for p in folder_of(asked, tmp_path).iterdir()] == [COMPACT]
