"""Pictures of the Inspect page: evenly spaced ticks, and one color for one gate."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from seqcore.plots.attributions import AttributionsInfo, plot_attributions
from seqcore.plots.saturation import SaturationInfo, plot_saturation
from seqcore.plots.spectrum import SpectrumInfo, plot_spectrum
from seqcore.plots.steps_axis import label_ticks


def test_ticks_lie_evenly_and_name_what_is_counted_once() -> None:
    for count in (2, 13, 14, 20, 32, 100):
        figure = go.Figure()
        figure.add_scatter(y=[0] * count)
        label_ticks(figure, [f"row {1258 + place}" for place in range(count)], title_text="step")
        axis = figure.layout.xaxis
        assert len(set(np.diff(axis.tickvals))) == 1
        assert len(axis.tickvals) <= 12
        assert [int(text) for text in axis.ticktext] == [1257 + place for place in axis.tickvals]
        assert axis.title.text == "step (row of the data)"


def test_words_and_dates_stay_whole() -> None:
    figure = go.Figure()
    label_ticks(figure, ["I am", "I was"], title_text="word")
    assert figure.layout.xaxis.ticktext == ("I am", "I was")
    assert figure.layout.xaxis.title.text == "word"


def test_no_grid_lies_over_a_map_of_attributions() -> None:
    steps, zeros = ("step 1", "step 2"), np.ones((2, 2))
    figure = plot_attributions(AttributionsInfo(zeros, zeros, steps, ("a", "b"), None, "m", "step", ""))
    assert (figure.layout.xaxis.showgrid, figure.layout.yaxis.showgrid) == (False, False)


def test_a_gate_has_one_color_in_all_pictures() -> None:
    gates = ("input gate", "forget gate", "candidate", "output gate")
    numbers = np.zeros((len(gates), 2))
    spectrum = plot_spectrum(SpectrumInfo(tuple(f"layer 1: {g}" for g in gates), numbers, numbers, 1.0, ""))
    names = ("Forget gate", "Input gate", "Output gate", "Candidate", "Hidden state", "Cell state")
    lines = tuple(np.zeros(2) for _ in names)
    saturation = plot_saturation(SaturationInfo(names, lines, lines, (("1", "2"),) * len(names), ""))
    first = {trace.name.removeprefix("layer 1: "): trace.marker.color for trace in spectrum.data[1:]}
    second = {trace.name.lower(): trace.marker.color for trace in saturation.data[1:]}
    assert first == {name: second[name] for name in gates}
    assert len(set(second.values())) == len(names)
