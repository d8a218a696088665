"""A Plotly chart that is updated in place: its node, zoom and scale are kept while new points arrive.

`st.plotly_chart` remounts whenever its data change. This component calls `Plotly.react` instead, loads Plotly's script
from this server, and follows the browser's theme.
"""

from __future__ import annotations

import json
import re
from base64 import b64encode
from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import streamlit as st
from numpy.typing import NDArray

from seqcore.plots.style import BAND_OPACITY, COLORS, apply_style, color
from ui.assets import asset
from ui.frontend import FEED_ROUTE, PLOTLY_ROUTE, WHOLE_ROUTE
from ui.plotly_script import TRACES

__all__ = ["Feed", "figure_text", "live_chart"]

_PANDAS = pd.__version__  # imported here: Plotly uses it where it is loaded, and another thread may be importing it
_LINK = re.compile(r"(?:<|\\u003c)(?=\s*/?\s*a\b)", re.IGNORECASE)  # Plotly draws links in names that users give


class Feed(NamedTuple):
    """Where a chart asks for newer versions of itself (`live_feed.py`): run, viewer, and what it is given already."""

    run: str
    viewer: str
    version: str
    again: float  # seconds between two requests
    rest: str  # what the page around the chart was drawn of; where that has changed, its fragment is rerun


def _rgb(code: str) -> str:
    return ",".join(str(int(code[i : i + 2], 16)) for i in (1, 3, 5))


def _different(light: Any, dark: Any) -> list[tuple[str, str]]:
    """Pairs of colors at the same keys of two templates, where they differ."""
    if isinstance(light, dict):
        found = [pair for key in light if key in dark for pair in _different(light[key], dark[key])]
        return list(dict.fromkeys(found))
    return [(light, dark)] if isinstance(light, str) and light != dark else []


def _constants() -> str:
    """The script's constants: both templates, and the dark equivalent of each light color."""
    templates = {
        name: apply_style(go.Figure(), dark=dark).layout.template.to_plotly_json()
        for name, dark in (("light", False), ("dark", True))
    }
    shades = [[color(role, dark=dark, opacity=BAND_OPACITY[dark]) for dark in (False, True)] for role in COLORS]
    solid = [(light, dark) for light, dark in COLORS.values() if light != dark]
    pairs = [(light, dark) for light, dark in shades]  # first: the others change a color, but not its opacity
    pairs += [*solid, *((f"rgba({_rgb(light)},", f"rgba({_rgb(dark)},") for light, dark in solid)]
    pairs += _different(templates["light"], templates["dark"])  # some figures contain colors of the template
    values = {
        "ROUTE": PLOTLY_ROUTE, "WHOLE": WHOLE_ROUTE, "TRACES": ("scatter", *TRACES), "FEED": FEED_ROUTE,
        "TEMPLATES": templates, "PALETTE": pairs,
    }  # fmt: skip
    return "".join(f"const {name} = {json.dumps(value)};\n" for name, value in values.items())


_component = st.components.v2.component(
    "sequence_lab_live_chart",
    html=asset("live_chart.html"),
    css=asset("switch.css", "live_chart.css"),
    js=_constants() + asset("dom.js", "selection.js", "live_chart.js"),
    isolate_styles=False,  # Plotly puts its styles into the document's head
)


def figure_text(figure: go.Figure | dict[str, Any]) -> str:
    """A figure in the light theme as JSON for the component, without the template, which the component has.

    A dict has plain values, and arrays of numbers as `x` and `y` of its traces.
    """
    if isinstance(figure, dict):
        traces = [{name: _encoded(value) for name, value in trace.items()} for trace in figure["data"]]
        return _LINK.sub("&lt;", json.dumps({**figure, "data": traces}, separators=(",", ":")))
    figure.layout.template = None
    for trace in figure.data:
        for name in ("x", "y"):
            values = trace[name] if name in trace else None  # noqa: SIM401  (a trace has no get)
            if isinstance(values, np.ndarray) and values.dtype == np.float64:
                trace[name] = _smaller(values)
    text: str = figure.to_json(validate=False)
    text = re.sub(r'"template":\s*\{\},?', "", text)
    return _LINK.sub("&lt;", text)


def _encoded(value: Any) -> Any:
    """An array as Plotly's script reads it; anything else as it is."""
    if not isinstance(value, np.ndarray):
        return value
    array = _smaller(np.asarray(value, dtype=np.float64))
    return {"dtype": f"f{array.itemsize}", "bdata": b64encode(array.tobytes()).decode()}


def _smaller(values: NDArray[np.float64]) -> NDArray[Any]:
    """As float32 where that is sufficient for a screen: half the size."""
    return values.astype(np.float32) if _fits(values) else values


def _fits(values: NDArray[np.float64]) -> bool:
    """Whether float32 is precise enough: integers up to 2**23 stay distinct."""
    known = values[np.isfinite(values)]
    return not known.size or float(np.abs(known).max()) < 2**23


def live_chart(
    figure: go.Figure | str,
    *,
    key: str,
    label: str,
    height: int = 320,
    revision: str = "",
    scale: Literal["linear", "log"] | None = None,
    feed: Feed | None = None,
) -> None:
    """Draw a figure in the light theme, or the text that `figure_text` made from one.

    `label` is the accessible description. The user's zoom is kept while `revision` stays the same. `scale` is the
    initial scale of the vertical axis, with a switch between linear and log; None for no switch. With a `feed` the
    chart looks for newer versions by itself.
    """
    text = figure if isinstance(figure, str) else figure_text(figure)
    _component(
        key=key,
        data={
            "figure": text,
            "height": height,
            "label": label,
            "revision": revision,
            "scale": scale,
            "testid": key,
            "name": key,
            "feed": None if feed is None else feed._asdict(),
        },
        height=height,
        on_rest_change=_rerun,
    )


def _rerun() -> None:
    """A chart that finds the rest of the page changed has its fragment rerun."""
