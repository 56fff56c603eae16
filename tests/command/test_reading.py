"""A file that the command cannot read says where and what to do, in one sentence."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from robustcore import command


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a,b,c\n1,2,yes\n", "the label 'yes', .* with --classes, .*--label"),
        ("a,b,c\n1,2,0.5\n", "the label '0.5', which is no number of a class"),
        ("a,b,c\n1,2,nan\n", "the label 'nan', which is no number of a class"),
        ("a,b,c\n1,2,1e30\n", "the label '1e30', which is no number of a class"),
        ("a,b,c\n1,inf,1\n", "line 2 of .* has 'inf' where a number is wanted"),
        ("a,b,c\n1,2,\xe9\n", "is no CSV file in UTF-8"),
    ],
)
def test_rows_that_are_not_read_say_what_to_do(
    folder: Path,
    text: str,
    sentence: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (folder / "data.csv").write_bytes(text.encode("latin-1"))
    given = [str(folder / "net.npz"), str(folder / "data.csv"), "--radius", "1"]
    assert command.main(["certify", *given]) == 2
    said = capsys.readouterr().err
    assert re.search(sentence, said), said
    assert len(said.strip().splitlines()) == 1
