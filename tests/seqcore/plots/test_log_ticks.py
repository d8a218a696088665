"""Ticks of logarithmic axes are written out in full."""

from __future__ import annotations

import numpy as np
import pytest

from seqcore.plots.curves import curves_info, plot_curves
from seqcore.plots.style import log_ticks
from seqcore.results.curves import CurvesView, OverlaidCurve


@pytest.mark.parametrize(("low", "high"), [(0.011, 0.018), (0.012, 0.036), (0.003, 0.004), (410.0, 900.0), (3.0, 3.0)])
def test_a_narrow_logarithmic_axis_has_round_numbers(low: float, high: float) -> None:
    ticks = log_ticks(np.array([low, high, np.nan]))["tickvals"]
    within = [value for value in ticks if low / 1.1 <= value <= high * 1.1]
    assert 1 <= len(within) <= 8
    assert min(ticks) > 0
    assert ticks[0] < low * 1.05
    assert ticks[-1] > high


def test_a_chart_says_its_ticks_for_both_scales() -> None:
    curve = OverlaidCurve("a", np.arange(3.0), np.array([0.04, 0.01, 0.003]))
    for logarithmic in (False, True):
        figure = plot_curves(curves_info(CurvesView((curve,), "step", "loss", logarithmic=logarithmic)))
        assert figure.layout.meta["log_ticks"] == {"tickformat": ",~g", "dtick": "D2"}
        assert figure.layout.yaxis.dtick == ("D2" if logarithmic else None)
