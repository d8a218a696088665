"""The weather that comes along is what was measured, every day of it."""

from __future__ import annotations

import numpy as np

from seqcore.data.sources.weather import Weather


def test_weather_is_four_years_of_days_without_a_gap() -> None:
    table = Weather().table()
    assert table.times is not None
    assert len(table) == 4 * 365 + 1
    assert str(table.times[0])[:10] == "2012-01-01"
    assert np.all(np.diff(table.times) == np.timedelta64(1, "D"))
    assert table.columns[0] == "temp_max"


def test_weather_is_measured_and_not_a_smooth_average_year() -> None:
    table = Weather().table()
    high, low = table.values[:, 0], table.values[:, 1]
    assert np.all(high >= low)
    # from one day to the next it changes by degrees, and no two years are the same
    assert 1.5 < np.abs(np.diff(high)).mean() < 4.0
    assert np.abs(high[:365] - high[366:731]).mean() > 2.0
