"""The network unrolled over time with its real numbers: network, cell, equation, and animated passes.

A component of its own draws SVG and updates it in place. It has the numbers of the steps around the chosen one, and
asks for those of another cell when it is opened.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st

from seqcore.errors import SeqcoreError
from seqcore.models import capabilities_of
from seqcore.registry import load
from seqcore.results.base import Values
from seqcore.results.equations import EquationsView
from seqcore.results.formatting import capitalized, counted
from seqcore.results.internals import InternalsView
from ui import run_labels
from ui.assets import asset
from ui.inspect_context import Inspected
from ui.results import file_stem
from ui.session import escape
from ui.unrolled_data import Focus, cell_data, internals_data

if TYPE_CHECKING:  # it imports torch, which a page without a trained model does not need
    from seqcore.insight.equations import Cells
    from seqcore.results.gradients import StateGradientsView

__all__ = ["unrolled", "unrolled_data"]

KEY = "unrolled"
MOST_PREDICTED = 3  # numbers of a prediction in the picture

_FONTS = Path(st.__file__).with_name("static") / "static" / "media"
_MATH = "Sequence Lab Math"
_SCRIPTS = (
    "dom.js", "selection.js", "unrolled_drawing.js", "unrolled_save.js", "unrolled_network.js", "unrolled_cell.js",
    "unrolled_equation.js", "unrolled.js",
)  # fmt: skip


def _fonts() -> str:
    """The script's constant: fonts that come with Streamlit. `page` says which a page has to load for the formulas."""
    wanted = [
        (_MATH, "KaTeX_Main-Regular", "normal", "400", True),
        (_MATH, "KaTeX_Math-Italic", "italic", "400", True),
        ("Source Sans", "SourceSansVF-Upright", "normal", "200 900", False),
    ]
    found = [
        {"family": family, "url": f"./static/media/{path.name}", "style": style, "weight": weight, "page": page}
        for family, name, style, weight, page in wanted
        for path in sorted(_FONTS.glob(f"{name}.*woff2"))[:1]
    ]
    return f"const FONTS = {json.dumps(found)}\n"


_component = st.components.v2.component(
    "sequence_lab_unrolled",
    html=asset("unrolled.html"),
    css=asset("unrolled.css"),
    js=_fonts() + asset(*_SCRIPTS),
    isolate_styles=False,  # its variables follow the page's theme, and a saved picture reads its styles
)


def unrolled(inspected: Inspected) -> None:
    """Draw the network of one example; why not, where nothing can be shown."""
    if inspected.internals is None:
        st.info(escape(inspected.refusal or "This model shows no internals."))
        return
    _draw(inspected)


@st.fragment
def _draw(inspected: Inspected) -> None:
    """Redrawn alone when the picture asks for other numbers."""
    asked = st.session_state.get(KEY, {}).get("focus")
    if not isinstance(asked, dict) or asked.get("of") != inspected.of:
        asked = {}
    parts = [name for name in ("cell", "gradient") if asked.get(name) is True]
    data = unrolled_data(inspected, _focus(inspected, asked), parts=parts)
    _component(key=KEY, data={**data, "name": KEY}, on_focus_change=lambda: None)


def _focus(inspected: Inspected, asked: Mapping[str, Any]) -> Focus:
    """What the picture has asked for, else what is selected on the page, else the last step."""
    values = [value for name in Focus._fields if isinstance(value := asked.get(name), int)]
    if len(values) == len(Focus._fields):
        return Focus(*values)
    chosen, internals = inspected.selection, inspected.internals
    assert internals is not None  # else nothing is drawn
    last = len(internals.steps) - 1
    return Focus(last if chosen.step is None else chosen.step, chosen.layer or 0, chosen.unit or 0)


def unrolled_data(inspected: Inspected, focus: Focus, *, parts: Collection[str] = ()) -> dict[str, Any]:
    """All that the picture is sent: numbers around `focus`, the prediction, and two parts that it asks for.

    These are "cell", the equations of the cell in focus, and "gradient", that of the loss for the backward pass. What
    can't be shown has its reason instead: "cellRefusal", "gradientRefusal", "missing".
    """
    internals = inspected.internals
    assert internals is not None  # else nothing is drawn
    gradient, gradient_note, gradient_refusal = _gradient(inspected) if "gradient" in parts else (None, "", "")
    prediction = _prediction(inspected)
    symbolic = inspected.example.values is None
    data = internals_data(
        internals, focus, prediction=prediction, gradient=gradient, symbolic=symbolic, frame=_frame(inspected)
    )
    cell, refusal = _cell(inspected, Focus(**data["focus"])) if "cell" in parts else (None, "")
    architecture = internals.architecture or "model"
    title = f"{run_labels.title(inspected.run)}: {architecture} unrolled over {counted(len(internals.steps), 'step')}"
    return {
        **data,
        "of": inspected.of,
        "title": f"{title}, after {counted(inspected.at, 'training step')}",
        "fileName": file_stem(run_labels.title(inspected.run), "step", str(inspected.at)),
        "recurrent": capabilities_of(inspected.predictor.experiment.model.architecture).state_transfer,
        "cell": None if cell is None else cell_data(cell),
        "cellRefusal": refusal,
        "gradientNote": gradient_note,
        "gradientRefusal": gradient_refusal,
    }


def _frame(inspected: Inspected) -> tuple[int, int] | None:
    """The height and width of the frames that the model reads, None where it reads something else."""
    frame, values = inspected.table.frame, inspected.example.values
    return frame if frame is not None and values is not None and values.shape[1] == frame[0] * frame[1] else None


def _cell(inspected: Inspected, focus: Focus) -> tuple[EquationsView | None, str]:
    """The equations of the cell in focus, or why there are none."""
    try:
        cells: Cells = inspected.find("cells", _cells)
        return cells.solved(*focus), ""
    except SeqcoreError as error:
        return None, _reason(error)


def _cells(inspected: Inspected) -> Any:
    return load("seqcore.insight.equations:cells_of")(inspected.predictor, inspected.example)


def _prediction(inspected: Inspected) -> str:
    """The prediction in words, "" where there is none."""
    try:
        view = inspected.find("unrolled-prediction", _predict)
    except SeqcoreError:  # the page says why, above
        return ""
    boxes = view.highlights(ahead=inspected.run.experiment.data.lead > 0)
    if len(boxes) == 1:
        return f"{boxes[0][1]} ({boxes[0][0]})"
    parts = [f"{name} {value}" for name, value, *_ in boxes]
    return "; ".join(parts[:MOST_PREDICTED]) + ("; ..." if len(parts) > MOST_PREDICTED else "")


def _predict(inspected: Inspected) -> Any:
    return inspected.predictor.predict(inspected.example.given, series=inspected.example.series)


def _gradient(inspected: Inspected) -> tuple[Values | None, str, str]:
    """The magnitude [T, L] of the gradient of the loss by step and layer, a note about it, and why there is none."""
    try:
        view: StateGradientsView = inspected.find("state-gradients", _state_gradients)
    except SeqcoreError as error:
        return None, "", _reason(error)
    assert inspected.internals is not None  # else nothing is drawn
    parts = len(view.loss_places)
    note = f"The loss comes from {parts:,} steps; the norms of their gradients are added." if parts > 1 else ""
    return aligned(view, inspected.internals), note, ""


def _state_gradients(inspected: Inspected) -> Any:
    work = load("seqcore.insight.gradients:state_gradients")
    return work(inspected.predictor, inspected.table, inspected.example)


def aligned(view: StateGradientsView, internals: InternalsView) -> Values:
    """Norms added over the steps of the loss, [T, L] for the steps and layers of `internals`.

    NaN for steps that are not the same: a translator is scored on the true translation and shows its own.
    """
    norms = view.norms[view.names[0]].sum(axis=1)  # [L, T]
    found = np.full((len(internals.steps), max(1, len(internals.layer_titles))), np.nan)
    same = 0
    while same < min(len(view.steps), len(internals.steps)) and view.steps[same] == internals.steps[same]:
        same += 1
    layers = min(len(norms), found.shape[1])
    found[:same, :layers] = norms[:layers, :same].T
    return found


def _reason(error: SeqcoreError) -> str:
    """What went wrong, in a sentence, without the name of the field."""
    text = error.lines[0].partition(": ")[2] or error.lines[0]
    return capitalized(text).removesuffix(".") + "."
