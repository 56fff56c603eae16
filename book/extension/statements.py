"""Statements without numbers of our own: the papers' by the papers' numbers, ours by name.

A counter beside those of two papers makes [B] Theorem 8 a "Theorem 11". So `{prf:theorem}` and its
kin of sphinx-proof show their title alone, and `{prf:ref}` shows the name that the title begins
with: "[B] Lemma 3 (corrected)", "Dead patterns".
"""

from __future__ import annotations

import re
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.nodes import make_refnode
from sphinx_proof.domain import ProofDomain
from sphinx_proof.proof_type import PROOF_TYPES

_NUMBERED = re.compile(
    r"\[[AB]\] (?:Theorem|Lemma|Corollary|Definition|Assumption|Algorithm|Table|Figure|Section)"
)


def heading(kind: str, title: str) -> str:
    """The title of a statement; its kind comes first unless the paper's own word for it is there.

    `heading("theorem", "Dead patterns (own)")` is "Theorem: Dead patterns (own)".
    """
    return title if _NUMBERED.search(title) else f"{kind.title()}: {title}"


def name(title: str) -> str:
    """What a reference to a statement says: its title up to the first comma.

    `name("[B] Lemma 3, corrected")` is "[B] Lemma 3 (corrected)".
    """
    first = title.split(",")[0].removesuffix(" (own)")
    return f"{first} (corrected)" if "corrected" in title.removeprefix(first) else first


def with_formulas(title: str) -> list[nodes.Node]:
    """A title as text and, between dollars, formulas."""
    parts = enumerate(title.split("$"))
    return [nodes.math("", part) if i % 2 else nodes.Text(part) for i, part in parts if part]


def unnumbered(directive: type[Any]) -> type[Any]:
    """A directive of sphinx-proof as an admonition under its heading, without a counter."""

    class Statement(directive):  # type: ignore[misc]
        required_arguments = 1  # a statement without a name cannot be referred to
        optional_arguments = 0

        def run(self) -> list[nodes.Node]:
            given, kind = self.arguments[0], self.name.split(":")[1]
            self.arguments[0] = heading(kind, given)
            self.options["nonumber"] = None
            (node,) = super().run()
            title, content = node.children
            title["ids"] = []  # the whole is the target
            self.env.proof_list[node["label"]]["name"] = name(given)
            kept = {"classes": node["classes"], "ids": node["ids"], "names": node["ids"]}
            statement = nodes.admonition("", title, *content.children, **kept)
            self.state.document.note_explicit_target(statement)  # so that `{ref}` finds it too
            return [statement]

    return Statement


class StatementDomain(ProofDomain):
    """sphinx-proof's domain, whose references show names."""

    def resolve_xref(
        self, env: Any, docname: str, builder: Any, typ: str, target: str, node: Any, contnode: Any
    ) -> Any:
        found = env.proof_list.get(target)
        if found is None or contnode.astext() != target:  # unknown, or with words of its own
            return super().resolve_xref(env, docname, builder, typ, target, node, contnode)
        title = nodes.inline("", "", *with_formulas(found["name"]))
        return make_refnode(builder, docname, found["docname"], target, title)


def setup(app: Sphinx) -> None:
    app.setup_extension("sphinx_proof")
    app.add_domain(StatementDomain, override=True)
    for kind, directive in PROOF_TYPES.items():
        app.add_directive_to_domain("prf", kind, unnumbered(directive), override=True)
