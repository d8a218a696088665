"""What a benchmark measures: rows of repeated values with their limits, and how they are stored."""

from __future__ import annotations

import datetime
import json
import math
import os
import platform
import statistics
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

__all__ = [
    "ROOT",
    "Row",
    "Section",
    "describe",
    "load_section",
    "machine",
    "now",
    "number",
    "ratios",
    "revision",
    "save_section",
]

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Row:
    """One measured quantity: a value for each round, or the reason why there is none.

    `requirement` is the key of a line of `report.REQUIREMENTS`; `group` the heading under which the report lists the
    row. Without `unit` the values are ratios. `limit` is an upper bound, or a lower one with `at_least`.
    """

    name: str
    values: tuple[float, ...] = ()
    group: str = ""
    unit: str = ""
    requirement: str = ""
    limit: float | None = None
    at_least: bool = False
    skipped: str = ""
    note: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)  # more numbers, for tables of their own

    @property
    def median(self) -> float:
        """The median over the rounds; NaN without values."""
        return statistics.median(self.values) if self.values else math.nan

    @property
    def quartiles(self) -> tuple[float, float]:
        """The first and third quartile, by linear interpolation; the value itself where there is only one."""
        if len(self.values) < 2:
            return (self.median, self.median)
        low, _, high = statistics.quantiles(self.values, n=4, method="inclusive")
        return low, high

    @property
    def asked(self) -> str:
        """The limit in words."""
        if self.limit is None:
            return ""
        return f"{'at least' if self.at_least else 'at most'} {self.limit:g}{' ' * bool(self.unit)}{self.unit}"

    @property
    def verdict(self) -> str:
        """ "ok" or "missed" where there is a limit; "not measured" without values; else ""."""
        if self.skipped or not self.values:
            return "not measured"
        if self.limit is None:
            return ""
        held = self.median >= self.limit if self.at_least else self.median <= self.limit
        return "ok" if held else "missed"


@dataclass(frozen=True)
class Section:
    """The rows of one part of the benchmark, with when and on what they were measured."""

    name: str
    rows: tuple[Row, ...]
    date: str = ""
    revision: str = ""
    seconds: float = 0.0
    quick: bool = False
    machine: Mapping[str, str] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    failures: tuple[str, ...] = ()  # what could not be measured, a line each


def describe(row: Row) -> str:
    """A row as one line of text."""
    if row.skipped:
        return f"{row.name}: not measured: {row.skipped}"
    low, high = row.quartiles
    spread = f" ({number(low, row.unit)} to {number(high, row.unit)}, {len(row.values)} rounds)"
    text = f"{row.name}: {number(row.median, row.unit)}{' ' * bool(row.unit)}{row.unit}{spread * (len(row.values) > 1)}"
    return text if row.limit is None else f"{text}; {row.asked}: {row.verdict}"


def number(value: float, unit: str = "") -> str:
    """A value with about three digits; ratios with two decimals, more where they are small."""
    if not math.isfinite(value):
        return "–"
    if not unit:
        return f"{value:.2f}" if value < 10 else f"{value:.1f}"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def ratios(mine: Sequence[float], theirs: Sequence[float]) -> tuple[float, ...]:
    """The ratio within each round. Rounds that either side missed (NaN) are left out. ValueError: different lengths."""
    pairs = [(a, b) for a, b in zip(mine, theirs, strict=True) if math.isfinite(a) and math.isfinite(b) and b > 0]
    return tuple(a / b for a, b in pairs)


def save_section(folder: Path, section: Section) -> None:
    """Write a section as `NAME.json`, whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    content = json.dumps(asdict(section), indent=1)
    beside = folder / f"{section.name}.json.new"
    beside.write_text(content, encoding="utf-8")
    beside.replace(folder / f"{section.name}.json")


def load_section(folder: Path, name: str) -> Section | None:
    """A section that `save_section` wrote, or None."""
    try:
        found = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    rows = tuple(Row(**{**row, "values": tuple(row["values"])}) for row in found.pop("rows"))
    return Section(**{**found, "rows": rows, "failures": tuple(found["failures"])})


def machine() -> dict[str, str]:
    """Processor, cores, memory, system and present load."""
    found = {
        "processor": _first_value(Path("/proc/cpuinfo"), "model name") or platform.processor() or platform.machine(),
        "cores": str(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()),
        "system": f"{platform.system()} {platform.release()}",
        "Python": platform.python_version(),
        "load at the start": f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown",
    }
    if memory := _first_value(Path("/proc/meminfo"), "MemTotal"):
        found["memory"] = f"{int(memory.split()[0]) / 2**20:.0f} GiB"
    return found


def revision() -> str:
    """The commit that is measured, with "+" where files differ from it; "" outside a repository."""
    try:
        commit = _git("rev-parse", "--short", "HEAD")
        return commit + "+" * bool(_git("status", "--porcelain", "--untracked-files=no"))
    except (OSError, subprocess.CalledProcessError):
        return ""


def now() -> str:
    """Date and time in UTC."""
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC")


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def _first_value(path: Path, key: str) -> str:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(key)), "")
