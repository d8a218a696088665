"""A run's events and loss curve, read incrementally from the store; its state at one moment and in a replay."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from seqcore.events import Epoch, Preparing, Preview, Started, Steps
from seqcore.runs.records import Run, StoredEvent
from seqcore.runs.store import Store

__all__ = ["REPLAY_BELOW", "History", "Moment", "Replay"]

REPLAY_BELOW = 5.0  # seconds: shorter runs are replayed
REPLAY_LENGTH = 7.0  # seconds that a replay takes by default
SPEEDS = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0)  # of a replay, relative to the run
RECENT = 6  # epochs from which the rate is estimated
MIN_RATE_SECONDS = 2.0  # seconds of steps needed for an estimate of the remaining time: the first steps are slow
WAIT, POLL, YOUNG = 0.25, 0.03, 3.0  # seconds: longest wait for a first step, between polls, oldest run waited for
KINDS = ("preparing", "started", "epoch", "preview", "changed", "finding", "finished")

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Moment:
    """A run after `step` steps. Numbers that are not known yet are None."""

    run: Run
    step: int
    steps: int | None  # planned in total
    epoch: int
    epochs: int
    train_loss: float | None  # mean over the last 20 steps
    best: Epoch | None  # by validation loss, so far
    last: Epoch | None
    curve_steps: Values
    curve: Values
    events: tuple[StoredEvent, ...]
    preview: StoredEvent | None
    rate: float | None  # steps per second
    left: float | None  # seconds until the end
    preparing: str = ""  # the current activity while no step is taken

    @property
    def epochs_done(self) -> list[Epoch]:
        """The epochs so far, each as reported last."""
        return _epochs(self.events)


@dataclass
class History:
    """The store's events and loss curve of one run, kept up to date with as few queries as possible."""

    run: Run
    steps: Values = field(default_factory=lambda: np.zeros(0))
    losses: Values = field(default_factory=lambda: np.zeros(0))
    events: list[StoredEvent] = field(default_factory=list)
    _version: int | None = None
    _seen: deque[tuple[float, int]] = field(default_factory=lambda: deque(maxlen=30))  # (time, step) as first seen
    _was_running: bool = False

    def update(self, store: Store) -> None:
        """Read what is new from the store."""
        version = store.version(self.run.id)
        self.run = store.run(self.run.id)  # liveness and queue position change without a new version
        if version != self._version:
            after = self.events[-1].seq if self.events else 0
            self.events += store.events(self.run.id, after=after, kinds=KINDS)
            curve = store.curve(self.run.id, "loss")
            self.steps, self.losses = curve.steps.astype(np.float64), curve.values
            self._version = version
        running = self.run.status == "running"
        if running and not self._was_running:
            self._seen.clear()
        if running and self.run.step and (not self._seen or self.run.step != self._seen[-1][1]):
            self._seen.append((time.monotonic(), self.run.step))
        self._was_running = running

    def await_first_step(self, store: Store) -> None:
        """Just after the start of a run, wait briefly for its first step, instead of until the next poll."""
        deadline = time.monotonic() + WAIT
        while not len(self.steps) and not self.run.ended and time.monotonic() < deadline:
            if (datetime.now(UTC) - self.run.created).total_seconds() > YOUNG:
                return
            time.sleep(POLL)
            self.update(store)

    def moment(self, at: int | None = None) -> Moment:
        """The run's current state, or its state after `at` steps."""
        run = self.run
        if at is None and _preparing(run, self.events):  # the store is not updated meanwhile, but time passes
            since = (datetime.now(UTC) - self.events[-1].time).total_seconds()
            run = replace(run, seconds=run.seconds + max(0.0, since))
        events = self.events if at is None else [e for e in self.events if _step(e) <= at]
        known = self.steps <= (math.inf if at is None else at)
        steps, losses = self.steps[known], self.losses[known]
        step = max([run.step if at is None else at, 0])
        started = next((e.event for e in reversed(events) if isinstance(e.event, Started)), None)
        epochs = _epochs(events)
        planned = started.steps_per_epoch * run.epochs if isinstance(started, Started) else None
        recent = self._recent_rate()
        preparing = _preparing(run, events) if at is None else ""
        training = not preparing and not (at is None and run.ended)
        return Moment(
            run=run,
            step=step,
            steps=planned,
            epoch=epochs[-1].epoch if epochs else 0,
            epochs=run.epochs,
            train_loss=_recent(steps, losses),
            best=next((e for e in reversed(epochs) if e.best), None),
            last=epochs[-1] if epochs else None,
            curve_steps=steps,
            curve=losses,
            events=tuple(events),
            preview=next((e for e in reversed(events) if isinstance(e.event, Preview)), None),
            rate=recent or self._mean_rate(),
            left=(planned - step) / recent if training and planned and step < planned and recent else None,
            preparing=preparing,
        )

    def _recent_rate(self) -> float | None:
        """Recent steps per second, from the steps seen here or the attempt's last epochs; None if too few are known."""
        if self.run.ended:
            return None
        seen = list(self._seen)
        if not seen or seen[-1][0] - seen[0][0] < MIN_RATE_SECONDS:
            known = [e for e in self.events if e.attempt == self.run.attempt]
            seen = [(e.time.timestamp(), e.event.step) for e in known if isinstance(e.event, Epoch)][-RECENT:]
        if not seen or seen[-1][0] - seen[0][0] < MIN_RATE_SECONDS or seen[-1][1] <= seen[0][1]:
            return None
        return (seen[-1][1] - seen[0][1]) / (seen[-1][0] - seen[0][0])

    def _mean_rate(self) -> float | None:
        """Steps per second over the whole run."""
        return self.run.step / self.run.seconds if self.run.seconds > 0 and self.run.step else None


@dataclass(frozen=True)
class Replay:
    """A replay of a finished run from its stored events. `began` is on the monotonic clock."""

    run: str
    began: float
    speed: float
    at: float = 0.0  # seconds of the run that had been shown at `began`

    @classmethod
    def of(cls, run: Run) -> Replay:
        """From the start of the run, at the speed that makes the replay last about seven seconds."""
        speed = min(SPEEDS, key=lambda s: abs(math.log(max(run.seconds, 0.05) / s / REPLAY_LENGTH)))
        return cls(run.id, time.monotonic(), speed)

    def shown(self, now: float | None = None) -> float:
        """Seconds of the run that have been shown."""
        return self.at + ((time.monotonic() if now is None else now) - self.began) * self.speed

    def with_speed(self, speed: float, now: float | None = None) -> Replay:
        """Continue from the same position at another speed."""
        at = time.monotonic() if now is None else now
        return replace(self, at=self.shown(at), began=at, speed=speed)

    def step(self, run: Run, now: float | None = None) -> int | None:
        """The step to show, or None if the replay is over."""
        progress = self.shown(now) / max(run.seconds, 0.05)
        return int(progress * run.step) if progress < 1.0 else None


def _step(stored: StoredEvent) -> int:
    event = stored.event
    if isinstance(event, Steps):
        return event.first_step
    return event.step


def _preparing(run: Run, events: Sequence[StoredEvent]) -> str:
    """The last reported preparation, if nothing has happened since: no other event, no step, no new attempt."""
    newest = events[-1] if events else None
    if newest is None or not isinstance(newest.event, Preparing) or newest.attempt != run.attempt:
        return ""
    began = any(isinstance(e.event, Started) and e.attempt == run.attempt for e in events)
    holds = run.status == "running" and (not began or run.step <= newest.event.step)
    return newest.event.sentence if holds else ""


def _epochs(events: Sequence[StoredEvent]) -> list[Epoch]:
    """Epochs in order, each once: of an epoch that was repeated after a resume, the later report."""
    found = {e.event.epoch: e.event for e in events if isinstance(e.event, Epoch)}
    return [found[number] for number in sorted(found)]


def _recent(steps: Values, losses: Values) -> float | None:
    if not len(steps):
        return None
    recent = losses[steps > steps[-1] - 20]
    return float(np.mean(recent)) if np.isfinite(recent).all() else math.nan
