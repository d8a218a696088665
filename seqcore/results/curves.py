"""Curves of several runs on one axis, and scores of several runs against what they cost."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from seqcore.results.base import Rows, Values, View, exact

__all__ = ["CurvesView", "OverlaidCurve", "TradeoffPoint", "TradeoffView"]


@dataclass(frozen=True)
class OverlaidCurve:
    """One curve: `y[n]` at `x[n]`, NaN where it is not known. Over several seeds `y` is the median, `low` and `high`
    are the extremes. `place` is its number among all that are compared, which tells its color."""

    name: str
    x: Values
    y: Values
    low: Values | None = None
    high: Values | None = None
    place: int = 0
    seeds: int = 1

    def __len__(self) -> int:
        return len(self.x)

    def at(self, x: float) -> float:
        """The value at a position, interpolated; NaN beyond the curve."""
        known = np.isfinite(self.x) & np.isfinite(self.y)
        own = self.x[known]
        if not len(own) or not own[0] <= x <= own[-1]:
            return float("nan")
        return float(np.interp(x, own, self.y[known]))


@dataclass(frozen=True)
class CurvesView(View):
    """Curves of several runs over one axis.

    `note` says how positions were found where they are not exact; `over` is the axis within a sentence.
    """

    kind = "curves"

    curves: tuple[OverlaidCurve, ...]
    x_title: str
    y_title: str
    logarithmic: bool = False
    higher_is_better: bool = False
    note: str = ""
    title: str = ""
    over: str = ""

    @property
    def caption(self) -> str:
        """How to read the figure."""
        better = "Higher" if self.higher_is_better else "Lower"
        band = " Line: median over seeds; band: lowest to highest." if any(c.seeds > 1 for c in self.curves) else ""
        title = f"{self.y_title[:1].upper()}{self.y_title[1:]} over {self.over or self.x_title}"
        return f"{title}. {better} is better.{band}{self.note}"

    def table(self) -> Rows:
        """A row for each point: curve, position, value and, over seeds, the extremes."""
        header = ["curve", self.x_title, self.y_title, "lowest", "highest"]
        rows = []
        for curve in self.curves:
            low, high = (curve.y if end is None else end for end in (curve.low, curve.high))
            points = zip(curve.x, curve.y, low, high, strict=True)
            rows += [[curve.name, *map(exact, values)] for values in points]
        return header, rows


@dataclass(frozen=True)
class TradeoffPoint:
    """One model: its score, and what it cost. Over several seeds the median and the extremes."""

    name: str
    x: float
    y: float
    low: float | None = None
    high: float | None = None
    place: int = 0


@dataclass(frozen=True)
class TradeoffView(View):
    """The score of several models against training time or parameters."""

    kind = "tradeoff"

    points: tuple[TradeoffPoint, ...]
    x_title: str
    y_title: str
    higher_is_better: bool = False
    title: str = ""

    @property
    def caption(self) -> str:
        """How to read the figure."""
        corner = "top" if self.higher_is_better else "bottom"
        spread = " Bars: lowest to highest seed." if any(p.low is not None for p in self.points) else ""
        return f"One point for each model. Best is the {corner} left: a good score at a low cost.{spread}"

    def table(self) -> Rows:
        """A row for each model."""
        header = ["model", self.x_title, self.y_title, "lowest", "highest"]
        rows = []
        for p in self.points:
            ends = (p.y if end is None else end for end in (p.low, p.high))
            rows.append([p.name, exact(p.x), exact(p.y), *map(exact, ends)])
        return header, rows
