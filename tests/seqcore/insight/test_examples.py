"""Examples to inspect a model with: every task, and what is wrong with a split, a number or a text."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch

from seqcore.data.table import Table
from seqcore.errors import PredictionError
from seqcore.insight.examples import (
    load_example,
    load_examples,
    separate_examples,
    typed_example,
)
from seqcore.insight.probes import probe, states_of
from tests.seqcore.insight.untrained import untrained, untrained_on

# the label of the first step of the first training example, and its target
TASKS = {
    "ramp-next-value": ("row 1", "40"),
    "temperature-next-week": ("2012-01-01", "9.4, 8.9, 8.3, 14.4, 15.6, 13.9, ..."),
    "next-letter": ("a", "b"),
    "next-frame": ("frame 1", None),
    "spoken-vowels": ("0.00 s", "heed /i/"),
    "english-french": ("Marie", "Marie est drôle."),
}


@pytest.mark.parametrize("name", TASKS)
def test_an_example_is_read_as_in_training(name: str) -> None:
    predictor, table = untrained(name)
    data = predictor.task.split_data(table, predictor.codec())
    for example in load_examples(predictor, table, "train", 3):
        encoded = predictor.task.encode(predictor.codec(example.series), example.given)
        trained_on = data.batch("train", np.array([example.index])).inputs
        assert torch.allclose(encoded.double(), trained_on.double(), atol=1e-6)
        assert len(example.steps) == encoded.shape[1]
        assert example.values is None or example.values.shape == (len(example.steps), len(example.columns))
    first = load_example(predictor, table, "train", 0)
    assert (first.steps[0], first.truth) == TASKS[name]


@pytest.mark.parametrize("scaling", ["seasonal", "last-value", "window-mean"])
def test_relative_scaling_reads_what_it_needs(scaling: str) -> None:
    predictor, table = untrained("bouncing-ball", data__scaling=scaling)
    data = predictor.task.split_data(table, predictor.codec())
    example = load_example(predictor, table, "train", 4)
    encoded = predictor.task.encode(predictor.codec(), example.given)
    assert torch.allclose(encoded, data.batch("train", np.array([4])).inputs, atol=1e-6)
    assert len(example.given) == len(example.steps) + predictor.codec().before


def test_numbers_belong_to_their_series() -> None:
    rows = np.arange(80.0).reshape(-1, 1) % 7 * np.repeat([[1.0], [100.0]], 40, axis=0)
    table = Table(rows, ("value",), offsets=np.array([0, 40, 80]), names=("small", "large"))
    predictor = untrained_on(table, data__window=5, data__scaling="standard", data__validation_fraction=0.0)
    data = predictor.task.split_data(table, predictor.codec())
    for index in (0, len(data.windows["train"]) - 1):
        example = load_example(predictor, table, "train", index)
        assert example.series == ("large" if index else "small")
        encoded = predictor.task.encode(predictor.codec(example.series), example.given)
        assert torch.allclose(encoded, data.batch("train", np.array([index])).inputs, atol=1e-6)
        assert probe(predictor, example).encoded == pytest.approx(encoded[0].double().numpy())
    many = list(states_of(predictor, separate_examples(predictor, table, "train"), "hidden_state", 0))
    assert {each.example.series for each in many} == {"small", "large"}


def test_separate_examples_have_no_step_in_common() -> None:
    predictor, table = untrained("temperature-next-week")
    examples = separate_examples(predictor, table, "train", limit=5)
    days = [step for example in examples for step in example.steps]
    assert len(examples) == 5
    assert len(set(days)) == len(days)
    assert len(separate_examples(predictor, table, "train", steps=90)) == 3


@pytest.mark.parametrize(("name", "size"), [("sine-to-cosine", 10), ("python-prose", 64)])
def test_windows_whose_state_is_carried_are_read_first(name: str, size: int) -> None:
    predictor, table = untrained(name)
    example = load_example(predictor, table, "train", 2)
    assert len(example.steps) == 3 * size
    assert example.note.startswith("The 2 windows are read first")
    assert load_example(predictor, table, "train", 0).note == ""


def test_typed_input_has_steps_too() -> None:
    assert typed_example(untrained("ramp-next-value")[0], "70 80 90").steps == ("step 1", "step 2", "step 3")
    assert typed_example(untrained("next-letter")[0], "abc").steps == ("a", "b", "c")
    assert typed_example(untrained("english-french")[0], "they see the dog").steps[:2] == ("they", "see")
    vowels = typed_example(untrained("spoken-vowels")[0], "\n".join([" ".join(["0.5"] * 40)] * 3))
    assert vowels.steps == ("0.00 s", "0.01 s", "0.02 s")


@pytest.mark.parametrize(
    ("split", "index", "message"),
    [
        ("valid", 0, "split: 'valid' is not allowed; did you mean val?"),
        ("test", 0, "split: this run has no test split; use one of train"),
        ("train", 99, "index: 99 is not allowed; use 0 to 5"),
        ("train", -1, "index: -1 is not allowed; use 0 to 5"),
    ],
)
def test_a_wrong_split_or_number_is_refused(split: str, index: int, message: str) -> None:
    predictor, table = untrained("ramp-next-value")
    with pytest.raises(PredictionError, match=f"^{re.escape(message)}$"):
        load_example(predictor, table, split, index)


def test_wrong_text_is_refused() -> None:
    with pytest.raises(PredictionError, match="input:"):
        typed_example(untrained("ramp-next-value")[0], "abc")
    with pytest.raises(PredictionError, match="the prompt is empty"):
        typed_example(untrained("next-letter")[0], "")
