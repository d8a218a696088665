"""Links: an experiment reads back exactly, or one line is given for each error."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

import seqcore.experiment.links
from seqcore.data.sources import SOURCES
from seqcore.errors import ExperimentError
from seqcore.experiment.experiment import Experiment, settings_of
from seqcore.experiment.fields import Setting
from seqcore.experiment.links import experiment_from_link, link_of, nearest_from_link
from seqcore.experiment.recipes import Recipe, load_recipe, recipes

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


def _values(setting: Setting) -> st.SearchStrategy[Any]:
    """Any value that a field can have."""
    if setting.path == "data.options.hash":
        return st.one_of(st.just(""), st.text("0123456789abcdef", min_size=64, max_size=64))
    if setting.choices and setting.kind != "mapping":
        return st.sampled_from([c.value for c in setting.choices])
    low, high = setting.minimum, setting.maximum
    kinds: dict[str, st.SearchStrategy[Any]] = {
        "switch": st.booleans(),
        "whole": st.integers(int(low or 0), int(high if high is not None else 10**9)),
        "number": st.floats(low, high, allow_nan=False, exclude_min=setting.exclusive_minimum),
        "text": TEXT,
        "names": st.lists(TEXT, max_size=3),
        "mapping": st.dictionaries(TEXT, st.sampled_from([c.value for c in setting.choices]), max_size=3),
    }
    strategy = kinds[setting.kind]
    return st.one_of(st.none(), strategy) if setting.optional else strategy


@st.composite
def experiments(draw: st.DrawFn) -> Experiment:
    """Random experiments: any source, any fields, as long as they go together."""
    experiment = Experiment.make().with_changes({"data.source": draw(st.sampled_from(sorted(SOURCES)))})
    changeable = [s for s in settings_of(experiment) if s.path != "data.source"]
    for setting in draw(st.lists(st.sampled_from(changeable), max_size=6, unique_by=lambda s: s.path)):
        value = draw(_values(setting))
        if experiment.why_not(setting.path, value) is None:
            experiment = experiment.with_changes({setting.path: value})
    return experiment


@given(experiments(), st.sampled_from([None, *(r.name for r in recipes())]))
@settings(deadline=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow])
def test_a_link_reads_back_as_the_same_experiment(experiment: Experiment, recipe: str | None) -> None:
    params = link_of(experiment, recipe)
    assert all(isinstance(value, str) for value in params.values())
    assert experiment_from_link(params) == (experiment, recipe)


@given(
    st.dictionaries(TEXT, TEXT, max_size=4),
    st.dictionaries(st.sampled_from([s.path for s in settings_of(Experiment.make())]), TEXT),
)
@settings(deadline=None, max_examples=60)
def test_arbitrary_parameters_give_an_experiment_or_an_experiment_error(
    anything: dict[str, str], fields: dict[str, str]
) -> None:
    try:
        experiment, recipe = experiment_from_link({**anything, **fields})
    except ExperimentError:
        return
    assert experiment_from_link(link_of(experiment, recipe)) == (experiment, recipe)


def test_the_defaults_need_no_link() -> None:
    assert link_of(Experiment.make(), None) == {}
    assert experiment_from_link({}) == (Experiment.make(), None)


def test_a_link_is_readable_and_has_only_differences() -> None:
    known = load_recipe("bouncing-ball")
    changed = known.experiment.with_changes(
        {
            "model.architecture": "gru",
            "training.learning_rate": 0.00025,
            "model.bidirectional": True,
            "data.min_window": 3,
        }
    )
    assert link_of(changed, "bouncing-ball") == {
        "recipe": f"bouncing-ball@{known.version}",
        "data.min_window": "3",
        "model.architecture": "gru",
        "model.bidirectional": "true",
        "training.learning_rate": "0.00025",
    }


def test_links_may_be_written_by_hand() -> None:
    experiment, recipe = experiment_from_link(
        {
            "recipe": "bouncing-ball",
            "training.learning_rate": "1e-3",
            "data.target": "height",
            "run": "0a1b",
            "embed": "true",
        }
    )
    assert recipe == "bouncing-ball"
    assert experiment.training.learning_rate == 0.001
    assert experiment.data.target == ("height",)


def test_an_option_that_two_sources_share_is_not_lost() -> None:
    ball = load_recipe("bouncing-ball")
    seeded = ball.experiment.with_changes({"data.options.seed": 5})
    other = seeded.with_changes({"data.source": "sine", "data.options.seed": seeded.data.options["seed"]})
    assert experiment_from_link(link_of(other, "bouncing-ball")) == (other, "bouncing-ball")


def test_every_error_of_a_link_has_one_line() -> None:
    with pytest.raises(ExperimentError) as error:
        experiment_from_link(
            {
                "recipe": "bouncing-bal@1",
                "model.hiden_size": "3",
                "training.learning_rate": "nan",
                "hidden_size": "4",
                "data.task": "regresion",
                "zzz": "1",
            }
        )
    text = "\n".join(error.value.lines)
    assert len(error.value.lines) == 6
    assert "'bouncing-bal' is not one of the recipes; did you mean bouncing-ball?" in text
    assert "model.hiden_size: unknown field; did you mean hidden_size?" in text
    assert "training.learning_rate: 'nan' is not allowed" in text
    assert "hidden_size: unknown parameter; did you mean model.hidden_size?" in text
    assert "data.task: 'regresion' is not allowed; did you mean regression?" in text
    assert "zzz: unknown parameter; use recipe or dotted fields, as in model.hidden_size" in text


@pytest.mark.parametrize(
    "params",
    [
        {"data.source": "/etc/passwd"},
        {"data.source": "..\\secret"},
        {"data.source": "~/data.csv"},
        {"data.source": "sales.csv"},
        {"data.source": "file:///etc/passwd"},
        {"data.source": "C:data"},
        {"recipe": "/srv/recipes/x.toml"},
        {"recipe": "../bouncing-ball"},
        {"data.source": "file", "data.options.hash": "/etc/passwd"},
        {"data.source": "file", "data.options.hash": "a" * 64, "data.options.name": "../x.csv"},
    ],
)
def test_a_link_cannot_name_a_path(params: dict[str, str]) -> None:
    with pytest.raises(ExperimentError) as error:
        experiment_from_link(params)
    assert len(error.value.lines) == 1
    assert "a link can't name a file of the server" in error.value.lines[0]


def test_a_stored_file_is_named_by_its_hash() -> None:
    experiment = Experiment.make().with_changes(
        {
            "data.source": "file",
            "data.options.hash": "0f" * 32,
            "data.options.name": "Sales 2024.csv",
            "data.target": ["a, b", "c"],
        }
    )
    params = link_of(experiment, None)
    assert params["data.options.hash"] == "0f" * 32
    assert params["data.target"] == '["a, b", "c"]'
    assert experiment_from_link(params) == (experiment, None)


def test_another_version_of_a_recipe_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    newer = Recipe("old", "t", "d", "s", 2, 1, Experiment.make())
    monkeypatch.setattr(seqcore.experiment.links, "load_recipe", lambda name: newer)
    assert experiment_from_link({"recipe": "old@2"}) == (Experiment.make(), "old")
    with pytest.raises(ExperimentError, match=r"recipe: 'old@1' is not the current version of old \(2\)"):
        experiment_from_link({"recipe": "old@1"})


def test_a_value_beyond_the_limit_is_refused() -> None:
    with pytest.raises(ExperimentError, match=r"data\.target: 100,001 characters exceed the limit of a link"):
        experiment_from_link({"data.target": "x" * 100_001})


def test_random_experiments_differ() -> None:
    seen: set[str] = set()

    @given(experiments())
    @settings(deadline=None, max_examples=30, database=None, derandomize=True)
    def collect(experiment: Experiment) -> None:
        assume(experiment != Experiment.make())
        seen.add(experiment.to_json())

    collect()
    assert len(seen) > 10


def test_the_valid_fields_of_an_invalid_link_are_kept() -> None:
    params = {"recipe": "sine-next-step", "model.hidden_size": "banana", "training.epochs": "7", "run": "latest"}
    experiment, recipe, faults = nearest_from_link(params)
    base = load_recipe("sine-next-step").experiment
    assert recipe == "sine-next-step"
    assert experiment == base.with_changes({"training.epochs": 7})
    assert len(faults) == 1
    assert "model.hidden_size" in faults[0]


def test_a_valid_link_is_kept_without_errors() -> None:
    params = {"recipe": "bouncing-ball@1", "data.source": "values", "data.options.text": "1, 2, 3", "data.window": "2"}
    assert nearest_from_link(params) == (*experiment_from_link(params), ())


def test_another_source_keeps_its_options_beside_an_error() -> None:
    params = {"data.options.text": "1, 2, 3", "data.source": "values", "modle.x": "1", "recipe": "../secret.csv"}
    experiment, recipe, faults = nearest_from_link(params)
    assert (experiment.data.source, experiment.data.options["text"], recipe) == ("values", "1, 2, 3", None)
    assert len(faults) == 2


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("model.hidden_size", "1" * 400),
        ("model.hidden_size", "9" * 5000),
        pytest.param("model.hidden_size", 10**5000, id="a number of 5,001 digits"),
        ("model.hidden_size", "\N{SUPERSCRIPT TWO}"),
        ("data.inputs", list(range(5000))),
        ("data.inputs", [[[]] * 5] * 5),
        ("data.target", "a\ud800"),
        ("data.target", ["\ud800"]),
        ("training.device", "\udcff"),
        ("model.options", {"\ud800": 1}),
    ],
)
def test_no_value_is_too_strange_for_one_line(path: str, value: Any) -> None:
    section, name = path.split(".")
    with pytest.raises(ExperimentError) as error:
        Experiment.make({section: {name: value}})
    assert len(error.value.lines) == 1
    assert error.value.lines[0].startswith(section)
    assert len(error.value.lines[0]) < 400
    assert nearest_from_link({"model.num_layers": "2", path: str(value)[:200] if isinstance(value, str) else "x y"})[
        0
    ].model.num_layers == 2  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        f"[model]\nhidden_size = {'9' * 5000}",
        f"model = {'[' * 3000}",
        "[model]\nhidden_size = nan",
        "model = 5",
        "version = [1]",
        "[data]\ntarget = 2024-01-01",
    ],
)
def test_strange_toml_is_one_line(text: str) -> None:
    with pytest.raises(ExperimentError) as error:
        Experiment.from_toml(text)
    assert len(error.value.lines) == 1


@pytest.mark.parametrize(
    "text",
    [f'{{"model": {{"hidden_size": {"9" * 5000}}}}}', f'{{"model": {"[" * 3000}', '{"data": {"target": ["\\ud800"]}}'],
)
def test_strange_json_is_one_line(text: str) -> None:
    with pytest.raises(ExperimentError) as error:
        Experiment.from_json(text)
    assert len(error.value.lines) == 1
