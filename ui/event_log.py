"""The event log of a run: its events as sentences."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Literal

from seqcore.events import Changed, Epoch, Finding, Finished, Started
from seqcore.experiment.experiment import Experiment
from seqcore.experiment.schedule_text import base_rate_note, rate_text, schedule_name
from seqcore.results.formatting import counted, format_duration
from seqcore.runs.records import Run, StoredEvent

__all__ = ["Line", "event_log", "findings", "number"]

LOSSES = {"val_loss": "validation", "train_loss": "training"}
HELD_BACK = {"val": "validation", "test": "test"}
Kind = Literal["start", "best", "change", "end", "bad"]


@dataclass(frozen=True)
class Line:
    """One line of the log: the step (or empty), the text, and its kind."""

    when: str
    text: str
    kind: Kind


def number(value: float | None, digits: int = 3) -> str:
    """A number in `digits` significant digits, trailing zeros included; a dash if unknown."""
    if value is None:
        return "–"
    if not math.isfinite(value):
        return "not a number"
    if value == 0:
        return "0"
    rounded = float(f"{value:.{digits}g}")
    if abs(rounded) >= 1e6 or abs(rounded) < 1e-4:
        return f"{value:.{digits - 1}e}"
    places = digits - 1 - math.floor(math.log10(abs(rounded)))
    return f"{rounded:.{places}f}" if places > 0 else f"{value:,.0f}"


def findings(events: Iterable[StoredEvent]) -> list[Finding]:
    """The run's findings, the latest of each code; plain notes are lines of the `event_log`."""
    found = {e.event.code: e.event for e in events if isinstance(e.event, Finding) and not _is_plain_note(e.event)}
    return list(found.values())


def _is_plain_note(finding: Finding) -> bool:
    """Whether a finding has neither evidence nor a remedy: only a line in the log."""
    return finding.severity == "info" and not finding.evidence and not finding.remedy


def event_log(run: Run, events: Sequence[StoredEvent], preparing: str = "") -> list[Line]:
    """Newest first: what the run is busy with while no step is taken, its end, changes, the best epoch, each start."""
    best = next((e for e in reversed(events) if isinstance(e.event, Epoch) and e.event.best), None)
    lines: list[Line] = []
    experiment = run.experiment
    numbers = count(1)  # of changes, as in the charts
    for stored in events:
        event = stored.event
        if isinstance(event, Started):
            lines.append(_started(event, experiment))
        elif isinstance(event, Changed):
            note = base_rate_note(experiment, event.changes)
            text = f"Change {next(numbers)}: {event.sentence}." + (f" {note}" if note else "")
            lines.append(Line(f"step {event.step:,}", text, "change"))
        elif isinstance(event, Finished):
            lines.append(_finished(event))
        elif isinstance(event, Epoch) and stored is best:
            lines.append(_best(event))
        elif isinstance(event, Finding) and _is_plain_note(event):
            lines.append(Line(f"step {event.step:,}", event.message, "change"))
    if run.status in ("failed", "interrupted"):
        text = run.error or f"{run.reason[:1].upper()}{run.reason[1:].rstrip('.')}."
        lines += [Line("", line, "bad") for line in text.splitlines() if line]
    if preparing:
        lines.append(Line("now", f"{preparing}.", "start"))
    return lines[::-1]


def _best(event: Epoch) -> Line:
    name, loss = next(
        ((name, event.metrics[key]) for key, name in LOSSES.items() if key in event.metrics), ("training", None)
    )
    return Line(f"step {event.step:,}", f"Best so far at epoch {event.epoch:,}: {name} loss {number(loss)}.", "best")


def _started(event: Started, experiment: Experiment) -> Line:
    sizes = event.split_sizes
    windows = f"{counted(sizes.get('train', 0), f'training {event.unit}')}"
    windows += "".join(f", {sizes[split]:,} {name}" for split, name in HELD_BACK.items() if sizes.get(split))
    if event.step:
        return Line(f"step {event.step:,}", f"Resumed from step {event.step:,} on {event.device}.", "start")
    threads = counted(event.threads, "thread")
    return Line(
        "step 0",
        f"Started on {event.device} with {threads}: {counted(event.parameters, 'parameter')}, {windows}."
        + (f" Learning rate {rate_text(experiment, None)}." if schedule_name(experiment.training) else ""),
        "start",
    )


def _finished(event: Finished) -> Line:
    on_request = event.reason.startswith("stopped on request")  # the line begins with its step
    verb = "Completed" if event.status == "completed" else "Stopped on request" if on_request else "Stopped"
    text = f"{verb} after {counted(event.epochs, 'epoch')} in {format_duration(event.seconds)}."
    if event.reason and not on_request:
        text += f" {event.reason[:1].upper()}{event.reason[1:].rstrip('.')}."
    if event.best_epoch is not None and event.best_epoch != event.epochs:
        text += f" The weights of epoch {event.best_epoch} are kept: lowest validation loss."
    return Line(f"step {event.step:,}", text, "end")
