"""Source: four years of daily weather in Seattle, measured by NOAA, from the vega-datasets package."""

from __future__ import annotations

import csv
from importlib import resources

import numpy as np

from seqcore.data.sources.source import Source
from seqcore.data.table import Table

__all__ = ["Weather"]

_COLUMNS = ("temp_max", "temp_min", "precipitation", "wind")


class Weather(Source):
    """Daily weather in Seattle, 2012 to 2015 (in the vega-datasets package, MIT; data by NOAA).

    The package's hourly temperatures of Seattle and San Francisco are not used: they are climate normals, a smooth
    average year.
    """

    def table(self) -> Table:
        """One series with dates, [1461, 4]: temp_max and temp_min in degrees C, precipitation in mm, wind in m/s."""
        file = resources.files("vega_datasets") / "_data" / "seattle-weather.csv"
        rows = list(csv.DictReader(file.read_text(encoding="utf-8").splitlines()))
        return Table(
            values=np.array([[row[name] for name in _COLUMNS] for row in rows], dtype=np.float64),
            columns=_COLUMNS,
            times=np.array([row["date"].replace("/", "-") for row in rows], dtype="datetime64[ns]"),
            x_title="date",
        )
