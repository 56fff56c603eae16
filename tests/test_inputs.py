"""What a page is made from, read from the sources: enough of it, and not the whole library."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from book import inputs as module
from book.inputs import code, inputs

ROOT = Path(__file__).resolve().parents[1]
NAMES = sorted(path.stem for path in (ROOT / "notebooks").glob("*.md"))


def of(name: str) -> list[str]:
    return inputs(f"notebooks/{name}.md", ROOT)


@pytest.mark.parametrize("name", NAMES)
def test_every_input_is_there(name: str) -> None:
    found = of(name)
    assert found == sorted(set(found))
    assert [f for f in found if not (ROOT / f).is_file()] == []


def test_a_page_rests_on_what_it_imports_alone() -> None:
    """Convex training attacks nothing; conjugates need no bound and no solver."""
    assert not any("/attacks/" in f or "/bounds/" in f for f in of("a1_convex_training"))
    assert not any("/convex/" in f for f in of("b5_rub"))
    assert not any("/convex/" in f or "/bounds/" in f for f in of("b3_conjugates"))
    assert "robustcore/bounds/rub.py" in of("b5_rub")  # through rc.bounds and the package
    assert any(f.startswith("robustcore/datasets/samples/") for f in of("b5_rub"))
    assert "results/b5_rub.tightness.json" in of("b5_rub")
    assert "results/b7_speed.steps.json" not in of("b5_rub")


@pytest.mark.parametrize("name", ["a2_sampling", "a7_cifar", "b5_rub", "c1_certified_solver"])
def test_nothing_that_is_imported_is_missing(name: str) -> None:
    """Python itself, running the imports of the notebook, loads no module that is not listed."""
    tree = ast.parse(code(ROOT / "notebooks" / f"{name}.md"))
    lines = [ast.unparse(n) for n in tree.body if isinstance(n, ast.Import | ast.ImportFrom)]
    lines += [
        "import sys",
        f"ours = [m for n, m in sys.modules.items() if n.split('.')[0] in {module.PACKAGES}]",
        "print('\\n'.join(m.__file__ for m in ours))",
    ]
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(lines)], cwd=ROOT, capture_output=True, text=True
    )
    loaded = {str(Path(f).relative_to(ROOT)) for f in done.stdout.split()}
    assert len(loaded) > 10, done.stderr
    assert sorted(loaded - set(of(name))) == []


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("import robustcore as rc\nrc.one.f()", {"", "one"}),
        ("import robustcore\nrobustcore.one.f()", {"", "one"}),
        ("import robustcore.one as o", {"", "one"}),
        ("from robustcore import one", {"", "one"}),
        ("from robustcore.pack import f", {"", "pack", "pack.inner", "one"}),
        ("from robustcore import pack as p\np.inner.f()", {"", "pack", "pack.inner", "one"}),
        ("def f():\n    from robustcore import one", {"", "one"}),
        ("if TYPE_CHECKING:\n    from robustcore import one", set()),
        ("import numpy as np\nnp.one()", set()),
    ],
)
def test_imports_in_every_form(source: str, expected: set[str], tmp_path: Path) -> None:
    pack = tmp_path / "robustcore" / "pack"
    pack.mkdir(parents=True)
    (tmp_path / "robustcore" / "__init__.py").touch()
    (tmp_path / "robustcore" / "one.py").touch()
    (pack / "__init__.py").write_text("from .inner import f\n")
    (pack / "inner.py").write_text("from .. import one\nf = 1\n")
    found = module.closure(module._imported(ast.parse(source), "", tmp_path), tmp_path)
    assert found == {f"robustcore.{name}".rstrip(".") for name in expected}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("records.load('a.x')", ["a.x"]),
        ("{n: records.load(f'a.{n}').rows for n in names}", ["a.x", "a.y"]),
        ("records.load(name)", ["a.x", "a.y", "b.x"]),
        ("print('a.x')", []),
    ],
)
def test_records_by_name(source: str, expected: list[str], tmp_path: Path) -> None:
    for name in ("a.x", "a.y", "b.x"):
        (tmp_path / f"{name}.json").touch()
    found = sorted(path.stem for path in module._records(ast.parse(source), tmp_path))
    assert found == expected
