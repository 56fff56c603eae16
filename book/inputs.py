"""What a notebook is made from: the modules that it imports, what those import, and its records.

Read from the sources, nothing is imported. `import robustcore as rc` alone is not the whole
library: its rooms are opened when they are named, so `rc.bounds` counts where it stands.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

PACKAGES = ("robustcore", "studies")
_CELL = re.compile(r"^```\{code-cell\}[^\n]*\n(.*?)^```$", flags=re.MULTILINE | re.DOTALL)
_OPTIONS = re.compile(r"\A(?:---\n.*?^---\n|(?::[^\n]*\n)*)", flags=re.MULTILINE | re.DOTALL)


@cache
def inputs(notebook: str, root: Path = Path()) -> list[str]:
    """Every file whose change changes the executed notebook, relative to the root, sorted.

    Files that are no modules (data sets of the package) belong to the package that they lie in.
    """
    tree = ast.parse(code(root / notebook))
    modules = closure(_imported(tree, "", root), root)
    files = {path for module in modules for path in _files(module, root)}
    files |= set(_records(tree, root / "results"))
    return sorted(path.relative_to(root).as_posix() for path in files)


def code(notebook: Path) -> str:
    """The code cells of a MyST text, one after the other."""
    text = notebook.read_text(encoding="utf-8")
    return "\n".join(_OPTIONS.sub("", cell) for cell in _CELL.findall(text))


def closure(modules: set[str], root: Path) -> set[str]:
    """The modules and all that they import, packages around them included."""
    known: set[str] = set()
    waiting = set(modules)
    while waiting:
        module = waiting.pop()
        known.add(module)
        waiting |= _imports(module, root) - known
    return known


@cache
def _imports(module: str, root: Path) -> frozenset[str]:
    path = _path(module, root)
    assert path is not None
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return frozenset(_imported(tree, package, root))


def _imported(tree: ast.Module, package: str, root: Path) -> set[str]:
    """Our own modules that a source names: in imports, and as rooms of an imported package."""
    names: dict[str, str] = {}  # a name in the source -> the dotted name that it stands for
    found: set[str] = set()
    for node in _running(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                names[alias.asname or alias.name.split(".")[0]] = (
                    alias.name if alias.asname else alias.name.split(".")[0]
                )
                found |= _modules(alias.name, root)
        elif isinstance(node, ast.ImportFrom):
            parts = package.split(".")[: len(package.split(".")) - node.level + 1]
            base = ".".join([*(parts if node.level else []), *filter(None, [node.module])])
            for alias in node.names:
                names[alias.asname or alias.name] = f"{base}.{alias.name}"
                found |= _modules(f"{base}.{alias.name}", root)
        elif isinstance(node, ast.Attribute):
            first, *rest = ast.unparse(node).split(".")
            if first in names:
                found |= _modules(".".join([names[first], *rest]), root)
    return found


def _running(tree: ast.Module) -> Iterator[ast.AST]:
    """Every node, imports first, without those that only a type checker reads."""
    nodes: list[ast.AST] = []
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        if not (isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")):
            nodes.append(node)
            waiting += ast.iter_child_nodes(node)
    yield from sorted(nodes, key=lambda n: not isinstance(n, ast.Import | ast.ImportFrom))


def _modules(dotted: str, root: Path) -> set[str]:
    """The modules of ours along a dotted name; what follows the last one is an object in it."""
    parts = dotted.split(".")
    if parts[0] not in PACKAGES:
        return set()
    along = [".".join(parts[:depth]) for depth in range(1, len(parts) + 1)]
    return {module for module in along if _path(module, root)}


@cache
def _path(module: str, root: Path) -> Path | None:
    stem = root.joinpath(*module.split("."))
    candidates = (stem / "__init__.py", stem.with_suffix(".py"))
    return next((path for path in candidates if path.is_file()), None)


def _files(module: str, root: Path) -> Iterator[Path]:
    path = _path(module, root)
    assert path is not None
    yield path
    if path.name == "__init__.py" and "." in module:
        for other in path.parent.rglob("*"):
            if other.is_file() and other.suffix not in (".py", ".pyc", ".typed"):
                yield other


def _records(tree: ast.Module, results: Path) -> Iterator[Path]:
    """The records that a notebook loads by name; by the fixed beginning of a composed name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("records.load"):
            name = node.args[0]
            if isinstance(name, ast.Constant):
                yield results / f"{name.value}.json"
                continue
            first = name.values[0] if isinstance(name, ast.JoinedStr) else None
            prefix = first.value if isinstance(first, ast.Constant) else ""
            yield from results.glob(f"{prefix}*.json")
