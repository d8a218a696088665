"""Options of an architecture and constraints from its declared capabilities."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from seqcore.errors import ExperimentError
from seqcore.experiment import fields
from seqcore.experiment.experiment import Experiment, settings_of
from seqcore.experiment.fields import Setting
from seqcore.experiment.links import experiment_from_link, link_of
from seqcore.models import MODELS
from seqcore.models.capabilities import Capabilities
from seqcore.registry import task_trait
from seqcore.tasks import TASKS
from seqcore.training.control import LIVE_CHANGES


def test_an_architecture_has_its_own_options_and_a_new_one_starts_from_its_defaults() -> None:
    lstm = Experiment.make({"model": {"options": {"forget_bias": 2}}})
    assert lstm.model.options == {"forget_bias": 2.0}
    rnn = lstm.with_changes({"model.architecture": "rnn", "model.options.nonlinearity": "relu"})
    assert rnn.model.options == {"nonlinearity": "relu"}
    assert rnn.with_changes({"model.architecture": "gru"}).model.options == {}
    assert "model.options.nonlinearity" in {s.path for s in settings_of(rnn)}
    assert lstm.with_changes(rnn.differences(lstm)) == rnn


@pytest.mark.parametrize("recipe", [None, "sine-next-step", "copy-memory"])
def test_options_are_kept_in_links_toml_and_json(recipe: str | None) -> None:
    changed = Experiment.make({"model": {"architecture": "rnn", "options": {"nonlinearity": "relu"}}})
    assert experiment_from_link(link_of(changed, recipe)) == (changed, recipe)
    assert Experiment.from_toml(changed.to_toml()) == changed
    assert Experiment.from_json(changed.to_json()) == changed


def test_a_renamed_value_of_an_option_is_read_under_its_old_name() -> None:
    hash = "0" * 64
    options = {"hash": hash, "name": "a.csv", "kind": "labelled-text"}
    now = Experiment.make({"data": {"source": "file", "task": "classification", "options": options}})
    assert now.data.options["kind"] == "labeled-text"
    changed = (
        Experiment.make()
        .with_changes({"data.source": "file", "data.options.hash": hash})
        .with_changes({"data.options.kind": "labelled-text"})
    )
    assert changed.data.options["kind"] == "labeled-text"


def test_errors_of_options_are_reported_with_all_others() -> None:
    with pytest.raises(ExperimentError) as caught:
        Experiment.make(
            {"model": {"architecture": "rnn", "options": {"nonlinearity": "tanhh", "forget_bias": 1}, "num_layers": 0}}
        )
    assert caught.value.lines == (
        "model.options.nonlinearity: 'tanhh' is not allowed; did you mean tanh?",
        "model.options.forget_bias: unknown field; use one of nonlinearity",
        "model.num_layers: 0 is not allowed; use a whole number from 1 to 16",
    )


def test_fields_that_became_options_are_read_under_their_old_names() -> None:
    old = {"architecture": "rnn", "nonlinearity": "relu", "forget_bias": 3.0}
    assert Experiment.make({"model": old}).model.options == {"nonlinearity": "relu"}
    assert Experiment.make({"model": {"forget_bias": 3.0}}).model.options == {"forget_bias": 3.0}
    changes = {"model.nonlinearity": "relu", "model.architecture": "rnn"}
    assert Experiment.make().with_changes(changes).model.options == {"nonlinearity": "relu"}


@pytest.mark.parametrize(
    ("lacking", "changes", "path"),
    [
        ({"bidirectional": False}, {"model.bidirectional": True}, "model.bidirectional"),
        ({"stateful": False}, {"training.stateful": True, "training.shuffle": False}, "training.stateful"),
        ({"recurrent_dropout": False}, {"model.recurrent_dropout": 0.5}, "model.recurrent_dropout"),
        ({"packed": False}, {"data.min_window": 3}, "data.min_window"),
        ({"packed": False}, {"data.source": "spoken-vowels", "data.task": "classification"}, "model.architecture"),
        ({"fixed_window": True}, {"data.source": "alphabet", "data.task": "language-modeling"}, "model.architecture"),
        ({"fixed_window": True}, {"data.predict": "every"}, "data.predict"),
        ({"causal": False}, {"data.predict": "every"}, "data.predict"),
    ],
)  # fmt: skip
def test_what_an_architecture_does_not_declare_is_refused_with_the_reason(
    monkeypatch: pytest.MonkeyPatch, lacking: dict[str, bool], changes: dict[str, object], path: str
) -> None:
    able = Experiment.make({"model": {"architecture": "gru"}})
    able.with_changes(changes)
    full = Capabilities(bidirectional=True, stateful=True, recurrent_dropout=True)
    entry = replace(MODELS["gru"], traits={"capabilities": replace(full, **lacking)})
    monkeypatch.setitem(MODELS, "gru", entry)
    with pytest.raises(ExperimentError, match=f"^{path}: GRU "):
        able.with_changes(changes)


def test_fields_declare_whether_they_may_change_while_a_run_is_going() -> None:
    live = {
        "epochs", "learning_rate", "clip_norm", "weight_decay", "patience", "batch_size", "input_noise",
        "teacher_forcing", "teacher_forcing_end",
    }  # fmt: skip
    assert set(LIVE_CHANGES) == {f"training.{name}" for name in live} | {"model.dropout", "model.recurrent_dropout"}


def test_a_task_has_the_traits_of_the_task_that_it_extends(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = replace(TASKS["classification"], traits={"losses": ("mse",), "extends": "classification"})
    monkeypatch.setitem(TASKS, "ranking", entry)
    assert task_trait("ranking", "whole")
    assert task_trait("ranking", "losses") == ("mse",)
    assert task_trait("regression", "whole") is None


def test_what_an_architecture_can_not_do_is_the_first_reason() -> None:
    plan = Experiment.make({"model": {"architecture": "nlinear"}})
    assert plan.training.shuffle
    assert "NLinear has no recurrent state" in str(plan.why_not("training.stateful", True))


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        ({}, "use a number"),
        ({"minimum": 1.0}, "use a number from 1 up"),
        ({"maximum": 5.0}, "use a number up to 5"),
        ({"minimum": 1.0, "maximum": 5.0}, "use a number from 1 to 5"),
        ({"minimum": 1.0, "exclusive_minimum": True}, "use a number above 1"),
        ({"minimum": 1.0, "maximum": 5.0, "exclusive_minimum": True}, "use a number above 1 and up to 5"),
    ],
)
def test_the_allowed_range_is_worded_whichever_limits_there_are(limits: dict[str, Any], words: str) -> None:
    assert Setting("section.field", "Field", "number", 1.0, "", **limits).allowed == words


def test_replicas_are_refused_where_models_can_not_be_trained_together() -> None:
    with pytest.raises(ExperimentError, match=r"training\.replicas: translation trains one model at a time"):
        Experiment.make({"data": {"task": "translation"}, "training": {"replicas": 2}})
    with pytest.raises(ExperimentError, match=r"set a smaller training\.seed"):
        Experiment.make({"training": {"replicas": 3, "seed": 2**31 - 2}})
    assert Experiment.make({"training": {"replicas": 2, "seed": 2**31 - 2}}).training.replicas == 2
    assert "training.replicas" not in LIVE_CHANGES


def test_the_choices_of_a_field_are_looked_up_once() -> None:
    Experiment.make({"model": {"hidden_size": 7}})
    before = fields._text_choices.cache_info()
    Experiment.make({"model": {"hidden_size": 8}})
    after = fields._text_choices.cache_info()
    assert after.misses == before.misses
    assert after.hits > before.hits
