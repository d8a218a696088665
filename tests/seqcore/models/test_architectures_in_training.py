"""What every registered architecture does on every task where it applies: train, resume, predict and be configured."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import pytest
import torch

from seqcore.cli import main
from seqcore.errors import ExperimentError, PredictionError
from seqcore.events import CheckpointReady, Event, Finished, Preparing, Started, Steps
from seqcore.experiment.experiment import Experiment, settings_of
from seqcore.experiment.links import experiment_from_link, link_of
from seqcore.inference.predictor import Predictor
from seqcore.models import MODELS, capabilities_of
from seqcore.tasks import TASKS
from seqcore.training.checkpoint import unpack
from seqcore.training.control import Control
from seqcore.training.fit import fit, load_table

pytestmark = pytest.mark.usefixtures("short_samples")
TEXT = "The cat sat on the mat and the dog sat on the log. " * 8
SMALL = {"model.hidden_size": 4, "model.num_layers": 2, "training.epochs": 1, "training.batch_size": 16}
PLANS: dict[str, dict[str, Any]] = {
    "forecast": {"data.options.samples": 70, "data.window": 12, "data.horizon": 3},
    "recursive forecast": {
        "data.options.samples": 70, "data.window": 12, "data.horizon": 3, "data.multi_step": "recursive",
    },
    "every step": {"data.options.samples": 90, "data.window": 12, "data.predict": "every"},
    "shorter windows": {"data.options.samples": 70, "data.window": 12, "data.min_window": 4},
    "stateful": {
        "data.options.samples": 120, "data.window": 8, "data.stride": 8, "data.predict": "every",
        "training.stateful": True, "training.shuffle": False, "training.batch_size": 4,
    },
    "bidirectional": {"data.options.samples": 70, "data.window": 12, "model.bidirectional": True},
    "next symbol": {
        "data.source": "alphabet", "data.options.repeats": 4, "data.task": "language-modeling", "data.window": 4,
    },
    "text": {
        "data.source": "text", "data.options.text": TEXT,
        "data.task": "language-modeling", "data.predict": "every", "data.window": 20, "data.stride": 20,
        "training.batch_size": 4,
    },
    "classes": {"data.source": "moving-shapes", "data.task": "classification", "data.options.samples": 40},
    "translation": {"data.source": "everyday-phrases", "data.task": "translation", "data.options.pairs": 100},
}  # fmt: skip


def plan(name: str, kind: str) -> Experiment:
    """Raises ExperimentError with the reasons where the architecture declares that it can't do that."""
    options = dict(PLANS[kind])
    base = Experiment.make().with_changes({"data.source": options.pop("data.source", "bouncing-ball")})
    known = {s.path for s in settings_of(base)}
    changes = {path: value for path, value in {**SMALL, **options}.items() if path in known}
    return base.with_changes({"model.architecture": name, **changes})


def reasons(name: str, kind: str) -> list[str]:
    """Why an architecture does not apply; empty where it does."""
    try:
        plan(name, kind)
    except ExperimentError as error:
        return error.lines
    return []


REFUSED = {(name, kind): lines for name in MODELS for kind in PLANS if (lines := reasons(name, kind))}


def cases(kinds: Iterable[str]) -> pytest.MarkDecorator:
    """Every architecture with each of these kinds to which it applies."""
    pairs = [(name, kind) for name in MODELS for kind in kinds if (name, kind) not in REFUSED]
    return pytest.mark.parametrize(("name", "kind"), pairs)


CASES = cases(PLANS)


def of(events: list[Event], kind: type[Any]) -> list[Any]:
    return [event for event in events if isinstance(event, kind)]


@pytest.mark.parametrize(("name", "kind"), REFUSED)
def test_what_it_can_not_do_is_refused_with_the_reason(name: str, kind: str) -> None:
    lines = REFUSED[name, kind]
    assert all("{" not in line and ";" in line for line in lines)
    assert any(MODELS[name].title in line for line in lines)


@pytest.fixture(scope="module")
def runs() -> Iterator[dict[tuple[str, str], list[Event]]]:
    """Runs that several tests look at."""
    cache: dict[tuple[str, str], list[Event]] = {}
    yield cache
    cache.clear()


def trained(runs: dict[tuple[str, str], list[Event]], name: str, kind: str) -> tuple[Experiment, list[Event]]:
    """A run with a checkpoint after its first steps, which changes nothing in it (`training/test_fit.py`)."""
    experiment = plan(name, kind)
    if (name, kind) not in runs:
        control, events = Control(), []
        for event in fit(experiment, control=control):
            if isinstance(event, Steps) and not of(events, Steps):
                control.save()
            events.append(event)
        runs[name, kind] = events
    return experiment, runs[name, kind]


@CASES
def test_it_trains_with_finite_losses_and_scores_beside_the_baselines(runs: Any, name: str, kind: str) -> None:
    _, events = trained(runs, name, kind)
    assert all(np.isfinite(block.loss).all() for block in of(events, Steps))
    finished, started = of(events, Finished)[0], of(events, Started)[0]
    assert finished.status == "completed"
    assert finished.baselines
    assert started.parameters == sum(layer["parameters"] for layer in started.summary) > 0


# the other kinds are trained and restored as one of these
RESUMED = ["forecast", "shorter windows", "stateful", "text", "classes", "translation"]


@cases(RESUMED)
def test_a_resumed_run_has_the_same_bits(runs: Any, name: str, kind: str) -> None:
    experiment, events = trained(runs, name, kind)
    cut, end = of(events, CheckpointReady)[0], of(events, CheckpointReady)[-1]
    assert cut.step < end.step
    rest = []
    for event in fit(experiment, resume=cut.content):
        if isinstance(event, Preparing) and event.what.endswith(" weights"):
            break  # the last checkpoint is written; scoring, with its generated text, takes longer than these epochs
        rest.append(event)
    whole, resumed = (unpack(one.content).tensors for one in (end, of(rest, CheckpointReady)[-1]))
    assert whole.keys() == resumed.keys()
    assert all(torch.equal(whole[key], resumed[key]) for key in whole)


@CASES
def test_a_finished_model_answers(runs: Any, name: str, kind: str) -> None:
    experiment, events = trained(runs, name, kind)
    predictor = Predictor.from_checkpoint(of(events, CheckpointReady)[-1].content)
    if predictor.input_kind in ("numbers", "symbols", "sentence"):
        view = predictor.predict(predictor.example())
        assert view.to_dict()
    else:
        table = load_table(experiment)
        assert predictor.predict(predictor.examples(table, "test")[0].given).to_dict()
    if predictor.continuation == "forecast":
        assert np.isfinite(predictor.forecast(20).prediction).all()
    if predictor.continuation == "generate" and kind == "text":
        assert len(predictor.generate("The ", 30, seed=1)) == 30


@pytest.mark.parametrize("name", MODELS)
def test_an_input_that_is_too_short_for_a_fixed_window_is_refused(runs: Any, name: str) -> None:
    experiment, events = trained(runs, name, "forecast")
    predictor = Predictor.from_checkpoint(of(events, CheckpointReady)[-1].content)
    if not capabilities_of(name).fixed_window:
        predictor.predict([1.0, 2.0, 3.0])
        return
    with pytest.raises(PredictionError, match=r"3 steps given; .* at least 12"):
        predictor.predict([1.0, 2.0, 3.0])
    long, whole = np.linspace(0.0, 1.0, 30), np.linspace(0.0, 1.0, 30)[-experiment.data.window :]
    assert np.array_equal(predictor.predict(long).prediction, predictor.predict(whole).prediction)


@pytest.mark.parametrize("name", MODELS)
def test_links_toml_and_forms_hold_its_options(name: str) -> None:
    experiment = Experiment.make({"model": {"architecture": name}})
    own = [s for s in settings_of(experiment) if s.path.startswith("model.options.")]
    assert all(s.help and s.title for s in own)
    changed = experiment
    for s in own:
        other = next((c.value for c in s.choices if c.value != s.default), None)
        if s.kind == "switch":
            other = not s.default
        if other is None and s.kind in ("whole", "number"):
            bounds = [s.maximum, None if s.exclusive_minimum else s.minimum]
            other = next((b for b in reversed(bounds) if b not in (None, s.default)), (s.default or 1) + 1)
        if other is not None:
            changed = changed.with_changes({s.path: other})
    assert (changed != experiment) == bool(own)
    assert experiment_from_link(link_of(changed, None)) == (changed, None)
    assert Experiment.from_toml(changed.to_toml()) == changed == Experiment.from_json(changed.to_json())


def test_the_command_line_lists_each_and_trains_one(capsys: pytest.CaptureFixture[str], tmp_path: Any) -> None:
    assert main(["fields", "--json"]) == 0
    listed = capsys.readouterr().out
    assert all(f'"{name}"' in listed for name in MODELS)
    settings = ["model.architecture=mingru", "model.hidden_size=4", "training.epochs=1", "data.options.samples=100"]
    arguments = [word for s in settings for word in ("--set", s)]
    assert main(["train", "bouncing-ball", "--store", str(tmp_path), *arguments]) == 0


def test_every_architecture_applies_to_some_task_and_every_task_has_one() -> None:
    for name in MODELS:
        assert any(_allowed(name, task) for task in TASKS)
    for task in TASKS:
        assert any(_allowed(name, task) for name in MODELS)


def _allowed(name: str, task: str) -> bool:
    try:
        Experiment.make({"model": {"architecture": name}, "data": {"task": task}})
    except ExperimentError:
        return False
    return True
