"""Selective copying: letters at random places are asked for in their order, and nothing else is scored."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from seqcore.data.sources.memory_tests import SelectiveCopying
from seqcore.data.token_dataset import NOT_SCORED
from seqcore.errors import DataError
from seqcore.experiment.experiment import Experiment
from seqcore.tasks import TASKS


def sequences(**options: int) -> list[str]:
    source = SelectiveCopying(**options)
    table = source.table()
    words = "".join(table.words(0, len(table)))
    length = source.length + 1 + source.remembered
    assert table.independent
    return [words[i : i + length] for i in range(0, len(words), length)]


def test_the_letters_among_the_blanks_come_again_in_order_after_the_cue() -> None:
    found = sequences(length=20, remembered=4, letters=3, samples=300)
    assert len(found) == 300
    for text in found:
        body, _, answer = text.partition("?")
        assert len(body) == 20
        assert body.replace(".", "") == answer
        assert len(answer) == 4
        assert set(answer) <= set("abc")


def test_places_and_letters_are_uniform() -> None:
    found = sequences(length=10, remembered=3, letters=4, samples=4000)
    filled = np.array([[letter != "." for letter in text[:10]] for text in found])
    assert np.abs(filled.mean(axis=0) - 0.3).max() < 0.03
    letters = "".join(text.partition("?")[2] for text in found)
    assert all(abs(letters.count(letter) / len(letters) - 0.25) < 0.02 for letter in "abcd")


def test_a_seed_gives_the_same_sequences_and_another_seed_others() -> None:
    assert sequences(samples=20, seed=1) == sequences(samples=20, seed=1) != sequences(samples=20, seed=2)


@pytest.mark.parametrize(("length", "remembered"), [(2, 1), (50, 5), (6, 6)])
def test_only_the_answer_is_learned_and_scored(length: int, remembered: int) -> None:
    options = {"length": length, "remembered": remembered, "samples": 100}
    experiment = Experiment.make(
        {"data": {"source": "selective-copying", "task": "language-modeling", "options": options}}
    )
    task = TASKS["language-modeling"].load()(experiment)
    data = task.make_dataset(SelectiveCopying(**options).table(), torch.device("cpu"))
    assert sum(data.sizes().values()) == 100
    batch = data.batch("train", np.arange(8))
    scored = batch.targets != NOT_SCORED
    assert torch.equal(scored, torch.arange(scored.shape[1]).expand_as(scored) >= length)
    assert scored.sum(dim=1).tolist() == [remembered] * 8


def test_more_letters_than_places_are_refused() -> None:
    with pytest.raises(DataError, match=r"remembered: 6 letters do not fit into 5 steps; use at most 5"):
        SelectiveCopying(length=5, remembered=6).table()


def test_the_declared_distances_are_those_of_the_letters() -> None:
    source = SelectiveCopying(length=5, remembered=2, samples=400)
    found = []
    for text in sequences(length=5, remembered=2, samples=400):
        places = [i for i, letter in enumerate(text[:5]) if letter != "."]
        found += [5 + i - place for i, place in enumerate(places)]  # a letter is predicted from step 5 + i on
    assert source.memory_distance()[:2] == (min(found), max(found))
