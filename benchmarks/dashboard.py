"""A dashboard server, with an empty store by default, and a browser, for the benchmarks."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from playwright.sync_api import Page, sync_playwright

from seqcore.runs.api import open_store
from seqcore.runs.store import Run, Store
from tools.ensure_chromium import ADVICE, find

# The last step of any curve of the loss chart, or null if there is no point yet.
REACHED = """
() => {
  const steps = [...document.querySelectorAll('.live-chart[data-testid*="loss"] .live-chart-plot')]
    .flatMap((node) => node.calcdata ?? [])
    .flatMap((curve) => curve.filter((point) => Number.isFinite(point.x) && Number.isFinite(point.y)))
    .map((point) => point.x)
  return steps.length ? Math.max(...steps) : null
}
"""


@dataclass(frozen=True)
class Dashboard:
    """A running server and its store."""

    address: str
    store: Store
    pid: int
    began: float  # when its process was started, on the clock of `time.time`


@contextmanager
def dashboard(store: str | None = None) -> Iterator[Dashboard]:
    """Start the server on a free port with `store`, or an empty one; stop it and its workers at exit."""
    with tempfile.TemporaryDirectory(prefix="sequence-lab-") as folder, socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        probe.close()
        url = store or f"sqlite:///{Path(folder) / 'seqcore.db'}"
        command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.headless", "true"]
        log = Path(folder) / "server.log"
        began = time.time()
        with log.open("wb") as out:
            server = subprocess.Popen(
                [*command, "--server.port", str(port)], cwd=ROOT, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                env={**os.environ, "SEQCORE_STORE": url},
            )  # fmt: skip
        try:
            address = f"http://127.0.0.1:{port}"
            _wait_until_healthy(address, server, log)
            yield Dashboard(address, open_store(url), server.pid, began)
        finally:
            server.send_signal(signal.SIGINT)
            try:
                server.wait(15)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()


@contextmanager
def browser_page() -> Iterator[Page]:
    """A page in Chromium. SystemExit with advice if there is none."""
    chromium = find()
    if chromium is None:
        raise SystemExit(ADVICE)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=str(chromium), args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        page = browser.new_page(viewport={"width": 1440, "height": 1000})
        try:
            yield page
        finally:
            browser.close()


def wait_for_run(store: Store, known: set[str], *, ended: bool, limit: float = 600.0) -> Run:
    """Wait for a run that is not in `known` (with `ended`: for its end)."""
    deadline = time.monotonic() + limit
    while time.monotonic() < deadline:
        new = [run for run in store.runs() if run.id not in known]
        if new and (not ended or new[0].ended):
            return new[0]
        time.sleep(0.25 if not ended else 1.0)
    raise SystemExit("timeout: the run did not end in time")


def open_train_page(page: Page, address: str, link: str) -> None:
    """Open the Train page with the experiment of a link, and wait until it is ready."""
    page.goto(f"{address}/?{link}")
    page.get_by_role("button", name="Train", exact=True).wait_for(state="visible", timeout=60_000)
    page.locator('[data-testid="stStatusWidget"]').wait_for(state="detached", timeout=60_000)


def _wait_until_healthy(address: str, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and server.poll() is None:
        try:
            with urllib.request.urlopen(f"{address}/_stcore/health", timeout=2) as answer:
                if answer.status == 200:
                    return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise SystemExit(f"the server did not start:\n{log.read_text(errors='replace')[-3000:]}")
