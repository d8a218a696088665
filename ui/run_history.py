"""A run's events and loss curve, read incrementally from the store; its state at one moment and in a replay."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqcore.events import Changed, Epoch, Finding, Preparing, Preview, Started, Steps
from seqcore.experiment.experiment import Experiment
from seqcore.experiment.schedule_text import schedule_name
from seqcore.plots.band import Band, extremes
from seqcore.plots.loss import EpochLosses
from seqcore.runs.curves import over_replicas
from seqcore.runs.records import Run, StoredEvent
from seqcore.runs.replica_epochs import ReplicaEpochs
from seqcore.runs.store import Store

__all__ = ["REPLAY_BELOW", "History", "Moment", "Replay"]

REPLAY_BELOW = 5.0  # seconds: shorter runs are replayed
REPLAY_LENGTH = 7.0  # seconds that a replay takes by default
SPEEDS = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0)  # of a replay, relative to the run
RECENT = 6  # epochs from which the rate is estimated
MIN_RATE_SECONDS = 2.0  # seconds of steps needed for an estimate of the remaining time: the first steps are slow
PACED_SECONDS = 1.0  # of steps from which the rate is taken once the speed was changed
KINDS = ("preparing", "started", "changed", "finding", "finished")  # of events that are kept as such
KEPT = 500  # events
BATCH = "training.batch_size"
MOST_EPOCHS = 1000  # whose scores of each replica are kept
LIVE, DETAILED = 600, 2000  # points of the loss curve: redrawn three times a second; drawn once, to zoom into

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
    validation: EpochLosses  # of each epoch so far, as reported last; NaN where it is not known
    events: tuple[StoredEvent, ...]  # `KINDS` and the best epoch
    changed: Mapping[str, Any]  # fields that were changed during the run: dotted path -> value
    preview: StoredEvent | None
    rate: float | None  # steps per second
    left: float | None  # seconds until the end
    band: Band | None = None  # lowest and highest loss of replicas, of which `curve` is the median
    replicas: ReplicaEpochs | None = None  # what each replica scored after epochs
    preparing: str = ""  # the current activity while no step is taken
    learning_rate: float | None = None  # of the last step, as far as it is known
    preparation: float = 0.0  # seconds before training that `run.seconds` of an ended run leaves out

    @property
    def experiment(self) -> Experiment:
        """The experiment as it holds now: with the changes so far and, before the first step, those that wait."""
        waiting = self.run.pending if self.run.status == "queued" else {}
        changes = {**self.changed, **waiting}
        return self.run.experiment.with_changes(changes) if changes else self.run.experiment


@dataclass
class History:
    """What is shown of one run, kept up to date with as few queries as possible.

    Memory is bounded: of steps and epochs there are thinned curves, of the previews the last, of other events `KEPT`.
    """

    run: Run
    steps: Values = field(default_factory=lambda: np.zeros(0))
    losses: Values = field(default_factory=lambda: np.zeros(0))
    events: list[StoredEvent] = field(default_factory=list)  # of `KINDS`
    rates: tuple[Values, Values] = (np.zeros(0), np.zeros(0))  # steps, learning rates
    band: Band | None = None  # of `losses`
    replicas: ReplicaEpochs | None = None
    validation: tuple[NDArray[np.int64], Values] = (np.zeros(0, dtype=np.int64), np.zeros(0))  # steps, losses
    best: StoredEvent | None = None
    recent: list[StoredEvent] = field(default_factory=list)  # the last epochs
    preview: StoredEvent | None = None
    changed: dict[str, Any] = field(default_factory=dict)
    _all: list[StoredEvent] | None = None  # every event, for a replay
    _version: int | None = None
    _seen: deque[tuple[float, int]] = field(default_factory=lambda: deque(maxlen=30))  # (time, step) as first seen
    _was_running: bool = False
    _pace: tuple[float | None, float] = (None, -math.inf)  # steps per second in slow motion, when that was first seen

    @classmethod
    def of_events(cls, run: Run, steps: Values, losses: Values, events: Sequence[StoredEvent]) -> History:
        """From all events of a run, which has few of them."""
        history = cls(run, steps, losses, _all=list(events))
        reported = [(e, e.event) for e in events if isinstance(e.event, Epoch)]
        latest = {epoch.step: epoch.metrics.get("val_loss", math.nan) for _, epoch in reported}
        known = np.array(sorted(latest), dtype=np.int64)
        history.validation = (known, np.array([latest[step] for step in known.tolist()]))
        history.recent = [stored for stored, _ in reported][-RECENT:]
        history.best = next((stored for stored, epoch in reversed(reported) if epoch.best), None)
        history.preview = next((e for e in reversed(events) if isinstance(e.event, Preview)), None)
        history._add_events([e for e in events if e.event.name in KINDS])
        return history

    def update(self, store: Store) -> bool:
        """Read what is new from the store. Whether there was something."""
        version = store.version(self.run.id)  # changes with liveness, too, but not with the position in the queue
        new = version != self._version
        if new or self.run.status == "queued":
            self.run = store.run(self.run.id)
        if new:
            self._read(store)
            self._version = version
        running = self.run.status == "running"
        if running and not self._was_running:
            self._seen.clear()
        if self.run.steps_per_second != self._pace[0]:
            self._pace = (self.run.steps_per_second, time.monotonic())
            self._seen.clear()
        if running and self.run.step and (not self._seen or self.run.step != self._seen[-1][1]):
            self._seen.append((time.monotonic(), self.run.step))
        self._was_running = running
        return new

    def _read(self, store: Store) -> None:
        run, self._all = self.run.id, None
        self._add_events(self._new_events(store))
        if epochs := store.events(run, after=_seq(self.recent), kinds=("epoch",), newest=RECENT):
            self.recent = [*self.recent, *epochs][-RECENT:]
            self.best = store.best_epoch(run)
            validation = store.curve(run, "val_loss", DETAILED)
            self.validation = (validation.steps, validation.values)
            if self.run.experiment.training.replicas > 1:
                self._read_replicas(store)
        if previews := store.events(run, after=_seq([self.preview]), kinds=("preview",), newest=1):
            self.preview = previews[0]
        curve = store.curve(run, "loss", DETAILED if self.run.ended else LIVE)
        self.steps, self.losses = curve.steps.astype(np.float64), curve.values
        if schedule_name(self.run.experiment.training):
            rates = store.curve(run, "learning_rate", DETAILED if self.run.ended else LIVE)
            self.rates = (rates.steps.astype(np.float64), rates.values)
        self.band = None if curve.low is None or curve.high is None else (curve.low, curve.high)

    def _read_replicas(self, store: Store) -> None:
        names = ("val_loss", f"val_{self.run.metric}")
        known = self.replicas
        every = 1 + self.run.epochs // MOST_EPOCHS
        new = store.replica_epochs(self.run.id, names, after=known.seq if known else 0, every=every)
        self.replicas = known.joined(new) if known else new

    def _new_events(self, store: Store) -> list[StoredEvent]:
        """The events of `KINDS` that are new; of a long run that has ended, the newest, its starts and findings."""
        run, after = self.run.id, _seq(self.events)
        if not self.run.ended:
            return store.events(run, after=after, kinds=KINDS)  # `changed` needs them all
        found = store.events(run, after=after, kinds=KINDS, newest=KEPT)
        if len(found) == KEPT:
            older = [
                *store.events(run, after=after, kinds=("started",), newest=KEPT),
                *store.findings(run, after=after),
            ]
            found = sorted([e for e in older if e.seq < found[0].seq], key=lambda e: e.seq) + found
        return found

    def _add_events(self, events: Sequence[StoredEvent]) -> None:
        for stored in events:
            if isinstance(stored.event, Changed):
                self.changed |= stored.event.changes
        self.events = _compacted([*self.events, *events])

    def load_replay(self, store: Store) -> None:
        """Read all events of a short run, which its replay needs."""
        if self._all is None:
            self._all = store.events(self.run.id)

    def moment(self, at: int | None = None) -> Moment:
        """The run's current state, or after `load_replay` its state after `at` steps."""
        if at is not None:
            events = [e for e in self._all or () if _step(e) <= at]
            known = self.steps <= at
            past = History.of_events(self.run, self.steps[known], self.losses[known], events)
            past.rates = (self.rates[0][self.rates[0] <= at], self.rates[1][self.rates[0] <= at])
            past.band = None if self.band is None else (self.band[0][known], self.band[1][known])
            past.replicas = None if self.replicas is None else self.replicas.until(at)
            return past._moment(step=max(at, 0), preparing="", rate=self._recent_rate())
        preparing = self._preparing()
        moment = self._moment(step=self.run.step, preparing=preparing, rate=self._recent_rate())
        if preparing:  # the store is not updated meanwhile, but time passes
            since = (datetime.now(UTC) - self.events[-1].time).total_seconds()
            moment = replace(moment, run=replace(self.run, seconds=self.run.seconds + max(0.0, since)), left=None)
        return replace(moment, left=None) if self.run.ended else moment

    def _moment(self, *, step: int, preparing: str, rate: float | None) -> Moment:
        started = next((e.event for e in reversed(self.events) if isinstance(e.event, Started)), None)
        best = None if self.best is None else self.best.event
        last = self.recent[-1].event if self.recent else None
        best, last = best if isinstance(best, Epoch) else None, last if isinstance(last, Epoch) else None
        planned = self._planned(started, last) if isinstance(started, Started) else None
        return Moment(
            run=self.run,
            step=step,
            steps=planned,
            epoch=0 if last is None else last.epoch,
            epochs=self.run.epochs,
            train_loss=_recent(self.steps, self.losses),
            best=best,
            last=last,
            curve_steps=self.steps,
            curve=self.losses,
            validation=self._validation(best),
            events=tuple(sorted([*self.events, *([self.best] if self.best else [])], key=lambda e: e.seq)),
            changed=dict(self.changed),
            preview=self.preview,
            rate=rate or self._mean_rate(),
            left=(planned - step) / rate if planned and step < planned and rate else None,
            preparing=preparing,
            learning_rate=self._learning_rate(),
            preparation=self._preparation(),
            band=self.band,
            replicas=self.replicas,
        )

    def _preparation(self) -> float:
        """From the start of the first attempt to its first step: data, scaling search, baselines."""
        first = next((e for e in self.events if isinstance(e.event, Started) and not e.event.step), None)
        began = self.run.started
        return 0.0 if first is None or began is None else max(0.0, (first.time - began).total_seconds())

    def _learning_rate(self) -> float | None:
        """The rate of the last known step; a change of the base rate after it counts from the next step on."""
        steps, values = self.rates
        return float(values[-1]) if len(steps) and np.isfinite(values[-1]) else None

    def _planned(self, started: Started, last: Epoch | None) -> int:
        """The steps of the whole run, those that are left at today's batch size; never fewer than those taken."""
        each, size, windows = started.steps_per_epoch, self.changed.get(BATCH), started.split_sizes.get("train", 0)
        if size is not None and windows:
            each = -(-windows // min(size, windows))
        done, epoch = (0, 0) if last is None else (last.step, last.epoch)
        planned = done + (self.run.epochs - epoch) * each
        if epoch < self.run.epochs and windows and not self.run.experiment.training.stateful:
            planned += self._steps_between(done, windows, each) - each
        return max(planned, self.run.step)

    def _steps_between(self, done: int, windows: int, each: int) -> int:
        """The steps of the epoch that began after `done` steps: those after a change of the batch size have others."""
        at, used, size = done, 0, 0
        for change in (e.event for e in self.events if isinstance(e.event, Changed) and e.event.step > done):
            if BATCH in change.changes:
                size = change.before.get(BATCH, size or self.run.experiment.training.batch_size)
                at, used, size = change.step, used + (change.step - at) * size, change.changes[BATCH]
        return at - done + -(-max(0, windows - used) // size) if size else each

    def _validation(self, best: Epoch | None) -> EpochLosses:
        """The validation loss of each epoch; of replicas the median and the extremes."""
        each = None if self.replicas is None else self.replicas.values.get("val_loss")
        if self.replicas is None or each is None:
            return _with_best(*self.validation, best)
        return EpochLosses(self.replicas.steps, over_replicas(each)[:, 0], band=extremes(each))

    def _preparing(self) -> str:
        """The last reported preparation, if nothing has happened since: no other event, no step, no new attempt."""
        newest = self.events[-1] if self.events else None
        later = max(_seq([self.preview]), _seq(self.recent))
        if newest is None or not isinstance(newest.event, Preparing) or later > newest.seq:
            return ""
        if newest.attempt != self.run.attempt:
            return ""
        began = any(isinstance(e.event, Started) and e.attempt == self.run.attempt for e in self.events)
        holds = self.run.status == "running" and (not began or self.run.step <= newest.event.step)
        return newest.event.sentence if holds else ""

    def _recent_rate(self) -> float | None:
        """Recent steps per second, from the steps seen here or the attempt's last epochs; None if too few are known."""
        if self.run.ended:
            return None
        seen, pace = list(self._seen), self._pace[0]
        if pace is not None or math.isfinite(self._pace[1]):  # epochs before the last change of speed say nothing
            if len(seen) < 2:
                return pace
            newest = seen[-1]
            first = next((s for s in reversed(seen) if newest[0] - s[0] >= PACED_SECONDS), seen[0])
            rate = (newest[1] - first[1]) / (newest[0] - first[0])
            return rate if pace is None else min(rate, pace)
        if not seen or seen[-1][0] - seen[0][0] < MIN_RATE_SECONDS:
            known = [e for e in self.recent if e.attempt == self.run.attempt]
            seen = [(e.time.timestamp(), _step(e)) for e in known]
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
        """The step to show, from the first one on, which keeps the chart's curve; None if the replay is over."""
        progress = self.shown(now) / max(run.seconds, 0.05)
        return max(1, int(progress * run.step)) if progress < 1.0 else None


def _step(stored: StoredEvent) -> int:
    event = stored.event
    return event.first_step if isinstance(event, Steps) else event.step


def _seq(events: Sequence[StoredEvent | None]) -> int:
    """The position of the last of some events; 0 if there is none."""
    newest = events[-1] if events else None
    return 0 if newest is None else newest.seq


def _with_best(steps: NDArray[np.int64], losses: Values, best: Epoch | None) -> EpochLosses:
    """The validation losses, with that of the best epoch, which is marked, where thinning has left it out."""
    if best is not None and len(steps) and best.step not in steps:
        at = int(np.searchsorted(steps, best.step))
        steps = np.insert(steps, at, best.step)
        losses = np.insert(losses, at, best.metrics.get("val_loss", math.nan))
    return EpochLosses(steps, losses, None if best is None else best.step)


def _compacted(events: list[StoredEvent]) -> list[StoredEvent]:
    """The events, or of more than `2 * KEPT` the last `KEPT`, the starts, and the last finding of each code."""
    if len(events) <= 2 * KEPT:
        return events
    latest = {e.event.code: e.seq for e in events if isinstance(e.event, Finding)}
    kept = {e.seq for e in events[-KEPT:]} | set(list(latest.values())[-KEPT:])
    kept |= {e.seq for e in [e for e in events if isinstance(e.event, Started)][-KEPT:]}
    return [e for e in events if e.seq in kept]


def _recent(steps: Values, losses: Values) -> float | None:
    if not len(steps):
        return None
    recent = losses[steps > steps[-1] - 20]
    return float(np.mean(recent)) if np.isfinite(recent).all() else math.nan
