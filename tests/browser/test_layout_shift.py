"""Nothing moves while a page loads: the cumulative layout shift of every page, as the browser reports it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

import seqcore
from benchmarks.page_load import follow, observe
from seqcore.runs.store import Store
from tests.browser.conftest import PATIENCE, new_context
from tests.servers import Server, running_server

pytestmark = pytest.mark.timeout(600)

MOST = 0.1
PAGES = ("/", "/data", "/predict", "/inspect", "/runs", "/compare")
WITH_RUN = (
    "/?run=latest",
    "/data?run=latest",
    "/predict?run=latest",
    "/inspect?run=latest",
    "/runs?run=latest",
    "/compare?runs=latest",
)


@pytest.fixture(scope="module")
def full(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with some runs, of numbers and of text."""
    folder = tmp_path_factory.mktemp("full")
    store = Store(folder / "runs")
    for name in ("next-letter", "ramp-next-value", "bouncing-ball"):
        seqcore.train(seqcore.recipe(name).with_changes({"training.epochs": 2}), store=store, recipe=name)
    store.close()
    with running_server(root, folder) as running:
        yield running


def shifts(page: Page, address: str) -> tuple[float, float]:
    """The shifts of a first load and of one whose files are in the browser's cache."""
    found = []
    for _ in range(2):
        page.goto(address)
        found.append(follow(page, limit=PATIENCE / 1000).shift)
    return found[0], found[1]


def check(browser: Browser, server: Server, pages: tuple[str, ...], *, width: int, dark: bool) -> None:
    for address in pages:
        context = new_context(browser, server, width=width, dark=dark)
        page = context.new_page()
        observe(page)
        first, second = shifts(page, server.url + address)
        assert max(first, second) <= MOST, f"{address} at {width}: {first:.3f} at first, then {second:.3f}"
        context.close()


@pytest.mark.parametrize(("width", "dark"), [(1440, False), (390, True)])
def test_pages_of_an_empty_store_do_not_move(browser: Browser, server: Server, width: int, dark: bool) -> None:
    check(browser, server, PAGES, width=width, dark=dark)


@pytest.mark.parametrize(("width", "dark"), [(1440, True), (390, False)])
def test_pages_with_runs_do_not_move(browser: Browser, full: Server, width: int, dark: bool) -> None:
    check(browser, full, (*PAGES, *WITH_RUN), width=width, dark=dark)


def test_a_shift_is_seen(browser: Browser, server: Server) -> None:
    """The measurement itself: an element that is pushed down after it was seen."""
    context = new_context(browser, server)
    page = context.new_page()
    observe(page)
    page.goto(server.url)
    follow(page, limit=PATIENCE / 1000)
    page.evaluate("document.querySelector('[data-testid=stMainBlockContainer]').style.marginTop = '300px'")
    page.wait_for_timeout(500)
    moved = page.evaluate("window.pageLoad.shifts.reduce((sum, shift) => sum + shift.value, 0)")
    assert moved > MOST
    context.close()
