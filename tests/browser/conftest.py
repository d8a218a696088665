"""A server on a free port with its own store, and a browser that must not load anything from other machines."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Request, sync_playwright

from seqcore.errors import StoreError
from seqcore.runs.api import open_store

PATIENCE = 60_000  # milliseconds: a busy machine is slow, not broken


@dataclass(frozen=True)
class Server:
    """A running dashboard: its URL, store and process."""

    url: str
    store: Path
    process: subprocess.Popen[bytes] = field(repr=False)


@pytest.fixture(scope="session")
def server(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("server")
    port = _free_port()
    environment = os.environ | {"SEQCORE_STORE": str(folder / "runs"), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(port)]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [*command, "--server.fileWatcherType", "none"], cwd=root, env=environment, stdout=log, stderr=log
        )
        try:
            url = f"http://127.0.0.1:{port}"
            _wait_for(url, process, folder / "log")
            yield Server(url, folder / "runs", process)
        finally:
            process.terminate()
            process.wait(timeout=30)


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


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
    return port


def _wait_for(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + PATIENCE / 1000
    while time.monotonic() < deadline:
        if process.poll() is not None:
            pytest.fail(f"the server ended:\n{log.read_text()}")
        try:
            with urllib.request.urlopen(f"{url}/_stcore/health", timeout=1) as answer:
                if answer.status == 200:
                    return
        except OSError:
            time.sleep(0.1)
    pytest.fail(f"the server did not answer:\n{log.read_text()}")
