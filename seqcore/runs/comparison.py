"""Runs of a store compared: what differs, curves on a common axis, scores against costs, and tests over seeds."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from statistics import fmean

import numpy as np
from numpy.typing import NDArray

from seqcore.errors import NotFoundError, SeqcoreError
from seqcore.events import Finished, Started
from seqcore.experiment.experiment import Experiment
from seqcore.experiment.schedule_text import schedules_differ
from seqcore.insight.comparison import (
    ABSENT,
    HARMLESS,
    Difference,
    Progress,
    axis_named,
    comparable_sets,
    differences,
    same_but_seeds,
    same_loss,
    short_titles,
)
from seqcore.insight.paired_test import PairedTest, paired_test
from seqcore.results import metric_named
from seqcore.results.curves import CurvesView, OverlaidCurve, TradeoffPoint, TradeoffView
from seqcore.runs import labels
from seqcore.runs.epoch_scores import EpochScores
from seqcore.runs.records import Curve, Run
from seqcore.runs.replica_epochs import ReplicaEpochs
from seqcore.runs.store import Store

__all__ = [
    "CURVES",
    "MOST",
    "Comparison",
    "Entry",
    "RunCurves",
    "compare",
    "curves_view",
    "read_curves",
    "score_title",
    "seed_scores",
    "seed_tests",
    "shared_split",
    "shown_scores",
    "tradeoff_view",
]  # fmt: skip

MOST = 24
"""Runs that are compared at a time."""
CURVES = {"score": "Validation score", "val_loss": "Validation loss", "loss": "Training loss"}
"""What can be overlaid, with titles."""
_EPOCHS_OF_REPLICAS = 1000  # whose scores of each replica are read
_GRID = 300  # points of a median over runs
_SEEDS = ("training.seed", "training.replicas")

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Entry:
    """What is compared: a run, or the runs of one experiment that differ in their seeds alone."""

    title: str
    runs: tuple[Run, ...]
    place: int  # among all entries, which tells its color

    @property
    def experiment(self) -> Experiment:
        """The experiment, with the seed of the first run."""
        return self.runs[0].experiment

    @property
    def seeds(self) -> int:
        """How many seeds it has."""
        return sum(run.outline.replicas for run in self.runs)

    @property
    def parameters(self) -> int | None:
        """The parameters of one model."""
        return next((run.parameters for run in self.runs if run.parameters), None)


@dataclass(frozen=True)
class Comparison:
    """Entries, what differs between them, and which of them can be compared: `sets` of those of one problem.

    `missing` says, a line each, what was asked for and is not compared, and why.
    """

    entries: tuple[Entry, ...]
    differences: tuple[Difference, ...]
    sets: tuple[tuple[Entry, ...], ...]
    missing: tuple[str, ...] = ()

    @property
    def runs(self) -> list[Run]:
        """Every run."""
        return [run for entry in self.entries for run in entry.runs]

    @property
    def warning(self) -> str:
        """Why scores of some entries can't be compared, with the paths of fields; empty where all can."""
        return self._warning([d.path for d in self._of_problems])

    @property
    def titled_warning(self) -> str:
        """The `warning` with the titles of fields, as forms have them."""
        return self._warning([d.title for d in self._of_problems])

    @property
    def schedule_note(self) -> str:
        """That learning rates differ because a schedule depends on the length of a run; empty where none does."""
        return schedules_differ([entry.experiment for entry in self.entries])

    @property
    def _of_problems(self) -> list[Difference]:
        return [d for d in self.differences if d.path.startswith("data.") and d.path not in HARMLESS]

    def _warning(self, names: Sequence[str]) -> str:
        if len(self.sets) < 2:
            return ""
        fields, verb = ", ".join(names), "differs" if len(names) == 1 else "differ"
        return (
            f"These runs are of {len(self.sets)} different problems ({fields} {verb}): their scores and losses do not "
            "measure the same thing and must not be ranked against each other. Each problem is shown by itself."
        )


def compare(store: Store, names: Sequence[str] = (), groups: Sequence[str] = ()) -> Comparison:
    """The runs with these ids (or beginnings of ids) and those of these groups.

    Runs that are deleted or damaged are named in `missing`. NotFoundError with a line each where none is left.
    """
    found: dict[str, Run] = {}
    missing: list[str] = []
    for name in dict.fromkeys(names):
        try:
            run = store.run(name)
            found[run.id] = run
        except SeqcoreError as error:
            missing += [f"not compared: {line.partition('; ')[0]}" for line in error.lines]
    for group in dict.fromkeys(groups):
        try:
            found |= {run.id: run for run in store.group(group)}
        except NotFoundError as error:
            missing += [f"not compared: {line.partition('; ')[0]}" for line in error.lines]
    sound = [run for run in found.values() if run.status != "damaged"]
    missing += [f"not compared: {run.reason}" for run in found.values() if run.status == "damaged"]
    if len(sound) > MOST:
        missing.append(f"not compared: {len(sound) - MOST} runs beyond the first {MOST}")
    if not sound:
        raise NotFoundError(*(missing or ["no runs to compare; name some"]))
    return _comparison(store, sound[:MOST], tuple(missing))


def _comparison(store: Store, runs: list[Run], missing: tuple[str, ...]) -> Comparison:
    bundles: dict[str, list[Run]] = {}
    for run in runs:
        key = same_but_seeds(run.experiment)
        seeds = _seeds_of(run)
        taken = {seed for other in bundles.get(key, ()) for seed in _seeds_of(other)}
        # The same seed twice is a repetition, which is an entry of its own.
        bundles.setdefault(f"{key} {run.id}" if taken & set(seeds) else key, []).append(run)
    members = [tuple(bundle) for bundle in bundles.values()]
    experiments = [bundle[0].experiment for bundle in members]
    names = [_name(bundle) for bundle in members]
    titles = short_titles(experiments, names)
    entries = tuple(
        Entry(title, bundle, place) for place, (title, bundle) in enumerate(zip(titles, members, strict=True))
    )
    found = differences(experiments, leave_out=_SEEDS)
    of_seeds = Difference("training.seed", "Seeds", tuple(_seed_text(entry) for entry in entries))
    changed = Difference("changes", "Changed during the run", tuple(_changes(store, entry) for entry in entries))
    found += [d for d in (of_seeds, changed) if len(set(d.values)) > 1]
    sets = tuple(tuple(entries[place] for place in places) for places in comparable_sets(experiments))
    return Comparison(entries, tuple(found), sets, missing)


def _name(bundle: Sequence[Run]) -> str:
    first = bundle[0]
    return f"{labels.title(first.recipe, first.outline)}, {labels.network(first.outline)} ({labels.short_id(first.id)})"


def _seeds_of(run: Run) -> range:
    training = run.experiment.training
    return range(training.seed, training.seed + training.replicas)


def _seed_text(entry: Entry) -> str:
    seeds = sorted(seed for run in entry.runs for seed in _seeds_of(run))
    whole = seeds == list(range(seeds[0], seeds[-1] + 1))
    return str(seeds[0]) if len(seeds) == 1 else f"{seeds[0]} to {seeds[-1]}" if whole else ", ".join(map(str, seeds))


def _changes(store: Store, entry: Entry) -> str:
    changes = [change for run in entry.runs for change in store.changes(run.id, step=0)]
    texts = [f"{p.rpartition('.')[2]} {v} after step {c.step:,}" for c in changes for p, v in c.changes.items()]
    return "; ".join(texts[:5]) + (f"; {len(texts) - 5} more" if len(texts) > 5 else "") or ABSENT


@dataclass(frozen=True)
class RunCurves:
    """What the curves of one run are made from, as of the run's state when it was read."""

    run: Run
    loss: Curve
    epochs: EpochScores
    replicas: ReplicaEpochs | None
    progress: Progress
    version: int = 0


def read_curves(store: Store, run: str, known: RunCurves | None = None) -> RunCurves:
    """Read a run's curves; what is new since `known` was read is added to it. `known` itself if nothing is."""
    version = store.version(run)
    if known is not None and known.version == version:
        return known
    now = store.run(run)
    names = ("val_loss", f"val_{now.metric}") if now.metric else ("val_loss",)
    old = known if known is not None and set(known.epochs.values) == set(names) else None
    epochs = store.epoch_scores(now.id, names, after=old.epochs.seq if old else 0)
    epochs = old.epochs.joined(epochs) if old else epochs
    replicas = None
    if now.outline.replicas > 1:
        every = 1 + now.epochs // _EPOCHS_OF_REPLICAS
        replicas = store.replica_epochs(now.id, names, every=every)
    sizes = (old.progress.examples, old.progress.steps_per_epoch) if old else (0, 0)
    if not all(sizes):
        started = next((e.event for e in store.events(now.id, kinds=("started",), newest=1)), None)
        if isinstance(started, Started):
            sizes = (started.split_sizes.get("train", 0), started.steps_per_epoch)
    progress = Progress(epochs.steps, epochs.epochs, epochs.seconds, *sizes)
    return RunCurves(now, store.curve(now.id, "loss", 600), epochs, replicas, progress, version)


def curves_view(
    entries: Sequence[Entry], read: Callable[[str], RunCurves], *, what: str = "score", by: str = "step"
) -> CurvesView:
    """The curves of comparable entries: `what` of `CURVES` over an axis of `AXES`.

    The score is that of the validation split after each epoch, in original units. `read` gives a run's curves.
    SeqcoreError for an unknown axis.
    """
    axis = axis_named(by)
    metric = next((run.metric for entry in entries for run in entry.runs if run.metric), "")
    words = metric_named(metric)
    curves = [curve for entry in entries if (curve := _entry_curve(entry, read, what, by)) is not None]
    title, unit = CURVES[what], " (%)" if what == "score" and words.share else ""
    name = f"validation {words.short}{unit}" if what == "score" else f"{title.lower()} (scaled units)"
    note = f" {axis.help}" if axis.approximate else ""
    if what != "score" and not same_loss([entry.experiment for entry in entries]):
        note += " These losses differ in scaling or kind and can't be compared; the score can."
    return CurvesView(
        tuple(curves),
        axis.title,
        name,
        logarithmic=what != "score" or _is_wide(curves),
        higher_is_better=what == "score" and words.higher_is_better,
        note=note,
        over=axis.over,
        title=title if what != "score" else f"Validation {words.short}",
    )


def _is_wide(curves: Sequence[OverlaidCurve]) -> bool:
    """Whether scores need a logarithmic axis."""
    known = np.concatenate([curve.y[np.isfinite(curve.y)] for curve in curves]) if curves else np.zeros(0)
    return bool(known.size and known.min() > 0 and known.max() > 20 * known.min())


def _entry_curve(entry: Entry, read: Callable[[str], RunCurves], what: str, by: str) -> OverlaidCurve | None:
    """The curve of an entry; of several runs the median and the extremes over them."""
    each = [one for run in entry.runs if (one := _run_curve(read(run.id), what, by)) is not None]
    if not each:
        return None
    curve = each[0] if len(each) == 1 else _over_runs(each)
    return replace(curve, name=entry.title, place=entry.place, seeds=entry.seeds)


def _run_curve(source: RunCurves, what: str, by: str) -> OverlaidCurve | None:
    """The curve of one run; None before its first point."""
    low = high = None
    if what == "loss":
        steps, y, low, high = source.loss.steps, source.loss.values, source.loss.low, source.loss.high
    else:
        name = "val_loss" if what == "val_loss" else f"val_{source.run.metric}"
        steps, y = source.epochs.steps, source.epochs.values.get(name, np.full(len(source.epochs), np.nan))
        each = None if source.replicas is None else source.replicas.values.get(name)
        if source.replicas is not None and each is not None and len(each):
            known = np.where(np.isfinite(each), each, np.nan)
            some = np.isfinite(known).any(axis=1)
            steps, known = source.replicas.steps[some], known[some]
            y, low, high = np.nanmedian(known, axis=1), np.nanmin(known, axis=1), np.nanmax(known, axis=1)
        scale = metric_named(source.run.metric).scale if what == "score" else 1.0
        y, low, high = y * scale, None if low is None else low * scale, None if high is None else high * scale
    if not np.isfinite(y).any():
        return None
    return OverlaidCurve("", source.progress.at(steps, by), y, low, high)


def _over_runs(curves: Sequence[OverlaidCurve]) -> OverlaidCurve:
    """Median, lowest and highest over runs at common positions, of those runs that have reached them."""
    every = np.unique(np.concatenate([curve.x[np.isfinite(curve.x)] for curve in curves]))
    x = every if len(every) <= _GRID else np.linspace(every[0], every[-1], _GRID)

    def laid(curve: OverlaidCurve, values: Values | None) -> Values:
        values = curve.y if values is None else values
        known = np.isfinite(curve.x) & np.isfinite(values)
        if not known.any():
            return np.full(len(x), np.nan)
        return np.interp(x, curve.x[known], values[known], left=np.nan, right=np.nan)

    y = np.stack([laid(c, None) for c in curves])
    low, high = (np.stack([laid(c, getattr(c, end)) for c in curves]) for end in ("low", "high"))
    some = np.isfinite(y).any(axis=0)
    x, y, low, high = x[some], y[:, some], low[:, some], high[:, some]
    return OverlaidCurve("", x, np.nanmedian(y, axis=0), np.nanmin(low, axis=0), np.nanmax(high, axis=0))


def shared_split(entries: Sequence[Entry]) -> str | None:
    """The split on which scores are compared: the first of test, validation and training that all with a score have."""
    scored = [run for entry in entries for run in entry.runs if run.metrics]
    return next(
        (s for s in labels.SCORED if scored and all(f"{s}_{run.metric}" in run.metrics for run in scored)), None
    )


def score_title(entries: Sequence[Entry], split: str) -> str:
    """The name of the score: "test MAE", with its unit."""
    metric = next((run.metric for entry in entries for run in entry.runs if run.metric), "")
    words = metric_named(metric)
    title = {"val": "validation", "train": "training"}.get(split, split)
    return f"{title} {words.short}" + (" (%)" if words.share else "")


def seed_scores(store: Store, entry: Entry, split: str) -> dict[int, float]:
    """The main score of the chosen weights on a split by seed, of the runs that have ended with one."""
    scores: dict[int, float] = {}
    for run in entry.runs:
        name, first = f"{split}_{run.metric}", run.experiment.training.seed
        if name not in run.metrics:
            continue
        if run.outline.replicas == 1:
            scores[first] = run.metrics[name]
            continue
        last = store.events(run.id, kinds=("finished",), newest=1)
        each = next((e.event.replicas.get(name, []) for e in last if isinstance(e.event, Finished)), [])
        scores |= {first + number: value for number, value in enumerate(each)}
    return scores


def shown_scores(store: Store, entry: Entry, split: str | None) -> list[float]:
    """The known ones of `seed_scores`, shares in percent; none without a split."""
    scale = metric_named(entry.runs[0].metric).scale
    scores = seed_scores(store, entry, split) if split else {}
    return [scale * score for score in scores.values() if math.isfinite(score)]


def seed_tests(store: Store, entries: Sequence[Entry]) -> list[PairedTest]:
    """The paired test of every two comparable entries of which one has several seeds, on the split that they share."""
    split = shared_split(entries)
    if split is None or not any(entry.seeds > 1 for entry in entries):
        return []
    metric = next(run.metric for entry in entries for run in entry.runs if run.metrics)
    scores = {entry.place: seed_scores(store, entry, split) for entry in entries}
    return [
        paired_test(
            (a.title, scores[a.place]), (b.title, scores[b.place]), metric=metric,
            split={"val": "validation", "train": "training"}.get(split, split),
        )
        for a, b in combinations(entries, 2)
    ]  # fmt: skip


def tradeoff_view(entries: Sequence[Entry], store: Store, *, cost: str | None = None) -> TradeoffView:
    """The score of comparable entries against "seconds" of training (of one run) or "parameters"."""
    split = shared_split(entries) or "val"
    metric = next((run.metric for entry in entries for run in entry.runs if run.metric), "")
    words = metric_named(metric)
    points = []
    for entry in entries:
        scores = shown_scores(store, entry, split)
        if not scores:
            continue
        x = fmean(run.seconds for run in entry.runs) if cost == "seconds" else float(entry.parameters or math.nan)
        low, high = (min(scores), max(scores)) if len(scores) > 1 else (None, None)
        points.append(TradeoffPoint(entry.title, x, float(np.median(scores)), low, high, entry.place))
    x_title = "training time (s)" if cost == "seconds" else "parameters"
    name = score_title(entries, split)
    title = f"{name[:1].upper()}{name[1:]} against {'training time' if cost == 'seconds' else 'parameters'}"
    return TradeoffView(tuple(points), x_title, name, words.higher_is_better, title)
