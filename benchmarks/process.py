"""CPU time and memory of a process, from Linux's /proc; busy processes beside a measurement."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["busy_processes", "children", "cpu_seconds", "resident_megabytes", "wait_until_idle"]


@contextmanager
def busy_processes(count: int = 1) -> Iterator[None]:
    """`count` processes that compute all the time, while the block runs."""
    running = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for process in running:
            process.kill()
            process.wait()


def children(pid: int) -> list[int]:
    """The processes that a process has started."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return [int(child) for task in tasks for child in (task / "children").read_text().split()]


def cpu_seconds(pid: int) -> float:
    """User and system seconds of a process so far, all its threads together."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_megabytes(pid: int) -> float:
    """Resident memory of a process without its file mappings that others share, in MB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) / 1024
    raise OSError(f"process {pid} has ended")


def wait_until_idle(pid: int, limit: float = 60.0) -> None:
    """Wait until a process has finished what it does after its start: under 5% CPU for half a second."""
    deadline, before = time.monotonic() + limit, -1.0
    while time.monotonic() < deadline:
        now = cpu_seconds(pid)
        if 0 <= now - before < 0.025:
            return
        before = now
        time.sleep(0.5)
