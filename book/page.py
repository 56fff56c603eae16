"""One executed notebook as a page by itself, in the dress of the book."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
# the dress of the book; the extension reads claims/ and results/ where they lie
PAGE_PARTS = ("_config.yml", "book/references.bib", "book/static/*", "book/extension/*.py")


def page(notebook: Path) -> Path:
    """Build an executed notebook as a page of its own, under html/ beside it."""
    site, html = notebook.parent / "site", notebook.parent / "html"
    for folder in (site, html):
        shutil.rmtree(folder, ignore_errors=True)
    for source in (path for part in PAGE_PARTS for path in ROOT.glob(part)):
        kept = site / source.relative_to(ROOT)
        kept.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, kept)
    (site / "notebooks").mkdir()
    shutil.copy(notebook, site / "notebooks")
    (site / "_toc.yml").write_text(f"format: jb-book\nroot: notebooks/{notebook.name}\n")
    jupyter_book = Path(sys.executable).with_name("jupyter-book")
    command = [jupyter_book, "build", "-q", str(site), "--path-output", str(html)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    if done.returncode:
        raise SystemExit(f"the page of {notebook.stem} was not built:\n{done.stdout}{done.stderr}")
    return (html / "_build" / "html" / "notebooks" / f"{notebook.stem}.html").resolve()
