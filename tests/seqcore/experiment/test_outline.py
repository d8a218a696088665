"""An outline is what the validated experiment says, of this and of earlier versions."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from seqcore.errors import ExperimentError
from seqcore.experiment.experiment import Experiment
from seqcore.experiment.outline import Outline
from seqcore.experiment.recipes import recipes

OLD = Path(__file__).parents[2] / "fixtures" / "v0_2" / "expected.json"


def outline_of(experiment: Experiment) -> Outline:
    data, model = experiment.data, experiment.model
    return Outline(
        data.source, str(data.options.get("name") or ""), data.task, data.window, data.horizon,
        data.validation_fraction == data.test_fraction == 0, model.architecture, model.hidden_size, model.num_layers,
    )  # fmt: skip


def test_outlines_of_recipes_are_those_of_their_experiments() -> None:
    for recipe in recipes():
        assert Outline.of_json(recipe.experiment.to_json()) == outline_of(recipe.experiment), recipe.name


def test_outlines_of_version_0_2_have_current_names() -> None:
    for name, run in json.loads(OLD.read_text())["runs"].items():
        text = json.dumps(run["experiment"])
        assert Outline.of_json(text) == outline_of(Experiment.from_json(text)), name


def test_the_name_of_a_file_is_in_the_outline() -> None:
    data = {"source": "file", "options": {"hash": "0" * 64, "name": "load.csv"}}
    assert Outline.of_json(Experiment.make({"data": data}).to_json()).name == "load.csv"


@pytest.mark.parametrize(
    "text",
    ["", "null", "[]", "{}", '{"data": {}}', '{"data": {"source": "no-such"}, "model": {}}',
     '{"data": {"window": "20"}, "model": {}}', '{"data": {}, "model": {"hidden_size": null}}',
     '{"data": {}, "model": {"architecture": ["lstm"]}}'],
)  # fmt: skip
def test_what_is_no_experiment_is_refused(text: str) -> None:
    with pytest.raises(ExperimentError, match="not an experiment"):
        Outline.of_json(text)


def test_the_number_of_seeds_is_in_the_outline() -> None:
    assert Outline.of_json(Experiment.make({"training": {"replicas": 8}}).to_json()).replicas == 8
    values = Experiment.make().to_dict()
    del values["training"]["replicas"]  # of an earlier version
    assert Outline.of_json(json.dumps(values)).replicas == 1
