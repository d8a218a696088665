"""Latency from the click on Train to the first point of the loss chart, and the update rate of the chart.

    python benchmarks/click_to_point.py [--times 5]

Uses a server with an empty store and a Chromium on the same machine, and the clock of the browser. The first run warms
the server up and is not measured. Required: a median latency of at most 1 s and at least 2 updates per second. Exit
code 1 otherwise.
"""

from __future__ import annotations

import argparse
import math
import statistics
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from playwright.sync_api import Page

from benchmarks.dashboard import REACHED, Dashboard, browser_page, dashboard, open_train_page, wait_for_run

WATCHED = 10.0  # seconds of measurement
COLD = 30.0  # seconds for the first run, whose worker may still be importing
FIRST_REQUIRED, UPDATES_REQUIRED = 1.0, 2.0
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


def measure(page: Page, board: Dashboard, seconds: float) -> tuple[float, float]:
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


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=5)
    args = parser.parse_args()
    with dashboard() as board, browser_page() as page:
        measure(page, board, COLD)
        measured = [measure(page, board, WATCHED) for _ in range(args.times)]
    firsts, updates = zip(*measured, strict=True)
    first, rate = statistics.median(firsts), statistics.median(updates)
    print(f"click to first point: {first:.2f} s (median of {args.times}, {min(firsts):.2f} to {max(firsts):.2f})")
    print(f"chart updates: {rate:.2f} per second ({min(updates):.2f} to {max(updates):.2f})")
    held = first <= FIRST_REQUIRED and rate >= UPDATES_REQUIRED
    print(f"required: at most {FIRST_REQUIRED:g} s and at least {UPDATES_REQUIRED:g}: {'ok' if held else 'FAILED'}")
    return not held


if __name__ == "__main__":
    sys.exit(main())
