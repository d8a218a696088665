"""Plots of data: infos from tables and profiles, and figures."""

from __future__ import annotations

import numpy as np
import pytest

from seqcore.data.audio import Sound, sound_table
from seqcore.data.profile.examples_info import examples_info
from seqcore.data.profile.profile import profile_table
from seqcore.data.profile.table_info import table_info
from seqcore.data.sources import SOURCES
from seqcore.data.table import Table, symbol_table
from seqcore.experiment.experiment import Experiment
from seqcore.plots.autocorrelation import autocorrelation_info, plot_autocorrelation
from seqcore.plots.counts import classes_info, lengths_info, plot_bars, vocabulary_info
from seqcore.plots.data import plot_table
from seqcore.plots.examples import plot_examples
from seqcore.plots.windows import plot_windows, windows_info
from seqcore.results.data import Autocorrelation, LengthFacts, VocabularyFacts
from seqcore.tasks.sample_inputs import sample_inputs

HELD_OUT = {"validation_fraction": 0.2, "test_fraction": 0.2}


def sequences(columns: int, *, count: int = 40, length: int = 12, **rest: object) -> Table:
    values = np.random.default_rng(0).random((count * length, columns))
    offsets = np.arange(count + 1, dtype=np.int64) * length
    names = tuple(f"c{i}" for i in range(columns))
    return Table(values, names, offsets=offsets, independent=True, **rest)  # type: ignore[arg-type]


def classes(count: int, of: int) -> np.ndarray:
    found: np.ndarray = np.array([f"class {i % of}" for i in range(count)])
    return found


@pytest.mark.parametrize("dark", [False, True])
def test_class_counts_have_the_colors_of_their_splits(dark: bool) -> None:
    counted = {"a": {"train": 3, "val": 1, "test": 1}, "b": {"train": 9, "val": 0, "test": 2}}
    info = classes_info(counted)
    assert info.names == ("b", "a")
    assert info.counts == {"training": (9, 3), "validation": (0, 1), "test": (2, 1)}
    assert len(plot_bars(info, dark).data) == 3


def test_many_classes_are_limited_and_the_others_counted() -> None:
    info = classes_info({f"name {i}": {"train": i} for i in range(100)})
    assert len(info.names) == 24
    assert info.omitted == 76
    assert "76" in plot_bars(info).layout.xaxis.title.text
    assert plot_bars(classes_info({})).layout.annotations[0].text == "nothing to count"


def test_letters_have_vertical_bars_and_words_horizontal_ones() -> None:
    letters = VocabularyFacts("letter", 3, 9, "", ((" ", 5), ("\n", 3), ("a", 1)), 1.0, 1, {})
    assert vocabulary_info(letters).names == ("␣", "↵", "a")
    assert plot_bars(vocabulary_info(letters)).data[0].orientation is None
    words = VocabularyFacts("word", 2, 9, " ", (("house", 5), ("x" * 99, 4)), 1.0, 0, {})
    assert len(vocabulary_info(words).names[1]) == 24
    assert plot_bars(vocabulary_info(words)).data[0].orientation == "h"


def test_a_histogram_of_lengths_has_a_bar_for_each_range() -> None:
    figure = plot_bars(lengths_info(LengthFacts(2, 3.0, 4, (1.5, 2.5, 3.5, 4.5), (5, 6, 7))))
    assert figure.data[0].x == pytest.approx([2.0, 3.0, 4.0])
    assert list(figure.data[0].customdata) == ["2 to 2", "3 to 3", "4 to 4"]


def test_an_autocorrelation_marks_the_period_and_shades_the_window() -> None:
    rows = tuple(range(30))
    rhythm = Autocorrelation("v", rows, tuple(np.cos(2 * np.pi * np.array(rows) / 12)), 12)
    info = autocorrelation_info(rhythm, window=5)
    figure = plot_autocorrelation(info)
    assert list(figure.data[1].x) == [12]
    assert [shape.x1 for shape in figure.layout.shapes if shape.type == "rect"] == [5]
    assert autocorrelation_info(rhythm, window=500).window is None
    assert autocorrelation_info(None).empty
    assert plot_autocorrelation(autocorrelation_info(None)).layout.annotations


@pytest.mark.parametrize("dark", [False, True])
def test_labeled_sequences_have_a_panel_for_each_class_with_every_split(dark: bool) -> None:
    info = examples_info(sequences(1, labels=classes(40, 3)), **HELD_OUT)
    assert info.kind == "lines"
    assert info.names == ("class 0", "class 1", "class 2")
    assert {e.split for e in info.examples} == {"training", "validation", "test"}
    assert len(plot_examples(info, dark).data) == len(info.examples) == 9


@pytest.mark.parametrize("dark", [False, True])
def test_all_columns_of_a_sequence_are_drawn_with_different_dashes(dark: bool) -> None:
    table = sequences(2, labels=classes(40, 3))
    info = examples_info(table, **HELD_OUT)
    assert [(e.panel, e.column) for e in info.examples] == [(i, c) for i in range(3) for c in ("c0", "c1")]
    drawn = np.stack([e.values for e in info.examples[:2]], axis=1)
    assert any(np.array_equal(drawn, table.values[12 * s : 12 * s + 12]) for s in range(40)), "both are of one sequence"
    lines = plot_examples(info, dark).data
    assert {(line.name, line.line.dash) for line in lines} == {("c0", "solid"), ("c1", "dash")}
    assert [line.name for line in lines if line.showlegend] == ["c0", "c1"]


def test_more_than_three_columns_are_listed_as_not_drawn() -> None:
    table = sequences(5, labels=classes(40, 10))
    info = examples_info(table, **HELD_OUT)
    assert (info.columns, info.omitted) == (("c0", "c1", "c2"), "2 more columns, 2 more classes")
    chosen = examples_info(table, columns=("c4", "gone"), **HELD_OUT)
    assert (chosen.columns, chosen.omitted) == (("c4",), "2 more classes")
    assert len(chosen.examples) == 3 * 8


def test_many_columns_are_a_map_and_frames_a_video() -> None:
    wide = examples_info(sequences(300, labels=classes(40, 20)), **HELD_OUT)
    assert wide.kind == "maps"
    assert len(wide.names) == 8
    assert wide.omitted == "12 more classes"
    assert all(e.values.shape == (200, 12) for e in wide.examples)
    video = examples_info(sequences(256, frame=(16, 16), labels=classes(40, 2)), **HELD_OUT)
    assert video.kind == "videos"
    assert video.examples[0].values.shape == (16, 8 * 17 - 1)
    assert len(plot_examples(video).data) == 2
    one = Table(np.random.default_rng(0).random((100, 64)), tuple(map(str, range(64))), frame=(8, 8))
    assert list(examples_info(one, **HELD_OUT).names) == ["training", "validation", "test"]


def test_a_long_text_is_drawn_from_its_beginning_and_cut() -> None:
    text = symbol_table([list("abcdefgh" * 50_000)])
    info = table_info(text, **HELD_OUT)
    assert sum(len(s.y) for s in info.segments) == 240
    assert plot_table(info).data


def test_original_and_scaled_windows_are_those_of_the_dataset() -> None:
    values = 100 + np.arange(300.0)
    experiment = Experiment.make({"data": {"window": 10, "scaling": "last-value", "horizon": 3}})
    seen = sample_inputs(experiment, Table(values[:, None], ("v",)), split="val")
    before, after = windows_info(seen, scaled=False), windows_info(seen, scaled=True)
    assert len(before.panels) == 3
    for plain, scaled in zip(before.panels, after.panels, strict=True):
        assert plain.inputs[:, 0] == pytest.approx(100 + plain.x)
        assert plain.targets[:, 0] == pytest.approx(100 + plain.targets_x)
        assert scaled.inputs[-1, 0] == 0.0, "the last value is what relative scaling measures from"
        assert list(plain.targets_x - plain.x[-1]) == [1.0, 2.0, 3.0]
    assert plot_windows(after, dark=True).layout.annotations[0].text.startswith("from row")


def test_windows_of_frames_are_videos_that_end_with_the_target() -> None:
    table = sequences(64, frame=(8, 8))
    seen = sample_inputs(Experiment.make({"data": {"window": 6}}), table)
    (panel, *_) = windows_info(seen, scaled=False).panels
    assert panel.video
    assert panel.heat is not None
    assert panel.heat[:, -8:] == pytest.approx(seen.windows[0].target_original.reshape(8, 8))  # type: ignore[union-attr]
    assert plot_windows(windows_info(seen, scaled=True)).data


def test_windows_of_words_have_their_codes_and_the_next_word() -> None:
    table = symbol_table([list("abcd" * 100)])
    seen = sample_inputs(Experiment.make({"data": {"task": "language-modeling", "window": 4}}), table)
    window = seen.windows[0]
    assert len(window.words) == len(window.codes) == 4
    following = {"a": "b", "b": "c", "c": "d", "d": "a"}
    assert window.answer == following[window.words[-1]]
    assert windows_info(seen, scaled=False).empty
    assert profile_table(table).vocabularies[0].size == 4


def test_sound_is_drawn_over_seconds_and_frequencies() -> None:
    tones = [Sound(16_000, np.sin(np.arange(8_000) / (5 + i % 2)).astype(np.float32)) for i in range(20)]
    table = sound_table(tones, labels=["low" if i % 2 else "high" for i in range(20)])
    info = examples_info(table, **HELD_OUT)
    assert info.x_title == "seconds of the sequence"
    assert max(example.x.max() for example in info.examples) == pytest.approx(0.47, abs=0.02)
    ends = plot_examples(info).layout.yaxis.ticktext
    assert all(name.endswith(" Hz") for name in ends)
    experiment = Experiment.make({"data": {"task": "classification"}})
    shown = plot_windows(windows_info(sample_inputs(experiment, table), scaled=False))
    assert shown.layout.xaxis.ticksuffix == " s"
    assert max(shown.data[0].x) < 0.5


def test_several_series_have_a_color_and_a_name_each_and_their_splits_are_shaded() -> None:
    table = SOURCES["stocks"].load()(company="series").table()
    figure = plot_table(table_info(table, **HELD_OUT))
    named = [trace for trace in figure.data if trace.showlegend]
    assert tuple(trace.name for trace in named) == table.names
    assert len({(trace.line.color, trace.line.dash) for trace in named}) == len(table.names)
    assert len({trace.yaxis for trace in named}) == len(table.names)  # each in a panel of its own
    colors = {trace.name: trace.line.color for trace in named}
    assert all(trace.line.color == colors[trace.meta] for trace in figure.data)
    assert table.times is not None
    validation, test = figure.layout.shapes
    assert validation.x0 < test.x0
    assert np.datetime64(test.x1) == table.times[-1]  # as the axis reads it


def test_of_many_series_the_first_are_drawn_and_the_others_counted() -> None:
    values, names = np.arange(200.0)[:, None], tuple(f"shop {i}" for i in range(10))
    table = Table(values, ("sales",), offsets=np.arange(11) * 20, names=names)
    figure = plot_table(table_info(table, **HELD_OUT))
    assert tuple(trace.name for trace in figure.data if trace.showlegend) == names[:8]
    assert "2 more series" in figure.layout.xaxis.title.text


def test_a_single_series_and_series_without_names_have_the_colors_of_the_splits() -> None:
    for table in (SOURCES["stocks"].load()().table(), sequences(1)):
        figure = plot_table(table_info(table, **HELD_OUT))
        assert {trace.name for trace in figure.data} == {"training", "validation", "test"}
        assert not figure.layout.shapes
