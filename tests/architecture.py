"""The house as a rule that can be checked: which module may import which, read from the source."""

from __future__ import annotations

import ast
from pathlib import Path

FLOORS = (
    ("starting", "errors", "projections", "doors", "balls", "losses"),
    ("networks", "patterns", "datasets"),
    ("convex", "bounds", "attacks"),
    ("defenses", "methods", "training", "evaluation"),
    ("plots", "records", "provenance", "claims", "expressions", "intervals", "estimators"),
    ("command",),
)
FLOOR = {name: height for height, names in enumerate(FLOORS) for name in names}

# who may look sideways: a module may always use errors, doors, balls and losses in that order
SIDEWAYS = {
    ("balls", "errors"),
    ("balls", "projections"),
    ("balls", "doors"),
    ("doors", "errors"),
    ("losses", "doors"),
    ("losses", "errors"),
    ("losses", "balls"),
    ("claims", "expressions"),
    ("expressions", "intervals"),
    ("training", "defenses"),
    ("methods", "defenses"),
    ("evaluation", "methods"),
    ("claims", "records"),
    ("records", "provenance"),
}

# third parties that are let in at one door only
ONLY_IN = {
    "cvxpy": ("convex",),
    "mosek": ("convex",),
    "clarabel": ("convex",),
    "matplotlib": ("plots",),
    "pooch": ("datasets",),
    "sklearn": ("datasets", "estimators"),
    "requests": ("datasets",),
    "urllib": ("datasets",),
    "foolbox": ("attacks",),
    "pandas": ("plots",),
    "yaml": ("claims",),
}
# the same for the studies, which stand above the library: by the name of the module
ONLY_IN_STUDIES = {
    "cvxpy": (),
    "mosek": (),
    "clarabel": (),
    "matplotlib": ("pictures",),
    "pooch": (),
    "sklearn": (),
    "requests": (),
    "urllib": (),
    "foolbox": (),
    "yaml": ("__main__", "parameters"),
}
NEVER = ("snakemake", "papermill", "jupytext", "jupyter_book", "IPython")
BAD_NAMES = ("utils", "util", "misc", "common", "helpers", "helper", "manager")
MAX_LINES = 300


def imports(path: Path, package: Path) -> list[tuple[str, int]]:
    """Every imported module as an absolute dotted name, with its line; function bodies included."""
    parts = [package.name, *path.relative_to(package).with_suffix("").parts]
    here = parts[:-1]  # the package that a relative import starts from
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found += [(alias.name, node.lineno) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = here[: len(here) - node.level + 1] if node.level else []
            module = ".".join([*base, *(node.module.split(".") if node.module else [])])
            names = [alias.name for alias in node.names]
            # `from . import patterns` imports modules; `from .balls import LpBall` does not
            found += [(f"{module}.{name}", node.lineno) for name in names]
    return found


def complaints(package: Path) -> list[str]:
    """One sentence for each breach of the house's rules under a package's folder."""
    found = []
    for path in sorted(package.rglob("*.py")):
        where = path.relative_to(package).as_posix()
        room = where.split("/")[0].removesuffix(".py")
        text = path.read_text(encoding="utf-8")
        if text.count("\n") > MAX_LINES:
            found.append(f"{where} has {text.count(chr(10))} lines, more than {MAX_LINES}")
        if path.stem in BAD_NAMES:
            found.append(f"{where} is named after nothing; say what it holds")
        if package.name == "studies":
            named = [(_problem_of_study(path, room, m), line) for m, line in imports(path, package)]
        elif room == "__init__":
            continue  # the root only opens doors, lazily
        elif room not in FLOOR:
            found.append(f"{where} stands on no floor; give {room} one")
            continue
        else:
            named = [(_problem(room, m), line) for m, line in imports(path, package)]
        found += [f"{where}:{line} {problem}" for problem, line in named if problem]
    return found


def _problem_of_study(path: Path, room: str, module: str) -> str | None:
    top = module.partition(".")[0]
    if top in (*NEVER, "book", "tests"):
        return f"imports {top}; a study knows nothing of the book"
    if top in ONLY_IN_STUDIES and path.stem not in ONLY_IN_STUDIES[top]:
        return f"imports {top}, which a study may have {_place(ONLY_IN_STUDIES[top])}"
    if room == "oracles" and top == "studies" and not module.startswith("studies.oracles"):
        return f"imports {module}; oracles are shared and know no page"
    return None


def _place(modules: tuple[str, ...]) -> str:
    return f"in {' and '.join(modules)}.py alone" if modules else "through the library alone"


def _problem(room: str, module: str) -> str | None:
    top, _, rest = module.partition(".")
    if top in (*NEVER, "book", "studies"):
        return f"imports {top}; the library knows nothing of the book"
    if top in ONLY_IN and room not in ONLY_IN[top]:
        return f"imports {top}, which lives in {' and '.join(ONLY_IN[top])} alone"
    if top != "robustcore":
        return None
    other = rest.split(".")[0]
    if other == room or other == "":
        return None
    if other not in FLOOR:
        return None if other == "__version__" else f"imports {module}, which stands on no floor"
    if FLOOR[other] == FLOOR[room] and (room, other) not in SIDEWAYS:
        return f"imports {other} of its own floor"
    if FLOOR[other] > FLOOR[room]:
        return f"imports {other}, {FLOOR[other] - FLOOR[room]} floors up"
    return None
