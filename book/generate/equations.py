"""The equation index: every `Source:` line, sorted as the papers number them."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import entries
from .sources import Documented, Module, documented, whole

PAPERS = {"A": "Bai et al. (2022)", "B": "Bertsimas et al. (2023)"}
KINDS = (
    "Equation",
    "Theorem",
    "Corollary",
    "Lemma",
    "Definition",
    "Algorithm",
    "Table",
    "Figure",
    "Section",
    "Appendix",
)
_WORDS = {"eq": "Equation", "eqs": "Equation", "fig": "Figure", "figs": "Figure"}
_NUMBER = r"\(\d+[a-z]*\)|\d+(?:\.\d+)*|[IVX]+(?:-[A-Z])?\b|[A-Z]\b"
_TOKEN = re.compile(
    rf"(?P<kind>\b(?:[Ee]qs?|[Ff]igs?|{'|'.join(KINDS)}|Theorems|Corollaries|Lemmas|Algorithms"
    rf"|Tables|Figures|Sections|Definitions)\b)\.?"
    rf"|(?P<to>[-–])|(?P<number>{_NUMBER})|(?P<and>\band\b)|(?P<word>\w\w+)"
)
_ASIDE = re.compile(r"\([^()\[]* [^()\[]*\)")  # "(80/20, the last quarter for validation)"
_ROMAN = {"I": 1, "V": 5, "X": 10}
_HEAD = """# Equation index

Which function holds which equation, theorem, table or algorithm: drawn from the `Source:` lines of
the library and the studies when the book is built. [A] is {cite:t}`bai2022practical`, [B] is
{cite:t}`bertsimas2022robust`. A line shows the function that a reader would call; a click opens
what else belongs to it, and the pages that use it. Studies are listed for the tables and figures
that they make.

"""


@dataclass(frozen=True)
class Reference:
    """One numbered place of a paper."""

    paper: str
    kind: str
    number: str

    @property
    def order(self) -> tuple[int, list[tuple[int, str]], str]:
        parts = re.findall(r"\d+|[IVX]+(?=-|$)|[A-Za-z]+", self.number)
        return KINDS.index(self.kind), [_value(part) for part in parts], self.number


def references(source: str) -> list[Reference]:
    """The numbered places that a `Source:` line names, ranges filled; prose is passed over."""
    found: list[Reference] = []
    for paper, text in re.findall(r"\[([AB])\]([^\[]*)", _ASIDE.sub("", source)):
        kind, after_dash = None, False
        for token in _TOKEN.finditer(text):
            if token["kind"]:
                kind = _kind(token["kind"])
            elif token["word"]:
                kind = None  # "lines 1-10", "its 32 images": numbers of something else
            elif token["number"] and kind:
                here = Reference(paper, kind, token["number"])
                if after_dash and found:
                    found += _between(found[-1], here)
                found.append(here)
            after_dash = bool(token["to"])
    return list(dict.fromkeys(found))


def _between(first: Reference, last: Reference) -> list[Reference]:
    start, stop = (re.fullmatch(r"(\D*)(\d+)(\D*)", r.number) for r in (first, last))
    if not (start and stop):
        return []
    numbers = range(int(start[2]) + 1, int(stop[2]))
    return [Reference(first.paper, first.kind, f"{start[1]}{n}{start[3]}") for n in numbers]


def source_line(docstring: str) -> str | None:
    """What stands after `Source:` in a docstring, continuation lines joined; None without one."""
    found = re.search(r"^Source: (.+(?:\n.+)*)$", docstring, flags=re.MULTILINE)
    return " ".join(found.group(1).split()) if found else None


def pages(root: Path, notebooks: list[Path]) -> dict[str, str]:
    """File name under book/ to text, for a checkout and the pages (.md) of its book."""
    all_modules = whole(root)
    index: dict[Reference, list[Documented]] = defaultdict(list)
    for item in documented(all_modules):
        for reference in references(source_line(item.docstring) or ""):
            index[reference].append(item)
    for reference, items in index.items():
        index[reference] = _rooms_first(reference, items)
    users = _users(all_modules, notebooks)
    text = entries.WIDE + _HEAD + entries.form({"paper": PAPERS, "kind": KINDS}, example="dual")
    for paper, authors in PAPERS.items():
        text += f"## Paper {paper}: {authors}\n\n"
        for reference in sorted((r for r in index if r.paper == paper), key=lambda r: r.order):
            text += _entry(reference, index[reference], users)
    return {"equations.md": text}


def _rooms_first(reference: Reference, items: list[Documented]) -> list[Documented]:
    """Where a formula lives, not every study that quotes it: studies only for what they make."""
    if reference.kind in ("Table", "Figure"):
        return items
    rooms = [i for i in items if not i.name.startswith(("studies.", "robustcore.plots."))]
    return rooms or items


def _entry(reference: Reference, items: list[Documented], users: dict[str, str]) -> str:
    """The principal function on the line; all of them, with the pages that use them, folded."""
    first, *rest = sorted(items, key=lambda item: _rank(reference, item, users))
    lines = [f"**{_link(first)}**", *map(_link, rest)]
    details = "\n".join(
        f"- {line}: {_what(item)}{_pages(item, users)}"
        for line, item in zip(lines, [first, *rest], strict=True)
    )
    place = f"{reference.kind} {reference.number}"
    return entries.entry(
        (place, f"**{_link(first)}** {_what(first)}", f"and {len(rest)} more" if rest else ""),
        details,
        entries.slug(f"index {reference.paper} {place}"),
        [("paper", reference.paper), ("kind", reference.kind)],
    )


def _rank(reference: Reference, item: Documented, users: dict[str, str]) -> tuple[Any, ...]:
    """What a reader would call comes first: the library's, exported, no method, on most pages."""
    named = references(source_line(item.docstring) or "")
    return (
        item.name.startswith(("studies.", "robustcore.plots.")),
        not item.exported or item.is_error,
        ("func", "class", "meth", "attr").index(item.role),
        -sum(_calls(code, item) for code in users.values()),
        named.index(reference),
        len(named),
        item.name,
    )


def _link(item: Documented) -> str:
    short = ".".join(item.name.split(".")[-2 if item.role in ("meth", "attr") else 1 :])
    call = "()" if item.role in ("func", "meth") else ""
    return f"{{py:{item.role}}}`{short}{call} <{item.name}>`"


def _what(item: Documented) -> str:
    what = " ".join(item.docstring.split("\n\n")[0].split())
    return re.sub(r":math:`([^`]*)`", lambda m: f"${m[1]}$", what)


def _pages(item: Documented, users: dict[str, str]) -> str:
    called = ", ".join(
        f"[{page.split('_')[0]}](../notebooks/{page}.ipynb)"
        for page, code in users.items()
        if _calls(code, item)
    )
    return f" Pages: {called}." if called else ""


def _calls(code: str, item: Documented) -> bool:
    parts = item.name.split(".")
    if item.role in ("meth", "attr"):
        return re.search(rf"\.{parts[-1]}\b", code) is not None and parts[-2] in code
    qualified = rf"\b{parts[-2]}\.{parts[-1]}\b"
    imported = rf"import [^\n]*\b{parts[-1]}\b"
    return re.search(f"{qualified}|rc\\.{parts[-1]}\\b|{imported}", code) is not None


def _users(all_modules: dict[str, Module], notebooks: list[Path]) -> dict[str, str]:
    """Page to the code that it runs: its own cells and the studies that they name."""
    found = {}
    for path in notebooks:
        code = path.read_text(encoding="utf-8")
        cells = code
        for name, module in all_modules.items():
            package, _, last = name.rpartition(".")
            named = rf"\b{re.escape(name)}\b|from {re.escape(package)} import [^\n]*\b{last}\b"
            if package.startswith("studies") and re.search(named, cells):
                code += module.path.read_text(encoding="utf-8")
        found[path.stem] = code
    return found


def _kind(word: str) -> str:
    word = _WORDS.get(word.lower(), word)
    singular = {"Corollaries": "Corollary"}.get(word, word.removesuffix("s"))
    return word if word in KINDS else singular


def _value(part: str) -> tuple[int, str]:
    if part.isdigit():
        return int(part), ""
    if set(part) <= set(_ROMAN):
        values = [_ROMAN[c] for c in part]
        pairs = zip(values, [*values[1:], 0], strict=True)
        return sum(-v if v < after else v for v, after in pairs), ""
    return 0, part
