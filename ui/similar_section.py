"""The Similar moments section of the Inspect page: where else the units are active that are so in a span (LSTMVis)."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence
from html import escape as html
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import numpy as np
import streamlit as st

from seqcore.errors import SeqcoreError
from seqcore.plots.style import COLORS
from seqcore.results.formatting import format_number
from seqcore.results.similar import SimilarMoment, SimilarView
from ui.assets import style_tag
from ui.inspect_chart import plain
from ui.inspect_context import SPAN, Inspected, load_examples_of
from ui.inspect_link import REVEAL
from ui.results import download_csv, file_stem
from ui.run_labels import SPLITS, title
from ui.session import escape

if TYPE_CHECKING:
    from seqcore.insight.examples import InspectExample

__all__ = ["distinct_moments", "similar"]

MOST_LINES = 8  # input columns of which the first is drawn; of more, as in sounds and videos, their mean
MOST_SHOWN = 12  # moments on the page
BESIDE = 12  # steps drawn before and after a moment
NAMES = ("hidden_state", "cell_state")

_STYLE = style_tag("similar_section.css")


def similar(inspected: Inspected) -> None:
    """The controls, and the best matches in the data."""
    internals = inspected.internals
    names = [] if internals is None else [name for name in NAMES if name in internals.names]
    if internals is None or not names:
        st.info(escape(inspected.refusal or "This model has no states to compare."))
        return
    steps = len(
        inspected.example.steps
    )  # those of the first stage, as only it is searched: of a translator the encoder
    if steps < 2:
        st.info("This example has one step; similar moments are found for a span of steps.")
        return
    run, span = inspected.run.id, _span(inspected, steps)
    columns = st.columns([2, 1, 1], gap="medium")
    first, last = columns[0].slider(
        "Span of steps", 1, steps, span, key=f"similar-span-{inspected.of}-{span}",
        help="Drag over a heat map to select a span, or set it here.",
    )  # fmt: skip
    threshold = columns[1].slider(
        "Threshold", 0.05, 0.95, 0.3, 0.05, key=f"similar-threshold-{run}",
        help="A unit counts as active at a step where its value is at least this.",
    )  # fmt: skip
    name = columns[2].selectbox(
        "State", names, key=f"similar-name-{run}", format_func=lambda name: name.replace("_", " ").capitalize(),
        help="The state whose units are compared.",
    )  # fmt: skip
    layer = min(inspected.selection.layer or 0, internals.arrays[name].shape[1] - 1)
    examples = load_examples_of(inspected)

    def find(inspected: Inspected) -> SimilarView:
        from seqcore.insight.similar import similar

        return similar(
            inspected.predictor, inspected.example, examples, (first - 1, last - 1),
            name=name, layer=layer, threshold=threshold,
        )  # fmt: skip

    try:
        view = inspected.find(f"similar {first} {last} {threshold} {name} {layer}", find)
    except SeqcoreError as error:
        st.info(escape(plain(error)))
        return
    known = {(example.split, example.index): example for example in examples}
    shown = distinct_moments(view.moments, known)
    st.markdown(
        f"{len(view.units)} of {internals.arrays[name].shape[2]} units are active in the whole span; "
        f"the {len(shown)} most similar moments with different inputs in {view.searched:,} steps of "
        f"{len(examples)} examples:"
    )
    rows = "".join(_row(inspected, view, moment, known) for moment in shown)
    st.html(f'{_STYLE}<ol class="sl-moments" data-testid="moments">{rows}</ol>')
    columns_of = inspected.example.columns
    drawn = (
        "" if inspected.example.values is None
        else "Line: the mean of the input's columns. " if len(columns_of) > MOST_LINES
        else f"Line: {escape(columns_of[0])}. "
    )  # fmt: skip
    stage = "Compared are the steps of the encoder. " if steps < len(internals.steps) else ""
    st.caption(
        f"{drawn}Shaded: the moment; beside it what comes before and after. {stage}The title opens the example there. "
        f"The CSV has all {len(view.moments)} moments that were found."
    )
    download_csv(view, name=file_stem(title(inspected.run), "similar-moments"), key=f"similar-csv-{run}")


def distinct_moments(
    moments: Sequence[SimilarMoment], known: Mapping[tuple[str, int], InspectExample]
) -> list[SimilarMoment]:
    """The first moments whose inputs differ: windows overlap, and have the same moment at several places."""
    shown: dict[object, SimilarMoment] = {}
    for moment in moments:
        example = known.get((moment.split, moment.index))
        inside: object = (moment.split, moment.index, moment.first)
        if example is not None and example.values is not None:
            inside = np.asarray(example.values[moment.first : moment.last + 1], dtype=np.float64).tobytes()
        shown.setdefault(inside, moment)
    return [*shown.values()][:MOST_SHOWN]


def _span(inspected: Inspected, steps: int) -> tuple[int, int]:
    """The selected span as numbers from 1; without one, the selected step, or the middle of the example."""
    span = st.session_state.get(SPAN)
    step = inspected.selection.step
    low, high = span if span else (step, step) if step is not None else (steps // 2, min(steps - 1, steps // 2 + 1))
    return min(low, steps - 1) + 1, min(high, steps - 1) + 1


def _row(
    inspected: Inspected, view: SimilarView, moment: SimilarMoment, known: Mapping[tuple[str, int], InspectExample]
) -> str:
    link = urlencode(
        {"run": inspected.run.id, "at": inspected.at, "split": moment.split, "example": moment.index + 1,
         "step": moment.first + 1, REVEAL: "states"}
    )  # fmt: skip
    many = moment.last > moment.first
    steps = f"Steps {moment.first + 1} to {moment.last + 1}" if many else f"Step {moment.first + 1}"
    where = f"{steps} of {moment.title} ({SPLITS.get(moment.split, moment.split)})"
    others = f", {moment.others} other{'' if moment.others == 1 else 's'}" if moment.others else ""
    shared = f"{moment.shared} of {len(view.units)} units{others}"
    return (
        f'<li><a href="?{html(link)}" target="_self">{html(where)}</a><small>{shared}</small>'
        f"{_picture(view, moment, known.get((moment.split, moment.index)))}</li>"
    )


def _picture(view: SimilarView, moment: SimilarMoment, example: InspectExample | None) -> str:
    """The moment in its surroundings: symbols as text, numbers as a line of the first column or of the mean of many."""
    if example is not None and example.values is not None:
        return _line(example, moment)
    before, inside, after = (text.replace("\n", "↵") for text in view.texts(moment))
    return f"<p><i>{html(before)}</i><b>{html(inside)}</b><i>{html(after)}</i></p>"


def _line(example: InspectExample, moment: SimilarMoment) -> str:
    """The curve as an image: `st.html` removes inline SVG."""
    assert example.values is not None
    low, high = max(0, moment.first - BESIDE), min(len(example.values), moment.last + 1 + BESIDE)
    many = len(example.columns) > MOST_LINES
    rows = np.asarray(example.values[low:high], dtype=np.float64)
    values, name = (rows.mean(axis=1), "mean of the columns") if many else (rows[:, 0], example.columns[0])
    known = values[np.isfinite(values)]
    if not known.size:
        return ""
    bottom, size = float(known.min()), float(np.ptp(known)) or 1.0
    across = 100.0 / max(1, len(values) - 1)
    points = " ".join(
        f"{i * across:.1f},{26 - 24 * (v - bottom) / size:.1f}" for i, v in enumerate(values) if np.isfinite(v)
    )
    left, width = (moment.first - low - 0.5) * across, (moment.last - moment.first + 1) * across
    svg = (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 100 28" preserveAspectRatio="none">'
        f'<rect x="{max(0.0, left):.1f}" y="0" width="{width:.1f}" height="28" fill="{COLORS["prediction"][0]}" '
        f'fill-opacity="0.24"/><polyline points="{points}" fill="none" stroke="{COLORS["prediction"][0]}" '
        'stroke-width="1.6" vector-effect="non-scaling-stroke"/></svg>'
    )
    words = f"{name} from {format_number(bottom)} to {format_number(float(known.max()))}, the moment shaded"
    return f'<img alt="{html(words)}" src="data:image/svg+xml;base64,{b64encode(svg.encode()).decode()}">'
