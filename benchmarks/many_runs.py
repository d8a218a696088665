"""Pages of a dashboard with 10,000 runs, one of which has a million points: seconds of the script run of a visit."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

from benchmarks.dashboard import Dashboard, dashboard
from benchmarks.large_store import add_long_run, add_runs
from benchmarks.measurement import Row
from benchmarks.options import Options
from benchmarks.process import resident_megabytes, wait_until_idle
from benchmarks.viewer import viewer
from seqcore.runs.store import Store

__all__ = ["measure"]

LIMIT = 300.0  # milliseconds


def measure(options: Options) -> None:
    """Build the store, then open the pages; the first visit is a warm-up."""
    runs, steps = (500, 50_000) if options.quick else (10_000, 1_000_000)
    with tempfile.TemporaryDirectory(prefix="sequence-lab-") as folder:
        store = Store(folder)
        add_runs(store, runs, 3)
        long = add_long_run(store, steps, max(1, steps // 1000), 100)
        store.close()
        url = f"sqlite:///{next(Path(folder).glob('*.db'))}"
        with dashboard(url) as board:
            wait_until_idle(board.pid)
            for page, query, name, requirement in (
                ("runs", "", f"the list of {runs:,} runs", "run-list"),
                ("", f"run={long}", f"a run of {steps:,} points", "long-run"),
                ("runs", f"run={long}", f"the list with a run of {steps:,} points opened", ""),
            ):
                found = asyncio.run(visits(board, page, query, options.at_most(7) + 1))[1:]
                limit = LIMIT if requirement else None
                options.add(
                    Row(f"opening {name}, script run", tuple(found), unit="ms", requirement=requirement, limit=limit)
                )
            options.add(Row("memory of the server after these visits", (resident_megabytes(board.pid),), unit="MB"))


async def visits(board: Dashboard, page: str, query: str, times: int) -> list[float]:
    """Milliseconds of the script run of each visit, each with a session of its own."""
    found = []
    for _ in range(times):
        async with viewer(board.address) as one:
            found.append(1000.0 * await one.open(page, query))
            if one.error:
                raise SystemExit(f"{page or 'train'}: {one.error}")
    return found
