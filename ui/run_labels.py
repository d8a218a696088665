"""Labels of a run: title, architecture with sizes, status, scores and age."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import NamedTuple

import streamlit as st

from seqcore.data.splits import SPLIT_TITLES
from seqcore.events import Changed, Finished
from seqcore.registry import task_trait
from seqcore.results.formatting import counted
from seqcore.results.scores import ScoresInfo, scores_info
from seqcore.runs import labels
from seqcore.runs.records import Run
from ui import session

__all__ = [
    "SPLITS", "STATUSES", "StatusLabel", "ago", "fork_of", "label", "network", "origin", "replica_scores",
    "scored_split", "scores", "title", "trained_on", "weights",
]  # fmt: skip

SPLITS = {split: SPLIT_TITLES[split] for split in labels.SCORED}
"""The splits with their names; the score on the first that a run has is the one that counts."""
MOST_CHANGED = 3  # fields that are named


class StatusLabel(NamedTuple):
    """A status as it is shown: its word, the color of its badge, and its icon."""

    word: str
    color: str
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
    return labels.title(run.recipe, run.outline)


def network(run: Run) -> str:
    """The architecture with its sizes, and the number of seeds: "LSTM 32", "GRU 2 × 64", "LSTM 32, 8 seeds"."""
    return labels.network(run.outline)


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


def origin(run: Run) -> str:
    """What tells a run from others of the same experiment: "fork of 1a2b3c4d at step 100, changed epochs", or ""."""
    fork = fork_of(run)
    changed = _changed(run.id, run.attempt, run.step) if run.step else ()
    more = f" and {len(changed) - MOST_CHANGED} more" if len(changed) > MOST_CHANGED else ""
    return ", ".join(filter(None, (fork, f"changed {', '.join(changed[:MOST_CHANGED])}{more}" if changed else "")))


def fork_of(run: Run) -> str:
    """The run and step that a fork comes from; empty for other runs."""
    return "" if run.parent is None else f"fork of {labels.short_id(run.parent)} at step {run.parent_step or 0:,}"


@st.cache_data(show_spinner=False, max_entries=1000)
def _changed(run: str, attempt: int, step: int) -> tuple[str, ...]:
    """The fields that were changed in mid-run. `attempt` and `step` are part of the cache's key."""
    events = session.store().events(run, kinds=("changed",), newest=20)
    paths = [path for stored in events if isinstance(stored.event, Changed) for path in stored.event.changes]
    return tuple(dict.fromkeys(path.rpartition(".")[2].replace("_", " ") for path in paths))


def label(run: Run, now: datetime | None = None) -> str:
    """One line for a list of choices: title, architecture, status, age and id. Not escaped."""
    age, short = ago(run.created, now), labels.short_id(run.id)
    parts = (title(run), network(run), fork_of(run), STATUSES[run.status].word, age, short)
    return " · ".join(filter(None, parts))


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
    return labels.scored_split(run.metrics, run.metric)


def scores(run: Run, split: str = "") -> ScoresInfo:
    """The run's main metric and its baselines', on a split: by default the one whose score counts."""
    split = split or scored_split(run) or "val"
    return scores_info(
        run.metrics, run.baselines, metric=run.metric, part=split, reference=run.reference_baseline,
        replicas=replica_scores(run),
    )  # fmt: skip


def replica_scores(run: Run) -> dict[str, list[float]]:
    """The metrics of each seed of a run that has ended, [K] by name; empty for a single model."""
    if run.outline.replicas < 2 or not run.metrics:
        return {}
    return _replica_scores(run.id, run.attempt, run.step)


@st.cache_data(show_spinner=False, max_entries=1000)
def _replica_scores(run: str, attempt: int, step: int) -> dict[str, list[float]]:
    """`attempt` and `step` are part of the cache's key."""
    last = session.store().events(run, kinds=("finished",), newest=1)
    return next((stored.event.replicas for stored in last if isinstance(stored.event, Finished)), {})
