"""Recipes: packaged experiments, one TOML file each, and functions that load them."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Any

from seqcore.errors import ExperimentError, NotFoundError, did_you_mean
from seqcore.experiment.experiment import Experiment
from seqcore.registry import sources

__all__ = ["Recipe", "load_recipe", "recipe", "recipes"]

_TEXTS = ("title", "description", "source")
_KEYS = {"name", *_TEXTS, "version", "order", "twin", "expect", "data", "model", "training"}
_EXPECT = {"metric", "at_most", "at_least", "of", "changes"}


@dataclass(frozen=True)
class Recipe:
    """A packaged experiment. `twin` names its counterpart for comparison.

    `expect` lists results of a full training: `metric` with `at_most` or `at_least`, relative to a baseline's where
    `of` names one, and with dotted fields changed where there are `changes`.
    """

    name: str
    title: str
    description: str
    source: str  # of the article, paper or data it comes from
    version: int  # incremented when the experiment changes
    order: int  # in lists
    experiment: Experiment
    expect: tuple[Mapping[str, Any], ...] = ()
    twin: str | None = None


def recipe(name: str) -> Experiment:
    """The experiment of the recipe `name`. NotFoundError if it does not exist."""
    return load_recipe(name).experiment


def recipes() -> list[Recipe]:
    """All recipes, in display order."""
    return sorted((load_recipe(name) for name in _names()), key=lambda r: (r.order, r.name))


@lru_cache(maxsize=256)
def load_recipe(name: str) -> Recipe:
    """The recipe `name`. NotFoundError if it does not exist."""
    if name in sources() and name not in _names():
        raise NotFoundError(
            f"recipe: {name!r} is not a recipe; it is a source: use --set data.source={name} with a recipe"
        )
    if name not in _names():
        raise NotFoundError(f"recipe: {name[:60]!r} is not one of the recipes{did_you_mean(name, _names())}")
    text = (resources.files(__package__) / f"{name}.toml").read_text(encoding="utf-8")
    return _parse(name, text)


def _names() -> tuple[str, ...]:
    found = (entry.name for entry in resources.files(__package__).iterdir())
    return tuple(sorted(file.removesuffix(".toml") for file in found if file.endswith(".toml")))


def _parse(name: str, text: str) -> Recipe:
    """Parse the TOML text of a recipe. ExperimentError: one line per error, with the file name."""
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ExperimentError(f"{name}.toml: not valid TOML: {error}") from None
    lines = [f"{key}: unknown key{did_you_mean(key, _KEYS)}" for key in values if key not in _KEYS]
    lines += [f"{key}: missing; write a line of text" for key in _TEXTS if not isinstance(values.get(key), str)]
    if values.get("name", name) != name:
        lines.append(f"name: {values['name']!r} is not the file's name; use {name!r}")
    for key in ("version", "order"):
        if type(values.get(key, 1)) is not int:
            lines.append(f"{key}: {values[key]!r} is not allowed; use a whole number")
    for expected in values.get("expect", ()):
        wrong = next((key for key in expected if key not in _EXPECT), None)
        if wrong is not None or "metric" not in expected or not {"at_most", "at_least"} & set(expected):
            lines.append(f"expect: {str(expected)[:80]} is not allowed; use metric, at_most or at_least, of, changes")
    try:
        experiment = Experiment.make({key: values[key] for key in ("data", "model", "training") if key in values})
    except ExperimentError as error:
        lines += error.lines
    if lines:
        raise ExperimentError(*(f"{name}.toml: {line}" for line in lines))
    return Recipe(
        name=name,
        title=values["title"],
        description=values["description"].strip(),
        source=values["source"],
        version=values.get("version", 1),
        order=values.get("order", 1000),
        experiment=experiment,
        expect=tuple(values.get("expect", ())),
        twin=values.get("twin"),
    )
