"""Time of the store's queries behind lists of runs and views of one run, in this process and in the shell's commands.

    python benchmarks/store_queries.py STORE [--times 9]

For stores as `large_store.py` builds them. The time of a command leaves the start of its process out. Milliseconds of
wall and of CPU time, medians; the first call is a row of its own, because it fills caches of the operating system.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from seqcore.cli import main as shell
from seqcore.runs.run_list import ORDERS
from seqcore.runs.store import RunFilter, Store

PAGE = 25  # runs
__all__ = ["measure", "queries"]


def queries(store: Store) -> Iterator[tuple[str, Callable[[], object]]]:
    """Name and call of each query."""
    yield "numbers by status", store.run_counts
    for order in ORDERS:
        chosen = RunFilter(order=order)
        yield f"first page, {order}", lambda chosen=chosen: store.find_runs(chosen, limit=PAGE)
    last = RunFilter(order="skill")
    yield (
        "last page, skill",
        lambda: store.find_runs(last, limit=PAGE, offset=max(0, sum(store.run_counts().values()) - PAGE)),
    )
    both = RunFilter("lstm ramp", ("completed", "stopped"), order="title")
    yield "search and status, title", lambda: store.find_runs(both, limit=PAGE)
    run = store.find_runs(RunFilter(order="longest"), limit=1).runs[0].id
    for name in ("loss", "val_loss"):
        yield f"curve {name} of the longest run", lambda name=name: store.curve(run, name, 600)
    yield "its findings", lambda: store.findings(run)
    yield "its best epoch", lambda: store.best_epoch(run)
    for words in (["runs"], ["runs", "--search", "lstm", "--sort", "skill"], ["show", run]):
        yield " ".join(words).replace(run, "RUN"), lambda words=words: _command(store, words)


def measure(call: Callable[[], object], times: int) -> tuple[float, float, float]:
    """Milliseconds: of the first call, and the medians of wall and CPU time of the next `times`."""
    found = []
    for _ in range(times + 1):
        wall, cpu = time.perf_counter(), time.thread_time()
        call()
        found.append((1000 * (time.perf_counter() - wall), 1000 * (time.thread_time() - cpu)))
    wall, cpu = (statistics.median(values) for values in zip(*found[1:], strict=True))
    return found[0][0], wall, cpu


def _command(store: Store, words: list[str]) -> None:
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        if shell(["--store", str(store.place.file or store.url), *words]):
            raise SystemExit(f"{' '.join(words)} failed")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("store", help="folder, database file or URL")
    parser.add_argument("--times", type=int, default=9)
    args = parser.parse_args()
    with contextlib.closing(Store(args.store)) as store:
        for name, call in queries(store):
            first, wall, cpu = measure(call, max(1, args.times))
            print(f"{name:44} first {first:8.1f} ms   then {wall:8.1f} ms ({cpu:7.1f} ms CPU)", flush=True)


if __name__ == "__main__":
    main()
