"""Words of the glossary: linked where a page uses one first, their meaning shown on hovering."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx

PAGE = "book/glossary"
_ENTRY = re.compile(r"^(?P<term>\w[\w -]*)\n(?P<meaning>(?:  .+\n)+)", flags=re.MULTILINE)
# words that mean one thing in a formula's neighbourhood and another elsewhere are linked by hand
_BY_HAND = {"ball", "box", "gap", "slope", "record", "sound"}
_NOT_IN = (nodes.title, nodes.caption, nodes.literal, nodes.reference, addnodes.pending_xref)


@cache
def meanings(root: Path) -> dict[str, str]:
    """Term to its meaning in plain words, as `glossary.md` has them."""
    text = (root / f"{PAGE}.md").read_text(encoding="utf-8")
    return {found["term"]: _plain(found["meaning"]) for found in _ENTRY.finditer(text)}


def _plain(text: str) -> str:
    text = re.sub(r"\s?\{cite:p\}`\w+`", "", text)
    text = re.sub(r"\\mathrm\{(\w+)\}", r"\1", text).replace(r"\lVert", "‖").replace(r"\rVert", "‖")
    for name, sign in {r"\delta": "δ", r"\ge": "≥", r"\in": "∈", r"\infty": "∞"}.items():
        text = re.sub(re.escape(name) + r"\b", sign, text)
    text = text.replace(r"\cdot", "·").replace(r"\top", "ᵀ").replace(r"\sup", "sup")
    return " ".join(text.replace("$", "").replace("`", "").split())


def link_first_uses(app: Sphinx, doctree: nodes.document) -> None:
    """Turn the first use of each term on a notebook's page into a link to the glossary."""
    env = app.env
    if not env.docname.startswith("notebooks/") or PAGE not in env.found_docs:
        return
    waiting = set(meanings(Path(app.srcdir))) - _BY_HAND
    for paragraph in list(doctree.findall(nodes.paragraph)):
        for text in list(paragraph.findall(nodes.Text)):
            if waiting and not _inside(text, _NOT_IN):
                _link(text, waiting, env.docname)


def _inside(node: nodes.Node, kinds: tuple[type, ...]) -> bool:
    while (node := node.parent) is not None:
        if isinstance(node, kinds) or "cell" in getattr(node, "attributes", {}).get("classes", []):
            return True
    return False


def _link(text: nodes.Text, waiting: set[str], page: str) -> None:
    """Link the earliest term in a text, and go on behind it."""
    words = "|".join(sorted(map(re.escape, waiting), key=len, reverse=True))
    found = re.search(rf"(?<![\w-])({words})(?![\w-])", text.astext())
    if not found:
        return
    term = found.group(1)
    waiting.discard(term)
    link = addnodes.pending_xref(
        "", nodes.inline("", term, classes=["xref", "std", "std-term"]), refdomain="std",
        reftype="term", reftarget=term, refexplicit=False, refwarn=True, refdoc=page,
    )  # fmt: skip
    before, after = text.astext()[: found.start()], nodes.Text(text.astext()[found.end() :])
    text.parent.replace(text, [nodes.Text(before), link, after])
    if waiting:
        _link(after, waiting, page)


def show_meaning(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Give each link to a term its meaning as a title, which browsers show on hovering."""
    known = meanings(Path(app.srcdir)) if PAGE in app.env.found_docs else {}
    for reference in doctree.findall(nodes.reference):
        target = str(reference.get("refid") or reference.get("refuri", "")).partition("#term-")[2]
        for term, meaning in known.items():
            if target and nodes.make_id(term) == target.lower():
                reference["reftitle"] = meaning


def setup(app: Sphinx) -> None:
    app.connect("doctree-read", link_first_uses)
    app.connect("doctree-resolved", show_meaning)
