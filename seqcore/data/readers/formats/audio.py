"""Recordings: one WAV, or many of an archive, whose folders or names say their labels and speakers."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from io import BytesIO
from pathlib import PurePosixPath
from typing import NamedTuple

from seqcore.data.audio import Sound, read_sound, sound_table
from seqcore.data.readers.formats.input_file import Given
from seqcore.data.table import Table
from seqcore.errors import DataError

__all__ = ["read_recordings", "read_wav"]

_LISTED = 5  # faults that are named


def read_wav(given: Given) -> Table:
    """One recording as one series of log-mel frames. DataError where it is silent, too short or too long."""
    given.stream.seek(0)
    table = sound_table([read_sound(given.stream, name=given.name, rate=None)], names=(given.name,))
    _refuse_short(table, [given.name], given.name)
    return replace(table, independent=False, notes=(*given.notes, *table.notes))


def read_recordings(given: Given, files: Iterator[tuple[str, bytes]], paths: list[str]) -> Table:
    """The recordings of an archive: `files` gives (path, content) of each of `paths`, in their order.

    Folders are labels, else what the names begin with; a folder below them, or what names go on with, is the speaker.
    DataError: one class only; a recording that can't be used, by its name in the archive.
    """
    told = _told(paths)
    if len(paths) > 1 and len(set(told.labels or ())) < 2 and given.options.kind == "auto":
        raise DataError(f"{given.name}: {_one_class(paths)}")
    faults: list[str] = []

    def sounds() -> Iterator[Sound]:  # one at a time, so that nothing is there twice
        for done, (path, content) in enumerate(files):
            given.progress.at(done / len(paths))
            try:
                sound = read_sound(BytesIO(content), name=f"{given.name}: {path}", rate=None)
            except DataError as error:  # the others are looked at too, so that all can be mended at once
                faults.extend(error.lines)
            else:
                yield sound
        if faults:
            more = len(faults) - _LISTED
            rest = (
                [f"{given.name}: {more:,} more recording{'s' * (more > 1)} can't be used, either"] if more > 0 else []
            )
            raise DataError(*faults[:_LISTED], *rest)

    names = [PurePosixPath(path).name for path in paths]
    table = sound_table(
        sounds(), labels=told.labels, groups=told.groups, names=names, notes=(*given.notes, *told.notes)
    )
    _refuse_short(table, paths, given.name)
    return table


def _one_class(paths: list[str]) -> str:
    """Why recordings can't be told apart, and what to do."""
    folders = {PurePosixPath(path).parent.name for path in paths}
    if len(folders) > 1 or "" in folders:
        return "nothing tells the classes of its recordings apart; put those of each class into a folder of its own"
    return (
        f"the label of every recording is {folders.pop()!r}, the only folder, so there is nothing to tell apart; "
        "give recordings of at least two classes, each class in a folder of its own"
    )


def _refuse_short(table: Table, names: list[str], file: str) -> None:
    short = [name for name, length in zip(names, table.lengths, strict=True) if length < 2]
    if short:
        more = f" and {len(short) - _LISTED:,} more" if len(short) > _LISTED else ""
        where = file if short == [file] else f"{file}: {', '.join(short[:_LISTED])}{more}"
        raise DataError(f"{where}: a recording must last 30 milliseconds at least; give a longer one, or take it out")


class _Told(NamedTuple):
    labels: list[str] | None
    groups: list[str] | None
    notes: tuple[str, ...]


def _told(paths: list[str]) -> _Told:
    """What folders and names say of each recording."""
    parts = [PurePosixPath(path).parts for path in paths]
    while all(len(p) > 1 for p in parts) and len({p[0] for p in parts}) == 1:
        parts = [p[1:] for p in parts]  # one folder around all of them says nothing
    if all(len(p) > 1 for p in parts):
        labels = [p[0] for p in parts]
        notes = ("Labels are the names of the folders.",)
        if all(len(p) > 2 for p in parts):
            return _Told(labels, [p[1] for p in parts], (*notes, "The folders in them are taken as speakers."))
        pieces = [_pieces(p[-1]) for p in parts]
        speakers = _speakers([p[0] if len(p) > 1 else "" for p in pieces], labels)
        return _Told(labels, speakers, (*notes, "Speakers are what the names begin with.") if speakers else notes)
    pieces = [_pieces(p[-1]) for p in parts]
    labels = [p[0] for p in pieces]
    if len(parts) < 2 or all(len(p) == 1 for p in pieces) or len(set(labels)) > len(labels) / 2:
        return _Told(None, None, ())
    notes = ("Labels are what the names begin with.",)
    speakers = _speakers([p[1] if len(p) > 2 else "" for p in pieces], labels)
    return _Told(labels, speakers, (*notes, "Speakers are what the names go on with.") if speakers else notes)


def _pieces(name: str) -> list[str]:
    """ "7_jackson_32.wav" as 7, jackson, 32; "yes12.wav" as yes, 12."""
    stem = PurePosixPath(name).stem
    return [piece for piece in re.split(r"[_\-. ]+|(?<=[^\W\d_])(?=\d+$)", stem) if piece] or [stem]


def _speakers(names: list[str], labels: list[str]) -> list[str] | None:
    """`names` where they can be speakers: those of most recordings come with several labels."""
    seen: dict[str, set[str]] = defaultdict(set)
    for name, label in zip(names, labels, strict=True):
        seen[name].add(label)
    several = sum(len(seen[name]) > 1 for name in names)
    return names if len(seen) > 2 and "" not in seen and several >= 0.8 * len(names) else None
