"""An exercise: other parameters of the very notebook, a question, and a solution that is folded.

    ::::{exercise} A title
    :with: n 16

    What happens to the certificate?

    :::{dropdown} Solution
    ...
    :::
    ::::

The page shows the command that runs it; a test holds the parameters to those of the notebook.
"""

from __future__ import annotations

from pathlib import PurePosixPath

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.util.docutils import SphinxDirective


def given(text: str) -> dict[str, str]:
    """Parameter to its value as text: "n 16 betas [1,0.1]" is {"n": "16", "betas": "[1,0.1]"}."""
    words = text.split()
    if not words or len(words) % 2:
        raise ValueError(
            f"an exercise wants pairs `NAME VALUE` without spaces in them, got {text!r}"
        )
    return dict(zip(words[::2], words[1::2], strict=True))


def command(notebook: str, text: str) -> str:
    """What a reader types: `command("b5_rub", "side 7")` is `make run NOTEBOOK=b5_rub ...`."""
    arguments = " ".join(f"-p {name} {value}" for name, value in given(text).items())
    return f'make run NOTEBOOK={notebook} ARGS="{arguments}"'


class Exercise(SphinxDirective):
    """`{exercise} TITLE` with the parameters under `:with:`, and the solution in a dropdown."""

    required_arguments = 1
    final_argument_whitespace = True
    has_content = True
    option_spec = {"with": directives.unchanged_required}  # noqa: RUF012 - as docutils has it

    def run(self) -> list[nodes.Node]:
        try:
            line = command(PurePosixPath(self.env.docname).name, self.options.get("with", ""))
        except ValueError as error:
            raise self.error(str(error)) from error
        box = nodes.admonition("", classes=["exercise"])
        title, _ = self.state.inline_text(f"Exercise: {self.arguments[0]}", self.lineno)
        box += nodes.title("", "", *title)
        box += nodes.paragraph("", "", nodes.literal("", line), classes=["command"])
        self.state.nested_parse(self.content, self.content_offset, box)
        return [box]


def setup(app: object) -> None:
    app.add_directive("exercise", Exercise)  # type: ignore[attr-defined]
