"""Ctrl-C ends every command with one line and status 130, while it loads and while it works."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from notebooks import execute
from robustcore import command, records
from robustcore.command import judging, options, reading, sets
from robustcore.starting import loading
from studies import __main__ as studies
from studies import stale

ROOT = Path(__file__).resolve().parents[1]
# a module that presses Ctrl-C when it is loaded, and waits for what comes of it
PRESSED = "import os, signal, time\nos.kill(os.getpid(), signal.SIGINT)\ntime.sleep(60)\n"


@pytest.mark.parametrize(
    ("arguments", "loads"),
    [
        (("-m", "robustcore.command", "certify", "--help"), "torch"),
        (("-m", "studies", "b1_gap_lemma"), "torch"),
        (("-m", "studies.stale"), "torch"),
        (("-m", "studies.on_gpu", "--help"), "torch"),
        (("-m", "book.generate", "--help"), "torch"),
        (("notebooks/execute.py", "b1_gap_lemma"), "jupytext"),
    ],
)
def test_a_command_that_loads_says_one_line(arguments, loads, tmp_path):
    (tmp_path / f"{loads}.py").write_text(PRESSED)
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"},
        capture_output=True,
        text=True,
        timeout=50,
    )
    assert done.returncode == 130
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert done.stderr.endswith("stopped by Ctrl-C while it started; nothing was done.\n")


def test_loading_leaves_the_handler_as_it_was():
    def mine(number: int, frame: object) -> None:
        pass

    before = signal.getsignal(signal.SIGINT)
    try:
        for handler in (mine, signal.SIG_IGN, signal.default_int_handler):
            signal.signal(signal.SIGINT, handler)
            with loading("a command"):
                changed = signal.getsignal(signal.SIGINT) is not handler
                assert changed == (handler is signal.default_int_handler)
            assert signal.getsignal(signal.SIGINT) is handler
    finally:
        signal.signal(signal.SIGINT, before)


def _press(*arguments: object, **named: object) -> None:
    raise KeyboardInterrupt


def _line(capsys: pytest.CaptureFixture[str], call: object, *arguments: object) -> str:
    with pytest.raises(SystemExit) as end:
        call(*arguments)
    assert end.value.code == 130
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    return said


def test_a_command_that_works_says_what_is_kept(monkeypatch, capsys):
    monkeypatch.setattr(options, "settle", _press)
    said = _line(capsys, command.main, ["attack", "net.npz", "rows.csv"])
    assert said == "robustcore: stopped by Ctrl-C; nothing was written.\n"


def test_a_command_that_writes_says_that_a_file_is_cut_off(monkeypatch, capsys, tmp_path):
    class Judged:
        table = staticmethod(lambda: "a table")
        write = staticmethod(_press)

    monkeypatch.setattr(options, "settle", lambda asked: asked)
    for room, name in ((reading, "rows"), (reading, "network"), (sets, "ball")):
        monkeypatch.setattr(room, name, lambda *a: SimpleNamespace(features=()))
    monkeypatch.setattr(judging, "attack", lambda *a: Judged)
    asked = ["attack", "net.npz", "rows.csv", "--out", str(tmp_path / "rows.csv")]
    said = _line(capsys, command.main, asked)
    assert said.endswith("stopped by Ctrl-C; the file that it was writing is cut off.\n")


def test_a_study_says_what_is_kept(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(studies, "study", lambda name, function="record": _press)
    monkeypatch.setattr(studies, "parameters", lambda *a: {})
    said = _line(capsys, studies.main, ["b1_gap_lemma", "--out", str(tmp_path)])
    assert said.startswith("b1_gap_lemma: stopped by Ctrl-C; records are written whole")


def test_a_sweep_in_a_study_has_its_own_word(monkeypatch, capsys, tmp_path):
    def stop(**parameters: object) -> None:
        raise KeyboardInterrupt("toy stopped by Ctrl-C: 2 of 4 cells done.")

    monkeypatch.setattr(studies, "study", lambda name, function="record": stop)
    monkeypatch.setattr(studies, "parameters", lambda *a: {})
    said = _line(capsys, studies.main, ["b1_gap_lemma", "--out", str(tmp_path)])
    assert said == "toy stopped by Ctrl-C: 2 of 4 cells done.\n"


def test_the_list_of_stale_records_says_what_is_kept(monkeypatch, capsys, tmp_path):
    one = stale.Stale("b1_gap_lemma", 1.0, ("b1_gap_lemma.a",))
    monkeypatch.setattr(stale, "listing", lambda: [one])
    monkeypatch.setattr(stale, "run_again", _press)
    monkeypatch.setattr(records, "results_folder", lambda: tmp_path)
    said = _line(capsys, stale.main, ["--run", "5"])
    assert "results/stale.yml is as it was" in said
    assert not (tmp_path / "stale.yml").exists()


def test_notebooks_say_what_is_kept(monkeypatch, capsys):
    monkeypatch.setattr(execute, "store", _press)
    monkeypatch.setattr(sys, "argv", ["execute.py", "b1_gap_lemma"])
    said = _line(capsys, execute.main)
    assert said.startswith("notebooks/execute.py: stopped by Ctrl-C; a notebook is put in place")
