"""The data profile and its diagnostics."""

from __future__ import annotations

import json
import time

import numpy as np
import pytest

from seqcore.data.parallel_text import pairs_table
from seqcore.data.profile.diagnostics import STUCK
from seqcore.data.profile.facts import Profile
from seqcore.data.profile.profile import profile_table
from seqcore.data.sources import SOURCES
from seqcore.data.table import Table, symbol_table
from seqcore.experiment.config import DataConfig
from tests.tables import small_table

BUILT_IN = [name for name, source in SOURCES.items() if not source.stored]


def series(rows: int = 600, *, period: int = 24, noise: float = 0.1) -> np.ndarray:
    t = np.arange(rows)
    values: np.ndarray = np.sin(2 * np.pi * t / period) + noise * np.random.default_rng(0).normal(size=rows)
    return values


def one(values: np.ndarray, **rest: object) -> Table:
    return Table(values[:, None], ("v",), **rest)  # type: ignore[arg-type]


def labeled(counts: dict[str, int], *, length: int = 12) -> Table:
    labels = np.array([name for name, count in counts.items() for _ in range(count)])
    rows = np.random.default_rng(0).normal(size=(len(labels) * length, 2))
    offsets = np.arange(len(labels) + 1, dtype=np.int64) * length
    return Table(rows, ("a", "b"), offsets=offsets, independent=True, labels=labels)


def codes(seen: Profile) -> set[str]:
    return {finding.code for finding in seen.findings}


@pytest.mark.parametrize("name", BUILT_IN)
def test_every_source_has_a_profile_that_is_valid_json(name: str) -> None:
    table = small_table(name)
    seen = profile_table(table)
    found = json.loads(json.dumps(seen.to_dict(), allow_nan=False))
    assert found["rows"] == len(table)
    assert sum(part["rows"] for part in found["splits"]) == len(table)
    assert sum(part["sequences"] for part in found["splits"] if table.independent) in (0, len(table.lengths))
    assert all(finding["message"].endswith(".") for finding in found["findings"])


@pytest.mark.parametrize("predict", ["last", "every"])
@pytest.mark.parametrize("stride", [1, 7])
def test_window_counts_equal_those_of_the_dataset(predict: str, stride: int) -> None:
    import torch

    from seqcore.experiment.experiment import Experiment
    from seqcore.tasks import TASKS

    data = {"window": 20, "horizon": 3, "predict": predict, "stride": stride}
    experiment = Experiment.make({"data": data})
    table = Table(series(700)[:, None], ("v",), offsets=np.array([0, 300, 700]))
    dataset = TASKS["regression"].load()(experiment).make_dataset(table, torch.device("cpu"))
    assert {p.split: p.windows for p in profile_table(table, experiment.data).splits} == dataset.sizes()


def test_the_period_is_found_and_a_clean_series_has_no_findings() -> None:
    seen = profile_table(one(series()), DataConfig(scaling="last-value"))
    assert seen.autocorrelation is not None
    assert seen.autocorrelation.period == 24
    assert seen.findings == ()
    assert seen.kind == "one series"


def test_missing_values_constant_columns_and_outliers_are_found() -> None:
    values = np.stack([series(), np.ones(600), series()], axis=1)
    values[50:60, 0] = np.nan
    values[300, 2] = 1e6
    seen = profile_table(Table(values, ("a", "b", "c")), DataConfig(scaling="last-value", target=("a",)))
    assert {"missing-values", "constant-columns", "outliers"} <= codes(seen)
    assert [column.kind for column in seen.columns] == ["numbers", "constant", "numbers"]
    assert seen.columns[0].missing == seen.missing == 10
    (outlier,) = [finding for finding in seen.findings if finding.code == "outliers"]
    assert outlier.message.startswith("c has")


def test_a_trend_is_found_where_the_scaling_is_not_relative() -> None:
    rising = one(np.arange(600.0) + series())
    assert "outside-range" in codes(profile_table(rising, DataConfig(scaling="standard")))
    assert "outside-range" not in codes(profile_table(rising, DataConfig(scaling="last-value")))


def test_a_repeated_value_is_found_with_its_row() -> None:
    values = series()
    values[200:260] = values[200]
    (stuck,) = [r for r in profile_table(one(values)).findings if r.code == "repeated-value"]
    assert "60 consecutive rows from row 201," in stuck.message


def test_irregular_and_missing_time_stamps_are_found() -> None:
    days = np.datetime64("2020-01-01", "ns") + np.arange(600) * np.timedelta64(1, "D")
    assert not codes(profile_table(one(series(), times=days), DataConfig(scaling="last-value")))
    kept = np.delete(np.arange(600), [100, 101, 300])
    holes = profile_table(one(series()[kept], times=days[kept]))
    assert "missing-times" in codes(holes)
    assert holes.missing_times == 3
    jitter = days + np.random.default_rng(0).integers(0, 40_000, 600) * np.timedelta64(1, "s")
    assert "irregular-times" in codes(profile_table(one(series(), times=jitter)))


def test_few_and_no_training_windows_are_found() -> None:
    few = profile_table(one(series(60)), DataConfig(window=10))
    assert "few-windows" in codes(few)
    finding = next(r for r in few.findings if r.code == "few-windows")
    assert finding.message.startswith(f"Only {few.splits[0].windows} training windows")
    assert "small" not in finding.remedy, "a smaller network doesn't help, and isn't what is suggested"
    nothing = profile_table(one(series(60)), DataConfig(window=50))
    assert "no-windows" in codes(nothing)
    assert nothing.findings[0].severity == "error"


def test_classes_are_counted_by_split_and_imbalance_is_found() -> None:
    seen = profile_table(labeled({"yes": 300, "no": 12}))
    assert seen.classes is not None
    assert {name: sum(parts.values()) for name, parts in seen.classes.items()} == {"yes": 300, "no": 12}
    assert "imbalanced" in codes(seen)
    assert "imbalanced" not in codes(profile_table(labeled({"yes": 100, "no": 100})))
    assert "one-class" in codes(profile_table(labeled({"yes": 200})))


def test_the_share_of_unknown_words_is_measured() -> None:
    first, last = ["the", "cat", "sat"] * 300, ["a", "dog", "ran"] * 100
    seen = profile_table(
        symbol_table([first + last], separator=" ", columns=("word",)), DataConfig(task="language-modeling")
    )
    (vocabulary,) = seen.vocabularies
    assert vocabulary.size == 6
    assert vocabulary.unknown["test"] == 1.0
    assert set(vocabulary.unknown_symbols) == {"a", "dog", "ran"}
    assert vocabulary.unknown_kinds == 3
    assert "unknown-symbols" in codes(seen)


def test_unknown_words_are_found_with_a_remedy_that_applies() -> None:
    last = [f"new{i}" for i in range(60)]
    words = symbol_table([["the", "cat", "sat"] * 100 + last], separator=" ", columns=("word",))
    seen = profile_table(words, DataConfig(task="language-modeling", validation_fraction=0.0))
    finding = next(r for r in seen.findings if r.code == "unknown-symbols")
    assert finding.message.count("new") == 5
    assert f"and {seen.vocabularies[0].unknown_kinds - 5} more" in finding.message
    assert seen.vocabularies[0].unknown_kinds > 12
    assert "characters" in finding.remedy
    pairs = pairs_table([(f"I see a{i}.", f"Je vois b{i}.") for i in range(60)], name="pairs")
    advice = [
        r.remedy for r in profile_table(pairs, DataConfig(task="translation")).findings if r.code == "unknown-symbols"
    ]
    assert len(advice) == 2
    assert not any("characters" in line for line in advice)


def test_a_text_of_one_symbol_and_sequences_of_one_row_are_found() -> None:
    assert "one-symbol" in codes(profile_table(symbol_table([["a"] * 300]), DataConfig(task="language-modeling")))
    short = Table(series(240)[:, None], ("v",), offsets=np.array([0, 1, 120, 240]), independent=True)
    assert "short-sequences" in codes(profile_table(short))


def test_both_sides_of_pairs_have_a_vocabulary() -> None:
    english = [f"it is {n} o'clock".split() for n in range(200)]
    french = [f"il est {n} heures".split() for n in range(200)]
    paired = symbol_table(french, separator=" ", columns=("french",), independent=True)
    table = symbol_table(english, separator=" ", columns=("english",), independent=True, paired=paired)
    seen = profile_table(table)
    assert seen.kind == "pairs of sentences"
    assert [v.of for v in seen.vocabularies] == ["english", "french"]
    assert sum(part.windows for part in seen.splits) == 200


def test_ten_million_rows_take_little_more_time_than_what_is_sampled_of_them() -> None:
    values = np.random.default_rng(0).normal(size=(10_000_000, 1))
    profile_table(Table(values[:1000], ("v",)))  # what is imported once
    took = []
    for rows in (200_000, 10_000_000):  # 50 times as many
        began = time.process_time()
        seen = profile_table(Table(values[:rows], ("v",)))
        took.append(time.process_time() - began)
    assert took[1] < 15 * took[0]
    assert "200,000 of 10,000,000 rows" in seen.sampled
    assert seen.columns[0].maximum == values.max()


@pytest.mark.parametrize("at", [0, 7, 100, 170])
@pytest.mark.parametrize("block", [16, 1_000])
def test_a_repeated_value_is_found_at_any_row_and_block_size(
    at: int, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("seqcore.data.profile.diagnostics._BLOCK", block)
    values = np.random.default_rng(0).normal(size=200)
    values[at : at + STUCK] = 0.5
    (found,) = [r for r in profile_table(Table(values[:, None], ("v",))).findings if r.code == "repeated-value"]
    assert f"{STUCK} consecutive rows from row {at + 1}," in found.message
    values[at + 3] = 0.6
    assert not [r for r in profile_table(Table(values[:, None], ("v",))).findings if r.code == "repeated-value"]


@pytest.mark.parametrize(("fractions", "said"), [((0.0, 0.0), True), ((0.2, 0.0), False), ((0.2, 0.2), False)])
def test_missing_held_out_splits_are_found(fractions: tuple[float, float], said: bool) -> None:
    validation, test = fractions
    config = DataConfig(source="sine", window=8, validation_fraction=validation, test_fraction=test)
    seen = profile_table(SOURCES["sine"].load()().table(), config)
    assert ("no-held-out-data" in {finding.code for finding in seen.findings}) == said
