"""10,000 runs, one of which has a million points: what the store takes for a list or a curve, and a page to open.

The time of a page is that of its script run, from the request of a new session to its last message, without a browser.
"""

from __future__ import annotations

import asyncio
import hashlib
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.dashboard import Dashboard, dashboard
from benchmarks.large_store import add_long_run, add_runs
from benchmarks.measurement import ROOT, Row
from benchmarks.options import Options
from benchmarks.process import resident_megabytes, wait_until_idle
from benchmarks.store_queries import queries
from benchmarks.viewer import viewer
from seqcore.runs.store import RunFilter, Store

__all__ = ["measure"]

LIMIT = 300.0  # milliseconds


def measure(options: Options) -> None:
    """Lists and curves from the store, then the pages; the first time of each is a warm-up."""
    runs, steps = (500, 50_000) if options.quick else (10_000, 1_000_000)
    folder = built_store(runs, steps)
    store = Store(folder)
    long = store.find_runs(RunFilter(), limit=1).runs[0].id  # the newest
    measure_store(options, store)
    url = store.url
    store.close()
    with dashboard(url) as board:
        wait_until_idle(board.pid)
        for page, query, name, requirement in (
            ("runs", "", f"the list of {runs:,} runs", "run-list"),
            ("", f"run={long}", f"a run of {steps:,} points", "long-run"),
        ):
            found = asyncio.run(visits(board, page, query, options.at_most(7) + 1))[1:]
            name = f"open the page with {name}"
            options.add(Row(name, tuple(found), unit="ms", requirement=requirement, limit=LIMIT))
        options.add(Row("memory of the server after these visits", (resident_megabytes(board.pid),), unit="MB"))


def built_store(runs: int, steps: int) -> Path:
    """A folder with the store, built where there is none that the present code has built: that takes two minutes."""
    sources = [*sorted((ROOT / "seqcore" / "runs").glob("*.py")), ROOT / "benchmarks" / "large_store.py"]
    code = hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()[:12]
    place = ROOT / "benchmarks" / ".results-stores"
    folder = place / f"{runs}-{steps}-{code}"
    if folder.exists():
        return folder
    shutil.rmtree(place, ignore_errors=True)  # of other code
    place.mkdir(parents=True)
    beside = Path(tempfile.mkdtemp(dir=place))
    store = Store(beside)
    add_runs(store, runs, 1)
    add_long_run(store, steps, steps // 1000, 100)
    store.close()
    beside.rename(folder)
    return folder


def measure_store(options: Options, store: Store) -> None:
    """The queries behind lists, behind views of the long run, and of the shell's commands."""
    for name, call in queries(store):
        requirement = "long-run" if name.startswith(("curve", "its", "show")) else "run-list"
        taken = milliseconds(call, options.at_most(7))
        shell = name.startswith(("runs", "show"))
        what = f"python -m seqcore {name}, without the start of the process" if shell else f"store alone: {name}"
        options.add(Row(what, taken, unit="ms", requirement=requirement, limit=LIMIT))


def milliseconds(act: Callable[[], object], times: int) -> tuple[float, ...]:
    """The time of each call after a first one."""
    found = []
    for _ in range(times + 1):
        began = time.perf_counter()
        act()
        found.append(1000.0 * (time.perf_counter() - began))
    return tuple(found[1:])


async def visits(board: Dashboard, page: str, query: str, times: int) -> list[float]:
    """Milliseconds of the script run of each visit, each with a session of its own."""
    found = []
    for _ in range(times):
        async with viewer(board.address) as one:
            found.append(1000.0 * await one.open(page, query))
            if one.error:
                raise SystemExit(f"{page or 'train'}: {one.error}")
    return found
