"""What the Data page says of a table, section by section: facts, what is wrong, rhythm, classes, words, windows."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from html import escape
from pathlib import Path

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from seqcore.data.profile.facts import Profile
from seqcore.data.profile.profile import profile_table
from seqcore.data.step_units import StepUnit
from seqcore.data.table import Table
from seqcore.errors import SeqcoreError
from seqcore.evaluation.leakage.detection import find_leaks
from seqcore.experiment.experiment import Experiment
from seqcore.plots.autocorrelation import autocorrelation_info, plot_autocorrelation
from seqcore.plots.counts import classes_info, lengths_info, plot_bars, vocabulary_info
from seqcore.plots.windows import plot_windows, windows_info
from seqcore.results.blanks import marked
from seqcore.results.data import PreviewWindow, WindowPreview
from ui import session
from ui.cards import finding_box
from ui.live_chart import live_chart

__all__ = ["details", "facts", "findings", "inspected", "waits_for_torch", "windows"]

PARTS = {"train": "Training", "val": "Validation", "test": "Test"}
FEW_COLUMNS = 2  # more of them, or one that is not plain numbers, are listed
MOST_RINGS = 6
_STYLE = "<style>" + Path(__file__).with_name("data_sections.css").read_text(encoding="utf-8") + "</style>"


def inspected(experiment: Experiment, table: Table) -> Profile:
    """What is known of the data as this experiment uses them."""
    return _inspected(experiment.to_json(), table)


@st.cache_data(show_spinner=False, max_entries=16)
def _inspected(experiment: str, _table: Table) -> Profile:
    data = Experiment.from_json(experiment).data
    return profile_table(_table, data, leakage=find_leaks(_table, data))


@st.cache_data(show_spinner=False, max_entries=16)
def _sample_inputs(experiment: str, split: str, _table: Table) -> WindowPreview:
    from seqcore.tasks.sample_inputs import sample_inputs  # imports torch

    return sample_inputs(Experiment.from_json(experiment), _table, split=split)


def facts(seen: Profile, table: Table) -> None:
    """How much there is, of what, from when to when, and what of it trains."""
    boxes = [table.size, *_sequences(seen, table), *_time(seen), *_kinds(seen), *_holes(seen), _split(seen)]
    cells = "".join(
        f"<div><span>{escape(name)}</span><b>{escape(value)}</b><small>{escape(note)}</small></div>"
        for name, value, note in boxes
    )
    st.html(f'{_STYLE}<div class="sl-facts" data-testid="facts">{cells}</div>')


Box = tuple[str, str, str]


def _sequences(seen: Profile, table: Table) -> list[Box]:
    if seen.sequences < 2 or table.paired is not None:
        return []
    low, high = seen.lengths.shortest, seen.lengths.longest
    note = f"of {table.unit.span(low, high)}" + (" each" if low == high else "")
    return [(table.sequence_unit.many.capitalize(), f"{seen.sequences:,}", note)]


def _time(seen: Profile) -> list[Box]:
    if seen.span is None:
        return []
    first, last = (pd.Timestamp(seen.span[end]) for end in ("from", "to"))
    return [("Span", _duration(last - first), f"{seen.span['from']} to {seen.span['to']}, {seen.frequency or 'once'}")]


def _duration(span: pd.Timedelta) -> str:
    """How long, in the largest unit that there are two of."""
    units = (("years", 365.25), ("weeks", 7.0), ("days", 1.0), ("hours", 1 / 24), ("minutes", 1 / 1440))
    days = span / pd.Timedelta(days=1)
    name, size = next(((n, s) for n, s in units if days >= 2 * s), ("seconds", 1 / 86_400))
    return f"{days / size:.3g} {name}" if days / size < 1000 else f"{days / size:,.0f} {name}"


def _kinds(seen: Profile) -> list[Box]:
    boxes = []
    if seen.classes is not None:
        names = list(seen.classes)
        boxes.append(("Classes", f"{len(names):,}", ", ".join(names[:4]) + (", …" if len(names) > 4 else "")))
    for words in seen.vocabularies:
        of = f": {words.of}" if len(seen.vocabularies) > 1 else ""
        boxes.append((f"Vocabulary{of}", f"{words.size:,}", f"{words.once:,} come once"))
    return boxes


def _holes(seen: Profile) -> list[Box]:
    if not seen.columns:
        return []
    missing = f"{seen.missing_times:,} times are missing" if seen.missing_times else "no time is missing"
    if seen.inserted_times:
        missing += f", {seen.inserted_times:,} were inserted"
    count = f"{seen.missing:,}" if seen.missing else "none"
    return [("Missing values", count, missing if seen.span else "empty cells")]


def _split(seen: Profile) -> Box:
    counts = {facts.split: facts.windows for facts in seen.splits}
    if counts["val"] == counts["test"] == 0:
        return "To learn from", f"{counts['train']:,}", "all of them: none is held back"
    return "To learn from", f"{counts['train']:,}", f"{counts['val']:,} validation, {counts['test']:,} test"


def findings(seen: Profile) -> None:
    """What is wrong, each in a sentence with what to do about it."""
    st.subheader("What to know before training", anchor=False)
    if not seen.findings:
        st.markdown(":material/check_circle: Nothing was found that would stand in the way of training.")
    for finding in seen.findings:
        finding_box(finding)
    if seen.sampled:
        st.caption(seen.sampled)


def details(seen: Profile, experiment: Experiment, table: Table) -> None:
    """Pictures of what these data have: rhythm, classes, lengths, words, columns; two beside each other."""
    sections: list[Callable[[], None]] = []
    if seen.autocorrelation is not None:
        sections.append(lambda: _rhythm(seen, experiment))
    if seen.classes is not None:
        sections.append(lambda: _classes(seen))
    sections += [partial(_vocabulary, seen, i) for i in range(len(seen.vocabularies))]
    if seen.independent and seen.lengths.longest > seen.lengths.shortest:
        sections.append(lambda: _lengths(seen, table))
    if seen.columns and table.frame is None and (len(seen.columns) <= 12 or table.labels is None):
        sections.append(lambda: _columns(seen))
    for i in range(0, len(sections), 2):
        places = st.columns(2, gap="large") if len(sections) > 1 else [st.container()]
        for place, section in zip(places, sections[i : i + 2], strict=False):
            with place:
                section()


def _picture(figure: go.Figure, *, key: str, label: str, reading: str) -> None:
    live_chart(figure, key=key, label=label, height=int(figure.layout.height or 240), revision=label + reading)
    st.caption(reading)


def _rhythm(seen: Profile, experiment: Experiment) -> None:
    assert seen.autocorrelation is not None
    st.subheader("Does it repeat?", anchor=False)
    period, window = seen.autocorrelation.period, experiment.data.window
    name = session.escape(seen.autocorrelation.column)
    alike = dict(zip(seen.autocorrelation.lags, seen.autocorrelation.correlation, strict=True))
    said = f"{name} has no period that stands out."
    if period:
        said = f"{name} comes back to itself every {period:,} rows ({alike[period]:.2f} alike)."
    more = ""
    if period and window < period:
        more = f" The window of {window:,} (shaded) sees less than one period."
    _picture(
        plot_autocorrelation(autocorrelation_info(seen.autocorrelation, window=window)),
        key="rhythm",
        label="How much the series is like itself so many rows later",
        reading=f"How alike two values are that lie so many rows apart: 1 is the same, 0 is unrelated. {said}{more}",
    )


def _classes(seen: Profile) -> None:
    assert seen.classes is not None
    st.subheader("Classes", anchor=False)
    _picture(
        plot_bars(classes_info(seen.classes)),
        key="classes",
        label="Sequences of each class, by part",
        reading="Each part should have its share of every class; what a class has few of is learned badly.",
    )


def _lengths(seen: Profile, table: Table) -> None:
    st.subheader("Lengths", anchor=False)
    unit, whole = table.unit, table.sequence_unit.one
    name = unit.many if unit.seconds is None else f"{unit.many} of {unit.counted(1)}"
    _picture(
        plot_bars(lengths_info(seen.lengths, x_title=f"{name} in a {whole}")),
        key="lengths",
        label="Sequences of each length",
        reading=f"From {unit.span(seen.lengths.shortest, seen.lengths.longest)}, half of them up to "
        f"{unit.counted(round(seen.lengths.median))}. Shorter ones are padded in a batch, which never changes a score.",
    )


def _vocabulary(seen: Profile, i: int) -> None:
    words = seen.vocabularies[i]
    of = f": {words.of}" if len(seen.vocabularies) > 1 else ""  # a column's name, as it is in the data
    st.subheader(session.escape(f"Vocabulary{of}"), anchor=False)
    unknown = [
        f"{100 * share:.2g}% of the {PARTS[part].lower()} part" for part, share in words.unknown.items() if share
    ]
    rest = f" Unknown to the training part: {' and '.join(unknown)}." if unknown else ""
    if unknown and words.unknown_symbols:
        rest += f" For example {', '.join(repr(s) for s in words.unknown_symbols[:4])}."
    _picture(
        plot_bars(vocabulary_info(words)),
        key=f"vocabulary-{i}",
        label="The most frequent symbols",
        reading=session.escape(
            f"{words.size:,} different {'words' if words.separator else 'symbols'} in {words.total:,}; the "
            f"{len(words.frequent)} most frequent make up {100 * words.coverage:.0f}%.{rest}"
        ),
    )


def _columns(seen: Profile) -> None:
    st.subheader("Columns", anchor=False)
    rows = [
        {"column": c.name, "holds": c.kind, "gaps": c.missing, "lowest": c.minimum,
         "median": _plain(c.median, c.spread), "highest": c.maximum, "spread": c.spread}
        for c in seen.columns
    ]  # fmt: skip
    numbers = {n: st.column_config.NumberColumn(format="%.4g") for n in ("lowest", "median", "highest", "spread")}
    st.dataframe(pd.DataFrame(rows), hide_index=True, column_config=numbers, alt="What each column holds")
    if seen.columns_omitted:
        st.caption(f"And {seen.columns_omitted:,} more columns.")


def _plain(value: float | None, spread: float | None) -> float | None:
    """A value without what is left of rounding: a median of -1e-16 in values of size 1 is 0."""
    rounding = value is not None and spread is not None and abs(value) < 1e-12 * abs(spread)
    return 0.0 if rounding else value


def waits_for_torch() -> bool:
    """Whether windows would have to load torch first, on a server that has just started."""
    return "torch" not in sys.modules


def windows(experiment: Experiment, table: Table) -> None:
    """A few windows of each part, before and after scaling or coding, from the dataset that training would use."""
    head, choice = st.columns([2, 1.4], vertical_alignment="bottom")
    head.subheader("Windows, as the model sees them", anchor=False)
    fractions = {"val": experiment.data.validation_fraction, "test": experiment.data.test_fraction}
    there = [part for part in PARTS if fractions.get(part, 1.0)]
    part = choice.segmented_control(
        "Part", there, default="train", format_func=PARTS.__getitem__, required=True, key="windows-part",
        label_visibility="collapsed", width="stretch", help="Whose windows are shown.",
    )  # fmt: skip
    try:
        seen = _sample_inputs(experiment.to_json(), part or "train", table)
    except SeqcoreError as error:
        return session.show_errors(error)
    if not seen.windows:
        st.caption("There is no window in this part.")
    elif seen.windows[0].original is not None:
        _number_windows(seen, table, trial=experiment.data.scaling == "auto")
    else:
        _word_windows(seen)
    return None


def _number_windows(seen: WindowPreview, table: Table, *, trial: bool) -> None:
    left, right = st.columns(2, gap="large")
    asked = " Rings are what it must predict." if 0 < len(seen.targets) <= MOST_RINGS else ""
    asked = " The last picture is what it must predict." if seen.targets and seen.frame else asked
    with left:
        st.caption("In the data's own units")
        before = plot_windows(windows_info(seen, scaled=False))
        _picture(
            before, key="windows-before", label="Windows in the data's own units",
            reading=f"What is in the data.{asked}",
        )  # fmt: skip
    with right:
        st.caption(
            f"One of the scalings that a trial will choose from when training begins: {seen.scaling}"
            if trial
            else f"As the model gets them: scaled ({seen.scaling})"
        )
        after = plot_windows(windows_info(seen, scaled=True))
        calendar = " The calendar comes beside the columns." if seen.inputs > len(seen.columns) else ""
        _picture(
            after, key="windows-after", label="The same windows, scaled",
            reading="Values near 0, of size 1, are learned best. Scales come from the training part alone." + calendar,
        )  # fmt: skip
    answers = [w for w in seen.windows if w.answer]
    if answers:
        unit = table.unit
        st.html('<div class="sl-windows">' + "".join(_answer_row(w, unit) for w in answers) + "</div>")


def _answer_row(window: PreviewWindow, unit: StepUnit) -> str:
    name = f"<em>{escape(window.name)}</em>" if window.name else ""
    return (
        f"<div>{name}<span>{unit.counted(window.length)}</span><b>→</b><span>{escape(window.answer)}</span>"
        f"<code>{escape(window.answer_code)}</code></div>"
    )


def _word_windows(seen: WindowPreview) -> None:
    rows = []
    for window in seen.windows:
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
    st.caption(
        "Each symbol over its number in the vocabulary, which is the training part's; 0 stands for unknown ones."
    )
