"""Comparing experiments: what differs, whether scores can be compared, a common axis, and predictions side by side."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqcore.errors import PredictionError, SeqcoreError, did_you_mean
from seqcore.experiment.experiment import Experiment, flat, settings_of
from seqcore.experiment.fields import Setting
from seqcore.results import FramesView, LabelsView, SeriesView, SymbolsView, TextView, TranslationView, View
from seqcore.results.answers import AnswersView
from seqcore.results.predictions import PredictionsView, VideosView
from seqcore.results.spacing import join_sentence

__all__ = [
    "AXES", "HARMLESS", "Axis", "Difference", "Progress", "axis_named", "comparable_sets", "differences",
    "same_but_seeds", "same_loss", "short_titles", "side_by_side", "written",
]  # fmt: skip

Values = NDArray[np.float64]
ABSENT = "–"
"""In place of a value: the field does not apply to this experiment."""

HARMLESS = ("data.scaling", "data.inputs", "data.calendar")
"""Fields of the data section that change neither what is scored nor its unit."""
_LOSS = ("data.scaling", "data.burn_in", "training.loss", "training.class_weights")
"""Fields that change the unit or the terms of the loss, which is in scaled units."""
_SEEDS = ("training.seed", "training.replicas")


@dataclass(frozen=True)
class Difference:
    """A field in which experiments differ, with the value in each of them, in order; `ABSENT` where it has none."""

    path: str
    title: str
    values: tuple[Any, ...]

    @property
    def texts(self) -> tuple[str, ...]:
        """The values for people."""
        return tuple(written(value) for value in self.values)


def written(value: Any) -> str:
    """A value of a field as text."""
    if value is None or value in ([], (), ""):
        return "empty"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return str(value)


def differences(experiments: Sequence[Experiment], *, leave_out: Sequence[str] = ()) -> list[Difference]:
    """The fields in which some of the experiments differ, in the order of forms, and nothing else.

    A field that does not apply to an experiment, as the momentum of Adam, has no value in it; where all others have its
    default, it follows from another difference and is left out.
    """
    every: dict[str, Setting] = {}
    known: list[dict[str, Any]] = []
    for experiment in experiments:
        settings = {setting.path: setting for setting in settings_of(experiment) if experiment.applies(setting)}
        every |= {path: setting for path, setting in settings.items() if path not in every}
        fields = flat(experiment.to_dict())
        known.append({path: _titled(settings[path], value) for path, value in fields.items() if path in settings})
    found = []
    for path, setting in every.items():
        values = tuple(one.get(path, ABSENT) for one in known)
        if path in leave_out or all(value == values[0] for value in values):
            continue
        # A field that only some have and that is at its default follows from another choice, such as the architecture.
        implied = ABSENT in values and all(value in (ABSENT, _titled(setting, setting.default)) for value in values)
        if not implied:
            found.append(Difference(path, setting.title, values))
    return found


def _titled(setting: Setting, value: Any) -> Any:
    return next((choice.title for choice in setting.choices if choice.value == value), value)


def comparable_sets(experiments: Sequence[Experiment]) -> list[list[int]]:
    """The experiments whose scores can be compared, as sets of their places: same task, data, splits and targets.

    A score in original units on the same split of the same data has the same meaning whatever the model, the scaling,
    the input columns and the training are. Anything else in the data section makes another problem.
    """
    sets: dict[str, list[int]] = {}
    for place, experiment in enumerate(experiments):
        sets.setdefault(_problem(experiment), []).append(place)
    return list(sets.values())


def _problem(experiment: Experiment) -> str:
    """What is scored: equal for experiments whose scores can be compared."""
    values = flat(experiment.to_dict())
    applying = {setting.path for setting in settings_of(experiment) if experiment.applies(setting)}
    kept = {
        path: value
        for path, value in values.items()
        if path.startswith("data.") and path in applying and path not in HARMLESS and path != "data.options.name"
    }
    return repr(sorted(kept.items(), key=lambda item: item[0]))


def same_loss(experiments: Sequence[Experiment]) -> bool:
    """Whether the losses of comparable experiments are in the same unit: same scaling, loss and weights."""
    if len(experiments) > 1 and any(experiment.data.scaling == "auto" for experiment in experiments):
        return False  # each run chooses its own
    kinds = {tuple(written(experiment.get(path)) for path in _LOSS) for experiment in experiments}
    return len(kinds) <= 1 and len(comparable_sets(experiments)) <= 1


def same_but_seeds(experiment: Experiment) -> str:
    """Equal for experiments that differ in their seeds alone."""
    kept = {path: value for path, value in flat(experiment.to_dict()).items() if path not in _SEEDS}
    return repr(sorted(kept.items(), key=lambda item: item[0]))


def short_titles(experiments: Sequence[Experiment], names: Sequence[str]) -> list[str]:
    """What each experiment is called among the others: what differs, "GRU" or "GRU, learning rate 0.01"; else its name.

    `names` are unique; they are added where what differs does not tell two of them apart.
    """
    found = differences(experiments, leave_out=_SEEDS)
    if any(d.path == "model.architecture" for d in found):  # which says enough: its options are another's or defaults
        found = [d for d in found if not d.path.startswith("model.options.")]
    if len(experiments) < 2 or not found or len(found) > 3:
        titles = list(names)
    else:
        titles = [", ".join(filter(None, (_named(d, d.values[place]) for d in found))) for place in range(len(names))]
    return [
        title if title and titles.count(title) == 1 else f"{title}, {name}" if title and title != name else name
        for title, name in zip(titles, names, strict=True)
    ]


def _named(difference: Difference, value: Any) -> str:
    if value == ABSENT:
        return ""
    if isinstance(value, str) and difference.path in ("model.architecture", "training.optimizer", "data.source"):
        return value
    return f"{difference.title[:1].lower()}{difference.title[1:]} {written(value)}"


@dataclass(frozen=True)
class Axis:
    """A horizontal axis of curves: its name, title with unit, and how its positions follow from steps."""

    name: str
    title: str
    help: str
    approximate: bool = False  # positions within an epoch are interpolated
    plural: str = ""  # the title within a sentence, where it is another

    @property
    def over(self) -> str:
        """The axis within a sentence: "MAE over training steps"."""
        return self.plural or self.title


AXES: dict[str, Axis] = {
    "step": Axis("step", "training step", "Training steps: one for each batch.", plural="training steps"),
    "epoch": Axis("epoch", "epoch", "Passes over the training split. Within an epoch interpolated.", True, "epochs"),
    "examples": Axis(
        "examples", "training examples seen",
        "Windows, sequences or sentences seen in training: epochs times those of the training split. Within an epoch "
        "interpolated.", True,
    ),
    "seconds": Axis(
        "seconds", "training time (s)",
        "Seconds of training and validation, known at the end of each epoch and interpolated within it; without "
        "loading the data and the final scores.", True,
    ),
}  # fmt: skip
"""The axes by name."""


def axis_named(name: str) -> Axis:
    """An axis. SeqcoreError if there is none of this name."""
    if name not in AXES:
        raise SeqcoreError(f"there is no axis {name!r}{did_you_mean(name, AXES)}")
    return AXES[name]


@dataclass(frozen=True)
class Progress:
    """Where the epochs of a run ended: `steps[n]`, `epochs[n]` and the training time `seconds[n]` since its start.

    `examples` are the windows (sequences, sentences) of an epoch, 0 if not known; `steps_per_epoch` as at the start.
    """

    steps: NDArray[np.int64]
    epochs: NDArray[np.int64]
    seconds: Values
    examples: int = 0
    steps_per_epoch: int = 0

    def at(self, steps: NDArray[Any], axis: str) -> Values:
        """The positions of steps on an axis, [n]: interpolated within epochs. NaN where they are not known.

        After the last completed epoch, epochs and examples go on at the first epochs' pace; the time goes on at the
        pace of the last epoch.
        """
        steps = np.asarray(steps, dtype=np.float64)
        if axis == "step":
            return steps
        if axis == "seconds":
            return _interpolated(steps, self.steps, self.seconds, self._last_pace())
        per_step = 1 / self.steps_per_epoch if self.steps_per_epoch else math.nan
        epochs = _interpolated(steps, self.steps, self.epochs.astype(np.float64), per_step)
        return epochs if axis == "epoch" else epochs * (self.examples or math.nan)

    def _last_pace(self) -> float:
        """Seconds per step of the last epoch."""
        if not len(self.steps):
            return math.nan
        before = (self.steps[-2], self.seconds[-2]) if len(self.steps) > 1 else (0, 0.0)
        return float(self.seconds[-1] - before[1]) / max(1, int(self.steps[-1] - before[0]))


def _interpolated(steps: Values, known: NDArray[Any], values: Values, pace: float) -> Values:
    """Values at steps, from those at the known steps and 0 at step 0; beyond the last one they grow by `pace`."""
    ends, positions = np.concatenate([[0.0], known]), np.concatenate([[0.0], values])
    beyond = np.maximum(steps - ends[-1], 0.0)
    with np.errstate(invalid="ignore"):
        further = np.where(beyond > 0, beyond * pace, 0.0)
    result: Values = np.interp(steps, ends, positions) + further
    return result


def side_by_side(titles: Sequence[str], views: Sequence[View], *, rows: int = 160, start: int = 0) -> View:
    """The predictions of several models for the same examples in one view, beside the truth.

    `views` are what the models' `evaluate` gives for the same split of the same data. Of values over time, `rows` rows
    from the `start`th common one on. PredictionError with the reason where the views can't be shown together.
    """
    if not views:
        raise PredictionError("there is no prediction to compare")
    first = views[0]
    kinds = {type(view) for view in views}
    if len(kinds) > 1:
        names = ", ".join(f"{title}: {view.kind}" for title, view in zip(titles, views, strict=True))
        raise PredictionError(f"these models give different kinds of results ({names}); compare models of one task")
    for kind, merge in _MERGES.items():
        if isinstance(first, kind):
            view: View = merge(tuple(titles), views, rows, start)
            return view
    raise PredictionError(f"predictions of the kind {first.kind!r} can't be shown side by side; see Predict")


def _series(titles: tuple[str, ...], views: Sequence[SeriesView], rows: int, start: int) -> PredictionsView:
    columns = views[0].columns
    if any(view.columns != columns for view in views):
        raise PredictionError("these models predict different columns; compare models with the same data.target")
    known = [_known_rows(view) for view in views]
    common = known[0][0]
    for x, _ in known[1:]:
        common = np.intersect1d(common, x)
    if not len(common):
        raise PredictionError("these models predict no common row of this split; compare models with equal windows")
    start = max(0, min(start, len(common) - 1))
    shown = common[start : start + rows]
    predictions, truth = [], None
    for view, (x, places) in zip(views, known, strict=True):
        own = places[np.searchsorted(x, shown)]
        predictions.append(view.prediction[own])
        truth = view.truth[own] if truth is None and view.truth is not None else truth
    return PredictionsView(
        x=shown,
        models=titles,
        predictions=np.stack(predictions),
        truth=np.full(predictions[0].shape, np.nan) if truth is None else truth,
        columns=columns,
        x_title=views[0].x_title,
        of=len(common),
    )


def _known_rows(view: SeriesView) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """The sorted positions of a view that have a prediction, each once, and their places in it."""
    there = np.flatnonzero(np.isfinite(view.prediction).any(axis=1))
    x, index = np.unique(view.x[there], return_index=True)
    return x, there[index]


def _frames(titles: tuple[str, ...], views: Sequence[FramesView], rows: int, start: int) -> VideosView:
    shape = views[0].prediction.shape[1:]
    if any(view.prediction.shape[1:] != shape for view in views):
        raise PredictionError("these models predict frames of different sizes; compare models of the same data")
    count = min(len(view.prediction) for view in views)
    truth = views[0].truth
    return VideosView(
        models=titles,
        predictions=np.stack([view.prediction[:count] for view in views]),
        truth=None if truth is None else truth[:count],
    )


def _labels(titles: tuple[str, ...], views: Sequence[LabelsView], rows: int, start: int) -> AnswersView:
    places = [
        {name: place for place, name in enumerate(view.names or map(str, range(1, 1 + len(view.probabilities))))}
        for view in views
    ]
    names = [name for name in places[0] if all(name in other for other in places[1:])]
    _check_common(names)
    answers, notes = [], []
    for name in names[start : start + rows]:
        of = [(view, place[name]) for view, place in zip(views, places, strict=True)]
        answers.append(tuple(view.predictions[i] for view, i in of))
        notes.append(tuple(f"{100 * view.probabilities[i].max():.0f}%" for view, i in of))
    truths = [views[0].truth[places[0][name]] if views[0].truth else None for name in names[start : start + rows]]
    texts = [views[0].texts[places[0][name]] if views[0].texts else name for name in names[start : start + rows]]
    return AnswersView(titles, tuple(texts), tuple(truths), tuple(answers), tuple(notes), item="sequence")


def _symbols(titles: tuple[str, ...], views: Sequence[SymbolsView], rows: int, start: int) -> AnswersView:
    places = [{context: place for place, context in enumerate(view.contexts)} for view in views]
    contexts = [context for context in places[0] if all(context in other for other in places[1:])]
    _check_common(contexts)
    shown = contexts[start : start + rows]
    of = [[(view, place[context]) for view, place in zip(views, places, strict=True)] for context in shown]
    return AnswersView(
        titles,
        tuple(views[0].separator.join(context) for context in shown),
        tuple(views[0].truth[places[0][context]] if views[0].truth else None for context in shown),
        tuple(tuple(view.predictions[i] for view, i in each) for each in of),
        tuple(tuple(f"{100 * view.probabilities[i].max():.0f}%" for view, i in each) for each in of),
        item="context",
    )


def _texts(titles: tuple[str, ...], views: Sequence[TextView], rows: int, start: int) -> AnswersView:
    if len({view.prompt for view in views}) > 1:
        raise PredictionError("these models were given different prompts; compare models with the same splits")
    answers = (tuple(view.text for view in views),)
    return AnswersView(titles, (views[0].prompt,), (views[0].truth,), answers, item="prompt", exact=False)


def _translations(titles: tuple[str, ...], views: Sequence[TranslationView], rows: int, start: int) -> AnswersView:
    places = [{s.source: s for s in view.sentences} for view in views]
    sources = [source for source in places[0] if all(source in other for other in places[1:])]
    _check_common(sources)
    shown = sources[start : start + rows]
    return AnswersView(
        titles,
        tuple(map(join_sentence, shown)),
        tuple(None if (truth := places[0][source].truth) is None else join_sentence(truth) for source in shown),
        tuple(tuple(place[source].written for place in places) for source in shown),
        item="sentence",
    )


def _check_common(items: Sequence[Any]) -> None:
    if not items:
        raise PredictionError("these models have no common example in this split; compare models of the same data")


_MERGES: Mapping[type[View], Any] = {
    SeriesView: _series,
    FramesView: _frames,
    LabelsView: _labels,
    SymbolsView: _symbols,
    TextView: _texts,
    TranslationView: _translations,
}
