"""Pages that are drawn from the sources: `python -m book.generate SITE` from the root.

Writes into SITE/book: the scoreboard, the findings, the printed places and the sentences from
`claims/` and `results/`, the equation index from the `Source:` lines, one API page for each module.
"""

from __future__ import annotations

from robustcore.starting import loading, stoppable

with loading("python -m book.generate", __name__ == "__main__"):
    import argparse
    import re
    import shutil
    from pathlib import Path

    from studies.engine.grid import COMPACT

    from . import api, equations, front, places, recorded, scoreboard, sentences

ROOT = Path(__file__).resolve().parents[2]


def listed_notebooks() -> list[Path]:
    """The texts of the notebooks that the table of contents lists, in its order."""
    toc = (ROOT / "book" / "_toc.yml").read_text(encoding="utf-8")
    return [
        ROOT / "notebooks" / f"{name}.md" for name in re.findall(r"notebooks/(\w+)\.ipynb", toc)
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("site", type=Path)
    site = parser.parse_args().site
    book = site / "book"
    pages = {
        **api.pages(ROOT),
        **equations.pages(ROOT, listed_notebooks()),
        **scoreboard.pages(ROOT / "claims"),
        **recorded.pages(ROOT / "claims"),
        **front.pages(ROOT / "claims"),
        "generated/figures.md": front.figures(site),
        **places.pages(ROOT / "claims"),
        **sentences.pages(ROOT / "claims"),
    }
    for name, text in pages.items():
        path = book / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
    (site / "results").mkdir(exist_ok=True)
    for path in sorted((ROOT / "results").glob("*.json")):
        shutil.copy2(path, site / "results")  # for the links that fetch them
    for path in sorted((ROOT / "results" / "sweeps").glob(f"*/{COMPACT}")):
        target = site / path.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, target)
    print(f"{len(pages)} pages drawn from claims, records and sources")


if __name__ == "__main__":
    with stoppable("python -m book.generate", "the pages drawn so far are kept"):
        main()
