"""Latency from the click on Train to the first point of the loss chart, and the update rate of the chart.

Uses a server with an empty store and a Chromium on the same machine, and the clock of the browser. The first run warms
the server up and is not measured.
"""

from __future__ import annotations

import math

from playwright.sync_api import Page

from benchmarks.dashboard import REACHED, Dashboard, browser_page, dashboard, open_train_page, wait_for_run
from benchmarks.measurement import Row
from benchmarks.options import Options
from benchmarks.process import busy_processes

__all__ = ["clicked", "measure"]

WATCHED = 4.0  # seconds of measurement
COLD = 30.0  # seconds for the first run, whose worker may still be importing
FIRST_LIMIT, UPDATES_LIMIT = 0.5, 2.0
LINK = "recipe=sine-next-step&training.epochs=100000"  # runs longer than the measurement

# Click the button and read the chart in every animation frame.
CLICK = """
([reached, seconds]) => new Promise((resolve) => {
  const look = eval(reached)
  const button = [...document.querySelectorAll('button')].find((b) => b.innerText.trim().endsWith('Train'))
  const begin = performance.now()
  const times = []
  let last = null
  const watch = () => {
    const now = performance.now() - begin
    const step = look()
    if (step !== last && step !== null) { last = step; times.push(now / 1000) }
    if (now > 1000 * seconds) resolve(times)
    else requestAnimationFrame(watch)
  }
  button.click()
  watch()
})
"""


def clicked(page: Page, board: Dashboard, seconds: float) -> tuple[float, float]:
    """Seconds to the first point, and updates per second after it."""
    known = {run.id for run in board.store.runs()}
    open_train_page(page, board.address, LINK)
    times: list[float] = page.evaluate(CLICK, [REACHED, seconds])
    run = wait_for_run(board.store, known, ended=False)
    board.store.command(run.id, "stop")
    wait_for_run(board.store, known, ended=True)
    if not times:
        return math.inf, 0.0
    return times[0], (len(times) - 1) / (seconds - times[0])


def measure(options: Options) -> None:
    """Clicks on a quiet machine, and beside a busy process."""
    rounds = options.at_most(7)
    with dashboard() as board, browser_page() as page:
        clicked(page, board, COLD)
        _add(options, [clicked(page, board, WATCHED) for _ in range(rounds)], limited=True)
        with busy_processes():
            found = [clicked(page, board, WATCHED) for _ in range(options.at_most(5))]
        _add(options, found, ", beside a busy process", limited=False)


def _add(options: Options, found: list[tuple[float, float]], where: str = "", *, limited: bool) -> None:
    first, updates = zip(*found, strict=True)
    click = {"requirement": "click", "limit": FIRST_LIMIT} if limited else {}
    rate = {"requirement": "updates", "limit": UPDATES_LIMIT, "at_least": True} if limited else {}
    options.add(
        Row(f"click to first point{where}", first, unit="s", **click),
        Row(f"chart updates{where}", updates, unit="a second", **rate),
    )
