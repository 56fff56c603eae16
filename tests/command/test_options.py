"""Each option does what the help says, or is refused in one sentence before anything runs."""

from __future__ import annotations

import csv
import re
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from robustcore import attacks, command, evaluation, networks
from robustcore.balls import LpBall
from robustcore.command import progress

PROPERTY = """
(declare-const X_0 Real) (declare-const X_1 Real) (declare-const Y_0 Real) (declare-const Y_1 Real)
(assert (<= X_0 {high})) (assert (>= X_0 0)) (assert (<= X_1 1)) (assert (>= X_1 0.8))
(assert (>= Y_1 Y_0))
"""


def _run(folder: Path, task: str, *more: str, data: str = "rows.csv") -> int:
    classes = ("--classes", "yes,no") if data == "rows.csv" else ()
    return command.main([task, str(folder / "net.npz"), str(folder / data), *classes, *more])


def _rows(folder: Path, task: str, *more: str) -> list[dict[str, str]]:
    assert _run(folder, task, *more, "--out", str(folder / "out.csv")) == 0
    with (folder / "out.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_within_a_time_each_row_says_what_decided_it(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Against Linf 0.2: proved, turned by a point, proved, wrong as it is."""
    rows = _rows(folder, "certify", "--radius", "0.2", "--seconds", "60")
    assert [row["by"] for row in rows] == ["best", "attack", "best", "clean"]
    assert [row["certified"] for row in rows] == ["true", "false"] * 2
    assert [row["radius"] for row in rows] == ["0.2", ""] * 2
    assert re.search(r"by best +2\n", capsys.readouterr().out)
    rows = _rows(folder, "certify", "--radius", "0.2", "--seconds", "60", "--method", "exact")
    assert [row["by"] for row in rows] == ["exact", "attack", "exact", "clean"]
    rows = _rows(folder, "certify", "--features", str(folder / "radii.toml"), "--seconds", "60")
    assert [row["radius"] for row in rows] == ["1.0", ""] * 2  # the radii of the file are 1
    plain = _rows(folder, "certify", "--radius", "0.2", "--method", "crown")
    assert [row["by"] for row in plain] == ["crown", ""] * 2


def test_a_time_that_is_over_proves_nothing(folder: Path) -> None:
    rows = _rows(folder, "certify", "--radius", "0.2", "--seconds", "1e-9")
    assert [row["by"] for row in rows] == ["", "", "", "clean"]
    assert {row["certified"] for row in rows} == {"false"}


def test_the_worst_inputs_of_what_is_not_proved_are_written(folder: Path) -> None:
    for more in ((), ("--seconds", "60")):
        rows = _rows(folder, "certify", "--radius", "0.2", "--worst", *more)
        assert [row["withstands"] for row in rows] == ["true", "false"] * 2
        for row in (rows[0], rows[2]):
            assert row["worst age"] == row["worst income"] == ""
        turned = [float(rows[1][f"worst {name}"]) for name in ("age", "income")]
        assert turned[1] < turned[0]
        assert max(abs(turned[0] - 0), abs(turned[1] - 0.3)) <= 0.2 + 1e-6
        assert float(rows[3]["worst income"]) == 3.0  # wrong as it is


def test_steps_are_those_of_the_attack(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    taken = []
    for name in ("apgd", "strongest"):
        attack = getattr(attacks, name)

        def counted(*args, steps, attack=attack, **options):
            taken.append(steps)
            return attack(*args, steps=steps, **options)

        monkeypatch.setattr(attacks, name, counted)
    _rows(folder, "certify", "--radius", "0.2", "--seconds", "60", "--worst", "--steps", "7")
    _rows(folder, "attack", "--radius", "0.2", "--steps", "7")
    assert len(taken) == 3
    assert set(taken) == {7}


def test_an_attack_says_its_radius_and_has_a_picture(folder: Path) -> None:
    report = ("--report", str(folder / "report.html"))
    rows = _rows(folder, "attack", "--radius", "0.2", *report)
    assert {row["radius"] for row in rows} == {"0.2"}
    text = (folder / "report.html").read_text(encoding="utf-8")
    assert "<svg" in text
    for part in ("withstand the attack: 2 of 4", "and turned: 1 of 4", "wrong as they are: 1 of 4"):
        assert part in text
    widths = [float(w) for w in re.findall(r'width="([\d.]+)" height="28"', text)]
    assert sum(widths) == pytest.approx(544, abs=0.5)
    _rows(folder, "certify", "--radius", "0.2", "--worst", *report)
    text = (folder / "report.html").read_text(encoding="utf-8")
    assert text.count("<svg") == 2
    for part in ("proved: 2 of 4", "right, and open: 0 of 4", "right, and turned: 1 of 4"):
        assert part in text


@pytest.mark.parametrize(
    ("task", "data", "more", "sentence"),
    [
        ("attack", "rows.csv", ("--method", "crown"), "proves nothing.* leave --method away"),
        ("attack", "rows.csv", ("--method", "nonsense"), "leave --method away"),
        ("attack", "rows.csv", ("--seconds", "1"), "leave --seconds away"),
        ("attack", "rows.csv", ("--worst",), "leave --worst away"),
        ("certify", "rows.csv", ("--method", "nonsense"), "must be one of .*'nonsense'"),
        ("certify", "rows.csv", ("--method", "arub"), "arub is an estimate"),
        ("certify", "rows.csv", ("--steps", "5"), "--worst or --seconds alone; leave --steps"),
        ("certify", "rows.csv", ("--seconds", "0"), "--seconds must be positive"),
        ("certify", "rows.csv", ("--seconds", "nan"), "--seconds must be positive"),
        ("certify", "rows.csv", ("--seconds", "9", "--method", "rub"), "--method rub is not for"),
        ("certify", "rows.csv", ("--worst", "--steps", "0"), "--steps must be at least 1"),
        ("certify", "rows.csv", ("--require", "50"), "--require is a share"),
        (
            "certify",
            "rows.csv",
            ("--ball", "l7"),
            "--ball: .*'l7' .*l2.*; see robustcore certify -",
        ),
        ("attack", "rows.csv", ("--ball", "l7"), "--ball: invalid choice: 'l7'"),
        ("certify", "rows.csv", ("--radius", "much"), "--radius: invalid float value: 'much'"),
        ("certify", "rows.csv", ("--nonsense",), "unrecognized arguments: --nonsense"),
        ("nonsense", "rows.csv", (), "invalid choice: 'nonsense'"),
        ("certify", "rows.csv", ("--radius", "-1"), "--radius must be a finite number"),
        ("certify", "rows.csv", ("--shape", "1,3"), "--shape 1,3 is 3 values, .* has 2"),
        ("certify", "rows.csv", ("--classes", "yes,yes"), "names a label twice"),
        ("certify", "rows.csv", ("--classes", "yes,no,other"), "names 3 labels .* tells 2 apart"),
        ("certify", "p.vnnlib", ("--ball", "l2"), "boxes of its own; --ball asks for --radius too"),
        ("certify", "p.vnnlib", ("--features", "radii.toml"), "leave --features away"),
        ("certify", "p.vnnlib", ("--box", "0", "1"), "leave --box away"),
        ("certify", "p.vnnlib", ("--label", "age"), "leave --label away"),
        ("certify", "p.vnnlib", ("--classes", "a,b"), "leave --classes away"),
        ("certify", "p.vnnlib", ("--report", "page.html"), "leave --report away"),
        ("certify", "p.vnnlib", ("--steps", "9"), "leave --steps away"),
        ("certify", "p.vnnlib", ("--worst",), "leave --worst away"),
        ("certify", "p.vnnlib", ("--method", "rub"), "--method rub is not for"),
        ("certify", "p.vnnlib", ("--shape", "3"), "--shape 3 is 3 values, .* has 2"),
        ("attack", "p.vnnlib", (), "use robustcore certify"),
        ("certify", "none.csv", (), "there is no file .*none.csv"),
        ("certify", "rows.csv", ("--features", "none.toml"), "there is no file none.toml"),
        ("certify", "rows.csv", ("--out", "."), "is a folder"),
    ],
)
def test_what_a_call_cannot_use_is_refused_before_it_runs(
    folder: Path,
    task: str,
    data: str,
    more: tuple[str, ...],
    sentence: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (folder / "p.vnnlib").write_text(PROPERTY.format(high=0.2), encoding="utf-8")
    for name in ("certified", "certified_radius", "certify_within"):
        monkeypatch.setattr(evaluation, name, None)
    monkeypatch.setattr(attacks, "strongest", None)
    given = () if data == "p.vnnlib" or "--radius" in more else ("--radius", "0.2")
    assert _run(folder, task, *given, *more, data=data) == 2
    said = capsys.readouterr().err
    assert re.search(sentence, said), said
    assert said.startswith("robustcore: ")
    assert len(said.strip().splitlines()) == 1


def test_a_refuted_property_ends_with_one(folder: Path) -> None:
    """x_1 >= 0.8 stays above x_0 <= 0.2, and not above x_0 <= 0.9."""
    given: dict[str, str] = {"data": "p.vnnlib"}
    for high, ends in ((0.2, 0), (0.9, 1)):
        (folder / "p.vnnlib").write_text(PROPERTY.format(high=high), encoding="utf-8")
        assert _run(folder, "certify", **given) == ends
        assert _run(folder, "certify", "--shape", "2", **given) == ends
    assert _run(folder, "certify", "--require", "1", **given) == 1
    assert _run(folder, "certify", "--require", "0", **given) == 0  # what is asked for is asked for


@pytest.mark.parametrize(
    ("norm", "radius", "ends"), [("linf", 0.2, 0), ("linf", 0.3, 1), ("l1", 0.4, 0), ("l1", 0.5, 1)]
)
def test_a_property_is_asked_about_a_ball_in_place_of_its_boxes(
    folder: Path, norm: str, radius: float, ends: int
) -> None:
    """The middle (0.45, 0.9) lies .45 from the decision in L1, half of it in Linf."""
    (folder / "p.vnnlib").write_text(PROPERTY.format(high=0.9), encoding="utf-8")
    more = ("--radius", str(radius), *(() if norm == "linf" else ("--ball", norm)))
    assert _run(folder, "certify", *more, data="p.vnnlib") == ends


def test_rows_are_images_in_the_shape_that_is_given(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    torch.manual_seed(0)
    net = nn.Sequential(
        *(nn.Conv2d(1, 2, 2), nn.ReLU(), nn.Flatten(), nn.Linear(18, 2)),
    )
    networks.save(net, folder / "net.npz")
    x = torch.rand(5, 16)
    names = [f"p{i}" for i in range(16)]
    y = net(x.view(5, 1, 4, 4)).argmax(1)
    with (folder / "rows.csv").open("w", newline="", encoding="utf-8") as file:
        lines = [[*map(repr, row.tolist()), int(k)] for row, k in zip(x, y, strict=True)]
        csv.writer(file).writerows([[*names, "label"], *lines])
    (folder / "radii.toml").write_text('[radii]\n"*" = 0.1\np3 = 0\n', encoding="utf-8")
    given = [str(folder / "net.npz"), str(folder / "rows.csv"), "--box", "0", "1"]
    out = ("--out", str(folder / "out.csv"))
    for task in ("certify", "attack"):
        assert command.main([task, *given, "--radius", "0.1"]) == 2
        assert "if it takes images, give their --shape" in capsys.readouterr().err
        assert command.main([task, *given, "--radius", "0.1", "--shape", "1,4,5"]) == 2
        assert "--shape 1,4,5 is 20 values, and a sample of" in capsys.readouterr().err
        worst = ("--worst",) if task == "certify" else ()
        ranges = ("--features", str(folder / "radii.toml"))
        assert command.main([task, *given, *ranges, "--shape", "1,4,4", *worst, *out]) == 0
        with (folder / "out.csv").open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        assert [name for name in rows[0] if name.startswith("worst ")] == [
            f"worst {name}" for name in names
        ]
        for row, clean in zip(rows, x, strict=True):
            found = [float(row[f"worst {name}"] or clean[i]) for i, name in enumerate(names)]
            moved = torch.tensor(found) - clean
            assert moved.abs().max() <= 0.1 + 1e-6
            assert abs(moved[3]) <= 1e-7
    assert command.main(["certify", *given[:2], "--shape", "1,4,4", "--radius", "0.02", *out]) == 0
    with (folder / "out.csv").open(newline="", encoding="utf-8") as file:
        said = [row["certified"] == "true" for row in csv.DictReader(file)]
    wanted = evaluation.certified(net, x.view(5, 1, 4, 4), y, LpBall(float("inf"), 0.02))
    assert said == wanted.tolist()
    assert command.main(["certify", *given, "--shape", "a,b"]) == 2
    assert "sizes as in 1,28,28 are wanted" in capsys.readouterr().err


def test_a_network_that_is_not_there_is_one_sentence(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "net.npz").unlink()
    assert _run(folder, "certify", "--radius", "1") == 2
    assert "there is no file" in (said := capsys.readouterr().err)
    assert "Errno" not in said


@pytest.mark.parametrize("there", [True, False], ids=["tqdm", "no tqdm"])
def test_a_terminal_shows_how_far_it_is(
    folder: Path,
    there: bool,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    if not there:
        monkeypatch.setitem(sys.modules, "tqdm", None)
    monkeypatch.setattr(progress, "_LINE", 0.0)
    monkeypatch.setattr(progress, "_BAR", 0.0)
    timed = ("--radius", "0.2", "--seconds", "60")
    _rows(folder, "certify", *timed)
    assert capsys.readouterr().err == ""  # no terminal
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    rows = _rows(folder, "certify", *timed)
    assert [row["by"] for row in rows] == ["best", "attack", "best", "clean"]
    said = capsys.readouterr().err
    if there:
        assert re.search(r"decide: +25%.* 1/4 rows, (60|59) s left", said)
    else:  # one is wrong as it is, and two are proved before the attack, the first alone
        told = [line.split(",")[0] for line in said.splitlines()]
        assert told == [f"decide: {n} of 4 rows" for n in (1, 2, 3)]
        assert re.fullmatch("decide: 1 of 4 rows, (60|59) s left", said.splitlines()[0])
    (folder / "p.vnnlib").write_text(PROPERTY.format(high=0.2), encoding="utf-8")
    assert _run(folder, "certify", data="p.vnnlib") == 0
    assert re.search("0/1 boxes" if there else "0 of 1 boxes", capsys.readouterr().err)
    lines = ["age,income,outcome", *(260 * ["0,1,yes"])]
    (folder / "rows.csv").write_text("\n".join(lines), encoding="utf-8")
    for task in ("certify", "attack"):
        _rows(folder, task, "--radius", "0.2")
        assert re.search(f"{task}.* (0/|0 of )260", capsys.readouterr().err)


def test_lines_are_some_seconds_apart(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "tqdm", None)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    now = iter([100.0, 102.0, 106.0])
    monkeypatch.setattr(progress, "time", SimpleNamespace(monotonic=lambda: next(now)))
    with progress.shown("certify", 9) as show:
        for done in (0, 3, 6):
            show(done, 0.0)
    assert capsys.readouterr().err == "certify: 0 of 9 rows\ncertify: 6 of 9 rows\n"


def test_without_tqdm_there_is_no_bar_and_no_failure(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = ["age,income,outcome", *(260 * ["0,1,yes"])]
    (folder / "rows.csv").write_text("\n".join(lines), encoding="utf-8")
    with_bar = _rows(folder, "certify", "--radius", "0.2", "--worst")
    monkeypatch.setitem(sys.modules, "tqdm", None)
    assert _rows(folder, "certify", "--radius", "0.2", "--worst") == with_bar
    assert len(with_bar) == 260
