"""Times in the names of columns: dates, years, months or quarters across the top of a table, or step numbers."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from seqcore.data.readers.dates import date_family, parse_dates
from seqcore.data.readers.month_names import month_of_name

__all__ = ["HeaderTimes", "header_times"]

_LEAST = 3  # columns that name times
_LEAST_SPACED = 8  # steps between names that count by another number than 1
_CLOCK = re.compile(r"(\d{1,2})[:h.](\d\d)(?:[:.]\d\d)?(?: ?([ap])\.?m\.?)?(?:\s*[-–]\s*\d.*)?$", re.I)  # also a range
_HOUR = re.compile(
    r"(?:h|he|hr|hour|hours|std|stunde|heure|hora|hour ending)[ _.]?(?P<hour>\d{1,2})|(?P<before>\d{1,2}) ?(?:uhr|h)",
    re.I,
)
_YEAR = re.compile(r"([A-Za-z]{0,2} ?)((?:1[6-9]|20|21)\d\d)")  # R writes X1960; a fiscal year is FY2015


@dataclass(frozen=True)
class HeaderTimes:
    """Columns whose names are times, in order of time.

    `times[n]`, or None where the names count steps. `within` is "year" or "day" where they are parts of a year or day
    that stands in another column: `offsets[n]` in months, or in minutes.
    """

    columns: tuple[str, ...]
    times: NDArray[np.datetime64] | None
    within: str = ""
    offsets: NDArray[np.int64] | None = None

    def of(self, starts: NDArray[np.datetime64]) -> NDArray[np.datetime64]:
        """The times of rows that begin at `starts[N]`, [N, n]."""
        assert self.offsets is not None
        start, unit = ("Y", "M") if self.within == "year" else ("D", "m")
        first = starts.astype(f"datetime64[{start}]").astype(f"datetime64[{unit}]")
        return np.asarray(first[:, None] + self.offsets.astype(f"timedelta64[{unit}]")).astype("datetime64[ns]")

    def only(self, names: Sequence[str]) -> HeaderTimes | None:
        """These columns alone; None if too few are left, or months or quarters are lacking."""
        wanted = set(names)
        kept = [i for i, name in enumerate(self.columns) if name in wanted]
        if len(kept) < _LEAST or (self.within and len(kept) < len(self.columns)):
            return None
        times = None if self.times is None else self.times[kept]
        return HeaderTimes(tuple(self.columns[i] for i in kept), times, self.within, self.offsets)

    @property
    def calendar(self) -> bool:
        """Whether the names are dates, or parts of a year."""
        return self.times is not None or bool(self.within)


def header_times(names: Sequence[str]) -> HeaderTimes | None:
    """The columns whose names are times; None if there are fewer than three."""
    plain = {name: re.sub(r"\s*\[[^\]]*\]$", "", name.strip()) for name in names}  # 1960 [YR1960]
    dated = {name: text for name, text in plain.items() if re.search(r"\d", text)}
    return _years(plain) or _dates(dated) or _parts_of_a_year(plain) or _parts_of_a_day(plain) or _steps(plain)


def _years(plain: dict[str, str]) -> HeaderTimes | None:
    """Years, perhaps with a letter or two before them, unless these count columns from 1 on (d1 to d1941)."""
    found = {name: match for name, text in plain.items() if (match := _YEAR.fullmatch(text))}
    before = {match[1] for match in found.values()}
    if any(re.fullmatch(r"\d+", text.removeprefix(p)) for p in before for n, text in plain.items() if n not in found):
        return None
    return _in_order({name: np.datetime64(f"{match[2]}-01-01", "ns") for name, match in found.items()})


def _dates(texts: dict[str, str]) -> HeaderTimes | None:
    """Names that are dates of one format."""
    family = date_family(list(texts.values()), share=0.8) if len(texts) >= _LEAST else None
    if family is None:
        return None
    parsed = parse_dates(pa.chunked_array([list(texts.values())]), family)
    return _in_order({name: time for name, time in zip(texts, parsed.times, strict=True) if not np.isnat(time)})


def _in_order(times: Mapping[str, np.datetime64]) -> HeaderTimes | None:
    """Different times, rising or falling from column to column."""
    values = np.array([*times.values()], dtype="datetime64[ns]")
    steps = np.diff(values).astype(np.int64)
    if len(values) < _LEAST or not (np.all(steps > 0) or np.all(steps < 0)):
        return None
    order = np.argsort(values)
    names = [*times]
    return HeaderTimes(tuple(names[i] for i in order), values[order])


def _parts_of_a_year(plain: dict[str, str]) -> HeaderTimes | None:
    """All twelve months, or all four quarters, without a year."""
    months = {name: month_of_name(text) for name, text in plain.items()}
    quarters = {name: int(m[1]) for name, text in plain.items() if (m := re.fullmatch(r"[Qq]([1-4])", text))}
    for found, count in ((months, 12), (quarters, 4)):
        named = tuple(name for name, part in found.items() if part)
        if [found[name] for name in named] == [*range(1, count + 1)]:
            return HeaderTimes(named, None, "year", np.arange(count, dtype=np.int64) * (12 // count))
    return None


def _parts_of_a_day(plain: dict[str, str]) -> HeaderTimes | None:
    """Clock times, or 24 counted hours, that divide a day evenly."""
    clock = {n: _hour(m[1], m[3]) * 60 + int(m[2]) for n, text in plain.items() if (m := _CLOCK.match(text))}
    hours = {n: int(m[1] or m[2]) * 60 for n, text in plain.items() if (m := _HOUR.fullmatch(text))}
    for found in (clock, hours):
        offsets = np.array([*found.values()], dtype=np.int64)
        if len(offsets) < 4 or not np.all(np.diff(offsets) == 1440 // len(offsets)) or 1440 % len(offsets):
            continue
        first = int(offsets[0]) if found is hours else 0  # hours from 1 to 24 begin at midnight
        return HeaderTimes(tuple(found), None, "day", offsets - first)
    return None


def _hour(hour: str, half: str | None) -> int:
    """The hour of 24, from one before or after noon."""
    return int(hour) if half is None else int(hour) % 12 + 12 * (half.lower() == "p")


def _steps(plain: dict[str, str]) -> HeaderTimes | None:
    """One prefix, or none, and numbers that rise evenly: d_1, d_2, ... or 400nm, 410nm, ...; an id before them may
    have one, too (V1)."""
    found: dict[tuple[str, str], list[tuple[float, str]]] = {}
    for name, text in plain.items():
        if match := re.fullmatch(r"(\D*)(\d{1,6}(?:\.\d{1,4})?)(\D*)", text):
            found.setdefault((match[1], match[3]), []).append((float(match[2]), name))
    counted = max(found.values(), key=len, default=[])
    steps = np.diff([number for number, _ in counted])
    if len(counted) < _LEAST or not np.allclose(steps, steps[0]) or (steps[0] != 1 and len(steps) < _LEAST_SPACED):
        return None
    return HeaderTimes(tuple(name for _, name in counted), None)
