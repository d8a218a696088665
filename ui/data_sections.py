"""Sections of the Data page: facts, findings, seasonality, classes, lengths, vocabulary, columns, sample inputs."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from html import escape

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from seqcore.data.profile.facts import Profile
from seqcore.data.profile.profile import profile_table
from seqcore.data.splits import SPLIT_TITLES, SPLITS
from seqcore.data.step_units import StepUnit, unit_of_symbols
from seqcore.data.table import Table
from seqcore.errors import SeqcoreError
from seqcore.evaluation.leakage.detection import find_leaks
from seqcore.experiment.experiment import Experiment
from seqcore.plots.autocorrelation import autocorrelation_info, plot_autocorrelation
from seqcore.plots.counts import classes_info, lengths_info, plot_bars, vocabulary_info
from seqcore.plots.windows import plot_windows, windows_info
from seqcore.results.data import PreviewWindow, WindowPreview
from seqcore.results.formatting import counted, marked
from ui import session
from ui.assets import style_tag
from ui.cards import finding_box
from ui.live_chart import figure_text, live_chart

__all__ = ["details", "facts", "findings", "profile_of", "sample_inputs_section"]

MAX_MARKED = 6  # targets of a window that are marked by rings
MAX_LABELED_COLUMNS = 12  # of labeled sequences, beyond which the columns are not listed
_STYLE = style_tag("data_sections.css")


def profile_of(experiment: Experiment, table: Table) -> Profile:
    """The profile of the data as this experiment uses them."""
    return _profile(experiment.to_json(), table)


@st.cache_data(show_spinner=False, max_entries=16)
def _profile(experiment: str, _table: Table) -> Profile:
    data = Experiment.from_json(experiment).data
    return profile_table(_table, data, leakage=find_leaks(_table, data))


@st.cache_data(show_spinner=False, max_entries=16)
def _sample_inputs(experiment: str, split: str, _table: Table) -> WindowPreview:
    from seqcore.tasks.sample_inputs import sample_inputs  # imports torch

    return sample_inputs(Experiment.from_json(experiment), _table, split=split)


def facts(profile: Profile, table: Table) -> None:
    """Size, time span, classes, vocabulary, missing values and training windows."""
    boxes = [
        table.size,
        *_sequences(profile, table),
        *_time(profile),
        *_symbols(profile),
        *_missing(profile),
        _windows(profile),
    ]
    cells = "".join(
        f"<div><span>{escape(name)}</span><b>{escape(value)}</b><small>{escape(note)}</small></div>"
        for name, value, note in boxes
    )
    st.html(f'{_STYLE}<div class="sl-facts" data-testid="facts">{cells}</div>')


Box = tuple[str, str, str]


def _sequences(profile: Profile, table: Table) -> list[Box]:
    if profile.sequences < 2 or table.paired is not None:
        return []
    low, high = profile.lengths.shortest, profile.lengths.longest
    note = f"of {table.unit.span(low, high)}" + (" each" if low == high else "")
    return [(table.sequence_unit.many.capitalize(), f"{profile.sequences:,}", note)]


def _time(profile: Profile) -> list[Box]:
    if profile.span is None:
        return []
    first, last = (pd.Timestamp(profile.span[end]) for end in ("from", "to"))
    return [
        (
            "Span",
            _duration(last - first),
            f"{profile.span['from']} to {profile.span['to']}, {profile.frequency or 'once'}",
        )
    ]


def _duration(span: pd.Timedelta) -> str:
    """A duration in the largest unit of which it has at least two."""
    units = (("years", 365.25), ("weeks", 7.0), ("days", 1.0), ("hours", 1 / 24), ("minutes", 1 / 1440))
    days = span / pd.Timedelta(days=1)
    name, size = next(((n, s) for n, s in units if days >= 2 * s), ("seconds", 1 / 86_400))
    return f"{days / size:.3g} {name}" if days / size < 1000 else f"{days / size:,.0f} {name}"


def _symbols(profile: Profile) -> list[Box]:
    boxes = []
    if profile.classes is not None:
        names = list(profile.classes)
        boxes.append(("Classes", f"{len(names):,}", ", ".join(names[:4]) + (", …" if len(names) > 4 else "")))
    for words in profile.vocabularies:
        of = f": {words.of}" if len(profile.vocabularies) > 1 else ""
        boxes.append((f"Vocabulary{of}", f"{words.size:,}", f"{words.once:,} occur once"))
    return boxes


def _missing(profile: Profile) -> list[Box]:
    if not profile.columns:
        return []
    columns = len(profile.columns) + profile.columns_omitted
    inserted = min(profile.inserted_times * columns, profile.missing)
    if not profile.missing and not profile.missing_times:
        return [("Missing values", "0", "no missing time steps" if profile.span else "empty cells")]
    notes = [counted(profile.missing - inserted, "empty cell")]
    if inserted:
        notes.append(f"{inserted:,} in {counted(profile.inserted_times, 'inserted row')}")
    text = ", ".join(notes)
    if profile.missing_times:  # they have no rows, so that no value of theirs is counted
        text += f"; no rows for {counted(profile.missing_times, 'time step')}"
    return [("Missing values", f"{profile.missing:,}", text)]


def _windows(profile: Profile) -> Box:
    counts = {facts.split: facts.windows for facts in profile.splits}
    whole = all(facts.windows == facts.sequences for facts in profile.splits) and profile.independent
    held_out = f"{counts['val']:,} validation, {counts['test']:,} test"
    if counts["val"] == counts["test"] == 0:
        held_out = "none held out"
    return f"Training {'sequences' if whole else 'windows'}", f"{counts['train']:,}", held_out


def findings(profile: Profile, *, asked: bool = False) -> None:
    """Problems of the data, each with its remedy. `asked`: the page has questions about the file."""
    st.subheader("Findings", anchor=False)
    if not profile.findings and asked:
        st.markdown(":material/help: See the question about the file above.")
    elif not profile.findings:
        st.markdown(":material/check_circle: No problems found.")
    for finding in profile.findings:
        finding_box(finding)
    if profile.sampled:
        st.caption(profile.sampled)


def details(profile: Profile, experiment: Experiment, table: Table) -> None:
    """Seasonality, classes, lengths, vocabulary and columns, as far as these data have them, in two columns."""
    sections: list[Callable[[], None]] = []
    if profile.autocorrelation is not None:
        sections.append(lambda: _seasonality(profile, experiment))
    if profile.classes is not None:
        sections.append(lambda: _classes(profile, experiment))
    sections += [partial(_vocabulary, profile, experiment, i) for i in range(len(profile.vocabularies))]
    if profile.independent and profile.lengths.longest > profile.lengths.shortest:
        sections.append(lambda: _lengths(profile, experiment, table))
    few = profile.classes is None or len(profile.columns) <= MAX_LABELED_COLUMNS
    if table.tabular and few:
        sections.append(lambda: _columns(profile))
    for i in range(0, len(sections), 2):
        places = st.columns(2, gap="large") if len(sections) > 1 else [st.container()]
        for place, section in zip(places, sections[i : i + 2], strict=False):
            with place:
                section()


@st.cache_data(show_spinner=False, max_entries=64)
def _drawn(of: str, key: str, _draw: Callable[[], go.Figure]) -> tuple[str, int]:
    """A figure as the chart takes it, and its height. Plotly's checks of its figures take half of a visit."""
    figure = _draw()
    return figure_text(figure), int(figure.layout.height or 240)


def _picture(draw: Callable[[], go.Figure], *, of: str, key: str, label: str, reading: str) -> None:
    """Show what `draw` returns; `of` is all that this depends on."""
    figure, height = _drawn(of, key, draw)
    live_chart(figure, key=key, label=label, height=height, revision=label + reading)
    st.caption(reading)


def _seasonality(profile: Profile, experiment: Experiment) -> None:
    assert profile.autocorrelation is not None
    st.subheader("Seasonality", anchor=False)
    period, window = profile.autocorrelation.period, experiment.data.window
    correlation = dict(zip(profile.autocorrelation.lags, profile.autocorrelation.correlation, strict=True))
    reading = "no period found."
    if period:
        reading = f"period {period:,}, autocorrelation {correlation[period]:.2f}."
    if period and window < period:
        reading += f" The window of {window:,} (shaded) is shorter than the period."
    info = autocorrelation_info(profile.autocorrelation, window=window)
    _picture(
        lambda: plot_autocorrelation(info),
        of=experiment.to_json(),
        key="autocorrelation",
        label="Autocorrelation by lag",
        reading=f"Autocorrelation of {session.escape(profile.autocorrelation.column)} by lag. Seasonality: {reading}",
    )


def _classes(profile: Profile, experiment: Experiment) -> None:
    assert profile.classes is not None
    st.subheader("Classes", anchor=False)
    info = classes_info(profile.classes)
    _picture(
        lambda: plot_bars(info),
        of=experiment.to_json(),
        key="classes",
        label="Sequences of each class, by split",
        reading="Number of sequences of each class in each split. Classes with few sequences are hard to learn.",
    )


def _lengths(profile: Profile, experiment: Experiment, table: Table) -> None:
    st.subheader("Lengths", anchor=False)
    unit, whole = table.unit, table.sequence_unit.one
    name = unit.many if unit.seconds is None else f"{unit.many} of {unit.counted(1)}"
    _picture(
        lambda: plot_bars(lengths_info(profile.lengths, x_title=f"{name} in a {whole}")),
        of=experiment.to_json(),
        key="lengths",
        label="Number of sequences by length",
        reading=f"{unit.span(profile.lengths.shortest, profile.lengths.longest)}, median "
        f"{unit.counted(round(profile.lengths.median))}. Shorter sequences of a batch are padded and masked.",
    )


def _vocabulary(profile: Profile, experiment: Experiment, i: int) -> None:
    words = profile.vocabularies[i]
    of = f": {words.of}" if len(profile.vocabularies) > 1 else ""  # a column's name, as it is in the data
    st.subheader(session.escape(f"Vocabulary{of}"), anchor=False)
    unknown = [
        f"{100 * share:.2g}% of the {SPLIT_TITLES[split]} split" for split, share in words.unknown.items() if share
    ]
    rest = f" Not in the training split: {' and '.join(unknown)}." if unknown else ""
    if unknown and words.unknown_symbols:
        rest += f" Examples: {', '.join(repr(s) for s in words.unknown_symbols[:4])}."
    _picture(
        lambda: plot_bars(vocabulary_info(words)),
        of=experiment.to_json(),
        key=f"vocabulary-{i}",
        label="The most frequent symbols",
        reading=session.escape(
            f"{words.size:,} different {unit_of_symbols(words.separator).many} in {words.total:,}; the "
            f"{len(words.frequent)} most frequent cover {100 * words.coverage:.0f}%.{rest}"
        ),
    )


def _columns(profile: Profile) -> None:
    st.subheader("Column statistics", anchor=False)
    rows = [
        {"column": c.name, "type": c.kind, "missing": c.missing, "min": c.minimum,
         "median": _without_rounding(c.median, c.spread), "max": c.maximum, "std": c.spread}
        for c in profile.columns
    ]  # fmt: skip
    numbers = {n: st.column_config.NumberColumn(format="%.4g") for n in ("min", "median", "max", "std")}
    st.dataframe(pd.DataFrame(rows), hide_index=True, column_config=numbers, alt="Statistics of each column")
    if profile.columns_omitted:
        st.caption(f"And {profile.columns_omitted:,} more columns.")


def _without_rounding(value: float | None, spread: float | None) -> float | None:
    """A value without rounding errors: a median of -1e-16 among values of size 1 is 0."""
    rounding = value is not None and spread is not None and abs(value) < 1e-12 * abs(spread)
    return 0.0 if rounding else value


def sample_inputs_section(experiment: Experiment, table: Table) -> None:
    """A few windows of a split, before and after scaling or encoding, from the dataset that training would use."""
    head, choice = st.columns([2, 1.4], vertical_alignment="bottom")
    head.subheader("Sample model inputs", anchor=False)
    fractions = {"val": experiment.data.validation_fraction, "test": experiment.data.test_fraction}
    splits = [split for split in SPLITS if fractions.get(split, 1.0)]
    split = choice.segmented_control(
        "Split", splits, default="train", format_func=lambda split: SPLIT_TITLES[split].capitalize(), required=True,
        key="windows-split", label_visibility="collapsed", width="stretch", help="The split of the windows.",
    )  # fmt: skip
    try:
        preview = _sample_inputs(experiment.to_json(), split or "train", table)
    except SeqcoreError as error:
        return session.show_errors(error)
    if not preview.windows:
        st.caption("This split has no windows.")
    elif preview.windows[0].original is not None:
        _number_windows(preview, experiment, table)
    else:
        _word_windows(preview)
    return None


def _number_windows(preview: WindowPreview, experiment: Experiment, table: Table) -> None:
    trial, of = experiment.data.scaling == "auto", f"{preview.split} {experiment.to_json()}"
    left, right = st.columns(2, gap="large")
    targets = " Rings: targets." if 0 < len(preview.targets) <= MAX_MARKED else ""
    targets = " Last frame: target." if preview.targets and preview.frame else targets
    with left:
        st.caption("Original units")
        _picture(
            lambda: plot_windows(windows_info(preview, scaled=False)), of=of, key="windows-before",
            label="Windows in original units", reading=f"Before scaling.{targets}",
        )  # fmt: skip
    with right:
        st.caption(f"Scaled ({preview.scaling})" + (": a candidate of the scaling search" if trial else ""))
        calendar = " Calendar features are further inputs." if preview.inputs > len(preview.columns) else ""
        _picture(
            lambda: plot_windows(windows_info(preview, scaled=True)), of=of, key="windows-after",
            label="The same windows, scaled", reading="After scaling, fitted on the training split." + calendar,
        )  # fmt: skip
    answers = [w for w in preview.windows if w.answer]
    if answers:
        unit = table.unit
        st.html('<div class="sl-windows">' + "".join(_answer_row(w, unit) for w in answers) + "</div>")


def _answer_row(window: PreviewWindow, unit: StepUnit) -> str:
    name = f"<em>{escape(window.name)}</em>" if window.name else ""
    return (
        f"<div>{name}<span>{unit.counted(window.length)}</span><b>→</b><span>{escape(window.answer)}</span>"
        f"<code>{escape(window.answer_code)}</code></div>"
    )


def _word_windows(preview: WindowPreview) -> None:
    rows = []
    for window in preview.windows:
        cells = "".join(
            f"<span><b>{escape(marked(word))}</b><code>{code}</code></span>"
            for word, code in zip(window.words, window.codes, strict=False)
        )
        more = "<span><b>…</b></span>" if window.length > len(window.words) else ""
        answer = (
            f'<i>→</i><span class="sl-answer-word"><b>{escape(marked(window.answer))}</b>'
            f"<code>{escape(window.answer_code)}</code></span>"
            if window.answer
            else ""
        )
        rows.append(f"<p>{escape(window.name)}</p><div>{cells}{more}{answer}</div>")
    st.html(f'<div class="sl-words" data-testid="windows-words">{"".join(rows)}</div>')
    st.caption("Symbols with their index in the vocabulary of the training split; 0: unknown.")
