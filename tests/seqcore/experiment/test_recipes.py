"""Packaged recipes load; an invalid recipe file reports its errors."""

from __future__ import annotations

from importlib import resources

import pytest

import seqcore.experiment.recipes
from seqcore.data.sources import SOURCES
from seqcore.errors import ExperimentError, NotFoundError
from seqcore.experiment.recipes import load_recipe, recipe, recipes

GOOD = """
title = "A title"
description = "What it is."
source = "Where from."
version = 3
[data]
source = "ramp"
window = 3
[data.options]
length = 12
[training]
epochs = 500
[[expect]]
metric = "val_mse"
at_most = 0.1
"""


def test_bouncing_ball_comes_first() -> None:
    assert recipes()[0].name == "bouncing-ball"


def test_every_recipe_file_is_listed_and_complete() -> None:
    files = {f.name for f in resources.files(seqcore.experiment.recipes).iterdir() if f.name.endswith(".toml")}
    listed = recipes()
    assert {f"{r.name}.toml" for r in listed} == files
    names = {r.name for r in listed}
    for r in listed:
        assert all((r.title, r.description, r.source)), r.name
        assert r.version >= 1
        assert r.twin is None or r.twin in names, r.name
        assert r.experiment == recipe(r.name)
        assert r.experiment.data.task in SOURCES[r.experiment.data.source].tasks, r.name


def test_a_recipe_file_becomes_an_experiment() -> None:
    made = seqcore.experiment.recipes._parse("x", GOOD)
    assert (made.version, made.experiment.data.window, made.experiment.training.epochs) == (3, 3, 500)
    assert made.experiment.data.options["length"] == 12
    assert made.expect == ({"metric": "val_mse", "at_most": 0.1},)


def test_an_invalid_recipe_file_reports_every_error() -> None:
    broken = GOOD.replace("title", "titel").replace("window = 3", "windw = 3").replace("version = 3", "version = 'x'")
    with pytest.raises(ExperimentError) as error:
        seqcore.experiment.recipes._parse("x", broken)
    text = str(error.value)
    assert "x.toml: titel: unknown key; did you mean title?" in text
    assert "x.toml: title: missing" in text
    assert "x.toml: version: 'x' is not allowed" in text
    assert "x.toml: data.windw: unknown field; did you mean window?" in text


@pytest.mark.parametrize("name", ["bouncing-bal", "../recipes/bouncing-ball", "", "bouncing-ball.toml"])
def test_an_unknown_recipe_suggests_a_similar_name(name: str) -> None:
    with pytest.raises(NotFoundError, match="is not one of the recipes"):
        load_recipe(name)


def test_a_typing_error_is_recognized() -> None:
    with pytest.raises(NotFoundError, match=r"did you mean bouncing-ball\?"):
        recipe("bouncing-bal")
