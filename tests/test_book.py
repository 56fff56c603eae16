"""The built pages: whole, self-contained, and without an error in a browser.

`make book` builds them; without it these tests say so and are skipped.
"""

from __future__ import annotations

import re
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlparse

import pytest

from browsing import BROWSER, HTML, PAGES, browser, built

FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--virtual-time-budget=20000", "--enable-logging=stderr"),
)


class Page(HTMLParser):
    """Ids, link targets, and everything that a browser fetches for a page."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.links: list[str] = []
        self.fetched: list[str] = []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {key: value or "" for key, value in attrs}
        self.ids |= {found[key] for key in ("id", "name") if found.get(key)}
        if tag == "a" and found.get("href"):
            self.links.append(found["href"])
        if tag in ("img", "script", "iframe", "source") and found.get("src"):
            self.fetched.append(found["src"])
        if tag == "link" and found.get("rel") in ("stylesheet", "preload", "icon", "shortcut icon"):
            self.fetched.append(found["href"])


def _target(page: Path, link: str) -> Path:
    return (page.parent / unquote(urlparse(link).path)).resolve()


@built
def test_everything_a_page_fetches_is_beside_it() -> None:
    """No remote script, style, font or picture; none missing."""
    remote, missing = [], []
    for path in PAGES:
        for source in Page(path).fetched:
            if source.startswith(("http:", "https:", "//")):
                remote.append(f"{path.name}: {source}")
            elif not source.startswith("data:") and not _target(path, source).is_file():
                missing.append(f"{path.name}: {source}")
    assert remote == []
    assert missing == []


@built
def test_styles_fetch_nothing_from_the_network() -> None:
    for style in HTML.rglob("*.css"):
        text = re.sub(r"/\*.*?\*/", "", style.read_text(encoding="utf-8"), flags=re.DOTALL)
        assert not re.search(r"(@import|url\()\s*[\"']?(https?:)?//", text), style.name


@built
def test_every_link_inside_the_book_leads_somewhere() -> None:
    pages = {path.resolve(): Page(path) for path in HTML.rglob("*.html")}
    broken = []
    for path in PAGES:
        for link in pages[path.resolve()].links:
            if urlparse(link).scheme or link in ("#", "#!"):
                continue
            target = path.resolve() if link.startswith("#") else _target(path, link)
            fragment = unquote(urlparse(link).fragment)
            lost = fragment and target in pages and fragment not in pages[target].ids
            if lost or not target.is_file():
                broken.append(f"{path.name} -> {link}")
    assert broken == []


@built
def test_there_is_one_search_field_and_a_dark_mode() -> None:
    for path in PAGES:
        text = path.read_text(encoding="utf-8")
        if "bd-article" in text and path.name != "search.html":
            assert text.count("search-button-field") == 1, path.name
            assert "theme-switch-button" in text, path.name


@built
def test_no_placeholder_is_left() -> None:
    for path in (p for p in PAGES if p.parent.name in ("notebooks", "book")):
        article = path.read_text(encoding="utf-8").split('class="bd-article"')[-1]
        assert not re.search(r"\b(TODO|TBD|FIXME|lorem ipsum)\b|\{ours\}|\{paper\}", article), (
            path.name
        )


def open_page(path: Path, tmp_path: Path, query: str = "") -> tuple[str, list[str]]:
    """The page as the browser leaves it, and what the browser complained of."""
    done = subprocess.run(
        [BROWSER, *FLAGS, f"--user-data-dir={tmp_path}", "--dump-dom", path.as_uri() + query],
        capture_output=True,
        text=True,
        timeout=120,
    )
    console = re.findall(r"CONSOLE[:(]\d+\)?\] (.*)", done.stderr)
    errors = [line for line in console if re.search(r"Uncaught|Error|Failed|blocked", line)]
    return done.stdout, errors


MAIN_PAGES = [p for p in PAGES if p.parent.name in ("notebooks", "book", "api")]


@built
@browser
@pytest.mark.slow
@pytest.mark.parametrize("path", MAIN_PAGES, ids=lambda p: p.stem)
def test_a_browser_shows_the_page_without_complaint(path: Path, tmp_path: Path) -> None:
    """From disk and without a network: no console error, all mathematics typeset."""
    dom, errors = open_page(path, tmp_path)
    assert errors == []
    written = path.read_text(encoding="utf-8").count('class="math')
    assert written == 0 or dom.count("<mjx-container") >= written
    assert "data-mjx-error=" not in dom


@built
@browser
@pytest.mark.slow
def test_search_finds_from_disk(tmp_path: Path) -> None:
    dom, errors = open_page(HTML / "search.html", tmp_path, "?q=perturbation")
    assert errors == []
    assert re.search(r"found \d+ page", dom)
    assert '<ul class="search"><li' in dom.replace("\n", "")


@built
def test_the_book_numbers_no_statement() -> None:
    """[B] Theorem 8 is never our "Theorem 11": a number follows a paper, or there is none."""
    titles = []
    for path in (p for p in PAGES if p.parent.name == "notebooks"):
        text = path.read_text(encoding="utf-8")
        titles += re.findall(r'class="proof [^>]*>\s*<p class="admonition-title">(.*?)</p>', text)
    assert titles
    assert [t for t in titles if re.match(r"(<[^>]*>)*\w+ \d", t)] == []
