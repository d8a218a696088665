"""Commands `recipes` and `fields`: what can be trained, and which fields can be set."""

from __future__ import annotations

import argparse
import dataclasses
from typing import Any

from seqcore.cli.output import Output
from seqcore.errors import NotFoundError, did_you_mean
from seqcore.experiment.experiment import all_settings
from seqcore.experiment.fields import Setting
from seqcore.experiment.recipes import recipes as all_recipes

__all__ = ["fields", "recipes"]


def recipes(args: argparse.Namespace, out: Output) -> int:
    """List the recipes in their order."""
    found = all_recipes()
    if not out.json:
        rows = [(recipe.name, recipe.title, recipe.description) for recipe in found]
        out.table(("recipe", "title", "description"), rows)
        return 0
    for recipe in found:
        value = {name: getattr(recipe, name) for name in ("name", "title", "description", "source", "version", "twin")}
        out.object({**value, "expect": list(recipe.expect), "experiment": recipe.experiment.to_dict()})
    return 0


def fields(args: argparse.Namespace, out: Output) -> int:
    """List the fields of an experiment with default, allowed values and help; of a single field its choices too."""
    found = all_settings(args.prefix)
    if not found:
        known = all_settings()
        sections = {setting.path.partition(".")[0] for setting in known}
        near = did_you_mean(args.prefix, [*sections, *(setting.path for setting in known)])
        raise NotFoundError(f"fields: no field starts with {args.prefix!r}{near}")
    if out.json:
        for setting in found:
            out.object(_field(setting))
        return 0
    rows = [(s.path, _default(s), s.allowed.removeprefix("use "), _help(s)) for s in found]
    out.table(("field", "default", "allowed", "help"), rows)
    if len(found) == 1 and found[0].choices:
        out.line("")
        out.table(("choice", "title", "help"), [(c.value, c.title, c.help) for c in found[0].choices])
    return 0


def _field(setting: Setting) -> dict[str, Any]:
    names = ("kind", "default", "help", "allowed", "unit", "minimum", "maximum")
    return {
        "field": setting.path,
        **{name: getattr(setting, name) for name in names},
        "choices": [dataclasses.asdict(choice) for choice in setting.choices],
        "basic": setting.basic,
        "live": setting.live,
        "applies_to": {path: list(values) for path, values in (setting.applies_to or {}).items()},
    }


def _default(setting: Setting) -> str:
    if setting.default is None or setting.default in ((), {}):
        return "(empty)"
    if isinstance(setting.default, bool):
        return "true" if setting.default else "false"
    text = str(setting.default)
    return text if len(text) <= 40 else f"{text[:37]}..."


def _help(setting: Setting) -> str:
    text = setting.help
    if setting.unit:
        text = f"{text} [{setting.unit}]"
    if setting.live:
        text = f"{text} May change during a run."
    conditions = [f"{path} = {' or '.join(values)}" for path, values in (setting.applies_to or {}).items()]
    return f"{text} (for {', '.join(conditions)})" if conditions else text
