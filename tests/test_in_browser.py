"""What a reader does on the built pages: filter, follow an anchor, look a printed place up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import FloatRect

from browsing import HTML, PAGES, ROOT, Reader, browser, built, reading
from robustcore import claims

pytestmark = [built, browser, pytest.mark.slow]
LEDGER = claims.load(ROOT / "claims")


@pytest.fixture(scope="module")
def reader() -> Iterator[Reader]:
    with reading() as one:
        yield one


SHOWN = "details.entry:not([hidden])"


def test_the_scoreboard_is_filtered_by_verdict_paper_and_word(reader: Reader) -> None:
    verdicts = Counter(claim.verdict for claim in LEDGER)
    with reader.opened("book/scoreboard.html") as page:
        assert page.locator(SHOWN).count() == len(LEDGER)
        page.select_option("select[name=verdict]", "wrong-as-printed")
        assert page.locator(SHOWN).count() == verdicts["wrong as printed"] > 0
        page.select_option("select[name=paper]", "our-own")
        assert page.locator(SHOWN).count() == 0
        assert page.locator(".bd-article h2:visible").count() == 0
        page.select_option("select[name=paper]", "paper-b")
        page.fill("input[name=word]", "lemma 13")
        assert page.locator(SHOWN).evaluate_all("all => all.map(e => e.id)") == ["claim-b-lemma-13"]
        assert page.locator("form output").inner_text() == f"1 of {len(LEDGER)}"
        assert page.url.endswith("?word=lemma+13&paper=paper-b&verdict=wrong-as-printed")


def test_a_filtered_scoreboard_has_an_address(reader: Reader) -> None:
    with reader.opened("book/scoreboard.html?scale=papers-size&word=figure+1") as page:
        shown = page.locator(SHOWN).evaluate_all("all => all.map(e => e.className)")
        assert 0 < len(shown) < len(LEDGER)
        assert all("scale-papers-size" in name for name in shown)


def test_an_anchor_opens_its_entry(reader: Reader) -> None:
    with reader.opened("book/scoreboard.html#claim-b-lemma-3") as page:
        entry = page.locator("#claim-b-lemma-3")
        assert entry.evaluate("e => e.open")
        assert 0 <= entry.bounding_box()["y"] < 300


def test_without_a_script_the_list_is_whole_and_shows_no_dead_filter(reader: Reader) -> None:
    with reader.opened("book/scoreboard.html", script=False) as page:
        assert page.locator("details.entry:visible").count() == len(LEDGER)
        assert not page.locator("form.entry-filter").is_visible()


@pytest.mark.parametrize("name", ["a6_landscape", "c3_stronger_attacks"])
def test_a_slider_shows_the_recorded_rows_at_its_value(reader: Reader, name: str) -> None:
    with reader.opened(f"notebooks/{name}.html") as page:
        handle = page.locator(".slider-label input").first
        rows = page.locator("table.slider").first.locator("tbody tr")
        at = rows.evaluate_all("all => all.map(e => e.dataset.at)")
        for key, wanted in (("Home", at[0]), ("End", at[-1])):
            handle.press(key)
            shown = rows.evaluate_all("all => all.filter(e => !e.hidden).map(e => e.dataset.at)")
            assert shown == [value for value in at if value == wanted]
            assert page.locator(".slider-label span").first.inner_text().endswith(f" {wanted}")
        assert at[0] != at[-1]


def below(box: FloatRect | None) -> float:
    """Where a box ends; a browser that clicks would scroll to it unasked."""
    assert box
    return box["y"] + box["height"]


@pytest.mark.parametrize("width", [1400, 400])
def test_the_first_page_says_its_message_and_opens_its_doors_at_once(
    reader: Reader, width: int
) -> None:
    """Three sentences and four doors come first; on a desktop the picture fits below them."""
    with reader.opened("book/index.html", width) as page:
        sentences = page.locator(".bd-article > section > ul > li")
        doors = page.locator(".bd-article div.sd-card:not(:has(img))")
        assert (sentences.count(), doors.count()) == (3, 4)
        assert below(sentences.last.bounding_box()) <= (900 if width == 1400 else 1000)
        assert doors.first.bounding_box()["y"] < (900 if width == 1400 else 1000)
        assert width < 1400 or below(page.locator(".verdict-map").bounding_box()) <= 900


@pytest.mark.parametrize(
    ("kind", "number"),
    [
        ("[A] Table", "I"),
        ("[A] Figure", "3"),
        ("[B] Table", "4"),
        ("[B] Figure", "2"),
        ("[B] Theorem", "11"),
    ],
)
def test_a_printed_place_is_two_clicks_from_the_first_page(
    reader: Reader, kind: str, number: str
) -> None:
    """The door, the number; both without scrolling, and the landing is in sight."""
    with reader.opened("book/index.html") as page:
        door = page.locator(".sd-card", has_text="A paper is open")
        assert below(door.bounding_box()) <= 900
        door.click()
        page.wait_for_url("**/printed_places.html")
        row = page.locator(".chips", has_text=kind).first
        link = row.get_by_role("link", name=number, exact=True)
        assert below(link.bounding_box()) <= 900
        link.click()
        page.wait_for_url("**#*")
        target = page.locator("[id='" + page.url.partition("#")[2] + "']")
        page.wait_for_timeout(500)
        assert -5 <= target.bounding_box()["y"] < 900


@pytest.mark.parametrize("width", [1400, 400])
@pytest.mark.parametrize("name", ["index", "scoreboard", "printed_places", "equations", "records"])
def test_a_page_for_looking_up_is_never_wider_than_the_screen(
    reader: Reader, name: str, width: int
) -> None:
    with reader.opened(f"book/{name}.html", width) as page:
        assert page.evaluate("document.documentElement.scrollWidth") <= width


TEXTS = [p for p in PAGES if p.parent.name in ("notebooks", "book")]
BLOCKS = "pre, table, .pst-scrollable-table-container, mjx-container[display=true]"
CUT = f"""() => [...document.querySelectorAll("{BLOCKS}")]
  .filter(e => e.checkVisibility() && e.scrollWidth > e.clientWidth + 1)
  .map(e => e.textContent.slice(0, 60))"""


@pytest.mark.parametrize("path", TEXTS, ids=lambda p: p.stem)
def test_no_block_is_cut_off_at_the_width_of_a_desktop(reader: Reader, path: Path) -> None:
    with reader.opened(path.relative_to(HTML).as_posix()) as page:
        page.evaluate("document.querySelectorAll('details').forEach(e => { e.open = true })")
        assert page.evaluate(CUT) == []


@pytest.mark.parametrize("path", TEXTS, ids=lambda p: p.stem)
def test_every_picture_is_described(reader: Reader, path: Path) -> None:
    with reader.opened(path.relative_to(HTML).as_posix()) as page:
        alts = page.locator(".bd-article img").evaluate_all("all => all.map(e => e.alt)")
        assert [alt for alt in alts if len(alt.split()) < 4] == []
