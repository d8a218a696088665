"""The skill of a model: its score and every baseline's, as bars."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import wrap

import plotly.graph_objects as go

from seqcore.plots.style import apply_style, color, empty_figure
from seqcore.results.formatting import format_number
from seqcore.results.scores import MODEL, ScoresInfo

__all__ = ["plot_scores"]

_LABEL = 20  # characters in a line of a name


def plot_scores(info: ScoresInfo, dark: bool = False) -> go.Figure:
    """A bar for each, best on top: the model in blue, baselines in gray."""
    if not info.scores:
        return empty_figure("", "no scores yet", dark=dark, height=160)
    words = info.words
    factor = 100.0 if words.share else 1.0
    unit = "%" if words.share or info.metric == "mape" else info.unit
    values = [factor * s.value for s in info.scores]
    blue, gray = color("prediction", dark=dark), color("baseline", dark=dark, opacity=0.55)
    figure = go.Figure(
        go.Bar(
            x=values, y=[_label(s.name) for s in info.scores], orientation="h",
            marker={"color": [blue if s.model else gray for s in info.scores], "cornerradius": 3},
            text=[f"{format_number(v)}{'' if not unit else f' {unit}'}" for v in values], textposition="outside",
            cliponaxis=False, hovertemplate="%{y}: %{x:,.6~g}<extra></extra>",
        )
    )  # fmt: skip
    if info.ends is not None and info.model is not None:
        low, high = (factor * end for end in info.ends)
        place = next(i for i, s in enumerate(info.scores) if s.model)
        texts, ends = list(figure.data[0].text), f"{format_number(low)} to {format_number(high)}"
        figure.add_scatter(
            x=[low, high], y=[_label(MODEL)] * 2, mode="lines+markers+text", showlegend=False, cliponaxis=False,
            text=["", f"  {texts[place]}<br>  {ends}"], textposition="middle right", hoverinfo="skip",
            line={"width": 1.5, "color": color("truth", dark=dark)},
            marker={"symbol": "line-ns-open", "size": 7, "color": color("truth", dark=dark)},
        )  # fmt: skip
        texts[place] = ""
        figure.update_traces(text=texts, selector={"type": "bar"})
        values = [*values, low, high]
    apply_style(figure, dark=dark, height=70 + 32 * len(info.scores))
    better = "higher" if words.higher_is_better else "lower"
    title = f"{words.title}{f' in {unit}' if unit else ''}, {better} is better"
    figure.update_xaxes(title_text=title, range=_room(values, 1.35 if info.ends is None else 1.45), nticks=5)
    figure.update_yaxes(type="category", autorange="reversed", showgrid=False, nticks=0)
    figure.update_layout(hovermode="closest", bargap=0.35)
    return figure


def _label(name: str) -> str:
    """A name on lines that are short enough to stand beside the bars on any screen."""
    return f"{'<br>'.join(f'{line} ' for line in wrap(name, _LABEL))}"


def _room(values: Sequence[float], factor: float) -> list[float]:
    """The range of an axis with room for what is written beside the bars."""
    return [min(0.0, *values) * factor, max(0.0, *values) * factor or 1.0]
