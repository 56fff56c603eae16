"""What the library's sources say of themselves, read without importing them.

A public object is known by the shortest name under which a user reaches it: what a package exports
in its `__all__` is the package's.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

_ROLES = {ast.ClassDef: "class", ast.FunctionDef: "func"}


@dataclass
class Module:
    """One importable module: its dotted name, what it defines in public, what it exports."""

    name: str
    path: Path
    tree: ast.Module
    is_package: bool
    public: dict[str, ast.ClassDef | ast.FunctionDef] = field(default_factory=dict)
    exports: tuple[str, ...] = ()

    @property
    def summary(self) -> str:
        return first_line(self.tree)


@dataclass(frozen=True)
class Documented:
    """A public function, class or method with its documented name and its docstring."""

    name: str
    role: str
    docstring: str
    exported: bool = True  # False for the plumbing of a package, which its `__all__` leaves out
    is_error: bool = False


def first_line(node: ast.Module | ast.ClassDef | ast.FunctionDef) -> str:
    """The first paragraph of a docstring, on one line."""
    return " ".join((ast.get_docstring(node) or "").split("\n\n")[0].split())


def modules(package: Path) -> dict[str, Module]:
    """Every module under a package's folder, by dotted name, parents first."""
    found: dict[str, Module] = {}
    for path in sorted(package.rglob("*.py")):
        parts = [package.name, *path.relative_to(package).with_suffix("").parts]
        is_package = parts[-1] == "__init__"
        name = ".".join(parts[:-1] if is_package else parts)
        tree = ast.parse(path.read_text(encoding="utf-8"))
        public = {
            node.name: node
            for node in tree.body
            if isinstance(node, ast.ClassDef | ast.FunctionDef) and not node.name.startswith("_")
        }
        found[name] = Module(name, path, tree, is_package, public, _exports(tree))
    return dict(sorted(found.items()))


def whole(root: Path) -> dict[str, Module]:
    """The modules of a checkout: the library's, then the studies'."""
    return {**modules(root / "robustcore"), **modules(root / "studies")}


def home(module: Module, name: str, all_modules: dict[str, Module]) -> str:
    """The module under which an object is documented: its package's, if that exports it."""
    parent = all_modules.get(module.name.rpartition(".")[0])
    # the root exports names for convenience; they are documented where they are defined
    if parent and "." in parent.name and name in parent.exports:
        return parent.name
    return module.name


def documented(all_modules: dict[str, Module]) -> Iterator[Documented]:
    """Every public function, class and method that has a docstring."""
    for module in all_modules.values():
        for node in module.public.values():
            owner = home(module, node.name, all_modules)
            base = f"{owner}.{node.name}"
            parent = all_modules.get(module.name.rpartition(".")[0])
            inside = bool(parent and "." in parent.name and parent.exports)
            yield Documented(
                base,
                _ROLES[type(node)],
                ast.get_docstring(node) or "",
                exported=not inside or owner != module.name,
                is_error=node.name.endswith("Error"),
            )
            if isinstance(node, ast.ClassDef):
                for item in node.body:
                    if isinstance(item, ast.FunctionDef) and not item.name.startswith("_"):
                        is_property = any(
                            isinstance(d, ast.Name) and d.id in ("property", "cached_property")
                            for d in item.decorator_list
                        )
                        role = "attr" if is_property else "meth"
                        yield Documented(f"{base}.{item.name}", role, ast.get_docstring(item) or "")


def _exports(tree: ast.Module) -> tuple[str, ...]:
    for node in tree.body:
        names = node.targets if isinstance(node, ast.Assign) else []
        if any(isinstance(n, ast.Name) and n.id == "__all__" for n in names):
            return tuple(ast.literal_eval(node.value))
    return ()
