"""Registry entries: title, help, traits, and the entry point of an implementation.

Listing architectures, sources or tasks must not import torch, so an entry names its implementation as
"package.module:name" and imports it when it is first used. A registry lies beside its implementations;
`architectures`, `sources` and `tasks` find it by name, so that configuration depends on no implementation.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass, field
from functools import cache
from typing import Any

__all__ = [
    "Entry",
    "SourceEntry",
    "architectures",
    "baseline_title",
    "baselines",
    "load",
    "sources",
    "task_kind",
    "task_trait",
    "tasks",
    "with_extensions",
]


def load(target: str) -> Any:
    """The object that "package.module:name" names."""
    module, _, name = target.partition(":")
    return getattr(importlib.import_module(module), name)


@dataclass(frozen=True)
class Entry:
    """One choice. `options` is the entry point of the `Section` of its own fields, if it has any."""

    title: str
    help: str
    target: str
    traits: dict[str, Any] = field(default_factory=dict)
    options: str = ""

    def load(self) -> Any:
        """The class or function itself."""
        return load(self.target)


@dataclass(frozen=True)
class SourceEntry(Entry):
    """A source: its class is the `Section` of its own fields."""

    tasks: tuple[str, ...] = ("regression",)  # those that its values can be used for, the default first
    stored: bool = False  # whether the values are kept in a store and must be given to `fit` as a table

    def __post_init__(self) -> None:
        object.__setattr__(self, "options", self.target)
        object.__setattr__(self, "tasks", with_extensions(*self.tasks))


@cache
def architectures() -> dict[str, Entry]:
    """The architectures by name."""
    registry: dict[str, Entry] = load("seqcore.models:MODELS")
    return registry


@cache
def sources() -> dict[str, SourceEntry]:
    """The sources by name."""
    registry: dict[str, SourceEntry] = load("seqcore.data.sources:SOURCES")
    return registry


@cache
def tasks() -> dict[str, Entry]:
    """The tasks by name."""
    registry: dict[str, Entry] = load("seqcore.tasks:TASKS")
    return registry


def task_kind(name: str) -> str:
    """The task that the task `name` extends (`traits["extends"]`), or itself."""
    kind: str = tasks()[name].traits.get("extends", name)
    return kind


def task_trait(name: str, trait: str) -> Any:
    """A trait that a task declares, or else the task that it extends; None where neither does."""
    return {**tasks()[task_kind(name)].traits, **tasks()[name].traits}.get(trait)


def with_extensions(*names: str) -> tuple[str, ...]:
    """These tasks, and those that extend one of them."""
    return (*names, *(name for name in tasks() if name not in names and task_kind(name) in names))


@cache
def baselines() -> dict[str, Entry]:
    """The baselines by name."""
    registry: dict[str, Entry] = load("seqcore.evaluation.baselines:BASELINES")
    return registry


def baseline_title(name: str, *, short: bool = False) -> str:
    """How a baseline is shown; one that isn't registered (of another version) by its own name."""
    entry = baselines().get(name)
    if entry is None:
        return name.replace("_", " ").capitalize()
    title: str = entry.traits.get("short", entry.title) if short else entry.title
    return title
