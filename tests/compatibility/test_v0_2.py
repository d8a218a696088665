"""Files written by version 0.2 still open, predict the same and resume to the same end.

`tests/fixtures/v0_2` holds the files and, in `expected.json`, what version 0.2 answered; `make_fixtures.py` there made
both. The names of fields that were renamed since are listed here once more, independently of `seqcore`.
"""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from seqcore.data.sources.stored_file import StoredFile
from seqcore.data.table import Table
from seqcore.errors import PredictionError
from seqcore.events import Changed, Finding, Finished
from seqcore.experiment.experiment import Experiment
from seqcore.experiment.links import experiment_from_link
from seqcore.export import FORMATS
from seqcore.inference.predictor import Predictor
from seqcore.runs.execution import execute
from seqcore.runs.records import Run
from seqcore.runs.store import Store
from seqcore.training.checkpoint import unpack
from seqcore.training.fit import fit

FOLDER = Path(__file__).resolve().parents[1] / "fixtures" / "v0_2"
EXPECTED: dict[str, Any] = json.loads((FOLDER / "expected.json").read_text(encoding="utf-8"))
LINKS: list[dict[str, Any]] = json.loads((FOLDER / "links.json").read_text(encoding="utf-8"))

FIELDS = {
    ("data", "gaps"): "missing",
    ("data", "warm_up"): "burn_in",
    ("training", "carry_state"): "stateful",
    ("training", "coverage"): "interval_coverage",
}
MOVED_OPTIONS = {"nonlinearity": "rnn", "forget_bias": "lstm"}  # the fields that one architecture alone has now
VALUES = {
    "task": {"symbols": "language-modeling"},
    "predict": {"next": "last", "every-step": "every"},
    "multi_step": {"free-running": "recursive"},
    "scaling": {"relative": "last-value", "log-relative": "log-last-value", "seasonal-relative": "seasonal"},
}
VIEW_KEYS = {  # what a view of 0.2 is compared by
    "series": ("x", "prediction", "low", "high", "coverage", "columns"),
    "symbols": ("symbols", "probabilities"),
    "labels": ("labels", "probabilities"),
    "translation": ("sentences",),
}
CLOSE = 1e-5
WEIGHTS_CLOSE = 1e-4  # of models that were trained further, where each step rounds once


# --- experiments: TOML, JSON, links ---------------------------------------------------------------------------------


def renamed(old: Mapping[str, Any]) -> dict[str, Any]:
    """An experiment of 0.2 as nested plain values, under today's names."""
    return {
        section: {
            FIELDS.get((section, name), name): VALUES.get(name, {}).get(value, value)
            if isinstance(value, str)
            else value
            for name, value in fields.items()
        }
        for section, fields in old.items()
    }


def assert_same_experiment(found: Experiment, old: Mapping[str, Any]) -> None:
    """Every field of 0.2 has its old value; every field that was added since has its default."""
    values, expected, defaults = found.to_dict(), renamed(old), Experiment.make().to_dict()
    architecture = expected["model"]["architecture"]
    moved = {name: expected["model"].pop(name) for name in MOVED_OPTIONS}
    options = {name: value for name, value in moved.items() if MOVED_OPTIONS[name] == architecture}
    assert values["model"].pop("options") == options
    defaults["model"].pop("options")
    if expected["data"]["source"] == "file":  # options that were added since
        old_options, new_options = expected["data"]["options"], values["data"]["options"]
        file_defaults = StoredFile().model_dump()
        added_options = {name: new_options.pop(name) for name in new_options.keys() - old_options.keys()}
        assert added_options == {name: file_defaults[name] for name in added_options}
    for section, fields in expected.items():
        assert {name: values[section][name] for name in fields} == fields
        added = values[section].keys() - fields.keys()
        assert {name: values[section][name] for name in added} == {name: defaults[section][name] for name in added}


@pytest.mark.parametrize("number", range(len(LINKS)))
def test_a_link_names_the_same_experiment(number: int) -> None:
    link = LINKS[number]
    experiment, recipe = experiment_from_link(link["params"])
    assert recipe == link["recipe"]
    assert_same_experiment(experiment, link["experiment"])


@pytest.mark.parametrize("name", EXPECTED["experiments"]["toml"])
def test_a_toml_file_holds_the_same_experiment(name: str) -> None:
    text = (FOLDER / "experiments" / name).read_text(encoding="utf-8")
    assert_same_experiment(Experiment.from_toml(text), EXPECTED["experiments"]["toml"][name])


@pytest.mark.parametrize("name", EXPECTED["experiments"]["json"])
def test_a_json_file_holds_the_same_experiment(name: str) -> None:
    text = (FOLDER / "experiments" / name).read_text(encoding="utf-8")
    assert_same_experiment(Experiment.from_json(text), EXPECTED["experiments"]["json"][name])


@pytest.mark.parametrize("name", EXPECTED["experiments"]["recipes"])
def test_a_recipe_file_holds_the_same_experiment(name: str) -> None:
    import tomllib

    values = tomllib.loads((FOLDER / "experiments" / "recipes" / f"{name}.toml").read_text(encoding="utf-8"))
    sections = {section: values[section] for section in ("data", "model", "training") if section in values}
    assert_same_experiment(Experiment.make(sections), EXPECTED["experiments"]["recipes"][name]["experiment"])


# --- the store ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A copy of the old store, for tests that only read."""
    folder = tmp_path_factory.mktemp("v0_2") / "store"
    shutil.copytree(FOLDER / "store", folder)
    opened = Store(folder)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def tables(store: Store) -> dict[str, Table]:
    """The data of each run, read once."""
    return {}


def run_of(store: Store, name: str) -> Run:
    return store.run(EXPECTED["runs"][name]["id"])


def assert_close(found: Any, expected: Any, tolerance: float = CLOSE, where: str = "") -> None:
    """Equal words, numbers within a tolerance (relative above 1). JSON's null stands for a number that isn't finite."""
    if isinstance(expected, dict):
        for name, value in expected.items():
            assert name in found, f"{where}.{name} is missing"
            assert_close(found[name], value, tolerance, f"{where}.{name}")
    elif isinstance(expected, list):
        assert len(found) == len(expected), where
        for i, (one, other) in enumerate(zip(found, expected, strict=True)):
            assert_close(one, other, tolerance, f"{where}[{i}]")
    elif expected is None:
        assert found is None or (isinstance(found, float) and not math.isfinite(found)), where
    elif isinstance(expected, float):
        assert found == pytest.approx(expected, rel=tolerance, abs=tolerance), where
    else:
        assert found == expected, where


def test_every_run_is_listed_newest_first(store: Store) -> None:
    expected = [run["id"] for run in EXPECTED["runs"].values()]
    assert [run.id for run in store.runs()] == expected[::-1]


@pytest.mark.parametrize("name", EXPECTED["runs"])
def test_a_run_shows_its_experiment_metrics_and_history(store: Store, name: str) -> None:
    old, run = EXPECTED["runs"][name], run_of(store, name)
    assert_same_experiment(run.experiment, old["experiment"])
    plain = ("status", "recipe", "group", "attempt", "step", "epoch", "epochs", "best_epoch", "parameters", "metric")
    assert {key: getattr(run, key) for key in plain} == {key: old[key] for key in plain}
    for key in ("metrics", "last_metrics", "baselines"):
        assert_close(getattr(run, key), old[key], 0.0, key)
    assert bool(run.error) == bool(old["error"])
    events = store.events(run.id)
    assert [stored.event.name for stored in events] == old["events"]
    assert [stored.event.code for stored in events if isinstance(stored.event, Finding)] == old["findings"]
    changes = [{**change, "before": {}, "by": None} for change in old["changes"]]  # which were not recorded
    assert [stored.event.to_dict() for stored in events if isinstance(stored.event, Changed)] == changes
    for stored in events:
        json.dumps(stored.event.to_dict(), allow_nan=False)
    loss = store.curve(run.id, "loss", None)
    assert len(loss) == old["loss"]["points"]
    assert_close([loss.values[0], loss.values[-1]], [old["loss"]["first"], old["loss"]["last"]], 0.0)


@pytest.mark.parametrize("name", EXPECTED["runs"])
@pytest.mark.parametrize("at", ["best", "last"])
def test_a_model_predicts_the_same(store: Store, tables: dict[str, Table], name: str, at: str) -> None:
    old, run = EXPECTED["runs"][name], run_of(store, name)
    if name not in tables:
        tables[name] = store.table(run.id)
    assert store.checkpoint_step(run.id) == old["checkpoint_step"]
    predictor = store.predictor(run.id, at="best" if at == "best" else "last")
    assert_answers(predictor, old["at"][at], tables[name])


def assert_answers(predictor: Predictor, old: dict[str, Any], table: Table | None = None) -> None:
    """A predictor answers as that of 0.2 did: an input, generated text, a forecast, scores."""
    assert (predictor.step, predictor.epoch) == (old["step"], old["epoch"])
    assert predictor.series == tuple(old["series"])
    assert predictor.columns[:8] == tuple(old["columns"])
    assert predictor.targets[:8] == tuple(old["targets"])
    assert predictor.resolved_experiment.data.scaling == VALUES["scaling"].get(old["scaling"], old["scaling"])
    assert_close(predictor.frame and list(predictor.frame), old["frame"])
    if "input" in old:
        assert_view(lambda: predictor.predict(predictor.parse_input(old["input"])), old["prediction"])
        assert (not predictor.check_input(old["input"])) == (old["notes"] is None)
    for text in old.get("generated", ()):
        options = {"temperature": text["temperature"], "seed": text["seed"], "top_k": text["top_k"]}
        assert predictor.generate(old["input"], text["steps"], **options) == text["text"]
    for key in ("forecast", "forecast_of"):
        if key in old:
            steps, series = old[key]["steps"], old[key].get("series")
            assert_view(lambda steps=steps, series=series: predictor.forecast(steps, series=series), old[key]["view"])
    if table is not None:
        scored = predictor.evaluate(table, split=old["scores"]["part"])
        assert_close(scored.metrics, old["scores"]["metrics"])
        assert_close(scored.baselines, old["scores"]["baselines"])


def assert_view(ask: Any, old: dict[str, Any]) -> None:
    if "refused" in old or _unknown(old.get("prediction")):  # 0.2 forecast a model that had diverged without numbers
        with pytest.raises(PredictionError):
            ask()
        return
    found = ask().to_dict()
    keys = VIEW_KEYS[old["view"]]
    assert_close({key: found[key] for key in keys}, {key: old[key] for key in keys})


def _unknown(numbers: Any) -> bool:
    """Whether an array, as nested lists, has no number."""
    return isinstance(numbers, list) and all(n is None or _unknown(n) for n in numbers)


# --- resuming -------------------------------------------------------------------------------------------------------


def assert_close_weights(found: Mapping[str, torch.Tensor], expected: Mapping[str, torch.Tensor]) -> None:
    assert found.keys() == expected.keys()
    for name, tensor in expected.items():
        torch.testing.assert_close(found[name], tensor, rtol=WEIGHTS_CLOSE, atol=WEIGHTS_CLOSE, msg=name)


@pytest.mark.parametrize("name", EXPECTED["resumed"])
def test_a_run_that_was_broken_off_resumes_to_its_end(tmp_path: Path, name: str) -> None:
    old, folder = EXPECTED["resumed"][name], tmp_path / "store"
    shutil.copytree(FOLDER / "store", folder)
    store = Store(folder)
    epochs = {"training.epochs": old["epochs"]} if old["epochs"] != store.run(old["id"]).epochs else {}
    lease = store.claim(store.resume(old["id"], epochs).id)
    assert lease is not None
    done = execute(store, lease)
    assert done.status == old["status"], done.error
    plain = ("attempt", "step", "epoch", "epochs", "best_epoch")
    assert {key: getattr(done, key) for key in plain} == {key: old[key] for key in plain}
    assert_close(done.metrics, old["metrics"], WEIGHTS_CLOSE)
    assert_close(done.last_metrics, old["last_metrics"], WEIGHTS_CLOSE)
    loss = store.curve(done.id, "loss", None)
    assert len(loss) == old["loss_points"]
    changes = [stored.event.to_dict() for stored in store.events(done.id, kinds=["changed"])]
    known = [{name: change[name] for name in ("event", "step", "changes")} for change in changes]
    assert known == old["changes"], "nothing is recorded twice"
    weights = FORMATS["weights"](store, done.id)
    (tmp_path / "weights").write_bytes(weights)
    assert_close_weights(load_file(tmp_path / "weights"), load_file(FOLDER / "resumed" / f"{name}.safetensors"))
    predictor = store.predictor(done.id)
    assert (predictor.step, predictor.epoch) == (old["at"]["best"]["step"], old["at"]["best"]["epoch"])
    store.close()


@pytest.mark.parametrize("name", EXPECTED["checkpoints"])
def test_a_checkpoint_opens_and_resumes(name: str) -> None:
    old = EXPECTED["checkpoints"][name]
    content = (FOLDER / "checkpoints" / f"{name}.checkpoint").read_bytes()
    exported = load_file(FOLDER / "checkpoints" / f"{name}.safetensors")
    assert unpack(content).group("best").keys() == exported.keys()
    assert_answers(Predictor.from_checkpoint(content), old["at"]["best"])
    experiment = Experiment.make(old["experiment"])
    assert_same_experiment(experiment, old["experiment"])
    finished = [event for event in fit(experiment, resume=content) if isinstance(event, Finished)][-1]
    expected = old["finished"]
    for key in ("status", "epochs", "step", "best_epoch"):
        assert getattr(finished, key) == expected[key]
    for key in ("metrics", "last_metrics", "baselines"):
        assert_close(getattr(finished, key), expected[key], WEIGHTS_CLOSE, key)
