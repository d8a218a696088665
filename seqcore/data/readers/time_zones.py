"""Time zones: offsets in text, and local times with clock changes as evenly spaced standard time."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seqcore.data.calendar import short_time
from seqcore.data.import_report import Answer, Question
from seqcore.results.formatting import counted

__all__ = [
    "NO_ZONE", "UNKNOWN_ZONE", "ZONES", "in_one_zone", "offset_of", "resolve_changes", "standard_offset",
    "standard_time", "zone_of_days",
]  # fmt: skip

Times = NDArray[np.datetime64]
Whole = NDArray[np.int64]
Mask = NDArray[np.bool_]

NO_ZONE, UNKNOWN_ZONE = -(2**15), -(2**15) + 1
HOUR = np.timedelta64(3600, "s")
ZONES = (  # one for each rule of clock changes, most frequent first
    *("Europe/Berlin", "Europe/London", "Europe/Helsinki", "America/New_York", "Australia/Sydney", "America/Sao_Paulo"),
    *("America/Santiago", "Pacific/Auckland", "Europe/Moscow", "Europe/Istanbul", "Asia/Jerusalem", "Asia/Tehran"),
    *("America/Mexico_City", "America/Havana", "Africa/Cairo", "Asia/Beirut", "Asia/Amman", "Australia/Lord_Howe"),
)
_ABBREVIATIONS = {  # hours ahead of UTC
    0: "z utc gmt wet ut", 1: "cet mez bst west wat", 2: "cest mesz eet sast cat", 3: "eest msk trt eat", 5.5: "ist",
    8: "sgt hkt awst", 9: "jst kst", 9.5: "acst", 10: "aest", 10.5: "acdt", 11: "aedt", 12: "nzst", 13: "nzdt",
    -3: "brt art adt", -4: "edt ast", -5: "est cdt", -6: "cst mdt", -7: "mst pdt", -8: "pst akdt", -9: "akst",
    -10: "hst",
}  # fmt: skip
_OFFSETS = {name: int(60 * hours) for hours, names in _ABBREVIATIONS.items() for name in names.split()}
_SUMMER = 10_000  # added to the offset: summer time of an unnamed zone, as in "01:00 DST"


def offset_of(text: str) -> int:
    """The offset from UTC in minutes of "Z", "CEST" or "gmt+0100"; NO_ZONE for "", UNKNOWN_ZONE for other words."""
    text = text.strip("(). ").lower()
    if not text:
        return NO_ZONE
    if text in ("dst", "st", "std"):
        return _SUMMER + 60 * (text == "dst")
    if text in _OFFSETS:
        return _OFFSETS[text]
    found = re.fullmatch(r"(?:utc|gmt)?([+-])(\d{1,2}):?(\d{2})?", text)
    if not found:
        return UNKNOWN_ZONE
    return (int(found[2]) * 60 + int(found[3] or 0)) * (-1 if found[1] == "-" else 1)


def in_one_zone(times: Times, zones: NDArray[np.int16], zone: str = "auto") -> tuple[Times, list[str], bool]:
    """Local times [N] with offsets [N] as times of one offset, so that their order is right.

    Also notes, and whether offsets differed, so that the times have no clock changes.

    One offset: they stay local. Winter and summer time of one place: standard time. Several: UTC. With `zone` (an IANA
    name): standard time of that zone. Times without an offset among others are taken as the most frequent one.
    """
    dated = ~np.isnat(times)
    used, counts = np.unique(zones[dated & (zones != NO_ZONE)], return_counts=True)
    if len(used) == 0:
        return times, [], False
    notes = []
    usual = int(used[np.argmax(counts)])
    bare = dated & (zones == NO_ZONE)
    if bare.any() and usual > _SUMMER:  # only summer time is marked
        zones, used = np.where(bare, _SUMMER, zones), np.unique([_SUMMER, *used])
    elif bare.any():
        notes.append(f"Times without a time zone ({int(bare.sum()):,}) were taken as {_title(usual)}, like the others.")
    offsets = np.where(zones == NO_ZONE, usual, zones).astype(np.int64)
    if zone != "auto" and used.max() < _SUMMER:
        winter = standard_offset(zone, times)
        shift = (offsets - winter).astype("timedelta64[m]")
        notes.append(f"Times were converted to the standard time of {zone} ({_title(winter)}).")
        return times - shift, notes, True
    if len(used) == 1:
        return times, notes or [f"Time zone: {_title(usual)}."], False
    if len(used) == 2 and used[1] - used[0] == 60:
        shift = (offsets - int(used[0])).astype("timedelta64[m]")
        name = "" if used[0] >= _SUMMER else f" ({_title(int(used[0]))})"
        return times - shift, [*notes, f"Summer time was converted to standard time{name}."], True
    ahead = np.where(offsets >= _SUMMER - 60, offsets - _SUMMER, offsets).astype("timedelta64[m]")
    return times - ahead, [*notes, "Times in several time zones were converted to UTC."], True


def _title(offset: int) -> str:
    if offset >= _SUMMER:
        return "summer time (DST)" if offset > _SUMMER else "standard time"
    return f"UTC{'-' if offset < 0 else '+'}{abs(offset) // 60:02d}:{abs(offset) % 60:02d}" if offset else "UTC"


def standard_offset(zone: str, times: Times) -> int:
    """The smallest offset from UTC in minutes within half a year of these times: that of standard time."""
    dated = times[~np.isnat(times)]
    low, high = (dated.min(), dated.max()) if len(dated) else (np.datetime64("2000-01-01"), np.datetime64("2000-01-01"))
    moments = pd.date_range(
        pd.Timestamp(low) - pd.Timedelta("183D"), pd.Timestamp(high) + pd.Timedelta("183D"), freq="30D"
    )
    local = moments.tz_localize("UTC").tz_convert(zone).tz_localize(None)
    return int((local - moments).min() // pd.Timedelta(minutes=1))


def _ambiguous(times: Times, zone: str) -> Mask:
    """Which local times occur twice in a zone, when its clocks go back."""
    placed = pd.DatetimeIndex(times).tz_localize(zone, ambiguous="NaT", nonexistent="shift_forward")
    return np.asarray(placed.isna())


def _skipped(times: Times, zone: str) -> Mask:
    """Which local times don't occur in a zone, when its clocks go forward."""
    first = np.ones(len(times), dtype=bool)
    return np.asarray(pd.DatetimeIndex(times).tz_localize(zone, ambiguous=first, nonexistent="NaT").isna())


def standard_time(times: Times, zone: str, again: Mask | None = None) -> Times:
    """Local times [N] of a zone in its standard time, a fixed offset. `again`: which ambiguous times are the later one.

    Times that the clock skips in spring are read as if it had not been changed yet.
    """
    first = np.ones(len(times), dtype=bool) if again is None else ~again
    placed = pd.DatetimeIndex(times).tz_localize(zone, ambiguous=first, nonexistent=pd.Timedelta(hours=1))
    utc = placed.tz_convert("UTC").tz_localize(None).to_numpy().astype("datetime64[ns]")
    return np.asarray(utc + np.timedelta64(standard_offset(zone, times), "m"))


def resolve_changes(times: Times, keys: Whole | None, zone: str) -> tuple[Times, list[str], list[Question]]:
    """Local times [N] of the series `keys[N]` without clock changes: standard time where a zone is given or found.

    A zone is found where all repeated times lie in the hour that occurs twice in autumn; else they stay as they are.
    """
    again = _again(times, keys)
    if zone != "auto":
        offset = standard_offset(zone, times)
        return standard_time(times, zone, again), [f"Times are in the standard time of {zone} ({_title(offset)})."], []
    repeated = np.unique(times[again])
    if not len(repeated):
        return times, [], _spring(times)
    if int(again.sum()) > len(repeated) * (1 if keys is None else len(np.unique(keys))):
        return times, [], []
    distinct = np.diff(np.sort(times))
    distinct = distinct[distinct > np.timedelta64(0)]
    for shift in (np.timedelta64(0, "ns"), distinct.min() if len(distinct) else HOUR):  # labeled by start, or by end
        found = [name for name in ZONES if _ambiguous(repeated - shift, name).all()]
        if found:
            days = np.unique(repeated.astype("datetime64[D]"))
            changes = short_time(repeated[0]) + (f"; {counted(len(days) - 1, 'more change')}" if len(days) > 1 else "")
            note = (
                f"Local times that occur twice, because clocks go back at the end of summer time ({changes}), were "
                f"kept: times are in standard time, as in {found[0]}."
            )
            question = _question(f"Clocks go back on {days[0]}", found)
            return standard_time(times - shift, found[0], again) + shift, [note], [question]
    return times, [], []


def _question(what: str, zones: Sequence[str]) -> Question:
    return Question(
        f"{what}, as in {zones[0]}; choose another time zone if that is wrong.",
        tuple(Answer(zone, {"time_zone": zone}) for zone in (*zones, "UTC")),
    )


def _again(times: Times, keys: Whole | None) -> Mask:
    """Which times are a second occurrence in their series, in the order of time."""
    if bool(np.all(times[1:] > times[:-1])):
        return np.zeros(len(times), dtype=bool)
    frame = pd.DataFrame({"time": times} if keys is None else {"time": times, "key": keys})
    steps = np.diff(times.astype(np.int64))
    descending = int((steps < 0).sum()) > int((steps > 0).sum()) and keys is None
    return np.asarray(frame.duplicated(keep="last" if descending else "first"))


def _spring(times: Times) -> list[Question]:
    """A question if an hour is missing exactly where clocks go forward."""
    steps = np.diff(times)
    positive = steps[steps > np.timedelta64(0)]
    if len(steps) < 24 or not len(positive) or positive.min() > HOUR:
        return []
    gaps = np.flatnonzero(steps == positive.min() + HOUR)
    if not 0 < len(gaps) <= 100:
        return []
    inside = times[gaps] + positive.min()
    found = [zone for zone in ZONES if _skipped(inside, zone).all()]
    return [_question(f"Clocks go forward on {inside[0].astype('datetime64[D]')}", found)] if found else []


def day_lengths(days: Times, zone: str) -> Whole:
    """The length of each local day in hours, [n]."""
    ends = [standard_time(days + np.timedelta64(24 * n, "h"), zone) for n in (0, 1)]
    return np.asarray((ends[1] - ends[0]) // HOUR).astype(np.int64)


def zone_of_days(long: Times, short: Times, zone: str) -> str | None:
    """The zone in which these days have 25 and 23 hours: `zone`, or with "auto" the first of ZONES."""
    for name in ZONES if zone == "auto" else (zone,):
        if (day_lengths(long, name) == 25).all() and (day_lengths(short, name) == 23).all():
            return name
    return None
