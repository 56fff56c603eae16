"""A digest of the code that makes a record: the study, and what it imports of this project.

Modules are followed through their imports; what a package only hands on counts for the module that
it comes from, and what only a type checker imports for none. Comments, docstrings, layout, the
names of files and what only draws pictures do not count, so that a digest changes when, and only
when, the code may do something else.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TypeGuard

from robustcore.errors import InputError
from robustcore.provenance import CHECKOUT

_ROOTS = ("robustcore", "studies")
_DRAWING = ("plots", "pictures")  # rooms and modules that make no rows
_IMPORTS = (ast.Import, ast.ImportFrom)
_DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef)
_LATER = ("type_params", "type_comment", "kind")  # fields that not every Python has


@cache
def digest(study: str, root: Path = CHECKOUT) -> str:
    """The first 16 digits of a SHA-256 over the syntax trees of a study and all that it imports.

    Source: own

    Parameters
    ----------
    study : str
        A module, for example `studies.b5_rub`.
    root : path
        The checkout that holds it.

    Raises
    ------
    InputError
        If there is no such module.
    """
    parts = sorted(_text(_file(module, root)) for module in modules(study, root))
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def code(study: str) -> dict[str, str] | None:
    """What a record keeps of the code that made it; None if no module of this checkout did.

    Source: own
    """
    known = _find(study, CHECKOUT) is not None
    return {"study": study, "digest": digest(study)} if known else None


def modules(study: str, root: Path = CHECKOUT) -> list[str]:
    """The modules of this project that a study runs, itself included, sorted.

    Source: own

    Raises
    ------
    InputError
        If there is no such module.
    """
    if _find(study, root) is None:
        raise InputError(f"no module {study!r} in this checkout.")
    found: set[str] = set()
    waiting = [study]
    while waiting:
        module = waiting.pop()
        if module in found or any(part in _DRAWING for part in module.split(".")):
            continue
        found.add(module)
        waiting += _reached(module, root)
    return sorted(found)


@cache
def _reached(module: str, root: Path) -> frozenset[str]:
    """The modules that define what a module imports."""
    return frozenset(_followed(module, root))


def _followed(module: str, root: Path) -> Iterator[str]:
    path = _file(module, root)
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    for node in _imports(path):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield from _used(path, alias.asname or alias.name, alias.name, root)
            continue
        source = _absolute(node, package)
        for alias in node.names:
            inner = f"{source}.{alias.name}"
            if _find(inner, root):
                yield from _used(path, alias.asname or alias.name, inner, root)
            elif _find(source, root):
                yield from _behind(source, alias.name, root)


def _used(path: Path, name: str, module: str, root: Path) -> Iterator[str]:
    """The modules behind `name.a`, `name.b.c`, ... of an imported module; itself if it is none."""
    if _find(module, root) is None:
        return
    for chain in _chains(path).get(name, {()}):
        place = module
        for attribute in chain:
            if _find(f"{place}.{attribute}", root) is None:
                yield from _behind(place, attribute, root)
                break
            place = f"{place}.{attribute}"
        else:
            yield place


def _behind(module: str, name: str, root: Path) -> Iterator[str]:
    """The module that defines a name which a module offers; of a package, the one behind it."""
    path = _file(module, root)
    if path.name == "__init__.py":
        for node in _offered(path):
            if isinstance(node, ast.ImportFrom):
                source = _absolute(node, module)
                for alias in node.names:
                    if (alias.asname or alias.name) == name:
                        inner = f"{source}.{alias.name}"
                        if _find(inner, root):
                            yield inner
                        elif _find(source, root):
                            yield from _behind(source, alias.name, root)
                        return
            elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Name):
                targets = [t.id for t in node.targets if isinstance(t, ast.Name)]
                if name in targets:
                    yield from _behind(module, node.value.id, root)
                    return
    yield module


def _offered(path: Path) -> Iterator[ast.stmt]:
    """What stands at the top of a package; what it tells a type checker it loads when asked."""
    for node in _tree(path).body:
        yield from node.body if _for_types(node) else [node]


def _for_types(node: ast.AST) -> TypeGuard[ast.If]:
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)


def _absolute(node: ast.ImportFrom, package: str) -> str:
    parts = package.split(".")
    base = parts[: len(parts) - node.level + 1] if node.level else []
    return ".".join([*base, *([node.module] if node.module else [])])


@cache
def _find(module: str, root: Path) -> Path | None:
    top, *rest = module.split(".")
    if top not in _ROOTS:
        return None
    place = root.joinpath(top, *rest)
    files = (place.with_suffix(".py"), place / "__init__.py")
    return next((file for file in files if file.is_file()), None)


def _file(module: str, root: Path) -> Path:
    found = _find(module, root)
    if found is None:
        raise InputError(f"no module {module!r} in this checkout.")
    return found


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def _imports(path: Path) -> list[ast.Import | ast.ImportFrom]:
    """All but those that only a type checker reads."""
    found: list[ast.Import | ast.ImportFrom] = []
    waiting: list[ast.AST] = list(_tree(path).body)
    while waiting:
        node = waiting.pop()
        if _for_types(node):
            waiting += node.orelse
            continue
        if isinstance(node, ast.Import | ast.ImportFrom):
            found.append(node)
        waiting += ast.iter_child_nodes(node)
    return found


@cache
def _chains(path: Path) -> dict[str, set[tuple[str, ...]]]:
    """Name to the attributes that a file reads of it, each chain as long as it is written."""
    found: dict[str, set[tuple[str, ...]]] = {}

    def visit(node: ast.AST, outer: tuple[str, ...]) -> None:
        if isinstance(node, ast.Name):
            found.setdefault(node.id, set()).add(outer)
        chain = (node.attr, *outer) if isinstance(node, ast.Attribute) else ()
        for child in ast.iter_child_nodes(node):
            visit(child, chain)

    visit(_tree(path), ())
    return found


@cache
def _text(path: Path) -> str:
    return _plain(_tree(path))


def _plain(node: ast.AST) -> str:
    """A syntax tree as text, alike in every Python: no docstrings, no imports, no positions."""
    parts = []
    for name, value in ast.iter_fields(node):
        values = value if isinstance(value, list) else [value]
        if name == "body" and isinstance(node, _DOCUMENTED) and _has_docstring(values):
            values = values[1:]
        kept = [v for v in values if v is not None and not isinstance(v, _IMPORTS)]
        if kept and name not in _LATER:
            inner = [_plain(v) if isinstance(v, ast.AST) else repr(v) for v in kept]
            parts.append(f"{name}={inner}")
    return f"{type(node).__name__}({', '.join(parts)})"


def _has_docstring(body: list[ast.AST]) -> bool:
    first = body[0] if body else None
    return (
        isinstance(first, ast.Expr)
        and isinstance(first.value, ast.Constant)
        and isinstance(first.value.value, str)
    )
