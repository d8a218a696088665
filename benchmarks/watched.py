"""Overhead of watching a run: the same training with and without a browser on the Train page.

    python benchmarks/watched.py [--pairs 5]

Server, worker (one thread) and Chromium share the same cores. Without watching, the browser shows an empty page. The
time is measured from the first event to the last epoch. Required: a median ratio of at most 1.10. Exit code 1
otherwise.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from playwright.sync_api import Page

from benchmarks.dashboard import REACHED, Dashboard, browser_page, dashboard, open_train_page, wait_for_run
from seqcore.events import Epoch, Started

REQUIRED = 1.10
# windows of 50 steps, an RNN with 50 units, batch size 32
LINK = "recipe=sine-next-step&training.threads=1&training.epochs={epochs}"


def measure(page: Page, board: Dashboard, epochs: int, *, watched: bool) -> float:
    """Training time of the run in seconds."""
    known = {run.id for run in board.store.runs()}
    open_train_page(page, board.address, LINK.format(epochs=epochs))
    page.get_by_role("button", name="Train", exact=True).click()
    run = wait_for_run(board.store, known, ended=False)
    if watched:
        page.wait_for_function(f"() => ({REACHED})() !== null")
    else:
        page.goto("about:blank")
    run = wait_for_run(board.store, known, ended=True)
    if run.status != "completed":
        raise SystemExit(f"the run ended as {run.status}: {run.error or run.reason}")
    stored = board.store.events(run.id, kinds=("started", "epoch"))
    begin = next(s.time for s in stored if isinstance(s.event, Started))
    end = [s.time for s in stored if isinstance(s.event, Epoch)][-1]
    return (end - begin).total_seconds()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=300)
    args = parser.parse_args()
    ratios = []
    with dashboard() as board, browser_page() as page:
        for i in range(args.pairs + 1):
            order = (True, False) if i % 2 else (False, True)
            seconds = {watched: measure(page, board, args.epochs, watched=watched) for watched in order}
            if i == 0:
                continue  # warm-up
            ratios.append(seconds[True] / seconds[False])
            print(
                f"watched {seconds[True]:.2f} s, unwatched {seconds[False]:.2f} s, ratio {ratios[-1]:.3f}", flush=True
            )
    median = statistics.median(ratios)
    held = median <= REQUIRED
    print(
        f"median ratio {median:.3f} of {len(ratios)} pairs; required: at most {REQUIRED:.2f}: "
        f"{'ok' if held else 'FAILED'}"
    )
    return not held


if __name__ == "__main__":
    sys.exit(main())
