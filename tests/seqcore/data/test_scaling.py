"""Scales and anchors: there and back exactly, and never from what comes later."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from seqcore.data.numeric_codec import NumericCodec
from seqcore.data.numeric_dataset import NumericDataset
from seqcore.data.scaling import Scaler, Scalers, fit_scaler
from seqcore.data.table import Table
from seqcore.data.time_pattern import future_times
from seqcore.errors import CorruptError, DataError
from seqcore.experiment.constraints import ANCHORED
from seqcore.experiment.experiment import Experiment

CPU = torch.device("cpu")
KINDS = ("standard", "minmax", "none", *ANCHORED)
PERIOD = 6


def seasonal(rows: int, seed: int, *, size: float = 1.0) -> np.ndarray:
    """Positive values with a season of `PERIOD` rows, a trend and noise."""
    t, noise = np.arange(rows), np.random.default_rng(seed).normal(0, 0.1, rows)
    return size * (10.0 + 3.0 * np.sin(2 * np.pi * t / PERIOD) + 0.02 * t + noise)


def several(rows: tuple[int, ...] = (140, 120), **rest: Any) -> Table:
    """Series of very different sizes."""
    values = np.concatenate([seasonal(n, i, size=100.0**i) for i, n in enumerate(rows)])
    names = tuple("abcdef"[: len(rows)])
    return Table(values[:, None], ("v",), offsets=np.cumsum([0, *rows]), names=names, **rest)


def dataset(table: Table, codec: NumericCodec | None = None, **changes: Any) -> NumericDataset:
    return NumericDataset(table, Experiment.make({"data": {"window": 5, **changes}}).data, CPU, codec)


geometry = st.fixed_dictionaries(
    {
        "scaling": st.sampled_from(KINDS),
        "predict": st.sampled_from(["last", "every"]),
        "horizon": st.integers(1, 9),
        "window": st.integers(1, 9),
        "lead": st.integers(1, 2),
        "stride": st.integers(1, 3),
    }
)


@settings(deadline=None, max_examples=100)
@given(st.sampled_from(KINDS), st.lists(st.floats(1e-3, 1e6), min_size=8, max_size=40), st.integers(1, 5))
def test_every_scale_comes_back_to_the_same_values(kind: str, numbers: list[float], window: int) -> None:
    values = np.array(numbers)[:, None]
    scaler = fit_scaler(kind, [values], window=window, period=3)
    scaled = scaler.transform(values)
    assert np.isfinite(scaled).all()
    fine = 1e-5 * np.abs(scaled).max() * float(scaler.scale[0])  # single precision
    if scaler.logarithmic:
        assert np.allclose(np.log(scaler.inverse(scaled, [0])), np.log(values), atol=fine + 1e-6)
    else:
        assert np.allclose(scaler.inverse(scaled, [0]), values, rtol=1e-5, atol=fine)
    assert Scaler.from_dict(scaler.to_dict()).inverse(scaled, [0]).tolist() == scaler.inverse(scaled, [0]).tolist()


@settings(deadline=None, max_examples=60)
@given(geometry)
def test_targets_measured_from_an_anchor_come_back_to_the_truth(changes: dict[str, Any]) -> None:
    data = dataset(several(), **changes)
    numbers = np.arange(len(data.windows["train"]))
    outputs = data.batch("train", numbers).targets.numpy()
    assert np.allclose(data.original("train", numbers, outputs), data.truth("train", numbers), rtol=1e-4)


@settings(deadline=None, max_examples=60)
@given(geometry, st.integers(0, 10_000))
def test_what_comes_later_changes_no_scale_no_anchor_and_no_input(changes: dict[str, Any], pick: int) -> None:
    table = several()
    data = dataset(table, **changes)
    part = ("train", "val", "test")[pick % 3]
    number = np.array([pick % len(data.windows[part])])
    first, lengths, sequence = (int(a[0]) for a in data.windows[part].locate(number))
    end = int(table.offsets[sequence + 1])
    for place in range(lengths) if data.every_step else [lengths - 1]:
        cut = first + place + 1  # the first row that is not known at this place
        later = table.values.copy()
        later[cut:end] *= 7.0
        changed = dataset(Table(later, ("v",), offsets=table.offsets, names=table.names), data.codec, **changes)
        mine, theirs = data.batch(part, number), changed.batch(part, number)
        assert torch.equal(mine.inputs[:, : place + 1], theirs.inputs[:, : place + 1])
        same = np.zeros_like(mine.targets.numpy())
        here = place if data.every_step else 0
        before, after = (d.original(part, number, same)[:, here] for d in (data, changed))
        assert np.array_equal(before, after)  # the anchor that targets are measured from


@pytest.mark.parametrize("kind", KINDS)
def test_a_scale_is_fitted_on_its_series_own_training_part(kind: str) -> None:
    table = several()
    scalers = dataset(table, scaling=kind).scalers
    assert scalers.center.shape == (2, 1)
    other = table.values.copy()
    for s, (start, end) in enumerate(zip(table.offsets[:-1], table.offsets[1:], strict=True)):
        other[start + round(0.7 * (end - start)) + 1 : end] *= 3.0  # validation and test split
        if s == 1:
            other[start:end] *= 5.0
    changed = dataset(Table(other, ("v",), offsets=table.offsets, names=table.names), scaling=kind).scalers
    assert np.array_equal(changed.center[0], scalers.center[0])
    assert np.array_equal(changed.scale[0], scalers.scale[0])
    if kind not in ("none", "log-last-value"):
        assert changed.scale[1] == pytest.approx(5.0 * scalers.scale[1])


def test_independent_sequences_share_one_scale() -> None:
    table = Table(np.arange(60.0)[:, None], ("v",), offsets=np.arange(0, 61, 10), independent=True)
    assert len(dataset(table).scalers) == 1


def test_inputs_in_season_are_changes_over_one_period() -> None:
    data = dataset(several((90,)), scaling="seasonal")
    assert data.scalers.period.tolist() == [PERIOD]
    assert data.windows["train"].locate(np.array([0]))[0][0] == PERIOD
    batch = data.batch("train", np.array([3]))
    rows = PERIOD + 3 + np.arange(6)
    change = (data.values[rows] - data.values[rows - PERIOD]) / data.scalers.scale[0]
    assert np.allclose(batch.inputs[0].numpy(), change[:5], atol=1e-4)
    assert np.allclose(batch.targets[0, 0].numpy(), change[5], atol=1e-4)


def test_a_season_beyond_one_period_is_carried_on() -> None:
    values = np.tile(np.arange(1.0, 7.0), 20)
    data = dataset(Table(values[:, None], ("v",)), scaling="seasonal", horizon=9)
    numbers = np.arange(len(data.windows["test"]))
    nothing = np.zeros((len(numbers), 1, 9))
    assert np.allclose(data.original("test", numbers, nothing), data.truth("test", numbers), atol=1e-4)


def test_a_series_without_a_season_takes_the_others_and_none_at_all_is_an_error() -> None:
    noise = np.random.default_rng(0).normal(50.0, 1.0, 400)
    both = np.concatenate([seasonal(90, 0), noise])[:, None]
    table = Table(both, ("v",), offsets=np.array([0, 90, 490]))
    assert dataset(table, scaling="seasonal").scalers.period.tolist() == [PERIOD, PERIOD]
    with pytest.raises(DataError, match="the training split shows none; use last-value"):
        dataset(Table(noise[:, None], ("v",)), scaling="seasonal")


def test_a_value_that_has_no_logarithm_is_named_with_its_row() -> None:
    values = seasonal(60, 0)[:, None]
    values[41] = -2.5
    with pytest.raises(DataError, match=r"v: row 42 is -2.5, and log-last-value scaling needs values above 0"):
        dataset(Table(values, ("v",)), scaling="log-last-value")


def test_a_perfect_season_is_not_divided_by_rounding() -> None:
    values = np.sin(2 * np.pi * np.arange(120) / 12)[:, None]
    scaler = fit_scaler("seasonal", [values], period=12)
    assert scaler.scale[0] >= 1e-6


@settings(deadline=None, max_examples=20)
@given(st.sampled_from(KINDS), st.booleans(), st.integers(1, 4))
def test_a_codec_comes_back_the_same(kind: str, dated: bool, series: int) -> None:
    rows = (70,) * series
    times = np.tile(np.arange(70) * np.timedelta64(1, "D") + np.datetime64("2020-01-01", "ns"), series)
    codec = dataset(several(rows, times=times if dated else None), scaling=kind).codec
    arrays = {name: a.copy() for name, a in codec.arrays().items()}
    back = NumericCodec.from_dict(codec.to_dict(), arrays)
    assert (back.columns, back.inputs, back.series, back.calendar) == (("v",), [0], codec.series, ())
    assert isinstance(back.scalers, Scalers)
    assert np.array_equal(back.scalers.scale, codec.scalers.scale)
    for mine, theirs in zip(codec.tails, back.tails, strict=True):
        assert np.array_equal(mine.values, theirs.values)
        assert mine.start == theirs.start
        assert (mine.times is None) == (theirs.times is None)


def test_times_of_ten_weeks_are_kept_for_the_pattern_of_a_forecast() -> None:
    minutes = np.arange(40_000) * np.timedelta64(5, "m") + np.datetime64("2025-01-06", "ns")
    day, clock = np.divmod(minutes.astype(np.int64) // (60 * 10**9) + 3 * 1440, 1440)
    market = minutes[(day % 7 < 5) & (clock >= 570) & (clock < 960)]  # 78 rows a day, Monday to Friday
    for series in (1, 3):
        rows = (len(market) - 20,) * series
        codec = dataset(several(rows, times=np.tile(market[:-20], series))).codec
        back = NumericCodec.from_dict(codec.to_dict(), {name: a.copy() for name, a in codec.arrays().items()})
        for mine, theirs in zip(codec.tails, back.tails, strict=True):
            assert len(theirs.values) == 1_000
            assert theirs.times is not None
            assert theirs.times.tolist() == mine.times.tolist()  # type: ignore[union-attr]
            assert theirs.times[-1] - theirs.times[0] <= np.timedelta64(70, "D")
            assert future_times(theirs.times, 20).tolist() == market[-20:].tolist()
    broken = codec.arrays() | {"tail_times_lengths": np.array([1_000, 1_000, 1_000])}
    with pytest.raises(CorruptError, match="tail_times_lengths"):
        NumericCodec.from_dict(codec.to_dict(), broken)


def test_a_codec_of_an_earlier_version_is_still_read() -> None:
    old = {
        "columns": ["v"], "inputs": [0], "targets": [0], "tail_times": None, "tail_start": 3, "x_title": "step",
        "scaler": {"kind": "last-value", "center": [1.0], "scale": [2.0]},
    }  # fmt: skip
    arrays = {"tail": np.arange(4.0)[:, None], "fitted.mean": np.array([2.0]), "fitted.naive_step": np.array([1.0])}
    codec = NumericCodec.from_dict(old, arrays)
    assert (codec.scaler.kind, codec.tails[0].start) == ("last-value", 3)
    assert codec.fitted["mean"].shape == (1, 1)


def test_the_ends_of_very_many_series_are_bounded() -> None:
    rows, series = 30, 8_000
    values = np.random.default_rng(0).normal(size=(rows * series, 1))
    data = dataset(Table(values, ("v",), offsets=np.arange(series + 1) * rows))
    kept = sum(len(tail.values) for tail in data.codec.tails)
    assert len(data.codec.series) == series
    assert kept <= 200_000
