"""The built book and a browser to look at it with, for the tests that do."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).resolve().parents[1]
HTML = ROOT / "_build" / "html"
PAGES = sorted(
    p for p in HTML.rglob("*.html") if "_static" not in p.parts and "_modules" not in p.parts
)
BROWSER = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), ""
)
built = pytest.mark.skipif(not PAGES, reason="no built book here; run `make book` first")
browser = pytest.mark.skipif(not BROWSER, reason="no chromium here; apt-get install chromium")


class Reader:
    """A browser without a network; each page is opened in a window of its own."""

    def __init__(self, chromium: Browser) -> None:
        self.chromium = chromium

    @contextmanager
    def opened(self, address: str, width: int = 1400, script: bool = True) -> Iterator[Page]:
        """A page of the book, `address` below html/, when it and its scripts are loaded."""
        path, mark, rest = re.fullmatch(r"([^?#]*)([?#]?)(.*)", address).groups()
        context = self.chromium.new_context(
            viewport={"width": width, "height": 900}, offline=True, java_script_enabled=script
        )
        context.set_default_timeout(120_000)  # milliseconds; a machine may be busy with the suite
        page = context.new_page()
        page.goto(f"{(HTML / path).as_uri()}{mark}{rest}")
        yield page
        context.close()


@contextmanager
def reading() -> Iterator[Reader]:
    """One browser for many pages."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        yield Reader(chromium)
        chromium.close()
