"""The board of a race: a small chart for each competitor on shared axes, all of them in one, and who leads.

It is drawn by a script of its own, not by Plotly, which takes too long for five charts twice a second while the
competitors use the cores.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from seqcore.insight.standings import Lap, Standings, standings
from seqcore.plots.style import COMPARED, compared_color
from seqcore.results import metric_named
from seqcore.results.formatting import counted, format_duration, format_number
from seqcore.results.metrics import Metric
from seqcore.results.thinning import thin
from seqcore.runs.best_baseline import best_baseline, best_baseline_text
from seqcore.runs.comparison import Entry, RunCurves
from ui import run_labels
from ui.assets import asset

__all__ = ["board_data", "race_board"]

_POINTS = 120  # of a line
_DASHES = ("", "6 3", "2 3", "6 3 2 3")
_OUT = ("failed", "interrupted", "damaged")  # one that was stopped is ranked by what it has reached

_component = st.components.v2.component(
    "sequence_lab_race_board",
    html=asset("race_board.html"),
    css=asset("switch.css", "race_board.css"),
    js=asset("dom.js", "race_board.js"),
    isolate_styles=False,
)

Values = NDArray[np.float64]


def race_board(data: dict[str, Any], *, key: str) -> None:
    """Draw the board of `board_data`; its nodes stay while it is updated."""
    _component(key=key, data=data)


def board_data(entries: Sequence[Entry], sources: Sequence[RunCurves]) -> dict[str, Any]:
    """What the board shows of competitors with one run each: numbers, texts and colors, as JSON."""
    words = metric_named(next((s.run.metric for s in sources if s.run.metric), ""))
    laps = [Lap(s.epochs.steps, s.epochs.seconds, _score(s), counts=s.run.status not in _OUT) for s in sources]
    state = standings(laps, higher_is_better=words.higher_is_better)
    ended = all(s.run.ended for s in sources)
    ranks = {place: rank for rank, place in enumerate(state.order(state.at_step), 1)}
    unit = "%" if words.share else ""
    name = f"best validation {words.short or 'score'} {_reach(state, ended=ended)}"
    shown = state.whole if ended else state.at_step
    competitors = [
        _competitor(entry, source, lap, rank=ranks.get(place), best=shown[place], name=name, unit=unit)
        for place, (entry, source, lap) in enumerate(zip(entries, sources, laps, strict=True))
    ]
    titles = [entry.title for entry in entries]
    return {
        "competitors": competitors,
        "summary": _summary(state, titles, sources, words, unit, ended=ended),
        "baseline": _baseline(sources, words, unit),
        "best": name,
        "score": f"validation {words.short}{' (%)' if words.share else ''}",
        "loss": "loss (scaled units)",
        "step": state.step,
        "seconds": state.seconds,
        "ended": ended,
    }


def _reach(state: Standings, *, ended: bool) -> str:
    """Over which part of each run its best score is shown."""
    if ended:
        return "of the whole run"
    return "once all have one" if state.step is None else f"up to step {state.step:,}, which all have reached"


def _baseline(sources: Sequence[RunCurves], words: Metric, unit: str) -> str:
    """The best baseline with its validation score; "" where none is known."""
    best = best_baseline((source.run for source in sources), "val")
    if best is None:
        return ""
    title, value = best_baseline_text(best, words)
    return f"{title}, validation {words.short} {value}{unit}."


def _score(source: RunCurves) -> Values:
    name = f"val_{source.run.metric}"
    scale = metric_named(source.run.metric).scale
    return scale * source.epochs.values.get(name, np.full(len(source.epochs), np.nan))


def _competitor(
    entry: Entry, source: RunCurves, lap: Lap, *, rank: int | None, best: float, name: str, unit: str
) -> dict[str, Any]:
    run = source.run
    validation = source.epochs.values.get("val_loss", np.full(len(source.epochs), np.nan))
    planned = source.progress.steps_per_epoch * run.epochs
    progress = 1.0 if run.status == "completed" else min(1.0, run.step / planned) if planned else 0.0
    status = run_labels.STATUSES[run.status].word
    if run.status == "running" and not run.step:
        status = "starting"
    shown = "–" if not np.isfinite(best) else f"{format_number(best)}{unit}"
    done = f"epoch {run.epoch:,} of {run.epochs:,}"
    place = f"rank {rank} at equal steps, " if rank else ""
    return {
        "name": entry.title,
        "run": run.id,
        "light": compared_color(entry.place),
        "dark": compared_color(entry.place, dark=True),
        "dash": _DASHES[entry.place // len(COMPARED) % len(_DASHES)],
        "status": status,
        "out": run.status in _OUT,
        "rank": rank,
        "best": shown,
        "done": done,
        "time": format_duration(run.seconds),  # as in every table
        "parameters": counted(run.parameters, "parameter") if run.parameters else "",
        "why": run.reason if run.status in _OUT else "",
        "progress": round(progress, 4),
        "train": _points(source.loss.steps.astype(np.float64), source.loss.values),
        "validation": _points(source.epochs.steps.astype(np.float64), validation),
        "byStep": _points(source.epochs.steps.astype(np.float64), lap.scores),
        "byTime": _points(lap.seconds, lap.scores),
        "label": f"{entry.title}: {status}, {place}{done}, {name} {shown}.",
    }


def _points(x: Values, y: Values) -> list[list[float | None]]:
    """Two lists, thinned; null where a value is not known."""
    kept = thin(y, _POINTS) if len(y) else np.zeros(0, dtype=np.int64)
    known = np.isfinite(y[kept])
    return [
        [float(f"{value:.6g}") for value in x[kept]],
        [float(f"{value:.5g}") if ok else None for value, ok in zip(y[kept], known, strict=True)],
    ]


def _summary(
    state: Standings, titles: Sequence[str], sources: Sequence[RunCurves], words: Metric, unit: str, *, ended: bool
) -> str:
    """Who leads, in one or two sentences."""
    by_step, by_time = state.leader_at_step, state.leader_at_time
    if by_step is None or by_time is None or state.step is None or state.seconds is None:
        if ended:
            return "Nobody leads: no competitor has a validation score."
        waiting = sum(source.run.status == "queued" for source in sources)
        if waiting:
            return f"Waiting for {counted(waiting, 'worker')}: the race begins when each competitor has one."
        return "Nobody leads yet: every competitor needs a validation score first."
    step = f"validation {words.short} {format_number(state.at_step[by_step])}{unit} up to step {state.step:,}"
    time = f"{format_number(state.at_time[by_time])}{unit} up to {format_duration(state.seconds)}"
    whole = all(source.run.status == "completed" for source in sources)
    start = "" if not ended else "Finished. " if whole else "Ended before every competitor had finished. "
    if by_step == by_time:
        return f"{start}{titles[by_step]} leads at equal steps ({step}) and at equal time ({time})."
    return f"{start}{titles[by_step]} leads at equal steps ({step}), {titles[by_time]} at equal time ({time})."
