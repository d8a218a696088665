"""Time to open each page of a dashboard on a store, without a browser: the first visit of a new server, and later ones.

    python benchmarks/pages.py STORE [--page runs] [--query run=latest] [--times 5]

The seconds are those of the script run, from the request to the last message. CPU seconds are those of the server
process, so that they can be compared on a busy machine.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.dashboard import Dashboard, dashboard
from benchmarks.process import cpu_seconds, resident_megabytes, wait_until_idle
from benchmarks.viewer import viewer

PAGES = ("", "data", "predict", "runs")


async def measure(board: Dashboard, page: str, query: str, times: int) -> None:
    """Print the seconds of `times` visits, each with a new session."""
    wait_until_idle(board.pid)  # it imports torch after its start
    wall, cpu = [], []
    for _ in range(times):
        before = cpu_seconds(board.pid)
        async with viewer(board.address) as one:
            wall.append(await one.open(page, query))
            if one.error:
                raise SystemExit(f"{page or 'train'}: {one.error}")
        cpu.append(cpu_seconds(board.pid) - before)
    print(
        f"{page or 'train':8} first {wall[0]:6.2f} s ({cpu[0]:5.2f} s CPU)   "
        f"later {statistics.median(wall[1:]):6.2f} s ({statistics.median(cpu[1:]):5.2f} s CPU)   "
        f"{one.bytes / 1000:7.0f} kB   server {resident_megabytes(board.pid):.0f} MB",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("store", help="folder, database file or URL")
    parser.add_argument("--page", choices=PAGES, action="append", help="one page on a server of its own; default: all")
    parser.add_argument("--query", default="", help="query of the link, as in run=latest")
    parser.add_argument("--times", type=int, default=5)
    args = parser.parse_args()
    for page in args.page or PAGES:
        with dashboard(args.store) as board:
            asyncio.run(measure(board, page, args.query, max(2, args.times)))


if __name__ == "__main__":
    main()
