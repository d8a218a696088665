"""Scalers of each series of a table: fitted on its training split, from a codec, or from its first rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seqcore.data.numeric_codec import NumericCodec
from seqcore.data.profile.seasonality import LONGEST_LOOK, find_period
from seqcore.data.scaling import Scalers, fit_scaler
from seqcore.data.table import Table
from seqcore.errors import DataError
from seqcore.experiment.config import DataConfig

__all__ = ["fit_scalers", "known_scalers"]

_FIRST_SHARE = 0.25  # of an unknown series, used to fit its scale

Bounds = Sequence[tuple[int, int, int]]
Values = NDArray[np.float64]


@dataclass(frozen=True)
class SeriesFit:
    """The scalers of the series of a table. `known[S]` is the index in the codec, -1 for unknown series.

    `learned_until[S]`: rows before it were used to fit the scale of an unknown series and are not scored.
    """

    scalers: Scalers
    by_series: bool
    names: tuple[str, ...]
    known: NDArray[np.int64]
    learned_until: NDArray[np.int64]


def series_names(table: Table) -> tuple[str, ...]:
    """A name for each sequence, generated if the table has none."""
    return table.names or tuple(f"series {i}" for i in range(1, len(table.lengths) + 1))


def fit_scalers(table: Table, config: DataConfig, bounds: Bounds, *, target: int) -> SeriesFit:
    """Fit each series on its training split; independent sequences share a scale. DataError without a period."""
    count = len(table.lengths)
    by_series = count > 1 and not table.independent
    segments: list[list[Values]] = [[] for _ in range(count if by_series else 1)]
    for s, low, high in bounds:
        segments[s if by_series else 0].append(table.values[low:high])
    if not any(len(segment) for own in segments for segment in own):
        raise DataError("the training split has no rows; reduce the validation and test fractions, or give more data")
    everything = [segment for own in segments for segment in own]
    segments = [own or everything for own in segments]  # for a series too short for a training split
    periods = _periods(segments, target) if config.scaling == "seasonal" else [0] * len(segments)
    each = [
        fit_scaler(config.scaling, own, window=config.window, period=period)
        for own, period in zip(segments, periods, strict=True)
    ]
    start = table.offsets[:-1]
    return SeriesFit(Scalers.join(each), by_series, series_names(table), np.arange(count), start.copy())


def known_scalers(table: Table, config: DataConfig, codec: NumericCodec) -> SeriesFit:
    """The scalers of a codec by series name.

    The scale of an unknown series is fitted on its first quarter, at least a window, as if forecasting began there;
    rows before that are not scored.
    """
    count = len(table.lengths)
    known, until = np.zeros(count, dtype=np.int64), table.offsets[:-1].copy()
    if not codec.series:
        return SeriesFit(codec.scalers, False, series_names(table), known, until)
    names = table.names if count == 1 else series_names(table)
    place = {name: g for g, name in enumerate(codec.series)}
    usual = Counter(codec.scalers.period.tolist()).most_common(1)[0][0]
    least = config.window + config.lead - 1 + usual
    each = []
    for s in range(count):
        known[s] = place.get(names[s], -1) if names else -1
        if known[s] >= 0:
            each.append(codec.scalers.of(int(known[s])))
            continue
        start, end = int(table.offsets[s]), int(table.offsets[s + 1])
        until[s] = min(start + max(least, round((end - start) * _FIRST_SHARE)), end)
        own = [table.values[start : until[s]]]
        each.append(fit_scaler(codec.scalers.kind, own, window=config.window, period=usual))
    if (until >= table.offsets[1:]).all() and (known < 0).all():
        raise DataError(
            f"data.source: these series are unknown to the model, so at least {least} rows are needed to fit their "
            f"scale, but the longest has {int(table.lengths.max(initial=0))}; give longer series, or known ones"
        )
    return SeriesFit(Scalers.join(each), True, series_names(table), known, until)


def _periods(segments: list[list[Values]], target: int) -> list[int]:
    """The period of each series, or the most common one if it has none. DataError if no series has one."""
    longest = [max(own, key=len)[-LONGEST_LOOK:, target] for own in segments]
    found = [find_period(values) for values in longest]
    commonest = Counter(period for period in found if period).most_common(1)
    if not commonest:
        raise DataError(
            "data.scaling: seasonal scaling needs a period, but the training split shows none; use last-value"
        )
    return [period or commonest[0][0] for period in found]
