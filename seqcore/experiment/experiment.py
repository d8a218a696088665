"""What to do: data + model + training, complete and validated. It says nothing about how it went."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from typing import Any

import tomli_w
from pydantic import ValidationError

from seqcore.data.sources import SOURCES
from seqcore.errors import ExperimentError, did_you_mean
from seqcore.experiment.config import DataConfig, ModelConfig, TrainingConfig
from seqcore.experiment.constraints import broken_rules
from seqcore.experiment.fields import Section, Setting, describe, faults
from seqcore.experiment.migration import migrate, migrate_paths
from seqcore.models import MODELS

__all__ = ["Experiment", "settings_of"]

VERSION = 1  # of the written form


_SECTIONS: dict[str, type[Section]] = {"data": DataConfig, "model": ModelConfig, "training": TrainingConfig}
_SETTINGS: tuple[Setting, ...] = tuple(s for name, section in _SECTIONS.items() for s in describe(section, name))


class Experiment(Section):
    """Data, model and training. Build it with `Experiment.make`, which reports all faults at once."""

    data: DataConfig = DataConfig()
    model: ModelConfig = ModelConfig()
    training: TrainingConfig = TrainingConfig()

    @classmethod
    def make(cls, values: Mapping[str, Any] | None = None) -> Experiment:
        """From a nested mapping, with defaults where nothing is given. ExperimentError: a line for each fault."""
        given = migrate(values or {})
        lines = [
            f"{name}: there is no such field{did_you_mean(name, _SECTIONS)}" for name in given if name not in _SECTIONS
        ]
        parts: dict[str, Any] = {}
        for name, section in _SECTIONS.items():
            content = given.get(name, {})
            if not isinstance(content, Mapping):
                lines.append(f"{name}: {content!r} is not allowed; use a table of fields")
                continue
            part, part_lines = _section(name, section, dict(content))
            lines += part_lines
            parts[name] = part
        if not lines:
            lines = broken_rules(parts["data"], parts["model"], parts["training"])
        if lines:
            raise ExperimentError(*lines)
        return cls(**parts)

    def with_changes(self, changes: Mapping[str, Any]) -> Experiment:
        """A copy with dotted fields changed: `{"model.hidden_size": 64, "data.options.samples": 500}`.

        A new source starts from its own options. ExperimentError names every fault.
        """
        values, changes = self.to_dict(), migrate_paths(changes)
        if changes.get("data.source", self.data.source) != self.data.source:
            values["data"]["options"] = {}
        lines = []
        for path, value in changes.items():
            *parents, name = path.split(".")
            place: Any = values
            for parent in parents:
                place = place.get(parent) if isinstance(place, dict) else None
            if not isinstance(place, dict) or not parents:
                known = [s.path for s in settings_of(self)]
                lines.append(f"{path}: there is no such field{did_you_mean(path, known)}")
            else:
                place[name] = value
        try:
            changed = Experiment.make(values)
        except ExperimentError as error:
            raise ExperimentError(*lines, *error.lines) from None
        if lines:
            raise ExperimentError(*lines)
        return changed

    def why_not(self, path: str, value: Any) -> str | None:
        """The reason why `path` can't be `value` beside everything else as it is, or None where it can."""
        try:
            self.with_changes({path: value})
        except ExperimentError as error:
            return error.lines[0].partition(": ")[2]
        return None

    def applies(self, setting: Setting) -> bool:
        """Whether a field matters for this experiment; one that doesn't is kept and ignored."""
        return all(self.get(path) in values for path, values in (setting.applies_to or {}).items())

    def get(self, path: str) -> Any:
        """The value of a dotted field. ExperimentError where there is none."""
        place: Any = self
        for name in path.split("."):
            fields = place if isinstance(place, dict) else dict(place) if isinstance(place, Section) else {}
            if name not in fields:
                known = [s.path for s in settings_of(self)]
                raise ExperimentError(f"{path}: there is no such field{did_you_mean(path, known)}")
            place = fields[name]
        return place

    def differences(self, other: Experiment) -> dict[str, Any]:
        """What `other.with_changes(...)` needs to become this experiment: dotted path -> this one's value."""
        mine, theirs = _flat(self.to_dict()), _flat(other.to_dict())
        if self.data.source != other.data.source:  # a new source starts from its own options, so all are named
            theirs = {path: value for path, value in theirs.items() if not path.startswith("data.options.")}
        return {path: value for path, value in mine.items() if path not in theirs or theirs[path] != value}

    def to_dict(self) -> dict[str, Any]:
        """Nested plain values: what `make` takes."""
        values: dict[str, Any] = self.model_dump(mode="python")
        for name, value in values["data"].items():
            if isinstance(value, tuple):
                values["data"][name] = list(value)
        return values

    def to_json(self) -> str:
        """One JSON object."""
        return json.dumps({"version": VERSION, **self.to_dict()})

    def to_toml(self) -> str:
        """A TOML document. Fields that are empty (None) are left out, which reads back as the same."""
        values = {name: {k: v for k, v in part.items() if v is not None} for name, part in self.to_dict().items()}
        return tomli_w.dumps({"version": VERSION, **values})

    @classmethod
    def from_json(cls, text: str) -> Experiment:
        """The inverse of `to_json`. ExperimentError where it is no experiment."""
        try:
            values = json.loads(text)
        except json.JSONDecodeError as error:
            raise ExperimentError(f"this is not JSON: {error}") from None
        return cls.make(_unversioned(values))

    @classmethod
    def from_toml(cls, text: str) -> Experiment:
        """The inverse of `to_toml`. ExperimentError where it is no experiment."""
        try:
            values = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise ExperimentError(f"this is not TOML: {error}") from None
        return cls.make(_unversioned(values))


def _unversioned(values: Any) -> dict[str, Any]:
    if not isinstance(values, dict):
        raise ExperimentError("an experiment is a table with data, model and training")
    version = values.pop("version", VERSION)
    if version != VERSION:
        raise ExperimentError(f"version: {version!r} is not known here; this program reads version {VERSION}")
    return values


def settings_of(experiment: Experiment) -> tuple[Setting, ...]:
    """Every field of an experiment, its source's options included, in the order in which they are shown."""
    options = describe(SOURCES[experiment.data.source], "data.options")
    source, *rest = _SETTINGS
    return (source, *options, *(s for s in rest if s.path != "data.options"))


def _section(name: str, section: type[Section], content: dict[str, Any]) -> tuple[Section | None, list[str]]:
    """One section checked: itself, or the lines that say why not."""
    settings = describe(section, name)
    lines: list[str] = []
    for s in settings:
        key = s.path.partition(".")[2]
        allowed = {c.value for c in s.choices}
        if s.kind == "choice" and key in content and content[key] not in allowed:
            given = content.pop(key)
            near = did_you_mean(str(given), [c.value for c in s.choices])
            lines.append(f"{s.path}: {_shown(given)} is not allowed{near or '; ' + s.allowed}")
    source = SOURCES.get(str(content.get("source", section.model_fields["source"].default))) if name == "data" else None
    if source is not None and not any(line.startswith("data.source:") for line in lines):
        options = content.get("options") or {}
        try:
            chosen = source(**options)
            content |= {"options": chosen.model_dump(mode="python"), **chosen.forced_fields()}
        except ValidationError as error:
            lines += faults(error, describe(source, "data.options"), "data.options")
            content.pop("options")
        except TypeError:
            lines.append(f"data.options: {_shown(options)} is not allowed; use a table of options")
            content.pop("options")
    try:
        part = section(**content)
    except ValidationError as error:
        lines += faults(error, settings, name)
        hidden = content.get("hidden_size")
        if name == "model":
            lines = [_with_memory(line, hidden, content) for line in lines]
        return None, lines
    return (part, []) if not lines else (None, lines)


def _with_memory(line: str, hidden_size: Any, content: Mapping[str, Any]) -> str:
    """A refused hidden size, with the memory that it would have needed."""
    if not line.startswith("model.hidden_size:") or not str(hidden_size).isdigit() or int(hidden_size) < 1:
        return line
    gates = MODELS[str(content.get("architecture", ModelConfig().architecture))].traits["gates"]
    layers = content.get("num_layers", 1)
    weights = gates * 2 * int(hidden_size) ** 2 * (layers if isinstance(layers, int) and 1 <= layers <= 16 else 1)
    return f"{line}; it would need about {_bytes(16 * weights)} of memory"


def _bytes(number: float) -> str:
    for unit in ("bytes", "kB", "MB", "GB"):
        if number < 1000:
            return f"{number:.3g} {unit}"
        number /= 1000
    return f"{number:.3g} TB"


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat
