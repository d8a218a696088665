"""Lists of runs, filtered, sorted and cut to a page by the database: a store may have tens of thousands."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

from sqlalchemy import ColumnElement, Connection, case, func, literal, or_, select
from sqlalchemy.sql import Select

from seqcore.errors import StoreError, did_you_mean
from seqcore.runs import schema
from seqcore.runs.labels import list_columns
from seqcore.runs.records import Run, Status

__all__ = ["ORDERS", "RunFilter", "RunPage", "count_by_status", "page_of_ids", "sort_in_memory"]

ORDERS = ("newest", "skill", "longest", "title")
"""Newest first; the highest factor over the reference baseline first; the longest training first; by title."""
_MOST_WORDS = 30


@dataclass(frozen=True)
class RunFilter:
    """Which runs a list has, and in which order. StoreError where a status or the order is unknown.

    `words`: each of them (at most 30) is part of the title, the architecture with its sizes, the status, the owner or
    the id, in upper or lower case. Of runs that are equal in the order, the newest comes first.
    """

    words: str = ""
    statuses: tuple[Status, ...] = ()  # none: all
    owner: str | None = None  # the user who started it; None: of all
    order: str = ORDERS[0]

    def __post_init__(self) -> None:
        lines = [
            f"there is no status {status!r}{did_you_mean(status, get_args(Status))}"
            for status in self.statuses
            if status not in get_args(Status)
        ]
        if self.order not in ORDERS:
            lines.append(f"there is no order {self.order!r}{did_you_mean(self.order, ORDERS)}")
        if lines:
            raise StoreError(*lines)

    @property
    def wanted(self) -> list[str]:
        """The words to look for, in lower case."""
        return list(dict.fromkeys(self.words.replace("\0", "").lower().split()))[:_MOST_WORDS]


@dataclass(frozen=True)
class RunPage:
    """A part of a list of runs; `total` is the length of the whole list."""

    runs: list[Run]
    total: int


def page_of_ids(
    connection: Connection, chosen: RunFilter, known: Mapping[str, Status], *, limit: int | None, offset: int
) -> tuple[list[str], int]:
    """The ids of the runs that match, from the place `offset` on, and how many match.

    `known` holds the status of runs whose status differs from the stored one.
    """
    table = schema.runs
    matching = _matching(connection, select(table.c.id), chosen, known)
    total = connection.execute(_matching(connection, select(func.count()), chosen, known)).scalar_one()
    query = matching.order_by(*_order(connection, chosen.order)).limit(limit).offset(offset or None)
    return list(connection.execute(query).scalars()), int(total)


def count_by_status(connection: Connection, known: Mapping[str, Status]) -> dict[Status, int]:
    """The number of runs with each status that occurs; `known` as for `page_of_ids`."""
    status = _status(known)
    rows = connection.execute(select(status, func.count()).group_by(status))
    counts = {str(name): int(count) for name, count in rows}
    return {name: counts[name] for name in get_args(Status) if name in counts}


def sort_in_memory(runs: Sequence[Run], chosen: RunFilter) -> list[Run]:
    """The runs that match, in order, of some runs, the newest first: where the database is too damaged for a query."""
    entries = [(run, list_columns(_row(run))) for run in runs]
    keys = {
        "newest": lambda entry: 0,
        "skill": lambda entry: -entry[1]["skill"],
        "longest": lambda entry: -entry[0].seconds,
        "title": lambda entry: entry[1]["title"],
    }
    kept = [
        (run, columns)
        for run, columns in entries
        if (not chosen.statuses or run.status in chosen.statuses)
        and chosen.owner in (None, run.owner)
        and all(word in columns["words"] or word in run.status for word in chosen.wanted)
    ]
    return [run for run, _ in sorted(kept, key=keys[chosen.order])]


def _row(run: Run) -> dict[str, Any]:
    names = ("id", "recipe", "owner", "metric")
    values = {"metrics": json.dumps(run.metrics), "baselines": json.dumps(run.baselines)}
    row = {name: getattr(run, name) for name in names}
    return row | values | {"experiment": run.experiment_json, "headline": run.reference_baseline}


def _matching(
    connection: Connection, query: Select[Any], chosen: RunFilter, known: Mapping[str, Status]
) -> Select[Any]:
    table, status = schema.runs, _status(known)
    query = query.select_from(table)
    if chosen.statuses:
        query = query.where(status.in_(chosen.statuses))
    if chosen.owner is not None:
        query = query.where(table.c.owner == chosen.owner)
    for word in chosen.wanted:
        places = (table.c.words, status)
        query = query.where(or_(*(_position(connection, place, word) > 0 for place in places)))
    return query


def _position(connection: Connection, text: ColumnElement[Any], word: str) -> ColumnElement[int]:
    """Where a word begins in a text, from 1 on; 0 or null if it is not in it."""
    return func.instr(text, word) if connection.dialect.name == "sqlite" else func.strpos(text, word)


def _status(known: Mapping[str, Status]) -> ColumnElement[Any]:
    table = schema.runs
    by_status: dict[Status, list[str]] = {}
    for run, status in known.items():
        by_status.setdefault(status, []).append(run)
    whens = [(table.c.id.in_(ids), literal(status)) for status, ids in by_status.items()]
    return case(*whens, (table.c.status.in_(get_args(Status)), table.c.status), else_=literal("damaged"))


def _order(connection: Connection, order: str) -> Collection[ColumnElement[Any]]:
    table = schema.runs
    newest = table.c.number.desc()
    if order == "title":  # by code points, as everywhere in Python
        name = func.coalesce(table.c.title, "")
        return (name if connection.dialect.name == "sqlite" else name.collate("C"), newest)
    column = {"skill": func.coalesce(table.c.skill, 0.0), "longest": table.c.seconds}.get(order)
    return (newest,) if column is None else (column.desc(), newest)
