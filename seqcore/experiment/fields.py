"""Declaration of fields: one declaration for validation, widgets, command-line help and documentation."""

from __future__ import annotations

import json
import types
import typing
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Any, Literal, TypedDict, Unpack

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, ValidationInfo, field_validator
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from seqcore.errors import did_you_mean
from seqcore.registry import Entry, with_extensions

__all__ = [
    "Choice", "Names", "OptionalInt", "Options", "Section", "Setting", "describe", "error_lines",
    "for_tasks", "setting", "shown",
]  # fmt: skip


def _empty_is_none(value: Any) -> Any:
    return None if value in ("", "none", "auto") else value


def _parsed(text: str) -> Any:
    """The value of JSON text. ValueError also for text that is nested or has numbers beyond Python's limits."""
    try:
        value = json.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    _check_text(value)
    return value


def _names(value: Any) -> Any:
    """Names from text input: one name, or a JSON list of names."""
    if isinstance(value, str):
        text = value.strip()
        if text.startswith("["):
            try:
                return tuple(_parsed(text))
            except ValueError:
                return (text,)
        return (text,) if text else ()
    return tuple(value) if isinstance(value, list) else value


def _named_choices(value: Any) -> Any:
    """A mapping from text input: a JSON object, or name=choice pairs separated by commas."""
    if not isinstance(value, str):
        return value
    text, advice = value.strip(), 'use {"name": "choice"} or name=choice, separated by commas'
    if text.startswith("{"):
        try:
            return _parsed(text)
        except ValueError:
            raise ValueError(f"{shown(text)} is not JSON; {advice}") from None
    pairs = [pair.rpartition("=") for pair in text.split(",")] if text else []
    if not all(equals and name.strip() for name, equals, _ in pairs):
        raise ValueError(f"{shown(text)} is not allowed; {advice}")
    return {name.strip(): choice.strip() for name, _, choice in pairs}


OptionalInt = Annotated[int | None, BeforeValidator(_empty_is_none)]
Names = Annotated[tuple[str, ...], BeforeValidator(_names)]

Kind = Literal["whole", "number", "choice", "switch", "text", "names", "mapping", "options"]
_KINDS: dict[Any, Kind] = {
    bool: "switch", int: "whole", float: "number", str: "text", tuple: "names", dict: "options",
}  # fmt: skip


class Section(BaseModel):
    """A frozen group of fields that refuses unknown ones."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _is_a_choice(cls, value: Any, info: ValidationInfo) -> Any:
        kind, names = _text_choices(cls, info.field_name or "")
        _check_text(value)
        given = {"": value}
        if kind is dict:
            value = given = _named_choices(value)
        elif kind is not str:
            return value
        for name, choice in given.items() if names and isinstance(given, dict) else ():
            if choice not in names:
                near = did_you_mean(str(choice), names) or f"; use one of {', '.join(names)}"
                raise ValueError(f"{shown(choice)}{f' for {shown(name)}' if name else ''} is not allowed{near}")
        return value


@lru_cache(maxsize=1024)  # a form makes tens of experiments, each of about 70 fields
def _text_choices(section: type[Section], name: str) -> tuple[type[Any] | None, list[str]]:
    """Whether a field is text or a mapping of text, and the values that it may have."""
    field = section.model_fields[name]
    kind = dict if field.annotation == dict[str, str] else str if field.annotation is str else None
    return kind, [choice.value for choice in _extra(field).get("choices", ())]


def _check_text(value: Any) -> None:
    """ValueError for text, in a list or mapping too, that can't be written: half of a UTF-16 pair."""
    if isinstance(value, list | tuple | dict):
        for part in [*value, *value.values()] if isinstance(value, dict) else value:
            _check_text(part)
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            raise ValueError(f"{shown(value)} is not valid Unicode text; correct it") from None


class Options(Section):
    """Fields of one choice only: options of a source or of an architecture."""

    def forced_fields(self) -> dict[str, Any]:
        """Fields of the enclosing section that follow from these options and override given values."""
        return {}

    def conflicts(self, section: Section) -> dict[str, str]:
        """Own fields that don't fit the fields of the enclosing section: name -> the reason and what to do."""
        return {}


@dataclass(frozen=True)
class Choice:
    """One allowed value of a field with title and help; `reason` says why it is unavailable."""

    value: str
    title: str
    help: str = ""
    reason: str = ""


@dataclass(frozen=True)
class Setting:
    """The description of one field."""

    path: str  # "model.hidden_size"
    title: str
    kind: Kind
    default: Any
    help: str
    minimum: float | None = None
    maximum: float | None = None
    exclusive_minimum: bool = False  # `minimum` itself is not allowed
    choices: tuple[Choice, ...] = ()
    unit: str = ""
    optional: bool = False  # may be None; `help` says what that means
    applies_to: Mapping[str, tuple[str, ...]] | None = None  # dotted path -> the values it applies to
    basic: bool = False  # shown open; advanced fields are folded away
    live: bool = False  # may be changed while a run is going
    logarithmic: bool = False
    multiline: bool = False
    slider: bool = False  # shown as a slider
    dynamic_choices: Entry | None = None  # a function that returns this machine's choices for a text field
    numbers: bool = False  # has an effect for numeric data only, not for symbols

    @property
    def allowed(self) -> str:
        """The end of an error message: the allowed values."""
        if self.kind == "mapping":
            return "use name=choice, with one of " + ", ".join(c.value for c in self.choices)
        if self.choices:
            return "use one of " + ", ".join(c.value for c in self.choices)
        if self.kind == "switch":
            return "use true or false"
        if self.kind in ("whole", "number"):
            noun = "a whole number" if self.kind == "whole" else "a number"
            above = "above" if self.exclusive_minimum else "from"
            low = "" if self.minimum is None else f" {above} {_number(self.minimum)}"
            joint, end = (" and up to", "") if self.exclusive_minimum else (" to", " up") if low else (" up to", "")
            high = end if self.maximum is None else f"{joint} {_number(self.maximum)}"
            return f"use {noun}{low}{high}" + (", or leave it empty" if self.optional else "")
        return "use a list of names" if self.kind == "names" else "use text"


def _number(value: float) -> str:
    return f"{value:g}" if abs(value) < 1e6 else f"{value:.0f}"


class _Extra(TypedDict, total=False):
    """Attributes of `Setting` that pydantic does not have."""

    unit: str
    applies_to: Mapping[str, tuple[str, ...]]
    basic: bool
    live: bool
    logarithmic: bool
    multiline: bool
    slider: bool
    dynamic_choices: Entry
    numbers: bool


def setting(
    default: Any,
    help: str,
    *,
    title: str = "",
    minimum: float | None = None,
    maximum: float | None = None,
    above: float | None = None,
    choices: Iterable[Choice] | Iterable[tuple[str, str, str]] = (),
    **extra: Unpack[_Extra],
) -> Any:
    """Declare a field. `above` is an exclusive minimum; `choices` are (value, title, help); see `Setting`."""
    described: Any = {**extra, "choices": tuple(c if isinstance(c, Choice) else Choice(*c) for c in choices)}
    start: Any = {"default_factory": dict} if isinstance(default, dict) else {"default": default}
    return Field(
        **start,
        title=title or None,
        description=help,
        ge=minimum,
        le=maximum,
        gt=above,
        json_schema_extra={"seqcore": described},
    )


def for_tasks(*names: str) -> dict[str, tuple[str, ...]]:
    """`applies_to` of a field that these tasks read, and those that extend them."""
    return {"data.task": with_extensions(*names)}


def _kind(field: FieldInfo, choices: tuple[Choice, ...]) -> tuple[Kind, bool]:
    annotation = field.annotation
    optional = False
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        members = [a for a in typing.get_args(annotation) if a is not type(None)]
        optional = len(members) < len(typing.get_args(annotation))
        annotation = members[0]
    origin = typing.get_origin(annotation) or annotation
    if annotation == dict[str, str]:
        return "mapping", optional
    if choices and origin is not tuple:
        return "choice", optional
    return _KINDS[origin], optional


def _extra(field: FieldInfo) -> dict[str, Any]:
    """What `setting` declared that pydantic does not have."""
    schema = field.json_schema_extra
    return dict(schema.get("seqcore", {})) if isinstance(schema, dict) else {}  # type: ignore[arg-type]


@lru_cache(maxsize=256)  # experiments are read by the thousand in lists of runs
def describe(section: type[BaseModel], prefix: str = "") -> tuple[Setting, ...]:
    """The descriptions of a section's fields, in order, with dotted paths."""
    settings = []
    for name, field in section.model_fields.items():
        extra = _extra(field)
        limits = {type(m).__name__: m for m in field.metadata}
        low, high, above = limits.get("Ge"), limits.get("Le"), limits.get("Gt")
        kind, optional = _kind(field, extra.get("choices", ()))
        settings.append(
            Setting(
                path=f"{prefix}.{name}" if prefix else name,
                title=field.title or name.replace("_", " ").capitalize(),
                kind=kind,
                default=field.get_default(call_default_factory=True),
                help=field.description or "",
                minimum=low.ge if low else above.gt if above else None,
                maximum=high.le if high else None,
                exclusive_minimum=above is not None,
                optional=optional,
                **extra,
            )
        )
    return tuple(settings)


def error_lines(error: ValidationError, settings: Iterable[Setting], prefix: str = "") -> list[str]:
    """One line for each field with an error: value given, what is allowed."""
    by_path = {s.path: s for s in settings}
    lines: dict[str, str] = {}
    for e in error.errors():
        words = [str(part) for part in e["loc"] if not _is_branch(part)]
        path = ".".join(([prefix] if prefix else []) + words)
        field = path
        while field not in by_path and "." in field:  # of several faults in a list, the first is said
            field = field.rpartition(".")[0]
        lines.setdefault(field if field in by_path else path, _line(path, e, by_path))
    return list(lines.values())


def _is_branch(part: int | str) -> bool:
    """Whether a part of a pydantic location names a branch of a union, not a field."""
    return isinstance(part, str) and (part in ("int", "float", "str", "bool") or "[" in part)


def _line(path: str, error: ErrorDetails, by_path: Mapping[str, Setting]) -> str:
    if error["type"] == "extra_forbidden":
        parent, _, name = path.rpartition(".")
        siblings = [p.rpartition(".")[2] for p in by_path if p.rpartition(".")[0] == parent]
        return f"{path}: unknown field{did_you_mean(name, siblings)}"
    while path not in by_path and "." in path:
        path = path.rpartition(".")[0]
    known = by_path.get(path)
    given = error.get("input")
    if error["type"] == "value_error":
        return f"{path}: {error['ctx']['error']}"
    text = shown(given if isinstance(given, str | int | float | bool) or given is None else type(given).__name__)
    return f"{path}: {text} is not allowed; {known.allowed}" if known else f"{path}: {text} is not allowed"


def shown(value: Any) -> str:
    """A given value in an error message, at most 60 characters."""
    try:
        text = repr(value[:100] if isinstance(value, str) else value)
    except (ValueError, RecursionError):  # an integer of thousands of digits, or deeply nested
        return f"a {type(value).__name__} that is too large"
    return text if len(text) <= 60 else text[:57] + "..."
