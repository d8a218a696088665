"""Titles of axes fit their axes."""

from __future__ import annotations

import plotly.graph_objects as go
import pytest

from seqcore.plots.scores import plot_scores
from seqcore.plots.style import stack_panels, title_lines
from seqcore.results.scores import scores_info
from seqcore.results.spectrum import SpectrumView


@pytest.mark.parametrize(
    ("title", "shown"),
    [
        ("Umsatz", "Umsatz"),
        ("Bemerkung=Weihnachtsgeschaeft", "Bemerkung=<br>Weihnachtsgesc…"),
        ("mean sea level pressure", "mean sea level<br>pressure"),
        ("a<br>b that stays as it is", "a<br>b that stays as it is"),
    ],
)
def test_a_long_title_goes_on_in_another_line(title: str, shown: str) -> None:
    assert title_lines(title, 15) == shown


def test_titles_of_small_panels_are_broken() -> None:
    figure = go.Figure(layout={"height": 360})
    stack_panels(figure, ["Umsatz", "Werbung (EUR)", "Bemerkung=Weihnachtsgeschaeft"], "Monat")
    lines = figure.layout.yaxis3.title.text.split("<br>")
    assert len(lines) > 1
    assert all(7 * len(line) < 0.35 * 360 for line in lines)


def test_bars_have_whole_numbers_and_short_lines() -> None:
    baselines = {"linear_scaled": {"mae": 10_580.4}, "last_value": {"mae": 19_380.0}}
    figure = plot_scores(scores_info({"mae": 2_759.0}, baselines, metric="mae"))
    assert list(figure.data[0].text) == ["2759", "10,580", "19,380"]
    assert max(len(line) for label in figure.data[0].y for line in label.split("<br>")) <= 21


def test_only_matrices_from_state_to_state_tell_what_decays() -> None:
    import numpy as np

    values = np.full((2, 3), 0.5)
    plain = SpectrumView(("layer 1", "layer 2"), values, values)
    gated = SpectrumView(("layer 1: reset gate", "layer 1: candidate"), values, values)
    assert "decay from step to step" in plain.caption
    assert "decay from step to step" not in gated.caption
    assert "steps to 1/e" in plain.summary()[0]
    assert "steps to 1/e" not in gated.summary()[0]
