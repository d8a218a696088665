"""The style of all figures: one color per role, one line width, a light and a dark template."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

__all__ = [
    "BAND_OPACITY", "COLORS", "COMPARED", "FONT", "LINE_WIDTH", "apply_style", "color", "color_scale", "compared_color",
    "compared_line", "empty_figure", "hide_axes", "line", "log_ticks", "percent_heat_map", "rgba", "stack_panels",
    "style_layout",
]  # fmt: skip

# Okabe-Ito: everybody can tell these apart. Truth is ink: near black on light, near white on dark.
COLORS: dict[str, tuple[str, str]] = {  # role -> on light, on dark
    "truth": ("#1C1E21", "#EDEEF0"),
    "prediction": ("#0072B2", "#2A93D1"),
    "training": ("#E69F00", "#E69F00"),
    "validation": ("#009E73", "#00B383"),
    "test": ("#CC79A7", "#CC79A7"),
    "baseline": ("#8A8A8A", "#8A8A8A"),
    "warning": ("#D55E00", "#E8762B"),
    "sixth": ("#56B4E9", "#9AD6F5"),  # of compared runs, after the five above that are not gray
}
COMPARED = ("prediction", "training", "validation", "test", "warning", "sixth")
"""The roles whose colors compared runs have, in order; further ones get the same colors with other dashes."""
_COMPARED_DASHES = ("solid", "dash", "dot", "dashdot")
DASHES = {"baseline": "dash"}
_TITLE_PIXELS = 7  # of a character of an axis title
LINE_WIDTH = 1.75
_FEWEST_TICKS = 3  # of a logarithmic axis
BAND_OPACITY = (0.16, 0.4)  # of an interval: on light, on dark, where less can hardly be seen
FONT = '"Source Sans", "Source Sans Pro", system-ui, sans-serif'
_MARGIN = {"l": 8, "r": 12, "t": 12, "b": 8, "pad": 2}


def color(role: str, *, dark: bool = False, opacity: float = 1.0) -> str:
    """The color of a role, as CSS. KeyError where there is no such role."""
    return COLORS[role][dark] if opacity == 1.0 else rgba(COLORS[role][dark], opacity)


def rgba(code: str, opacity: float) -> str:
    """A color "#rrggbb" with an opacity, as CSS."""
    red, green, blue = (int(code[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},{opacity:g})"


def color_scale(role: str, *, dark: bool = False, lowest: float = 0.04) -> list[tuple[float, str]]:
    """A heat map's colors: of a role, from the opacity `lowest` up to 1."""
    return [(0.0, color(role, dark=dark, opacity=lowest)), (1.0, color(role, dark=dark))]


def line(role: str, *, dark: bool = False) -> dict[str, Any]:
    """How a line of this role is drawn."""
    return {"color": color(role, dark=dark), "width": LINE_WIDTH, "dash": DASHES.get(role, "solid")}


def compared_color(place: int, *, dark: bool = False, opacity: float = 1.0) -> str:
    """The color of the run at a place among those that are compared, the same in every figure of a page."""
    return color(COMPARED[place % len(COMPARED)], dark=dark, opacity=opacity)


def compared_line(place: int, *, dark: bool = False) -> dict[str, Any]:
    """How the line of a compared run is drawn: six colors, then the same ones with dashes."""
    dash = _COMPARED_DASHES[place // len(COMPARED) % len(_COMPARED_DASHES)]
    return {"color": compared_color(place, dark=dark), "width": LINE_WIDTH, "dash": dash}


def _template(*, dark: bool) -> go.layout.Template:
    quiet = "#9BA1A9" if dark else "#6A6F76"
    hairline = "rgba(255,255,255,.09)" if dark else "rgba(20,24,30,.08)"
    axis = {
        "gridcolor": hairline, "zeroline": False, "showline": False, "ticks": "", "automargin": True,
        "tickfont": {"color": quiet, "size": 12}, "title": {"font": {"color": quiet, "size": 12}, "standoff": 8},
    }  # fmt: skip
    hover = {"family": FONT, "size": 12, "color": color("truth", dark=dark)}
    return go.layout.Template(
        layout={
            "font": {"family": FONT, "size": 13, "color": color("truth", dark=dark)},
            "title": {"font": {"size": 15, "weight": 600}, "x": 0, "xref": "container", "xanchor": "left"},
            "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)",
            "margin": _MARGIN,
            "xaxis": {**axis, "showgrid": False},
            "yaxis": {**axis, "nticks": 6},
            "hovermode": "x unified",
            "hoverlabel": {"bgcolor": "#23272E" if dark else "#FFFFFF", "bordercolor": hairline, "font": hover},
            "legend": {
                "orientation": "h", "x": 0, "xanchor": "left", "y": 1.0, "yanchor": "bottom",
                "bgcolor": "rgba(0,0,0,0)", "font": {"size": 12},
            },
            "dragmode": "zoom",
            "modebar": {"bgcolor": "rgba(0,0,0,0)", "color": quiet, "activecolor": color("prediction", dark=dark)},
        }
    )  # fmt: skip


_TEMPLATES = {dark: _template(dark=dark) for dark in (False, True)}


def apply_style(figure: go.Figure, *, dark: bool = False, title: str = "", height: int = 340) -> go.Figure:
    """Give a figure the template, a title where it has one, and room for title and legend."""
    figure.update_layout(template=_TEMPLATES[dark], **style_layout(figure.data, title=title, height=height))
    return figure


def style_layout(traces: Sequence[Any], *, title: str = "", height: int = 340) -> dict[str, Any]:
    """What a figure of these traces (dicts or Plotly's own) has in its layout besides the template."""
    has_legend = sum(trace["showlegend"] is not False if "showlegend" in trace else True for trace in traces) > 1
    top = 12 + (28 if title else 0) + (24 if has_legend else 0)
    layout: dict[str, Any] = {"height": height, "showlegend": has_legend, "margin": {"t": top}}
    if title:
        place = {"y": 1, "yref": "container", "yanchor": "top", "pad": {"t": 8}, "automargin": False}
        layout["title"] = {"text": title, **place}
    return layout


def empty_figure(title: str, message: str, *, dark: bool = False, height: int = 340) -> go.Figure:
    """A titled figure that says why there is nothing in it."""
    figure = go.Figure()
    apply_style(figure, dark=dark, title=title, height=height)
    hide_axes(figure)
    figure.add_annotation(
        text=message, showarrow=False, x=0.5, y=0.5, xref="paper", yref="paper", font={"color": COLORS["baseline"][0]}
    )
    return figure


def hide_axes(figure: go.Figure, **options: Any) -> None:
    """Hide both axes; `options` are set on both."""
    figure.update_xaxes(visible=False, **options)
    figure.update_yaxes(visible=False, **options)


def log_ticks(values: NDArray[np.float64]) -> dict[str, Any]:
    """At most about six ticks in one notation: digits that are written out, or "1e-5" where a value is small or large.

    Powers of ten; below two decades 1, 2 and 5 times these; round numbers where these are too few. `values` are
    drawn on the logarithmic axis; one of them is above 0, and those that are not finite don't count.
    """
    known = values[np.isfinite(values) & (values > 0)]
    decades = float(np.log10(known.max() / known.min()))
    # Zeros beyond these can't be counted; Plotly's own powers of ten are larger than the ticks of other axes.
    written = "~e" if known.min() < (1e-5 if decades >= 2.0 else 1e-4) or known.max() >= 1e6 else ",~g"
    if decades >= 2.0:
        return {"tickformat": written, "dtick": max(1, math.ceil(decades / 6))}
    low, high = float(known.min()), float(known.max())
    powers = 10.0 ** np.arange(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    within = np.outer(powers, (1, 2, 5))
    if ((within >= low) & (within <= high)).sum() >= _FEWEST_TICKS:
        return {"tickformat": written, "dtick": "D2"}
    rough = max(high - low, 0.1 * high) / 3
    step = 10.0 ** math.floor(math.log10(rough))
    step *= next(factor for factor in (1, 2, 5, 10) if factor * step >= rough)
    first = max(1, math.floor(low / step) - 2)
    return {"tickformat": written, "tickvals": [step * i for i in range(first, math.ceil(high / step) + 3)]}


def title_lines(title: str, most: int) -> str:
    """A title in lines of at most `most` characters, broken at blanks and after "=" and "_"; a longer word is cut."""
    if len(title) <= most or "<" in title or "&" in title:  # lines or entities of its own
        return title
    lines = [""]
    for word in re.findall(r"[^\s=_]+[\s=_]*|[\s=_]+", title):
        if lines[-1] and len(lines[-1] + word.rstrip()) > most:
            lines.append("")
        lines[-1] += word
    return "<br>".join(f"{line[: most - 1]}…" if len(line.rstrip()) > most else line.rstrip() for line in lines[:3])


def stack_panels(figure: go.Figure, titles: Sequence[str], x_title: str) -> None:
    """Place the y axes of a figure below each other, each with its title, over one x axis.

    A title that is longer than its axis goes on in another line.
    """
    count = len(titles)
    gap = 0.06 if count > 1 else 0.0
    each = (1 - gap * (count - 1)) / count
    most = max(8, int(each * (figure.layout.height or 340) / _TITLE_PIXELS))
    for i, title in enumerate(titles):
        top = 1 - i * (each + gap)
        name = f"yaxis{i + 1 if i else ''}"
        figure.update_layout(
            {name: {"domain": [max(0.0, top - each), top], "title": {"text": title_lines(title, most)}}}
        )
    figure.update_layout(xaxis={"title": {"text": x_title}, "anchor": f"y{count if count > 1 else ''}"})


def percent_heat_map(percent: NDArray[np.float64], customdata: list[Any], hover: str, *, dark: bool) -> go.Figure:
    """A heat map of percentages [n, m] at 0 to n - 1 and 0 to m - 1, with a color bar."""
    return go.Figure(
        go.Heatmap(
            z=percent, x=list(range(percent.shape[1])), y=list(range(percent.shape[0])), zmin=0, zmax=100,
            colorscale=color_scale("prediction", dark=dark), xgap=1, ygap=1, showlegend=False, customdata=customdata,
            hovertemplate=f"{hover}<extra></extra>",
            colorbar={"title": {"text": "%", "font": {"size": 12}}, "thickness": 8, "outlinewidth": 0, "len": 0.9,
                      "tickvals": [0, 50, 100], "tickfont": {"size": 11}},
        )
    )  # fmt: skip
