"""One reference page for each room of the library and each study, modules under it included."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from .sources import Module, home, whole

_INDEX = """# Library reference

`import robustcore as rc` loads what needs only torch; every submodule below is loaded when it is
first used. Imports go strictly downward, so that each floor can be read without the ones above.

| module | what it holds |
|---|---|
{library}

The studies stand above it, one package for each page of the book, and are a checkout's: they make
the rows of the pages and draw them, and `studies.oracles` holds what pages and tests share.

| package | what its page shows |
|---|---|
{studies}
"""

_UNSEARCHED = """---
nosearch: true
---

"""

_SECTION = """{level} {name}

```{{eval-rst}}
{directives}
```

"""


def pages(root: Path) -> dict[str, str]:
    """File name under book/ to text: a page for each module right below the two packages."""
    all_modules = whole(root)
    found: dict[str, str] = {}
    rows: dict[str, list[str]] = {"robustcore": [], "studies": []}
    for module in all_modules.values():
        directives = _directives(module, all_modules)
        if module.name in rows or module.name.endswith(".__main__") or not directives:
            continue
        page = ".".join(module.name.split(".")[:2])
        file = f"api/{page}.md"
        level = "#" if module.name == page else "##"
        section = _SECTION.format(level=level, name=module.name, directives=directives)
        # a study's functions are found through its page and the index: search is for readers
        unsearched = _UNSEARCHED if page.startswith("studies") else ""
        found[file] = found.get(file, unsearched) + section
        if module.name == page:
            rows[page.split(".")[0]].append(f"| [{page}]({page}.md) | {_cell(module.summary)} |")
    library, studies = ("\n".join(lines) for lines in rows.values())
    found["api/index.md"] = _INDEX.format(library=library, studies=studies)
    return found


# what Matplotlib and scikit-learn write into every subclass, with roles of its own in the text
_NOT_OURS = "   :exclude-members: set, set_fit_request, set_score_request"


def _directives(module: Module, all_modules: dict[str, Module]) -> str:
    """What Sphinx is told; empty for a submodule whose whole content its package documents."""
    start = f".. automodule:: {module.name}\n"
    if module.is_package:
        own = sorted({*module.exports, *module.public})
        told = f"   :members: {', '.join(own)}\n   :imported-members:\n{_NOT_OURS}"
        return start + (told if own else "")
    here = [n for n in module.public if home(module, n, all_modules) == module.name]
    if not here:
        return ""
    parent, _, last = module.name.rpartition(".")
    if last in all_modules[parent].exports and last in module.public:
        # the package exports a function of this name: one name cannot mean both, so no module here
        return "\n".join(_one(module, name) for name in here)
    return start + f"   :members: {', '.join(here)}\n{_NOT_OURS}"


def _one(module: Module, name: str) -> str:
    if isinstance(module.public[name], ast.ClassDef):
        return f".. autoclass:: {module.name}.{name}\n   :members:\n"
    return f".. autofunction:: {module.name}.{name}\n"


def _cell(text: str) -> str:
    """A docstring's first line as Markdown in a table."""
    text = re.sub(r":math:`([^`]*)`", lambda m: "$" + m[1].replace("\\\\", "\\") + "$", text)
    return text.replace("|", "\\|")
