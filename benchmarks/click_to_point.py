"""From the click on Train to the first point in the chart, and how often the chart advances, on a warm server.

    python benchmarks/click_to_point.py [--times 5]

A real server with an empty store and a real Chromium on the same machine; the clock is the browser's own. The server
is warm: its first run, which is not counted, has ended. Asked: a first point within 1 s (median), and at least 2
updates of the chart a second while the run goes. Exit code 1 if missed.
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

WATCHED = 10.0  # seconds in which updates are counted
COLD = 30.0  # seconds that the first run may take, with a worker that may still be importing
FIRST_ASKED, UPDATES_ASKED = 1.0, 2.0
LINK = "recipe=sine-next-step&training.epochs=100000"  # goes on for as long as it is looked at

# Press the button and look at the chart before every picture that the browser draws.
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
    """Seconds to the first point, and updates a second after it."""
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
    print(f"the chart advances {rate:.2f} times a second ({min(updates):.2f} to {max(updates):.2f})")
    held = first <= FIRST_ASKED and rate >= UPDATES_ASKED
    print(f"asked: at most {FIRST_ASKED:g} s and at least {UPDATES_ASKED:g}: {'held' if held else 'MISSED'}")
    return not held


if __name__ == "__main__":
    sys.exit(main())
