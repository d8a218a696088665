"""Eigenvalues in the complex plane, with the unit circle."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from seqcore.plots.gates import gate_role
from seqcore.plots.style import apply_style, color, line
from seqcore.results.spectrum import SpectrumView

__all__ = ["SpectrumInfo", "plot_spectrum", "spectrum_info"]

_SYMBOLS = ("circle", "diamond", "square", "cross", "triangle-up", "x")


class SpectrumInfo(NamedTuple):
    """What the figure shows: `real[n, D]` and `imaginary[n, D]` of matrices, and the end of both axes."""

    titles: tuple[str, ...]
    real: NDArray[np.float64]
    imaginary: NDArray[np.float64]
    end: float
    title: str


def spectrum_info(view: SpectrumView) -> SpectrumInfo:
    """With the unit circle within the axes."""
    end = 1.08 * max(1.0, float(np.abs(view.real).max()), float(np.abs(view.imaginary).max()))
    return SpectrumInfo(view.titles, view.real, view.imaginary, end, view.title)


def plot_spectrum(info: SpectrumInfo, dark: bool = False) -> go.Figure:
    """A trace for each matrix, both axes in the same scale."""
    figure = go.Figure()
    turn = np.linspace(0, 2 * np.pi, 200)
    figure.add_scatter(
        x=np.cos(turn), y=np.sin(turn), mode="lines", line=line("baseline", dark=dark), hoverinfo="skip",
        showlegend=False,
    )  # fmt: skip
    for i, title in enumerate(info.titles):
        figure.add_scatter(
            x=info.real[i], y=info.imaginary[i], mode="markers", name=title,
            customdata=np.hypot(info.real[i], info.imaginary[i]),
            marker={"color": color(gate_role(title, i), dark=dark, opacity=0.75), "size": 7,
                    "symbol": _SYMBOLS[i % len(_SYMBOLS)]},
            hovertemplate=f"{title}: %{{x:.3f}} + %{{y:.3f}} i, magnitude %{{customdata:.4f}}<extra></extra>",
        )  # fmt: skip
    apply_style(figure, dark=dark, title=info.title, height=460)
    figure.update_xaxes(title_text="real part", range=[-info.end, info.end], constrain="domain")
    figure.update_yaxes(title_text="imaginary part", range=[-info.end, info.end], scaleanchor="x")
    figure.update_layout(hovermode="closest", showlegend=len(info.titles) > 1)
    return figure
