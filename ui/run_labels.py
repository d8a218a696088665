"""A run in words: its title, what it is, how it stands, and how long ago."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import NamedTuple

from seqcore.data.sources import SOURCES
from seqcore.errors import SeqcoreError
from seqcore.experiment.recipes import load_recipe
from seqcore.models import MODELS
from seqcore.plots import ScoresInfo, scores_info
from seqcore.runs.store import Run
from seqcore.tasks import TASKS

__all__ = [
    "STATUSES",
    "StatusWord",
    "ago",
    "best_part",
    "counted",
    "label",
    "network",
    "scores",
    "title",
    "trained_on",
    "weights",
]

PARTS = {"test": "test part", "val": "validation part", "train": "training part"}


class StatusWord(NamedTuple):
    """A status as it is shown: its word, the colour of its badge, its icon."""

    word: str
    colour: str
    icon: str


STATUSES: dict[str, StatusWord] = {
    "queued": StatusWord("queued", "gray", ":material/hourglass_empty:"),
    "running": StatusWord("running", "blue", ":material/play_arrow:"),
    "paused": StatusWord("paused", "orange", ":material/pause:"),
    "completed": StatusWord("completed", "green", ":material/check:"),
    "stopped": StatusWord("stopped", "gray", ":material/stop:"),
    "failed": StatusWord("failed", "red", ":material/error:"),
    "interrupted": StatusWord("interrupted", "orange", ":material/power_off:"),
}


def title(run: Run) -> str:
    """The recipe's title, the name of the user's file, or the source's title. Not escaped."""
    if run.recipe:
        try:
            return load_recipe(run.recipe.partition("@")[0]).title
        except SeqcoreError:
            return run.recipe  # a recipe that this version no longer has
    data = run.experiment.data
    return str(data.options.get("name") or SOURCES[data.source].title)


def counted(count: int, word: str) -> str:
    """A number with its word: "1 step", "1,200 steps"."""
    return f"{count:,} {word}{'s' * (count != 1)}"


def network(run: Run) -> str:
    """The architecture with its sizes: "LSTM 32", "GRU 2 x 64"."""
    model = run.experiment.model
    layers = f"{model.num_layers} × " if model.num_layers > 1 else ""
    return f"{MODELS[model.architecture].title} {layers}{model.hidden_size}"


def trained_on(run: Run) -> str:
    """What the model sees and predicts: "20 steps to 1" or "whole sequences", and whether nothing was held back."""
    data = run.experiment.data
    whole = TASKS[data.task].traits.get("whole", False)
    text = "whole sequences" if whole else f"{counted(data.window, 'step')} to {data.horizon}"
    return text + (", on all data" if data.validation_fraction == data.test_fraction == 0 else "")


def weights(run: Run, epoch: int, step: int) -> str:
    """Which weights are used: "best weights from epoch 3 of 60", or those of a step where no epoch was done."""
    if not epoch:
        return f"weights of step {step:,}"
    chosen = "best weights" if run.experiment.data.validation_fraction else "weights"  # else nothing could choose
    return f"{chosen} from epoch {epoch:,} of {max(epoch, run.epochs):,}"


def label(run: Run, now: datetime | None = None) -> str:
    """One line to choose by: title, network, status and age. Not escaped."""
    return f"{title(run)} · {network(run)} · {STATUSES[run.status].word} · {ago(run.created, now)} · {run.id[:8]}"


def ago(when: datetime, now: datetime | None = None) -> str:
    """A short text: "just now", "5 min ago", "3 h ago", then the date (UTC)."""
    seconds = ((now or datetime.now(UTC)) - when).total_seconds()
    if seconds < 60:
        return "just now"
    if seconds < 3600:
        return f"{int(seconds // 60)} min ago"
    if seconds < 86_400:
        return f"{int(seconds // 3600)} h ago"
    return f"{when:%d %b %Y}"


def best_part(run: Run) -> str | None:
    """The part whose score counts most among those that the run has: "test", "val" or "train"."""
    return next((part for part in PARTS if f"{part}_{run.metric}" in run.metrics), None)


def scores(run: Run, split: str = "") -> ScoresInfo:
    """The run's main metric beside its baselines', on a split: by default the one that counts most."""
    part = split or best_part(run) or "val"
    return scores_info(run.metrics, run.baselines, metric=run.metric, part=part, reference=run.reference_baseline)


def merit(run: Run) -> float:
    """How many times better than its reference baseline a run is, for putting runs in order; 0 where it isn't known."""
    info = scores(run)
    base = info.reference_score
    if info.model is None or base is None:
        return 0.0
    ratio = (info.model, base.value) if info.higher_is_better else (base.value, info.model)
    return ratio[0] / ratio[1] if ratio[1] else float("inf")
