"""What happened in a run, as sentences for people."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from seqcore.events import Changed, Epoch, Finding, Finished, Started
from seqcore.runs.records import Run, StoredEvent

__all__ = ["Line", "count", "findings", "number", "story"]

LOSSES = {"val_loss": "validation", "train_loss": "training"}
Kind = Literal["start", "best", "change", "end", "bad"]


@dataclass(frozen=True)
class Line:
    """One thing that happened: when (a step, or nothing), what, and what sort of thing it is."""

    when: str
    text: str
    kind: Kind


def number(value: float | None, digits: int = 3) -> str:
    """A number as short as it stays useful; a dash where there is none."""
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


def count(number: int, thing: str) -> str:
    """So many of a thing, in the singular where there is one."""
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def findings(events: Iterable[StoredEvent]) -> list[Finding]:
    """What the doctor saw, each once, as it was the last time; plain ones belong to the `story`."""
    found = {e.event.code: e.event for e in events if isinstance(e.event, Finding) and not _is_plain(e.event)}
    return list(found.values())


def _is_plain(finding: Finding) -> bool:
    """Whether it asks for nothing and explains nothing: one more thing that happened."""
    return finding.severity == "info" and not finding.evidence and not finding.remedy


def story(run: Run, events: Sequence[StoredEvent]) -> list[Line]:
    """The newest first: the end, changes, the best epoch so far, and each start."""
    best = next((e for e in reversed(events) if isinstance(e.event, Epoch) and e.event.best), None)
    lines: list[Line] = []
    for stored in events:
        event = stored.event
        if isinstance(event, Started):
            lines.append(_started(event))
        elif isinstance(event, Changed):
            changes = ", ".join(f"{path} = {_plain(value)}" for path, value in event.changes.items())
            lines.append(Line(f"step {event.step:,}", f"Changed: {changes}.", "change"))
        elif isinstance(event, Finished):
            lines.append(_finished(event))
        elif isinstance(event, Epoch) and stored is best:
            lines.append(_best(event))
        elif isinstance(event, Finding) and _is_plain(event):
            lines.append(Line(f"step {event.step:,}", event.message, "change"))
    if run.status in ("failed", "interrupted"):
        told = run.error or f"{run.reason[:1].upper()}{run.reason[1:].rstrip('.')}."
        lines += [Line("", line, "bad") for line in told.splitlines() if line]
    return lines[::-1]


def _best(event: Epoch) -> Line:
    name, loss = next(
        ((name, event.metrics[key]) for key, name in LOSSES.items() if key in event.metrics), ("training", None)
    )
    return Line(f"step {event.step:,}", f"Best so far at epoch {event.epoch:,}: {name} loss {number(loss)}.", "best")


def _started(event: Started) -> Line:
    sizes = event.split_sizes
    windows = f"{count(sizes.get('train', 0), event.unit)} to learn from"
    if sizes.get("val"):
        windows += f", {sizes['val']:,} to score it while it learns"
    if sizes.get("test"):
        windows += f", {sizes['test']:,} for the end"
    if event.step:
        return Line(f"step {event.step:,}", f"Went on from step {event.step:,} on {event.device}.", "start")
    threads = count(event.threads, "thread")
    return Line(
        "step 0",
        f"Started on {event.device} with {threads}: {count(event.parameters, 'parameter')}, {windows}.",
        "start",
    )


def _finished(event: Finished) -> Line:
    verb = "Completed" if event.status == "completed" else "Stopped"
    text = f"{verb} after {count(event.epochs, 'epoch')} in {event.seconds:.1f} s."
    if event.reason:
        text += f" {event.reason[:1].upper()}{event.reason[1:].rstrip('.')}."
    if event.best_epoch is not None and event.best_epoch != event.epochs:
        text += f" The weights of epoch {event.best_epoch} are kept, the best by validation loss."
    return Line(f"step {event.step:,}", text, "end")


def _plain(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
