"""Cost of many viewers of a live run: memory of the server, and speed of the training.

    python benchmarks/viewers.py [--viewers 20] [--minutes 10] [--pairs 5] [--seconds 30]

A worker trains one run (one thread) while viewers, each with its own session, have its Train page open and poll as a
browser does (see `viewer.py`; they run in one process of low priority, because real ones have their own machines).
First the training is measured in pairs of periods without and with viewers. Then all viewers stay for some minutes
while the memory of the server is read every minute, and at last viewers come and go a hundred times.
Required: the median ratio of the steps per second at least 0.90, and memory at most 5% above that after the first
minute, while they stay and after they came and went. Exit code 1 otherwise.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import sys
import time
from contextlib import AsyncExitStack
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.dashboard import Dashboard, dashboard
from benchmarks.measurement import Row
from benchmarks.options import Options
from benchmarks.process import children, cpu_seconds, resident_megabytes, wait_until_idle
from benchmarks.viewer import Viewer, viewer
from seqcore.experiment.recipes import recipe

SPEED, MEMORY = 0.90, 1.05  # required
COMINGS = 100


def start_run(board: Dashboard) -> str:
    """A run that lasts longer than the measurement. Returns its id when it trains."""
    changes = {"training.threads": 1, "training.epochs": 100_000}
    run = board.store.submit(recipe("sine-next-step").with_changes(changes), recipe="sine-next-step").id
    deadline = time.monotonic() + 120
    while board.store.run(run).step < 100:
        if time.monotonic() > deadline:
            raise SystemExit(f"the run is {board.store.run(run).status}; it has not begun within two minutes")
        time.sleep(0.2)
    return run


async def steps_per_second(board: Dashboard, run: str, seconds: float) -> float:
    """Speed of the training over some seconds."""
    step, began = board.store.run(run).step, time.perf_counter()
    await asyncio.sleep(seconds)
    return (board.store.run(run).step - step) / (time.perf_counter() - began)


async def come(stack: AsyncExitStack, board: Dashboard, run: str, count: int) -> list[Viewer]:
    """Viewers that have opened the run's page and poll it."""
    viewers = [await stack.enter_async_context(viewer(board.address)) for _ in range(count)]
    for one in viewers:
        await one.open(query=f"run={run}")
        if one.error:
            raise SystemExit(f"the page shows an error: {one.error}")
    return viewers


async def pair(board: Dashboard, run: str, args: argparse.Namespace, *, viewers_first: bool) -> float:
    """The ratio of the steps per second with and without viewers, measured one after the other."""
    rates = {}
    for watched in (True, False) if viewers_first else (False, True):
        async with AsyncExitStack() as stack:
            viewers = await come(stack, board, run, args.viewers if watched else 0)
            for one in viewers:
                one.polls.clear()  # those while the others came
            cpu, work = cpu_seconds(board.pid), sum(map(cpu_seconds, children(board.pid)))
            rates[watched] = await steps_per_second(board, run, args.seconds)
            used = (cpu_seconds(board.pid) - cpu) / args.seconds
            work = (sum(map(cpu_seconds, children(board.pid))) - work) / args.seconds
            polls = sum(len(one.polls) for one in viewers) / args.seconds
        name = f"{len(viewers)} viewers" if watched else "no viewer"
        print(
            f"{name:>10}: {rates[watched]:8.1f} steps/s, worker {100 * work:3.0f}% CPU, "
            f"server {100 * used:3.0f}% CPU, {polls:5.1f} polls/s",
            flush=True,
        )
    return rates[True] / rates[False]


async def stay(board: Dashboard, run: str, args: argparse.Namespace) -> list[float]:
    """Memory of the server in MB after each minute with viewers, and at last after many came and went."""
    memory = []
    async with AsyncExitStack() as stack:
        viewers = await come(stack, board, run, args.viewers)
        for minute in range(1, args.minutes + 1):
            rate = await steps_per_second(board, run, 60)
            memory.append(resident_megabytes(board.pid))
            polls = [seconds for one in viewers for seconds in one.polls]
            print(
                f"minute {minute:2}: server {memory[-1]:6.1f} MB, {rate:8.1f} steps/s, poll "
                f"{1000 * statistics.median(polls):.0f} ms (median of {len(polls):,})",
                flush=True,
            )
            for one in viewers:
                one.polls.clear()
    for _ in range(COMINGS):
        async with viewer(board.address) as one:
            await one.open(query=f"run={run}")
    wait_until_idle(board.pid)
    memory.append(resident_megabytes(board.pid))
    print(f"after {COMINGS} visitors came and went: server {memory[-1]:6.1f} MB", flush=True)
    return memory


async def measure(board: Dashboard, args: argparse.Namespace) -> bool:
    """Print the figures. Returns whether the requirements hold."""
    run = start_run(board)
    held = True
    if args.pairs:
        ratios = [await pair(board, run, args, viewers_first=bool(i % 2)) for i in range(args.pairs)]
        ratio = statistics.median(ratios)
        held = ratio >= SPEED
        print(f"median ratio {ratio:.3f} of {args.pairs} pairs; required: at least {SPEED:.2f}")
    if args.minutes:
        first, *later = await stay(board, run, args)
        held = held and max(later) <= MEMORY * first
        print(f"memory {max(later) / first:.3f} of that after the first minute; required: at most {MEMORY:.2f}")
    board.store.command(run, "stop")
    print("ok" if held else "FAILED")
    return held


def measure_speed(options: Options) -> None:
    """The speed of the training in pairs of periods, for `make benchmark`."""
    seconds = 2.0 if options.quick else 5.0
    args = argparse.Namespace(viewers=20, seconds=seconds)

    async def pairs(board: Dashboard) -> list[float]:
        run = start_run(board)
        try:
            return [await pair(board, run, args, viewers_first=bool(i % 2)) for i in range(options.at_most(5))]
        finally:
            board.store.command(run, "stop")

    with dashboard() as board:
        wait_until_idle(board.pid)
        os.nice(10)
        ratios = asyncio.run(pairs(board))
        memory = resident_megabytes(board.pid)
    name = "training speed with 20 viewers / with none"
    options.add(
        Row(name, tuple(ratios), requirement="viewers", limit=SPEED, at_least=True),
        Row("memory of the server with 20 viewers", (memory,), unit="MB", note="without files shared with others"),
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--viewers", type=int, default=20)
    parser.add_argument("--minutes", type=int, default=10, help="0: only the speed")
    parser.add_argument("--pairs", type=int, default=5, help="0: only the memory")
    parser.add_argument("--seconds", type=float, default=30, help="of each period of a pair")
    args = parser.parse_args()
    with dashboard() as board:
        wait_until_idle(board.pid)
        os.nice(10)
        return not asyncio.run(measure(board, args))


if __name__ == "__main__":
    sys.exit(main())
