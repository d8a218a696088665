"""Migration of renamed fields and values: experiments of earlier versions are read under current names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["MOVED_OPTIONS", "RENAMED_FIELDS", "RENAMED_VALUES", "migrate", "migrate_paths"]

RENAMED_FIELDS: dict[str, str] = {
    "data.gaps": "data.missing",
    "data.warm_up": "data.burn_in",
    "training.carry_state": "training.stateful",
    "training.coverage": "training.interval_coverage",
}
"""Dotted path of version 0.2 -> current path."""

MOVED_OPTIONS: dict[str, str] = {"model.nonlinearity": "rnn", "model.forget_bias": "lstm"}
"""Field of every model in version 0.2 -> the architecture whose `model.options` now has it."""

RENAMED_VALUES: dict[str, dict[str, str]] = {
    "data.options.kind": {"labelled-text": "labeled-text"},
    "data.task": {"symbols": "language-modeling"},
    "data.predict": {"next": "last", "every-step": "every"},
    "data.multi_step": {"free-running": "recursive"},
    "data.scaling": {"relative": "last-value", "log-relative": "log-last-value", "seasonal-relative": "seasonal"},
}
"""Dotted path -> value of an earlier version -> current value."""


def migrate_paths(values: Mapping[str, Any], architecture: str) -> dict[str, Any]:
    """Dotted path -> value, under current names. If both an old and a new name are given, the new one is used.

    `architecture` is the model's where `values` name none. Options of other architectures, which had no
    effect, are omitted.
    """
    architecture = values.get("model.architecture", architecture)
    moved: dict[str, Any] = {}
    for path, value in values.items():
        new = RENAMED_FIELDS.get(path, path)
        if path in MOVED_OPTIONS:
            if MOVED_OPTIONS[path] != architecture:
                continue
            new = path.replace("model.", "model.options.")
        if new != path and new in values:
            continue
        moved[new] = _current(new, value)
    return moved


def _current(path: str, value: Any) -> Any:
    """A value under its current name, or a section of options with current values."""
    if isinstance(value, Mapping):
        return {name: _current(f"{path}.{name}", option) for name, option in value.items()}
    return RENAMED_VALUES.get(path, {}).get(value, value) if isinstance(value, str) else value


def migrate(values: Mapping[str, Any], architecture: str) -> dict[str, Any]:
    """As `migrate_paths`, for a nested mapping: section -> field -> value."""
    moved: dict[str, Any] = {}
    for section, fields in values.items():
        if not isinstance(fields, Mapping):
            moved[section] = fields
            continue
        moved[section] = kept = {}
        paths = migrate_paths({f"{section}.{name}": value for name, value in fields.items()}, architecture)
        for path, value in sorted(paths.items(), key=lambda item: item[0].count(".")):
            *parents, name = path.split(".")[1:]
            if not parents:
                kept[name] = value
            elif isinstance(kept.setdefault("options", {}), Mapping):
                kept["options"] = {name: value, **kept["options"]}
    return moved
