"""Experiment: the complete, validated configuration of data, model and training."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any

import tomli_w
from pydantic import ValidationError

from seqcore.errors import ExperimentError, did_you_mean
from seqcore.experiment.config import DataConfig, ModelConfig, TrainingConfig
from seqcore.experiment.constraints import broken_rules
from seqcore.experiment.fields import Options, Section, Setting, describe, error_lines, shown
from seqcore.experiment.migration import migrate, migrate_paths
from seqcore.registry import Entry, architectures, load, sources

__all__ = ["OPTIONS", "Experiment", "all_settings", "flat", "options_of", "settings_of"]

VERSION = 1  # of the JSON and TOML format

OPTIONS = {"data.source": "data.options", "model.architecture": "model.options"}
"""Choice field -> the field with the options of that choice."""

_CHOICES: dict[str, Callable[[], Mapping[str, Entry]]] = {"data.source": sources, "model.architecture": architectures}
_SECTIONS: dict[str, type[Section]] = {"data": DataConfig, "model": ModelConfig, "training": TrainingConfig}
_SETTINGS: tuple[Setting, ...] = tuple(s for name, section in _SECTIONS.items() for s in describe(section, name))


class Experiment(Section):
    """Data, model and training. Create it with `Experiment.make`, which reports all errors at once."""

    data: DataConfig = DataConfig()
    model: ModelConfig = ModelConfig()
    training: TrainingConfig = TrainingConfig()

    @classmethod
    def make(cls, values: Mapping[str, Any] | None = None) -> Experiment:
        """From a nested mapping; other fields have their defaults. ExperimentError: one line per error."""
        given = migrate(values or {}, ModelConfig().architecture)
        lines = [f"{name}: unknown field{did_you_mean(name, _SECTIONS)}" for name in given if name not in _SECTIONS]
        sections: dict[str, Any] = {}
        for name, section in _SECTIONS.items():
            content = given.get(name, {})
            if not isinstance(content, Mapping):
                lines.append(f"{name}: {shown(content)} is not allowed; use a table of fields")
                continue
            checked, errors = _section(name, section, dict(content))
            lines += errors
            sections[name] = checked
        if not lines:
            lines = broken_rules(sections["data"], sections["model"], sections["training"])
        if lines:
            raise ExperimentError(*lines)
        return cls(**sections)

    def with_changes(self, changes: Mapping[str, Any]) -> Experiment:
        """A copy with dotted fields changed: `{"model.hidden_size": 64, "data.options.samples": 500}`.

        A new source or architecture starts from its default options. ExperimentError has one line for each error.
        """
        values, changes = self.to_dict(), migrate_paths(changes, self.model.architecture)
        for choice, options in OPTIONS.items():
            if changes.get(choice, self.get(choice)) != self.get(choice):
                values[options.partition(".")[0]]["options"] = {}
        lines = []
        for path, value in changes.items():
            section, _, name = path.rpartition(".")
            place: Any = values
            for parent in section.split("."):  # of a section or its options: a mapping is changed as a whole
                place = place.get(parent) if section in (*_SECTIONS, *OPTIONS.values()) else None
            if not isinstance(place, dict):
                known = [s.path for s in settings_of(self)]
                lines.append(f"{path}: unknown field{did_you_mean(path, known)}")
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
        """The reason why `path` can't be changed to `value`, or None if it can."""
        try:
            self.with_changes({path: value})
        except ExperimentError as error:
            return error.lines[0].partition(": ")[2]
        return None

    def applies(self, setting: Setting) -> bool:
        """Whether a field applies to this experiment; other fields are kept and ignored."""
        return all(self.get(path) in values for path, values in (setting.applies_to or {}).items())

    def get(self, path: str) -> Any:
        """The value of a dotted field. ExperimentError if it does not exist."""
        place: Any = self
        for name in path.split("."):
            fields = place if isinstance(place, dict) else dict(place) if isinstance(place, Section) else {}
            if name not in fields:
                known = [s.path for s in settings_of(self)]
                raise ExperimentError(f"{path}: unknown field{did_you_mean(path, known)}")
            place = fields[name]
        return place

    def differences(self, other: Experiment) -> dict[str, Any]:
        """The changes that turn `other` into this experiment: dotted path -> value."""
        mine, theirs = flat(self.to_dict()), flat(other.to_dict())
        for choice, options in OPTIONS.items():
            if self.get(choice) != other.get(choice):  # a new choice starts from its default options, so all are listed
                theirs = {path: value for path, value in theirs.items() if not path.startswith(f"{options}.")}
        return {path: value for path, value in mine.items() if path not in theirs or theirs[path] != value}

    def to_dict(self) -> dict[str, Any]:
        """Nested JSON-serializable values, as `make` takes them."""
        values: dict[str, Any] = self.model_dump(mode="python")
        for name, value in values["data"].items():
            if isinstance(value, tuple):
                values["data"][name] = list(value)
        return values

    def to_json(self) -> str:
        """One JSON object."""
        return json.dumps({"version": VERSION, **self.to_dict()})

    def to_toml(self) -> str:
        """A TOML document. Empty fields (None) are left out."""
        return tomli_w.dumps({"version": VERSION, **_without_none(self.to_dict())})

    @classmethod
    def from_json(cls, text: str) -> Experiment:
        """The inverse of `to_json`. ExperimentError if the text is no experiment."""
        return cls.make(_parsed(json.loads, "JSON", text))

    @classmethod
    def from_toml(cls, text: str) -> Experiment:
        """The inverse of `to_toml`. ExperimentError if the text is no experiment."""
        return cls.make(_parsed(tomllib.loads, "TOML", text))


def _without_none(values: dict[str, Any]) -> dict[str, Any]:
    """Nested values without those that TOML can't represent."""
    return {k: _without_none(v) if isinstance(v, dict) else v for k, v in values.items() if v is not None}


def _parsed(parse: Callable[[str], Any], name: str, text: str) -> dict[str, Any]:
    """The fields in a document, whose version is checked."""
    try:
        values = parse(text)
    except ValueError as error:  # of both parsers
        reason = "a number has too many digits" if "integer string conversion" in str(error) else str(error)
        raise ExperimentError(f"not valid {name}: {reason}") from None
    except RecursionError:
        raise ExperimentError(f"not valid {name}: it is nested too deeply") from None
    if not isinstance(values, dict):
        raise ExperimentError("not an experiment; give a table with data, model and training")
    version = values.pop("version", VERSION)
    if version != VERSION:
        raise ExperimentError(f"version: {shown(version)} is not supported; use version {VERSION}")
    return values


@lru_cache(maxsize=256)
def options_of(choice: str, name: str) -> tuple[Setting, ...]:
    """The options of the source or architecture called `name`; `choice` is "data.source" or "model.architecture"."""
    options = describe(_options_section(choice, name), OPTIONS[choice])
    return tuple(replace(option, applies_to={choice: (name,), **(option.applies_to or {})}) for option in options)


def settings_of(experiment: Experiment) -> tuple[Setting, ...]:
    """Every field of an experiment, the options of its source and architecture included, in the order shown."""
    options = {path: options_of(choice, experiment.get(choice)) for choice, path in OPTIONS.items()}
    return tuple(setting for field in _SETTINGS for setting in options.get(field.path, (field,)))


def all_settings(prefix: str = "") -> tuple[Setting, ...]:
    """Every field whose path starts with `prefix`, the options of every source and architecture included.

    Options are imported only where the prefix asks for them: those of an architecture may lie in a file with torch.
    """
    options = {
        path: [option for name in _CHOICES[choice]() for option in options_of(choice, name)]
        for choice, path in OPTIONS.items()
        if f"{path}.".startswith(prefix) or prefix.startswith(path)
    }
    found = (setting for field in _SETTINGS for setting in options.get(field.path, (field,)))
    return tuple(
        setting for setting in found if setting.path.startswith(prefix) and setting.path not in OPTIONS.values()
    )


def _options_section(choice: str, name: str) -> type[Options]:
    target = _CHOICES[choice]()[name].options
    return load(target) if target else Options


def _section(name: str, section: type[Section], content: dict[str, Any]) -> tuple[Section | None, list[str]]:
    """One section, validated with its options: the section, or one line per error."""
    lines: list[str] = []
    options: Options | None = None
    choice = next((choice for choice in OPTIONS if choice.startswith(f"{name}.")), "")
    field = choice.partition(".")[2]
    chosen = content.get(field, section.model_fields[field].default) if choice else None
    if choice and isinstance(chosen, str) and chosen in _CHOICES[choice]():
        kind, given = _options_section(choice, chosen), content.get("options") or {}
        try:
            options = kind(**given)
            content |= {"options": options.model_dump(mode="python"), **options.forced_fields()}
        except ValidationError as error:
            lines += error_lines(error, describe(kind, OPTIONS[choice]), OPTIONS[choice])
            del content["options"]
        except TypeError:
            lines.append(f"{OPTIONS[choice]}: {shown(given)} is not allowed; use a table of options")
            del content["options"]
    try:
        checked = section(**content)
    except ValidationError as error:
        found = error_lines(error, describe(section, name), name)
        return None, lines + [_with_memory(line, content) for line in found]
    if options is not None:
        lines += [f"{OPTIONS[choice]}.{name}: {reason}" for name, reason in options.conflicts(checked).items()]
    return (None if lines else checked), lines


def _with_memory(line: str, content: Mapping[str, Any]) -> str:
    """An error line for the hidden size, with the memory that it would need."""
    hidden_size: Any = content.get("hidden_size")
    if isinstance(hidden_size, str) and re.fullmatch(r"[0-9]{1,12}", hidden_size):
        hidden_size = int(hidden_size)
    if not line.startswith("model.hidden_size:") or type(hidden_size) is not int or not 1 <= hidden_size < 10**12:
        return line
    entry = architectures().get(str(content.get("architecture", ModelConfig().architecture)))
    gates = entry.traits.get("gates", 1) if entry else 1
    layers = content.get("num_layers", 1)
    weights = gates * 2 * hidden_size**2 * (layers if isinstance(layers, int) and 1 <= layers <= 16 else 1)
    return f"{line}; it would need about {_bytes(16 * weights)} of memory"


def _bytes(number: float) -> str:
    for unit in ("bytes", "kB", "MB", "GB"):
        if number < 1000:
            return f"{number:.3g} {unit}"
        number /= 1000
    return f"{number:.3g} TB"


def flat(values: Mapping[str, Any]) -> dict[str, Any]:
    """Dotted path -> value, of sections and options as `to_dict` gives them."""
    found: dict[str, Any] = {}
    for section, fields in values.items():
        for name, value in fields.items():
            path = f"{section}.{name}"
            found |= {f"{path}.{k}": v for k, v in value.items()} if path in OPTIONS.values() else {path: value}
    return found
