"""The style of all figures: one colour per role, one line width, a light and a dark template."""

from __future__ import annotations

from typing import Any, Literal

import plotly.graph_objects as go

__all__ = ["COLOURS", "FONT", "LINE_WIDTH", "Role", "apply_style", "colour", "empty_figure", "line"]

Role = Literal["truth", "prediction", "training", "validation", "test", "baseline", "warning"]

# Okabe-Ito: everybody can tell these apart. Truth is ink: near black on light, near white on dark.
COLOURS: dict[str, tuple[str, str]] = {  # role -> on light, on dark
    "truth": ("#1C1E21", "#EDEEF0"),
    "prediction": ("#0072B2", "#2A93D1"),
    "training": ("#E69F00", "#E69F00"),
    "validation": ("#009E73", "#00B383"),
    "test": ("#CC79A7", "#CC79A7"),
    "baseline": ("#8A8A8A", "#8A8A8A"),
    "warning": ("#D55E00", "#E8762B"),
}
DASHES = {"baseline": "dash"}
LINE_WIDTH = 1.75
FONT = '"Source Sans", "Source Sans Pro", system-ui, sans-serif'
_MARGIN = {"l": 8, "r": 12, "t": 12, "b": 8, "pad": 2}


def colour(role: str, *, dark: bool = False, opacity: float = 1.0) -> str:
    """The colour of a role, as CSS. KeyError where there is no such role."""
    code = COLOURS[role][dark]
    if opacity == 1.0:
        return code
    red, green, blue = (int(code[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},{opacity:g})"


def line(role: str, *, dark: bool = False) -> dict[str, Any]:
    """How a line of this role is drawn."""
    return {"color": colour(role, dark=dark), "width": LINE_WIDTH, "dash": DASHES.get(role, "solid")}


def _template(*, dark: bool) -> go.layout.Template:
    quiet = "#9BA1A9" if dark else "#6A6F76"
    hairline = "rgba(255,255,255,.09)" if dark else "rgba(20,24,30,.08)"
    axis = {
        "gridcolor": hairline,
        "zeroline": False,
        "showline": False,
        "ticks": "",
        "automargin": True,
        "tickfont": {"color": quiet, "size": 12},
        "title": {"font": {"color": quiet, "size": 12}, "standoff": 8},
    }
    return go.layout.Template(
        layout={
            "font": {"family": FONT, "size": 13, "color": colour("truth", dark=dark)},
            "title": {"font": {"size": 15, "weight": 600}, "x": 0, "xref": "container", "xanchor": "left"},
            "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)",
            "margin": _MARGIN,
            "xaxis": {**axis, "showgrid": False},
            "yaxis": {**axis, "nticks": 6},
            "hovermode": "x unified",
            "hoverlabel": {
                "bgcolor": "#23272E" if dark else "#FFFFFF",
                "bordercolor": hairline,
                "font": {"family": FONT, "size": 12, "color": colour("truth", dark=dark)},
            },
            "legend": {
                "orientation": "h",
                "x": 0,
                "xanchor": "left",
                "y": 1.0,
                "yanchor": "bottom",
                "bgcolor": "rgba(0,0,0,0)",
                "font": {"size": 12},
            },
            "dragmode": "zoom",
            "modebar": {"bgcolor": "rgba(0,0,0,0)", "color": quiet, "activecolor": colour("prediction", dark=dark)},
        }
    )


_TEMPLATES = {dark: _template(dark=dark) for dark in (False, True)}


def apply_style(figure: go.Figure, *, dark: bool = False, title: str = "", height: int = 340) -> go.Figure:
    """Give a figure the template, a title where it has one, and room for title and legend."""
    has_legend = sum(trace.showlegend is not False for trace in figure.data) > 1
    top = 12 + (28 if title else 0) + (24 if has_legend else 0)
    figure.update_layout(template=_TEMPLATES[dark], height=height, showlegend=has_legend, margin={"t": top})
    if title:
        figure.update_layout(
            title={"text": title, "y": 1, "yref": "container", "yanchor": "top", "pad": {"t": 8}, "automargin": False}
        )
    return figure


def empty_figure(title: str, message: str, *, dark: bool = False, height: int = 340) -> go.Figure:
    """A titled figure that says why there is nothing in it."""
    figure = go.Figure()
    apply_style(figure, dark=dark, title=title, height=height)
    figure.update_xaxes(visible=False)
    figure.update_yaxes(visible=False)
    figure.add_annotation(
        text=message, showarrow=False, x=0.5, y=0.5, xref="paper", yref="paper", font={"color": COLOURS["baseline"][0]}
    )
    return figure
