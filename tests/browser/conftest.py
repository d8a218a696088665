"""A server on a free port with its own store, and a browser that must not load anything from other machines."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Request, expect, sync_playwright

from seqcore.errors import StoreError
from seqcore.runs.api import open_store
from tests.servers import Server, running_server

FOLDER = Path(__file__).parent
PATIENCE = 120_000  # milliseconds: a busy machine is slow, not broken
expect.set_options(timeout=PATIENCE)  # of the whole process: in a module it would depend on the order of imports


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What never comes is reported after `PATIENCE`; the limit of a whole test ends what hangs elsewhere."""
    for item in items:
        if item.path.is_relative_to(FOLDER):
            item.add_marker(pytest.mark.timeout(1200))


@pytest.fixture(scope="session")
def server(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running_server(root, tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture(scope="session")
def browser(chromium: Path) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=str(chromium), args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        yield browser
        browser.close()


@pytest.fixture(autouse=True)
def quiet(server: Server) -> Iterator[None]:
    """Stop the runs that a test has left."""
    yield
    store = open_store(server.store)
    for run in store.runs():
        if not run.ended:
            with contextlib.suppress(StoreError):  # it ended meanwhile
                store.command(run.id, "stop")
    deadline = time.monotonic() + PATIENCE / 1000
    while not all(run.ended for run in store.runs()):
        assert time.monotonic() < deadline, "a run did not stop"
        time.sleep(0.05)


@pytest.fixture
def context(browser: Browser, server: Server) -> Iterator[BrowserContext]:
    context = new_context(browser, server)
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext, server: Server) -> Iterator[Page]:
    """A first visit. Requests to other machines and script errors fail the test."""
    page = context.new_page()
    outside: list[str] = []
    broken: list[str] = []

    def look(request: Request) -> None:
        if not request.url.startswith((server.url, "data:", "blob:", server.url.replace("http", "ws", 1))):
            outside.append(request.url)

    page.on("request", look)
    page.on("pageerror", lambda error: broken.append(str(error)))
    yield page
    assert not outside
    assert not broken


def new_context(browser: Browser, server: Server, *, width: int = 1440, dark: bool = False) -> BrowserContext:
    """A browser context that shares only the server with others."""
    context = browser.new_context(
        base_url=server.url,
        viewport={"width": width, "height": 900},
        color_scheme="dark" if dark else "light",
    )
    context.set_default_timeout(PATIENCE)
    return context
