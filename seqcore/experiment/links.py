"""Links: an experiment as readable URL parameters and back, `?recipe=sine-next-step@1&model.architecture=gru`.

A link has a recipe with its version, and the fields that differ from it. Reading it gives exactly the experiment that
was written, or one line for each error.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Mapping
from typing import Any

from seqcore.errors import ExperimentError, NotFoundError, did_you_mean
from seqcore.experiment.experiment import OPTIONS, Experiment, flat
from seqcore.experiment.recipes import load_recipe

__all__ = ["PAGE_KEYS", "experiment_from_link", "link_of", "nearest_from_link", "written"]

PAGE_KEYS = frozenset({"run", "runs", "part", "at", "embed", "embed_options", "theme"})
"""Keys of the page, which are not part of the experiment."""

LONGEST_VALUE = 100_000  # characters; pasted values are part of a link, files are not

_NO_PATHS = "a link can't name a file of the server; upload the file under Your file"


def link_of(experiment: Experiment, recipe: str | None) -> dict[str, str]:
    """URL parameters of `experiment`, as differences from a recipe, or from the defaults.

    NotFoundError where there is no such recipe.
    """
    params: dict[str, str] = {}
    base = Experiment.make()
    if recipe is not None:
        known = load_recipe(recipe)
        params["recipe"] = f"{known.name}@{known.version}"
        base = known.experiment
    # A new source or architecture starts from its own options, which are compared with its defaults.
    changes = {choice: experiment.get(choice) for choice in OPTIONS if base.get(choice) != experiment.get(choice)}
    if changes:
        with contextlib.suppress(ExperimentError):  # may conflict with other fields of the recipe: then all are listed
            base = base.with_changes(changes)
    changes |= experiment.differences(base)
    return params | {path: written(value) for path, value in changes.items()}


def experiment_from_link(params: Mapping[str, str]) -> tuple[Experiment, str | None]:
    """The experiment and recipe of a link's parameters. ExperimentError: one line per error."""
    base, recipe, changes, lines = _read(params)
    try:
        experiment = base.with_changes(changes)
    except ExperimentError as error:
        raise ExperimentError(*lines, *error.lines) from None
    if lines:
        raise ExperimentError(*lines)
    return experiment, recipe


def nearest_from_link(params: Mapping[str, str]) -> tuple[Experiment, str | None, tuple[str, ...]]:
    """The valid part of a link: experiment, recipe, and one line for each error.

    An invalid field keeps the recipe's value; so does the later of two that conflict.
    """
    try:
        return *experiment_from_link(params), ()
    except ExperimentError as error:
        lines = error.lines
    experiment, recipe, changes, _ = _read(params)
    # Source and architecture come first, since only theirs are known options.
    for path in sorted(changes, key=lambda path: path not in OPTIONS):
        with contextlib.suppress(ExperimentError):
            experiment = experiment.with_changes({path: changes[path]})
    return experiment, recipe, lines


def _read(params: Mapping[str, str]) -> tuple[Experiment, str | None, dict[str, Any], list[str]]:
    """A parsed link: base experiment, recipe, changes, and errors."""
    lines: list[str] = []
    base, recipe = Experiment.make(), None
    changes: dict[str, Any] = {}
    for key, value in params.items():
        if key in PAGE_KEYS:
            continue
        if len(value) > LONGEST_VALUE:
            lines.append(
                f"{_short(key)}: {len(value):,} characters exceed the limit of a link; use at most {LONGEST_VALUE:,}"
            )
        elif key == "recipe":
            base, recipe, errors = _recipe(value)
            lines += errors
        elif (key in ("data.source", "data.options.hash") and _is_path(value)) or (
            key == "data.options.name" and re.search(r"[/\\]", value)
        ):
            lines.append(f"{key}: {_short(value)!r} is not allowed; {_NO_PATHS}")
        elif "." not in key:
            lines.append(f"{_short(key)}: unknown parameter{_near_field(base, key)}")
        else:
            changes[key] = value
    return base, recipe, changes, lines


def _recipe(text: str) -> tuple[Experiment, str | None, list[str]]:
    """The experiment of `name@version`, or the defaults and the errors."""
    name, _, version = text.partition("@")
    if _is_path(text):
        return Experiment.make(), None, [f"recipe: {_short(text)!r} is not allowed; {_NO_PATHS}"]
    try:
        known = load_recipe(name)
    except NotFoundError as error:
        return Experiment.make(), None, list(error.lines)
    if version and version != str(known.version):
        line = (
            f"recipe: {_short(text)!r} is not the current version of {name} ({known.version}), so the link would give "
            f"another experiment; open {name} and repeat the changes"
        )
        return known.experiment, name, [line]
    return known.experiment, name, []


def _is_path(text: str) -> bool:
    """Whether the text looks like a path: a slash, a drive, a parent folder, a home folder, or a file extension."""
    return bool(re.search(r"[/\\]|^~|^\w+:|\.\.|\.[A-Za-z]\w{1,7}$", text.strip()))


def _near_field(base: Experiment, key: str) -> str:
    """The end of a message about `key`: the dotted field that was probably intended."""
    names = {path.rpartition(".")[2]: path for path in flat(base.to_dict())}
    hint = did_you_mean(key, names)
    for name, path in names.items():
        if hint == f"; did you mean {name}?":
            return f"; did you mean {path}?"
    return "; use recipe or dotted fields, as in model.hidden_size"


def written(value: Any) -> str:
    """A value as text that reads back exactly."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        short = f"{value:g}"
        return short if float(short) == value else repr(value)
    if isinstance(value, list | tuple):
        plain = len(value) == 1 and value[0] and value[0] == value[0].strip() and not value[0].startswith("[")
        return str(value[0]) if plain else json.dumps(list(value), ensure_ascii=False) if value else ""
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False) if value else ""
    return str(value)


def _short(text: str) -> str:
    return text if len(text) <= 60 else text[:57] + "..."
