"""Labels of a run: title, architecture with sizes, status, scores and age."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import NamedTuple

from seqcore.data.sources import SOURCES
from seqcore.data.splits import SPLIT_TITLES
from seqcore.errors import SeqcoreError
from seqcore.experiment.recipes import load_recipe
from seqcore.models import MODELS
from seqcore.plots.scores import ScoresInfo, scores_info
from seqcore.registry import task_trait
from seqcore.results.formatting import counted
from seqcore.runs.records import Run

__all__ = [
    "SPLITS", "STATUSES", "StatusLabel", "ago", "label", "network", "scored_split", "scores", "skill_ratio", "title",
    "trained_on", "weights",
]  # fmt: skip

SPLITS = {split: SPLIT_TITLES[split] for split in ("test", "val", "train")}
"""The splits with their names; the score on the first that a run has is the one that counts."""


class StatusLabel(NamedTuple):
    """A status as it is shown: its word, the colour of its badge, and its icon."""

    word: str
    colour: str
    icon: str


STATUSES: dict[str, StatusLabel] = {
    "queued": StatusLabel("queued", "gray", ":material/hourglass_empty:"),
    "running": StatusLabel("running", "blue", ":material/play_arrow:"),
    "paused": StatusLabel("paused", "orange", ":material/pause:"),
    "completed": StatusLabel("completed", "green", ":material/check:"),
    "stopped": StatusLabel("stopped", "gray", ":material/stop:"),
    "failed": StatusLabel("failed", "red", ":material/error:"),
    "damaged": StatusLabel("damaged", "red", ":material/broken_image:"),
    "interrupted": StatusLabel("interrupted", "orange", ":material/power_off:"),
}


def title(run: Run) -> str:
    """The recipe's title, the name of the user's file, or the source's title. Not escaped."""
    if run.recipe:
        try:
            return load_recipe(run.recipe.partition("@")[0]).title
        except SeqcoreError:
            return run.recipe  # a recipe that this version no longer has
    return run.outline.name or SOURCES[run.outline.source].title


def network(run: Run) -> str:
    """The architecture with its sizes: "LSTM 32", "GRU 2 × 64"."""
    model = run.outline
    layers = f"{model.num_layers} × " if model.num_layers > 1 else ""
    return f"{MODELS[model.architecture].title} {layers}{model.hidden_size}"


def trained_on(run: Run) -> str:
    """Window and horizon ("20 steps to 1") or "whole sequences", and whether no data were held back."""
    data = run.outline
    text = "whole sequences" if task_trait(data.task, "whole") else f"{counted(data.window, 'step')} to {data.horizon}"
    return text + (", on all data" if data.on_all_data else "")


def weights(run: Run, epoch: int, step: int) -> str:
    """Which weights are used: "best weights from epoch 3 of 60", or "weights of step 40" before the first epoch."""
    if not epoch:
        return f"weights of step {step:,}"
    chosen = "best weights" if run.experiment.data.validation_fraction else "weights"  # else nothing could choose
    return f"{chosen} from epoch {epoch:,} of {max(epoch, run.epochs):,}"


def label(run: Run, now: datetime | None = None) -> str:
    """One line for a list of choices: title, architecture, status, age and id. Not escaped."""
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


def scored_split(run: Run) -> str | None:
    """The split whose score counts among those that the run has: "test", else "val", else "train"."""
    return next((split for split in SPLITS if f"{split}_{run.metric}" in run.metrics), None)


def scores(run: Run, split: str = "") -> ScoresInfo:
    """The run's main metric and its baselines', on a split: by default the one whose score counts."""
    split = split or scored_split(run) or "val"
    return scores_info(run.metrics, run.baselines, metric=run.metric, part=split, reference=run.reference_baseline)


def skill_ratio(run: Run) -> float:
    """By which factor a run is better than its reference baseline, to sort runs by; 0 if unknown."""
    info = scores(run)
    base = info.reference_score
    if info.model is None or base is None:
        return 0.0
    ratio = (info.model, base.value) if info.words.higher_is_better else (base.value, info.model)
    return ratio[0] / ratio[1] if ratio[1] else float("inf")
