"""Windows: which part they belong to, what they hold, and that nothing leaks."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from seqcore.data.dataset import SPLITS, split_bounds
from seqcore.data.numeric_dataset import NumericDataset
from seqcore.data.scaling import fit_scaler
from seqcore.data.table import Table, symbol_table
from seqcore.data.token_dataset import TokenDataset
from seqcore.data.vocabulary import UNKNOWN, Vocabulary
from seqcore.errors import DataError
from seqcore.experiment.config import DataConfig, TrainingConfig
from seqcore.experiment.experiment import Experiment

CPU = torch.device("cpu")


def counting(rows: int, columns: int = 1) -> Table:
    """A table whose every value tells its row and column."""
    values = np.arange(rows, dtype=np.float64)[:, None] + 0.01 * np.arange(columns)
    return Table(values=values, columns=tuple(f"c{i}" for i in range(columns)))


def config(**changes: Any) -> DataConfig:
    return Experiment.make({"data": {"scaling": "none", **changes}}).data


shapes = st.fixed_dictionaries(
    {
        "window": st.integers(1, 12),
        "horizon": st.integers(1, 4),
        "stride": st.integers(1, 5),
        "lead": st.integers(1, 3),
        "predict": st.sampled_from(["last", "every"]),
        "validation_fraction": st.sampled_from([0.0, 0.2, 0.3]),
        "test_fraction": st.sampled_from([0.0, 0.25]),
    }
)


def dataset(table: Table, changes: dict[str, Any]) -> NumericDataset:
    try:
        return NumericDataset(table, config(**changes), CPU)
    except DataError:
        assume(False)
        raise


@settings(deadline=None, max_examples=150)
@given(shapes, st.integers(20, 90))
def test_a_window_belongs_to_the_part_that_its_targets_lie_in(changes: dict[str, Any], rows: int) -> None:
    data = dataset(counting(rows), changes)
    for part in SPLITS:
        windows = np.arange(len(data.windows[part]))
        if len(windows) == 0:
            continue
        ((_, low, high),) = data.bounds[part]
        targets = data.truth(part, windows)
        assert targets.min() >= low
        assert targets.max() < high


@settings(deadline=None, max_examples=150)
@given(shapes, st.integers(20, 90))
def test_windows_hold_consecutive_rows_and_targets_lie_lead_ahead(changes: dict[str, Any], rows: int) -> None:
    data = dataset(counting(rows), changes)
    windows = np.arange(len(data.windows["train"]))
    batch = data.batch("train", windows)
    inputs = batch.inputs[:, :, 0].numpy()
    assert np.all(np.diff(inputs, axis=1) == 1.0)
    origin = inputs if data.every_step else inputs[:, -1:]
    ahead = data.config.lead + np.arange(data.config.horizon)
    assert np.array_equal(batch.targets.numpy(), (origin[..., None] + ahead).astype(np.float32))
    assert np.all(np.diff(inputs[:, 0]) == data.config.stride)


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 200), st.sampled_from([0.0, 0.1, 0.3]), st.sampled_from([0.0, 0.2]))
def test_parts_are_in_order_and_cover_everything_once(rows: int, validation: float, test: float) -> None:
    bounds = split_bounds(counting(rows), validation, test)
    stretches = [(low, high) for part in SPLITS for _, low, high in bounds[part]]
    assert [row for low, high in stretches for row in range(low, high)] == list(range(rows))


def test_independent_sequences_go_to_one_part_whole() -> None:
    table = Table(np.arange(40.0)[:, None], ("c0",), offsets=np.arange(0, 41, 4), independent=True)
    bounds = split_bounds(table, 0.2, 0.1)
    assert [s for s, _, _ in bounds["train"]] == list(range(7))
    assert [s for s, _, _ in bounds["val"]] == [7, 8]
    assert [s for s, _, _ in bounds["test"]] == [9]


def test_windows_never_cross_from_one_sequence_into_another() -> None:
    table = Table(np.arange(40.0)[:, None], ("c0",), offsets=np.arange(0, 41, 8), independent=True)
    data = NumericDataset(table, config(window=3, validation_fraction=0.2, test_fraction=0.2), CPU)
    for part in SPLITS:
        first, _, sequence = data.windows[part].locate(np.arange(len(data.windows[part])))
        assert np.all(first // 8 == sequence)
        assert np.all(first % 8 <= 4)


def test_scaling_is_fitted_on_the_training_part_alone() -> None:
    values = np.concatenate([np.tile([0.0, 2.0], 35), np.full(30, 1e6)])[:, None]
    data = NumericDataset(Table(values, ("c0",)), config(scaling="standard", window=2, validation_fraction=0.3), CPU)
    assert data.codec.scaler.center == pytest.approx([1.0], abs=0.1)
    assert data.codec.scaler.scale == pytest.approx([1.0], abs=0.1)


@settings(deadline=None, max_examples=100)
@given(
    st.sampled_from(["standard", "minmax", "none", "last-value"]),
    st.lists(st.floats(-1e6, 1e6), min_size=3, max_size=30),
)
def test_scaling_comes_back_to_the_same_values(kind: str, numbers: list[float]) -> None:
    values = np.array(numbers)[:, None]
    scaler = fit_scaler(kind, [values])
    back = scaler.inverse(scaler.transform(values), [0])
    assert np.allclose(back, values, rtol=1e-5, atol=1e-5 * float(scaler.scale[0]) + 1e-6 * np.ptp(values))


def test_a_column_that_never_moves_is_not_divided_by_nothing() -> None:
    for kind in ("standard", "minmax", "last-value"):
        assert fit_scaler(kind, [np.full((9, 1), 7.0)]).scale.tolist() == [1.0]


@pytest.mark.parametrize("predict", ["last", "every"])
def test_relative_windows_are_measured_from_a_value_that_no_step_comes_before(predict: str) -> None:
    data = NumericDataset(counting(60), config(scaling="last-value", window=5, predict=predict), CPU)
    batch = data.batch("train", np.array([0, 11]))
    anchor = batch.inputs[:, -1 if predict == "last" else 0]
    assert torch.all(anchor == 0.0)
    assert torch.equal(batch.inputs[0], batch.inputs[1])
    outputs = batch.targets.numpy()
    assert np.allclose(data.original("train", np.array([0, 11]), outputs), data.truth("train", np.array([0, 11])))


def test_short_windows_at_the_start_of_a_sequence_are_padded_and_say_their_length() -> None:
    table = Table(np.arange(30.0)[:, None], ("c0",), offsets=np.array([0, 10, 20, 30]), independent=True)
    changes = {"window": 5, "min_window": 2, "validation_fraction": 0.0, "test_fraction": 0.0}
    data = NumericDataset(table, config(**changes), CPU)
    first, lengths, _ = data.windows["train"].locate(np.arange(len(data.windows["train"])))
    assert sorted(lengths.tolist()) == sorted(3 * [2, 3, 4] + 3 * 5 * [5])
    assert np.all(first[lengths < 5] % 10 == 0)
    batch = data.batch("train", np.arange(len(first)))
    assert batch.lengths is not None
    assert torch.equal(batch.targets[:, 0, 0], torch.from_numpy(first + lengths).float())


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 40), st.integers(1, 9), st.integers(0, 5))
def test_an_epoch_takes_every_window_once_in_an_order_of_its_own(windows: int, size: int, epoch: int) -> None:
    changes = {"window": 1, "validation_fraction": 0.0, "test_fraction": 0.0}
    data = NumericDataset(counting(windows + 1), config(**changes), CPU)
    training = TrainingConfig(batch_size=size)
    taken = [np.asarray(b) for b, _ in data.batches("train", training, epoch)]
    assert sorted(np.concatenate(taken).tolist()) == list(range(windows))
    assert len(taken) == data.steps_per_epoch(training)
    again = [np.asarray(b) for b, _ in data.batches("train", training, epoch)]
    assert all(np.array_equal(a, b) for a, b in zip(taken, again, strict=True))


def test_more_windows_than_a_pool_are_all_taken_once_and_mixed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("seqcore.data.dataset._POOL", 64)
    monkeypatch.setattr("seqcore.data.dataset._BLOCK", 8)
    changes = {"window": 1, "validation_fraction": 0.0, "test_fraction": 0.0}
    data = NumericDataset(counting(1001), config(**changes), CPU)
    taken = [b for b, _ in data.batches("train", TrainingConfig(batch_size=7), 0)]
    numbers = np.concatenate(taken)
    assert sorted(numbers.tolist()) == list(range(1000))
    assert {len(b) for b in taken[:-1]} == {7}
    assert np.corrcoef(numbers, np.arange(1000))[0, 1] < 0.3
    assert np.ptp(taken[0]) > 64


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 40), st.integers(1, 9))
def test_carried_windows_follow_the_one_that_their_row_held_before(windows: int, size: int) -> None:
    changes = {"window": 1, "validation_fraction": 0.0, "test_fraction": 0.0}
    data = NumericDataset(counting(windows + 1), config(**changes), CPU)
    training = TrainingConfig(batch_size=size, shuffle=False, stateful=True)
    taken, before = [], None
    for numbers, follows in data.batches("train", training, 0):
        assert follows is not None
        if before is not None:
            assert np.array_equal(follows, numbers == before[: len(numbers)] + 1)
        before = numbers
        taken.append(numbers)
    assert sorted(np.concatenate(taken).tolist()) == list(range(windows))
    assert len(taken) == data.steps_per_epoch(training)


def letters(text: str) -> Table:
    return symbol_table([list(text)])


def test_symbols_next_is_the_next_symbol() -> None:
    data = TokenDataset(
        letters("abcabcabcabc"), config(task="language-modeling", window=2, validation_fraction=0.3), CPU
    )
    context, following = data.context("train", 1)
    assert (context, following) == (("b", "c"), "a")
    batch = data.batch("train", np.array([1]))
    assert [data.codec.vocabulary.symbols[i] for i in batch.inputs[0].tolist()] == ["b", "c"]
    assert data.codec.vocabulary.symbols[int(batch.targets[0, 0])] == "a"


def test_symbols_that_training_never_saw_are_unknown() -> None:
    text = "abab" * 10 + "zzzz"
    data = TokenDataset(letters(text), config(task="language-modeling", window=2, validation_fraction=0.2), CPU)
    assert not data.codec.vocabulary.knows("z")
    assert data.codes[-1] == 0


@settings(deadline=None)
@given(st.text(min_size=2, max_size=40).filter(lambda t: len(set(t) - {UNKNOWN, "\0"}) > 1 and "\0" not in t))
def test_a_vocabulary_reads_back_what_it_was_fitted_on(text: str) -> None:
    symbols = np.array([c for c in text if c != UNKNOWN])
    vocabulary = Vocabulary.fit(symbols)
    assert [vocabulary.symbols[i] for i in vocabulary.encode(symbols)] == symbols.tolist()


@pytest.mark.parametrize("gaps", ["interpolate", "previous", "drop"])
def test_gaps_are_filled_only_when_asked_and_never_from_a_later_part(gaps: str) -> None:
    values = np.arange(40.0)[:, None].copy()
    values[[5, 27]] = np.nan
    table = Table(values, ("c0",))
    with pytest.raises(DataError, match=r"2 of 40 values are missing, the first in row 6"):
        NumericDataset(table, config(window=3), CPU)
    data = NumericDataset(table, config(window=3, missing=gaps, validation_fraction=0.15, test_fraction=0.15), CPU)
    assert np.isfinite(data.values).all()
    assert any("missing" in note for note in data.table.notes)
    if gaps == "drop":
        assert len(data.values) == 38
    else:
        # row 27 is the training split's last: the value after it belongs to the validation split
        assert data.bounds["train"][0][2] == 28
        assert data.values[5, 0] == (5.0 if gaps == "interpolate" else 4.0)
        assert data.values[27, 0] == 26.0


def test_an_infinite_value_is_named_with_its_row() -> None:
    values = np.arange(40.0)[:, None].copy()
    values[7] = np.inf
    with pytest.raises(DataError, match=r"c0: row 8 is infinite"):
        NumericDataset(Table(values, ("c0",)), config(window=3, missing="drop"), CPU)


@pytest.mark.parametrize("kind", ["none", "standard", "last-value", "window-mean", "seasonal"])
@pytest.mark.parametrize("predict", ["last", "every"])
def test_prepared_windows_are_those_gathered_one_batch_at_a_time(kind: str, predict: str) -> None:
    values = np.sin(np.arange(90) * np.pi / 6) + 2.0
    data = NumericDataset(
        Table(values=np.stack([values, values**2], axis=1), columns=("a", "b")),
        config(scaling=kind, window=5, horizon=2, predict=predict, target=("a",)),
        CPU,
    )
    numbers = np.array([3, 0, 11, 7, 7])
    alone = [data.batch("train", numbers[:2]), data.batch("train", numbers[2:])]
    assert data.prepared("train") is not None
    for found in ([data.windows_of("train", n) for n in (numbers[:2], numbers[2:])],
                  data.gather("train", [numbers[:2], numbers[2:]])):  # fmt: skip
        for batch, expected in zip(found, alone, strict=True):
            assert torch.equal(batch.inputs, expected.inputs)
            assert torch.equal(batch.targets, expected.targets)
            assert batch.lengths is None
    whole = data.windows_of("val", np.arange(len(data.windows["val"])))
    assert whole is data.prepared("val")


def test_windows_of_different_lengths_are_not_prepared() -> None:
    data = NumericDataset(counting(60), config(window=8, min_window=3), CPU)
    assert data.prepared("train") is None
    numbers = np.array([0, 1, 20])
    assert torch.equal(data.windows_of("train", numbers).inputs, data.batch("train", numbers).inputs)


def test_windows_first_prepared_in_an_evaluation_can_be_trained_on() -> None:
    data = NumericDataset(counting(60), config(window=4), CPU)
    with torch.inference_mode():
        data.windows_of("train", np.array([0]))
    batch = data.windows_of("train", np.array([0, 1]))
    weight = torch.ones(1, requires_grad=True)
    (batch.inputs @ weight).sum().backward()
    assert weight.grad is not None


def test_what_is_kept_for_a_split_is_made_again_for_other_windows() -> None:
    data = NumericDataset(counting(60), config(window=4), CPU)
    calls: list[int] = []

    def make() -> int:
        calls.append(len(data.windows["train"]))
        return len(calls)

    assert [data.once("train", "calls", make) for _ in range(3)] == [1, 1, 1]
    other = copy.copy(data)
    other.windows = {**data.windows, "train": data.windows["val"]}
    assert other.once("train", "calls", make) == 2
    assert len(other.windows_of("train", np.arange(3)).inputs) == 3
    assert torch.equal(other.windows_of("train", np.array([0])).inputs, data.batch("val", np.array([0])).inputs)
    assert torch.equal(data.windows_of("train", np.array([0])).inputs, data.batch("train", np.array([0])).inputs)


@pytest.mark.parametrize("first", [1, 16, 100, 1000, 2000])
def test_an_epoch_can_begin_later_in_the_same_order(first: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("seqcore.data.dataset._POOL", 64)
    monkeypatch.setattr("seqcore.data.dataset._BLOCK", 8)
    data = NumericDataset(counting(1001), config(window=1, validation_fraction=0.0, test_fraction=0.0), CPU)
    training = TrainingConfig(batch_size=16)
    whole, rest = (
        np.concatenate([np.zeros(0, dtype=np.int64), *(n for n, _ in data.batches("train", training, 3, start=start))])
        for start in (0, first)
    )
    assert np.array_equal(rest, whole[first:])
    assert len(whole) == 1000
