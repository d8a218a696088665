"""Automatic configuration: the suggested task and fields train for every kind of file."""

from __future__ import annotations

import numpy as np
import pytest

from seqcore.data.readers.read_table import read_table
from seqcore.data.table import Recordings, Table
from seqcore.errors import ExperimentError
from seqcore.events import Finished
from seqcore.experiment.experiment import Experiment
from seqcore.models import MODELS
from seqcore.tasks import TASKS
from seqcore.tasks.auto_config import SUGGESTIONS, suggest_experiment, suggest_task
from seqcore.training.fit import fit

RNG = np.random.default_rng(3)
DATA = {"source": "file", "options": {"hash": "0" * 64, "name": "x.csv"}}


def waves(count: int, steps: int = 20) -> str:
    """Sequences of one row each: slow waves are a, fast ones b."""
    rows = [
        f"{'ab'[i % 2]},"
        + ",".join(f"{np.sin(t * (1 + i % 2) / 3 + i) + 0.1 * RNG.normal():.3f}" for t in range(steps))
        for i in range(count)
    ]
    return "label," + ",".join(map(str, range(steps))) + "\n" + "\n".join(rows) + "\n"


FILES = {
    "series.csv": (
        "date,city,temp\n"
        + "".join(f"{np.datetime64('2023-01-01') + d},{c},{d % 7}.5\n" for d in range(120) for c in "xy"),
        "regression",
    ),
    "waves.csv": (waves(80), "classification"),
    "talk.txt": ("the cat sat on the mat and the dog sat on the log. " * 12, "language-modeling"),
    "pairs.tsv": (
        "".join(f"I see {a} {b}.\tJe vois {b}o {a}i.\n" for a in ("two", "old", "red") for b in ("cat", "dog", "bee")),
        "translation",
    ),
}  # fmt: skip


def table_of(name: str) -> Table:
    return read_table(FILES[name][0].encode(), name=name)


def test_every_task_has_a_suggestion() -> None:
    assert set(SUGGESTIONS) == set(TASKS)


@pytest.mark.parametrize("name", FILES)
def test_the_suggested_task_fits_the_file_and_trains(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("seqcore.tasks.scaling_search._MOST_STEPS", 10)
    table = table_of(name)
    experiment = suggest_experiment(table, data=DATA, changes={"training.epochs": 2})
    assert experiment.data.task == suggest_task(table) == FILES[name][1]
    *_, last = fit(experiment, data=table)
    assert isinstance(last, Finished)
    assert last.status == "completed"


def test_a_suggested_classifier_reaches_a_high_accuracy() -> None:
    table = table_of("waves.csv")
    *_, last = fit(suggest_experiment(table, data=DATA), data=table)
    assert isinstance(last, Finished)
    assert last.metrics["val_accuracy"] >= 0.9


def test_a_long_text_is_trained_stateful_and_a_short_one_is_not() -> None:
    words = RNG.choice(["one ", "two ", "three "], size=8_000)
    stream = suggest_experiment(read_table("".join(words).encode(), name="x.txt"), data=DATA)
    assert (stream.training.stateful, stream.training.shuffle) == (True, False)
    assert stream.data.stride == stream.data.window
    assert stream.model.recurrent_dropout > 0  # read many times, it is not to be learned by heart
    library = suggest_experiment(read_table("".join(words).encode() * 40, name="x.txt"), data=DATA)
    assert (library.model.recurrent_dropout, library.training.stateful) == (0, True)
    assert not suggest_experiment(table_of("talk.txt"), data=DATA).training.stateful


@pytest.mark.parametrize("rows", [3, 30, 3_000, 3_000_000])
def test_suggested_epochs_depend_on_the_number_of_rows(rows: int) -> None:
    experiment = suggest_experiment(Table(np.zeros((rows, 1)), ("v",)), data=DATA)
    steps = experiment.training.epochs * rows / experiment.training.batch_size
    assert 1 <= experiment.data.window <= max(1, rows // 6)
    assert steps < 20_000


def test_recordings_get_voice_augmentation() -> None:
    sounds = Recordings((16_000,) * 4, tuple(np.zeros(400, np.float32) for _ in range(4)))
    table = Table(
        np.zeros((12, 2)), ("a", "b"), np.array([0, 3, 6, 9, 12]), independent=True,
        labels=np.array(["x", "y", "x", "y"]), recordings=sounds,
    )  # fmt: skip
    assert suggest_experiment(table, data=DATA).training.augment == "voice"


def test_user_changes_take_precedence_and_their_errors_are_reported() -> None:
    table = table_of("series.csv")
    wanted = {"data.lead": 0, "model.hidden_size": 7}
    experiment = suggest_experiment(table, data=DATA, changes=wanted)
    assert (experiment.data.scaling, experiment.model.hidden_size) == ("auto", 7)
    with pytest.raises(ExperimentError, match=r"model\.hidden_size"):
        suggest_experiment(table, data=DATA, changes={"model.hidden_size": 0})


@pytest.mark.parametrize("name", [*FILES, "book.txt", "library.txt"])
def test_suggestions_that_an_architecture_rules_out_are_not_made(name: str) -> None:
    words = "".join(RNG.choice(["one ", "two ", "three "], size=8_000))
    texts = {"book.txt": words, "library.txt": words * 40}
    table = read_table(texts[name].encode(), name=name) if name in texts else table_of(name)
    base = Experiment.make({"data": {**DATA, "task": suggest_task(table)}})
    able = [name for name in MODELS if base.why_not("model.architecture", name) is None]  # for this task at all
    assert len(able) >= 8
    for architecture in able:
        experiment = suggest_experiment(table, data=DATA, changes={"model.architecture": architecture})
        assert experiment.model.architecture == architecture
        assert experiment.training.shuffle != experiment.training.stateful
    with pytest.raises(ExperimentError, match=r"model\.recurrent_dropout"):  # what the user asks for is refused
        suggest_experiment(table, data=DATA, changes={"model.architecture": "mingru", "model.recurrent_dropout": 0.1})


def test_missing_values_get_a_filling_that_trains() -> None:
    rows = [f"{np.datetime64('2024-01-01') + i},{'' if i in (8, 30) else i % 12}" for i in range(60)]
    table = read_table("\n".join(["date,sales", *rows]).encode(), name="sales.csv")
    experiment = suggest_experiment(table, data=DATA, changes={"training.epochs": 1, "data.scaling": "standard"})
    *_, last = fit(experiment, data=table)
    assert isinstance(last, Finished)
    assert experiment.data.missing == "interpolate"
