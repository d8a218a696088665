"""Nothing moves while a page loads: the cumulative layout shift of every page, as the browser reports it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

import seqcore
from benchmarks.page_load import follow, observe
from seqcore.runs.store import Store
from tests.browser.conftest import PATIENCE, new_context
from tests.browser.waiting import until
from tests.servers import Server, running_server

MOST = 0.1
PAGES = ("/", "/data", "/predict", "/inspect", "/runs", "/compare")
# Without a run in the link, three pages show the newest one.
WITH_RUN = (
    "/",
    "/data",
    "/compare",
    *("/?run=latest", "/data?run=latest", "/predict?run=latest", "/inspect?run=latest", "/runs?run=latest"),
    "/compare?runs=latest",
)


@pytest.fixture(scope="module")
def empty(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server without any run: that of the other tests has theirs."""
    with running_server(root, tmp_path_factory.mktemp("empty")) as running:
        yield running


@pytest.fixture(scope="module")
def full(server: Server) -> Server:
    """A server with some runs, of numbers and of text. Nothing is computed yet: on a slow machine Predict is drawn
    before the scores, and the plot comes when they are there.
    """
    store = Store(server.store)
    for name in ("next-letter", "ramp-next-value", "bouncing-ball"):
        seqcore.train(seqcore.recipe(name).with_changes({"training.epochs": 2}), store=store, recipe=name)
    store.close()
    return server


def check(browser: Browser, server: Server, pages: tuple[str, ...], *, width: int, dark: bool, loads: int) -> None:
    """Load each page in a browser of its own: first without its files, then with those of the browser's cache."""
    for address in pages:
        context = new_context(browser, server, width=width, dark=dark)
        page = context.new_page()
        observe(page)
        for load in range(loads):
            page.goto(server.url + address)
            shift = follow(page, limit=PATIENCE / 1000).shift
            assert shift <= MOST, f"{address} at {width}: {shift:.3f} at load {load + 1}"
        context.close()


@pytest.mark.parametrize(("width", "dark", "loads"), [(1440, False, 1), (390, True, 2)])
def test_pages_of_an_empty_store_do_not_move(
    browser: Browser, empty: Server, width: int, dark: bool, loads: int
) -> None:
    check(browser, empty, PAGES, width=width, dark=dark, loads=loads)


@pytest.mark.parametrize(("width", "dark", "loads"), [(1440, True, 2), (390, False, 1)])
def test_pages_with_runs_do_not_move(browser: Browser, full: Server, width: int, dark: bool, loads: int) -> None:
    check(browser, full, WITH_RUN, width=width, dark=dark, loads=loads)


def test_a_shift_is_seen(browser: Browser, server: Server) -> None:
    """The measurement itself: an element that is pushed down after it was seen."""
    context = new_context(browser, server)
    page = context.new_page()
    observe(page)
    page.goto(server.url)
    follow(page, limit=PATIENCE / 1000)
    page.evaluate("document.querySelector('[data-testid=stMainBlockContainer]').style.marginTop = '300px'")
    until(page, f"window.pageLoad.shifts.reduce((sum, shift) => sum + shift.value, 0) > {MOST}")
    context.close()
