"""Views and histories as CSV: the user's own column names, dates and units."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqcore.data.sentences import join_sentence
from seqcore.events import Epoch
from seqcore.results import (
    ConfusionView,
    FramesView,
    HorizonView,
    LabelsView,
    SeriesView,
    SymbolsView,
    TableView,
    TextView,
    TranslationView,
    View,
)

__all__ = ["history_to_csv", "view_to_csv"]


def view_to_csv(view: View) -> str:
    """A view as CSV with a header.

    Values over time: the row or date, then for each column its true value (where known), its prediction and the
    limits of its interval (where there is one). Symbols: the context, what came (where known), the prediction, and the
    probability of each symbol. Classes: a row for each sequence. Pictures: a row for each frame.
    """
    return CSV[type(view)](view)


def history_to_csv(epochs: Iterable[Epoch]) -> str:
    """A row for each epoch: its number, last step, seconds and every metric. One that came twice is as it was last."""
    last = {event.epoch: event for event in epochs}
    rows = [last[number] for number in sorted(last)]
    names = list(dict.fromkeys(name for event in rows for name in event.metrics))
    lines = [[e.epoch, e.step, _number(e.seconds), *(_number(e.metrics.get(n, math.nan)) for n in names)] for e in rows]
    return _written(["epoch", "step", "seconds", *names], lines)


def _series(view: SeriesView) -> str:
    header = [view.x_title]
    for column in view.columns:
        header += [column] if view.truth is not None else []
        header.append(f"{column} predicted")
        header += [f"{column} {word}" for word, limit in (("low", view.low), ("high", view.high)) if limit is not None]
    rows = []
    for place, x in enumerate(_positions(view.x)):
        if not np.isfinite(view.prediction[place]).any():
            continue  # the break between two stretches
        row = [x]
        for k in range(len(view.columns)):
            row += [_number(view.truth[place, k])] if view.truth is not None else []
            row.append(_number(view.prediction[place, k]))
            row += [_number(limit[place, k]) for limit in (view.low, view.high) if limit is not None]
        rows.append(row)
    return _written(header, rows)


def _symbols(view: SymbolsView) -> str:
    known = any(symbol is not None for symbol in view.truth)
    header = ["context", *(["came"] if known else []), "predicted", *(f"p({symbol})" for symbol in view.symbols)]
    rows = []
    for i, (context, predicted) in enumerate(zip(view.contexts, view.predictions, strict=True)):
        came = [view.truth[i] or ""] if known else []
        rows.append([view.separator.join(context), *came, predicted, *map(_number, view.probabilities[i])])
    return _written(header, rows)


def _text(view: TextView) -> str:
    known = [] if view.truth is None else [view.truth]
    return _written(["prompt", "text", *["truth" for _ in known]], [[view.prompt, view.text, *known]])


def _labels(view: LabelsView) -> str:
    known = any(label is not None for label in view.truth)
    names = view.names or tuple(str(i + 1) for i in range(len(view.probabilities)))
    said = ["text"] if view.texts else []
    header = ["sequence", *said, *(["label"] if known else []), "predicted", *(f"p({label})" for label in view.labels)]
    rows = [
        [
            names[i],
            *([view.texts[i]] if said else []),
            *([view.truth[i] or ""] if known else []),
            predicted,
            *map(_number, view.probabilities[i]),
        ]
        for i, predicted in enumerate(view.predictions)
    ]
    return _written(header, rows)


def _confusion(view: ConfusionView) -> str:
    rows = [[label, *map(_number, row)] for label, row in zip(view.labels, view.counts, strict=True)]
    return _written(["label", *(f"taken for {label}" for label in view.labels)], rows)


def _frames(view: FramesView) -> str:
    n, height, width = view.prediction.shape
    points = [f"{row + 1}.{column + 1}" for row in range(height) for column in range(width)]
    header = ["frame", *(f"{p} predicted" for p in points), *(points if view.truth is not None else [])]
    rows = []
    for i in range(n):
        true = [] if view.truth is None else view.truth[i].ravel().tolist()
        rows.append([i + 1, *map(_number, [*view.prediction[i].ravel().tolist(), *true])])
    return _written(header, rows)


def _horizon(view: HorizonView) -> str:
    steps = max(map(len, view.errors.values()), default=0)
    rows = [[h + 1, *(_number(error[h]) for error in view.errors.values())] for h in range(steps)]
    return _written(["steps ahead", *view.errors], rows)


def _translation(view: TranslationView) -> str:
    known = any(s.truth is not None for s in view.sentences)
    rows = []
    for s in view.sentences:
        truth = [join_sentence(s.truth or ())] if known else []
        rows.append([join_sentence(s.source), *truth, s.text or join_sentence(s.prediction)])
    return _written(["source", *(["truth"] if known else []), "predicted"], rows)


def _table(view: TableView) -> str:
    return _written(view.columns, view.rows)


CSV: dict[type[View], Callable[[Any], str]] = {
    SeriesView: _series,
    SymbolsView: _symbols,
    TextView: _text,
    LabelsView: _labels,
    ConfusionView: _confusion,
    FramesView: _frames,
    HorizonView: _horizon,
    TranslationView: _translation,
    TableView: _table,
}


def _positions(x: NDArray[Any]) -> list[str]:
    """Rows as whole numbers where they are, times without a clock where all are at midnight."""
    if x.dtype.kind == "M":
        days = bool(np.all(np.isnat(x) | (x == x.astype("datetime64[D]"))))
        texts: list[str] = np.datetime_as_string(x, unit="D" if days else "s").tolist()
        return texts
    return [f"{value:.0f}" if float(value).is_integer() else _number(value) for value in x]


def _number(value: float) -> str:
    """The shortest text that reads back as the same number; nothing where it isn't one."""
    return repr(float(value)) if math.isfinite(value) else ""


def _written(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return out.getvalue()
