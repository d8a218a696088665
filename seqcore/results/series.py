"""Values over time: predicted and, where known, true, with prediction intervals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from seqcore.results.base import Answer, Positions, Rows, Values, View, Words, exact, exact_column, write_csv
from seqcore.results.formatting import counted, format_number, format_value, typeset

__all__ = ["SeriesView", "flat_rows", "positions", "series_csv"]

SINGLE_ANSWERS = 30  # from so many on predictions are plotted against true values
MOST_HIGHLIGHTS = 6
NO_LONGER = "no interval beyond, as the held-out blocks of the data are too short to measure errors so far ahead"


@dataclass(frozen=True)
class SeriesView(View):
    """Values over time, predicted and (where known) true.

    `x[n]` are row numbers or times; `prediction[n, K]` and `truth[n, K]` are in original units, a row of NaN breaks
    the line between stretches that don't follow each other. `context_x[m]`, `context[m, K]` are the values that came
    before. `columns` names the K targets. `low[n, K]` and `high[n, K]` are a prediction interval with the nominal
    coverage `coverage`; `covered` is the share of this truth that lies within. `replicas[R, n, K]` are the predictions
    of R models trained together, whose mean `prediction` is.
    """

    kind = "series"
    width_of = "columns"

    x: Positions
    prediction: Values
    truth: Values | None = None
    context_x: Positions | None = None
    context: Values | None = None
    columns: Words = ("value",)
    x_title: str = "step"
    title: str = ""
    low: Values | None = None
    high: Values | None = None
    coverage: float | None = None
    covered: float | None = None
    replicas: Values | None = None

    @property
    def scattered(self) -> bool:
        """Whether these are many single answers to unrelated sequences, which a line must not join."""
        if self.truth is None or (self.context is not None and len(self.context) > len(self.prediction)):
            return False
        known = np.asarray(np.isfinite(self.prediction).any(axis=1))
        alone = known & ~np.concatenate([[False], known[:-1]]) & ~np.concatenate([known[1:], [False]])
        return int(known.sum()) >= SINGLE_ANSWERS and bool((alone == known).all())

    @property
    def caption(self) -> str:
        """How to read the figure."""
        if self.scattered:
            return "Predicted against true values. Points on the dashed line are exact."
        band = "" if self.low is None else f" Shaded: prediction interval{self._until}."
        each = "" if self.replicas is None else f" Thin lines: each of {len(self.replicas)} seeds; thick: their mean."
        return f"Observed values and {'forecast' if self.truth is None else 'prediction'} (blue).{band}{each}"

    @property
    def no_interval_after(self) -> int | None:
        """The last step with an interval, if later ones have none; None if all have, or none."""
        if self.low is None or self.truth is not None:
            return None
        known = np.flatnonzero(np.isfinite(self.low).any(axis=1))
        last = int(known[-1]) + 1 if len(known) else 0
        return last if 0 < last < len(self.prediction) else None

    @property
    def _until(self) -> str:
        last = self.no_interval_after
        return "" if last is None else f", for the first {counted(last, 'step')}; {NO_LONGER}"

    def table(self) -> Rows:
        """The row or date, then for each column its true value (where known), prediction, interval and replicas."""
        limits = [(word, limit) for word, limit in (("low", self.low), ("high", self.high)) if limit is not None]
        each = () if self.replicas is None else self.replicas
        header = [self.x_title]
        for column in self.columns:
            header += [column] if self.truth is not None else []
            header += [f"{column} predicted", *(f"{column} {word}" for word, _ in limits)]
            header += [f"{column} replica {number}" for number in range(1, 1 + len(each))]
        last = self.no_interval_after
        header += [] if last is None else ["note"]
        truth = None if self.truth is None else [exact_column(own) for own in self.truth.T]
        rows = []
        for place, x in enumerate(positions(self.x)):
            if not np.isfinite(self.prediction[place]).any():
                continue  # the break between two stretches
            row = [x]
            for k in range(len(self.columns)):
                row += [truth[k][place]] if truth is not None else []
                row += [exact(self.prediction[place, k]), *(exact(limit[place, k]) for _, limit in limits)]
                row += [exact(own[place, k]) for own in each]
            row += [] if last is None else [NO_LONGER if place >= last else ""]
            rows.append(row)
        return header, rows

    def answer(self, given: Any, text: str) -> Answer:
        """The input rows, the predicted rows, and the limits of their interval."""
        rows = given if getattr(given, "ndim", 0) == 2 else [[v] for v in given]
        value: dict[str, Any] = {"input": flat_rows(rows), "prediction": flat_rows(self.prediction, whole=False)}
        sentence = f"{_joined(value['input'])} -> {_joined(value['prediction'])}"
        if self.low is not None and self.high is not None:
            value |= {"low": flat_rows(self.low, whole=False), "high": flat_rows(self.high, whole=False)}
            value["coverage"] = self.coverage
            sentence += f"   ({self.coverage:.0%} interval: {_joined(value['low'])} to {_joined(value['high'])})"
        if self.replicas is not None:
            value["replicas"] = [flat_rows(own, whole=False) for own in self.replicas]
            ends = (flat_rows(end(axis=0), whole=False) for end in (self.replicas.min, self.replicas.max))
            sentence += f"   ({len(self.replicas)} seeds: {' to '.join(map(_joined, ends))})"
        return Answer(value, sentence)

    def highlights(self, *, ahead: bool = True) -> list[Words]:
        """The first few steps; each value in the digits that its interval leaves certain."""
        several, single = len(self.columns) > 1, len(self.prediction) == 1
        dates = _dates(self.x, "m") if self.x.dtype.kind == "M" else None
        boxes: list[Words] = []
        for row in range(len(self.prediction) - self.left_out):
            step = ("next" if row == 0 else f"step +{row + 1}") if ahead else "" if single else f"step {row + 1}"
            step = step if dates is None else dates[row].replace("T", " ")
            for k, column in enumerate(self.columns):
                name = f"{step}, {column}" if several and step else f"{step} {column}" if several or single else step
                boxes.append((name.strip(), *map(typeset, (*self._with_interval(row, k), *self._over_seeds(row, k)))))
        return boxes

    def _over_seeds(self, row: int, k: int) -> Words:
        """The lowest and the highest prediction of the replicas."""
        if self.replicas is None or not np.isfinite(self.replicas[:, row, k]).any():
            return ()
        own = self.replicas[:, row, k]
        ends = " to ".join(format_value(float(end(own))) for end in (np.nanmin, np.nanmax))
        return (f"{len(own)} seeds: {ends}",)

    @property
    def left_out(self) -> int:
        """How many steps `highlights` leaves out: it has six, fewer where each has many columns."""
        shown = min(MOST_HIGHLIGHTS, max(1, 2 * MOST_HIGHLIGHTS // len(self.columns)))
        return max(0, len(self.prediction) - shown)

    def _with_interval(self, row: int, k: int) -> Words:
        value = float(self.prediction[row, k])
        if self.low is None or self.high is None or self.coverage is None:
            return (format_value(value),)
        low, high = float(self.low[row, k]), float(self.high[row, k])
        half = (high - low) / 2
        if not (math.isfinite(half) and half > 0) or abs(value) >= 1e15:
            return (format_value(value),)
        places = max(0, 1 - math.floor(math.log10(half)))
        return f"{value:,.{places}f}", f"{low:,.{places}f} to {high:,.{places}f} ({self.coverage:.0%})"


def series_csv(views: Sequence[SeriesView], *, column: str) -> str:
    """Views of several series, below each other, as CSV: the title of each, which names its series, is in `column`."""
    tables = [view.table() for view in views]
    rows = ([view.title, *row] for view, (_, own) in zip(views, tables, strict=True) for row in own)
    return write_csv([column, *tables[0][0]], rows)


def flat_rows(values: Any, *, whole: bool = True) -> list[Any]:
    """Rows as a plain list, flat where each holds one number. With `whole`, whole numbers are integers."""
    rows = [[int(v) if whole and float(v).is_integer() else float(v) for v in row] for row in values]
    return [row[0] for row in rows] if all(len(row) == 1 for row in rows) else rows


def _joined(values: list[Any]) -> str:
    return ", ".join(f"({_joined(v)})" if isinstance(v, list) else format_number(v) for v in values)


def positions(x: Positions) -> list[str]:
    """Rows as whole numbers where they are, times without a clock where all are at midnight."""
    if x.dtype.kind == "M":
        return _dates(x, "s")
    return [f"{value:.0f}" if float(value).is_integer() else exact(value) for value in x]


def _dates(x: Positions, unit: Any) -> list[str]:
    """Times in ISO 8601, as days where all are at midnight."""
    days = bool(np.all(np.isnat(x) | (x == x.astype("datetime64[D]"))))
    texts: list[str] = np.datetime_as_string(x, unit="D" if days else unit).tolist()
    return texts
