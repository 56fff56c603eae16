"""The command from a shell's side: what it prints, writes, and how it ends."""

from __future__ import annotations

import csv
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from robustcore import command, evaluation, networks
from robustcore.balls import LpBall, Radii, Sum, Swaps
from robustcore.networks import ReLUNetwork

_RADII = '[radii]\n"*" = 0\n'


def _run(folder: Path, task: str, *more: str) -> int:
    given = [str(folder / "net.npz"), str(folder / "rows.csv"), "--classes", "yes,no"]
    return command.main([task, *given, *more])


def _written(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_rows_are_proved_up_to_their_distance(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Against Linf 0.2 the row at distance 0.15 falls; what is wrong is never proved."""
    assert _run(folder, "certify", "--radius", "0.2", "--out", str(folder / "out.csv")) == 0
    rows = _written(folder / "out.csv")
    assert [row["certified"] for row in rows] == ["true", "false", "true", "false"]
    assert [row["label"] for row in rows] == ["yes", "yes", "no", "no"]
    assert [row["right"] for row in rows] == ["true", "true", "true", "false"]
    radii = [float(row["radius"]) for row in rows]
    assert radii[0] == radii[2] == 0.2
    assert 0.15 - 0.2 / 64 <= radii[1] <= 0.15
    assert radii[3] == 0
    said = capsys.readouterr().out
    assert "50.0%" in said
    assert "LpBall(inf, 0.2)" in said


def test_an_attack_finds_the_row_that_falls_inside_the_ball(folder: Path) -> None:
    assert _run(folder, "attack", "--radius", "0.2", "--out", str(folder / "out.csv")) == 0
    rows = _written(folder / "out.csv")
    assert [row["withstands"] for row in rows] == ["true", "false", "true", "false"]
    worst = np.array([[float(row["worst age"]), float(row["worst income"])] for row in rows])
    assert (np.abs(worst[1] - [0.0, 0.3]) <= 0.2 + 1e-6).all()
    assert worst[1, 1] < worst[1, 0]


def test_a_feature_of_radius_zero_does_not_move(folder: Path) -> None:
    """Only age moves, by 0.5: rows at distance 1, 0.3 and 2 in that direction."""
    ranges = ("--features", str(folder / "radii.toml"), "--out", str(folder / "out.csv"))
    assert _run(folder, "certify", *ranges) == 0
    assert [r["certified"] for r in _written(folder / "out.csv")] == ["true", "false"] * 2
    assert _run(folder, "certify", *ranges, "--radius", "0.5") == 0
    assert [r["certified"] for r in _written(folder / "out.csv")] == ["true"] * 3 + ["false"]
    assert _run(folder, "attack", *ranges, "--ball", "l1") == 0
    found = _written(folder / "out.csv")
    incomes = [float(row["worst income"]) for row in found]
    assert incomes == pytest.approx([1.0, 0.3, 0.0, 3.0], abs=1e-6)


def test_it_ends_with_one_where_too_few_stand(folder: Path) -> None:
    assert _run(folder, "certify", "--radius", "0.2", "--require", "0.5") == 0
    assert _run(folder, "certify", "--radius", "0.2", "--require", "0.6") == 1


def test_the_answers_are_the_librarys(folder: Path) -> None:
    net = networks.load(folder / "net.npz")
    x = torch.tensor([[0.0, 1.0], [0.0, 0.3], [2.0, 0.0], [0.0, 3.0]])
    y = torch.tensor([0, 0, 1, 1])
    for more, ball in (
        (("--ball", "l1", "--radius", "0.4"), LpBall(1, 0.4)),
        (("--features", str(folder / "radii.toml")), Radii(float("inf"), torch.tensor([0.5, 0.0]))),
    ):
        _run(folder, "certify", *more, "--out", str(folder / "out.csv"))
        wanted = evaluation.certified(net, x, y, ball).tolist()
        assert [r["certified"] == "true" for r in _written(folder / "out.csv")] == wanted


def test_the_report_stands_alone(folder: Path) -> None:
    _run(folder, "certify", "--radius", "0.2", "--report", str(folder / "report.html"))
    text = (folder / "report.html").read_text(encoding="utf-8")
    assert "<svg" in text
    assert "http" not in text
    assert text.count("<tr>") >= 4 + 5
    _run(folder, "attack", "--radius", "0.2", "--report", str(folder / "report.html"))
    assert "not proved to stand" in (folder / "report.html").read_text(encoding="utf-8")


def test_categories_are_swapped_beside_numbers_that_move(folder: Path) -> None:
    """Owning speaks for yes by 1.5, renting by 1, age for no."""
    W = torch.tensor([[0.0, 1.5, 1.0], [1.0, 0.0, 0.0]])
    net = ReLUNetwork.from_arrays([(W, torch.zeros(2)), (torch.eye(2), torch.zeros(2))])
    networks.save(net, folder / "net.npz")
    lines = ["age,own,rent,outcome", "0.2,1,0,yes", "0.9,1,0,yes", "3,0,1,no", "1.2,0,1,no"]
    (folder / "rows.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    text = '[radii]\nage = 0.5\n[categories]\nhome = ["own", "rent"]\n'
    (folder / "radii.toml").write_text(text, encoding="utf-8")
    x = torch.tensor([[0.2, 1, 0], [0.9, 1, 0], [3, 0, 1], [1.2, 0, 1]])
    y = torch.tensor([0, 0, 1, 1])
    there = Sum([Radii(float("inf"), [0.5, 0, 0]), Swaps([[1, 2]])])
    for more, scale in ((), 1.0), (("--radius", "0.2"), 0.2):
        out = ("--features", str(folder / "radii.toml"), "--out", str(folder / "out.csv"), *more)
        assert _run(folder, "certify", *out) == 0
        found = [row["certified"] == "true" for row in _written(folder / "out.csv")]
        assert scale < 1 or found == [True, False, True, False]
        assert found == evaluation.certified(net, x, y, there.with_radius(scale)).tolist()


@pytest.mark.parametrize("box", [(), ("--box", "-5", "5")])
def test_a_row_turns_at_a_whole_number_alone(folder: Path, box: tuple[str, ...]) -> None:
    """|age - .5| exceeds .4 at every whole age, and not between 0 and 1."""
    first = torch.tensor([[1.0, 0.0], [-1.0, 0.0]]), torch.tensor([-0.5, 0.5])
    last = torch.tensor([[1.0, 1.0], [0.0, 0.0]]), torch.tensor([0.0, 0.4])
    networks.save(ReLUNetwork.from_arrays([first, last]), folder / "net.npz")
    text = "age,income,outcome\n0,3,yes\n1,3,yes\n"
    (folder / "rows.csv").write_text(text, encoding="utf-8")
    given = ("--features", str(folder / "radii.toml"), "--out", str(folder / "out.csv"), *box)
    radii = "[radii]\nage = 1\nincome = 0.5\n"
    for whole, stands in ("", "false"), ('whole = ["age"]\n', "true"):
        (folder / "radii.toml").write_text(whole + radii, encoding="utf-8")
        assert _run(folder, "attack", *given) == 0
        assert [row["withstands"] for row in _written(folder / "out.csv")] == [stands, stands]
    assert {float(row["worst age"]) for row in _written(folder / "out.csv")} <= {-1, 0, 1, 2}
    assert _run(folder, "certify", *given) == 0
    assert [row["certified"] for row in _written(folder / "out.csv")] == ["false", "false"]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"rows.csv": "age,income,outcome\n"}, "has no rows under its head"),
        ({"rows.csv": "age,income,outcome\n1,x,yes\n"}, "line 2 of .* has 'x' where a number"),
        ({"rows.csv": "age,income,outcome\n1,2\n"}, "line 2 of .* has 2 cells, not 3"),
        ({"rows.csv": "age,income,outcome\n1,2,maybe\n"}, "the label 'maybe', none of --classes"),
        ({"rows.csv": "age,income,size,outcome\n1,2,3,yes\n"}, "does not take|takes 2 inputs"),
        ({"radii.toml": "[radii]\nage = 1\n"}, "lacks income"),
        ({"radii.toml": "[radii]\nweight = 1\n"}, "names weight, no feature"),
        ({"radii.toml": "[radii\n"}, "is no TOML"),
        ({"radii.toml": '[radii]\nage = "1"\nincome = 1\n'}, "the radius of age"),
        ({"radii.toml": "[categories]\nkind = ['age', 'income']\n"}, "needs a table .radii."),
        ({"radii.toml": _RADII + "[categories]\nkind = ['age', 'x']\n"}, "kind in .* its one-hot"),
        ({"radii.toml": "whole = 'age'\n" + _RADII}, "whole in .* must be a list of features"),
        ({"radii.toml": _RADII + "[categories]\nkind = 'age'\n"}, "kind in .* a list of features"),
        ({"radii.toml": "categories = 1\n" + _RADII}, "categories. in .* must be a list"),
        ({"radii.toml": _RADII + "[categories]\nkind = ['income']\n"}, "must be one-hot"),
        ({"radii.toml": "ranges = 1\n" + _RADII}, "ranges. in .* must be a table, as in age"),
        ({"radii.toml": _RADII + "[ranges]\nage = [1]\n"}, "the range of age in .* got .1."),
        ({"radii.toml": _RADII + "[ranges]\nage = [2, 1]\n"}, "with low < high, got .2, 1."),
        ({"radii.toml": _RADII + "[ranges]\nage = [nan, 1]\n"}, "with low < high, got .nan"),
        ({"radii.toml": _RADII + "[ranges]\nage = ['a', 1]\n"}, "must be .low, high."),
        ({"radii.toml": _RADII + "[ranges]\nage = 3\n"}, "must be .low, high. .* got 3"),
        ({"radii.toml": _RADII + "[ranges]\nweight = [0, 1]\n"}, "names weight, no feature"),
        ({"radii.toml": _RADII + "[ranges]\nage = [0, 1]\n"}, "row 3 has age = 2, outside of its"),
        ({"net.npz": "broken"}, "is damaged"),
    ],
)
def test_bad_input_is_one_sentence_and_two(
    folder: Path, change: dict[str, str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, text in change.items():
        (folder / name).write_text(text, encoding="utf-8")
    assert _run(folder, "certify", "--features", str(folder / "radii.toml")) == 2
    said = capsys.readouterr().err
    assert said.startswith("robustcore: ")
    assert len(said.strip().splitlines()) == 1
    assert re.search(sentence, said), said


def test_a_network_of_another_kind_is_refused(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "net.pt").write_bytes(b"")
    given = [str(folder / "net.pt"), str(folder / "rows.csv"), "--radius", "1"]
    assert command.main(["certify", *given, "--classes", "yes,no"]) == 2
    assert "is neither .onnx nor .npz" in capsys.readouterr().err


def test_what_it_would_write_is_looked_at_first(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run(folder, "certify", "--radius", "1", "--out", str(folder / "no" / "out.csv")) == 2
    assert "there is no folder" in capsys.readouterr().err
    assert _run(folder, "certify") == 2
    assert "give --radius" in capsys.readouterr().err


def test_help_reads_well_from_a_shell(root: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "robustcore.command", "certify", "--help"],
        capture_output=True,
        text=True,
        cwd=root,
    )
    assert done.returncode == 0, done.stderr
    assert "[radii]" in done.stdout
    assert "--require" in done.stdout


def test_what_the_box_holds_is_proved_with_the_box(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Yes where x_0 > -0.1, as all of the box says: the ball of 0.3 around 0.05 does not."""
    W, b = torch.tensor([[1.0, 0.0], [-1.0, 0.0]]), torch.tensor([0.1, -0.1])
    net = ReLUNetwork.from_arrays([(W, b), (torch.eye(2), torch.zeros(2))])
    networks.save(net, folder / "net.npz")
    (folder / "rows.csv").write_text("age,income,outcome\n0.05,0.5,yes\n", encoding="utf-8")
    (folder / "all.toml").write_text('[radii]\n"*" = 0.3\n', encoding="utf-8")
    some, every = ("--radius", "0.3"), ("--features", str(folder / "all.toml"))
    for given, box, ends in (
        (some, (), 1),
        (some, ("--box", "0", "1"), 0),
        (every, ("--box", "0", "1"), 0),
        (some, ("--box", "0", "1", "--method", "exact"), 0),
        (some, ("--box", "0", "1", "--method", "rub_any"), 0),
    ):
        assert _run(folder, "certify", *given, *box, "--require", "1") == ends
    said = capsys.readouterr().out
    assert "Cut(LpBall(inf, 0.3), (0, 1))" in said
    assert _run(folder, "attack", *every, "--box", "0", "1", "--require", "1") == 0
    assert _run(folder, "certify", *some, "--box", "0.1", "1") == 2
    assert "x must lie in the range of Cut" in capsys.readouterr().err


_RANGED = '[radii]\n"*" = 0.3\n[ranges]\n'


@pytest.mark.parametrize(
    ("ranges", "more", "ends"),
    [
        ("age = [0, 1]", (), 0),
        ("age = [0, inf]", (), 0),
        ("age = [0.0, 120]", ("--method", "crown"), 0),
        ("age = [-1, 1]", (), 1),
        ("age = [-inf, 1]", (), 1),
        ("income = [0, 1]", (), 1),
        ('"*" = [0, 1]', (), 0),
        ("income = [0, 1]", ("--box", "0", "2"), 0),  # the box for what is not named
        ("age = [-1, 1]", ("--box", "0", "2"), 1),
        ("age = [0, inf]", ("--radius", "30"), 0),
        ("age = [-0.2, inf]", ("--radius", "30"), 1),
        ("age = [0, inf]", ("--ball", "l1", "--seconds", "60"), 0),
    ],
)
def test_a_feature_has_a_range_of_its_own(
    folder: Path, ranges: str, more: tuple[str, ...], ends: int
) -> None:
    """Yes where x_0 > -0.1: ages of 0 or more are all of them, and a ball of 0.3 is not."""
    W, b = torch.tensor([[1.0, 0.0], [-1.0, 0.0]]), torch.tensor([0.1, -0.1])
    net = ReLUNetwork.from_arrays([(W, b), (torch.eye(2), torch.zeros(2))])
    networks.save(net, folder / "net.npz")
    (folder / "rows.csv").write_text("age,income,outcome\n0.05,0.5,yes\n", encoding="utf-8")
    (folder / "all.toml").write_text(_RANGED + ranges, encoding="utf-8")
    given = ("--features", str(folder / "all.toml"), "--require", "1", *more)
    assert _run(folder, "certify", *given) == ends
    if "--method" not in more and "--seconds" not in more:
        out = ("--out", str(folder / "out.csv"))
        assert _run(folder, "attack", *given, *out) == ends
        worst = float(_written(folder / "out.csv")[0]["worst age"])
        assert (worst < -0.1) == ends
        assert worst >= (-0.2 - 1e-7 if "-0.2" in ranges else -9 if ends else 0)


def test_open_ranges_cut_nothing_and_no_row_proved_in_them_is_turned(folder: Path) -> None:
    """Random search in the set that the file says, at radii on both sides of 1."""
    rng, names = np.random.default_rng(0), [f"x{i}" for i in range(4)]
    units = np.array([1.0, 1e3, 1e-2, 1.0])
    net = ReLUNetwork((4, 12, 3), torch.Generator().manual_seed(0), dtype=torch.float64)
    with torch.no_grad():
        net.layers[0].weight /= torch.tensor(units)
    networks.save(net, folder / "net.npz")
    X = rng.normal(size=(80, 4)) * units
    X[:, 3] = np.abs(X[:, 3])
    y = net(torch.tensor(X)).argmax(1).numpy()
    with (folder / "rows.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(
            [[*names, "y"], *([*map(repr, row.tolist()), k] for row, k in zip(X, y, strict=True))]
        )
    radii = 0.05 * units
    text = "[radii]\n" + "".join(
        f"{n} = {r!r}\n" for n, r in zip(names, radii.tolist(), strict=True)
    )
    (folder / "open.toml").write_text(text, encoding="utf-8")
    ranged = text + "[ranges]\nx1 = [-inf, inf]\nx2 = [-1e300, 1]\nx3 = [0, inf]\n"
    (folder / "ranged.toml").write_text(ranged, encoding="utf-8")
    (folder / "infinite.toml").write_text(text + '[ranges]\n"*" = [-inf, inf]\n', encoding="utf-8")
    given = [str(folder / "net.npz"), str(folder / "rows.csv"), "--out", str(folder / "out.csv")]
    for times in (0.5, 1.0, 4.0):
        found = {}
        for name in ("open", "infinite", "ranged"):
            features = ("--features", str(folder / f"{name}.toml"), "--radius", str(times))
            assert command.main(["certify", *given, "--method", "crown", *features]) == 0
            found[name] = np.array([r["certified"] == "true" for r in _written(folder / "out.csv")])
        assert (found["open"] == found["infinite"]).all()
        assert 0 < found["ranged"].sum() < 80
        for _ in range(200):
            moved = X + times * radii * rng.choice([-1.0, 1.0, 0.5], size=X.shape)
            moved[:, 3] = np.maximum(moved[:, 3], 0)
            turned = net(torch.tensor(moved)).argmax(1).numpy() != y
            assert not (turned & found["ranged"]).any()


def test_a_property_is_answered_box_by_box(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Yes is output 0, where x_1 > x_0: one box inside, one that a corner leaves, one outside."""
    boxes = [((0.0, 0.2), (0.8, 1.0)), ((0.0, 0.5), (0.4, 1.0)), ((0.9, 1.0), (0.0, 0.1))]
    ways = [
        f"(and (>= X_0 {a}) (<= X_0 {b}) (>= X_1 {c}) (<= X_1 {d}) (>= Y_1 Y_0))"
        for (a, b), (c, d) in boxes
    ]
    declared = [f"(declare-const {name} Real)" for name in ("X_0", "X_1", "Y_0", "Y_1")]
    text = "\n".join([*declared, f"(assert (or {' '.join(ways)}))"])
    (folder / "p.vnnlib").write_text(text, encoding="utf-8")
    given = ["certify", str(folder / "net.npz"), str(folder / "p.vnnlib")]
    assert command.main([*given, "--out", str(folder / "out.csv"), "--require", "0.3"]) == 0
    assert [row["verdict"] for row in _written(folder / "out.csv")] == ["holds", *2 * ["refuted"]]
    said = capsys.readouterr().out
    assert re.search(r"property +refuted", said)
    assert command.main([*given, "--method", "crown", "--require", "0.5"]) == 1
    for wrong, sentence in (
        ([*given, "--box", "0", "1"], "leave --box away"),
        (["attack", *given[1:]], "use robustcore certify"),
        ([*given, "--method", "arub"], "arub is an estimate"),
    ):
        assert command.main(wrong) == 2
        assert sentence in capsys.readouterr().err
    net = ReLUNetwork((2, 3), torch.Generator().manual_seed(0))
    networks.save(net, folder / "net.npz")
    assert command.main(given) == 2
    assert "is about 2 outputs" in capsys.readouterr().err
