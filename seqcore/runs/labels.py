"""How a run is called, and how much better it is than its reference baseline: what lists are searched and sorted by."""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Mapping
from typing import Any

from seqcore.data.sources import SOURCES
from seqcore.errors import SeqcoreError
from seqcore.events import Metrics
from seqcore.experiment.outline import Outline
from seqcore.experiment.recipes import load_recipe
from seqcore.models import MODELS
from seqcore.results.metrics import metric_named
from seqcore.results.scores import FINER, NOTHING

__all__ = ["SCORED", "SHORT_ID", "list_columns", "network", "scored_split", "short_id", "skill", "title"]

SCORED = ("test", "val", "train")
"""The splits; the score on the first that a run has is the one that counts."""
SHORT_ID = 8  # characters of an id


def short_id(run: str) -> str:
    """The first characters of a run's id; commands and links take them where no other run begins alike."""
    return run[:SHORT_ID]


def title(recipe: str | None, outline: Outline) -> str:
    """The recipe's title, the name of the user's file, or the source's title. Not escaped."""
    if recipe:
        try:
            return load_recipe(recipe.partition("@")[0]).title
        except SeqcoreError:
            return recipe  # a recipe that this version no longer has
    return outline.name or SOURCES[outline.source].title


def network(outline: Outline) -> str:
    """The architecture with its sizes, and the number of seeds: "LSTM 32", "GRU 2 × 64", "LSTM 32, 8 seeds"."""
    layers = f"{outline.num_layers} × " if outline.num_layers > 1 else ""
    seeds = f", {outline.replicas} seeds" if outline.replicas > 1 else ""
    return f"{MODELS[outline.architecture].title} {layers}{outline.hidden_size}{seeds}"


def scored_split(metrics: Metrics, metric: str) -> str | None:
    """The split whose score counts among those with a score."""
    return next((split for split in SCORED if f"{split}_{metric}" in metrics), None)


def skill(metrics: Metrics, baselines: Mapping[str, Metrics], *, metric: str, reference: str) -> float:
    """By which factor a run is better than its reference baseline, else than its best one; 0 where it is not known.

    A score on the training data is no skill.
    """
    split = scored_split(metrics, metric) or "val"
    if split == "train":
        return 0.0
    scores, direction = _scores(metrics, baselines, f"{split}_{metric}"), metric_named(metric)
    nothing = NOTHING / 100 if direction.share else NOTHING
    if direction.higher_is_better and len(scores) > 1 and all(0 <= score < nothing for score in scores.values()):
        finer = _scores(metrics, baselines, f"{split}_{FINER.get(metric, metric)}")
        if len(finer) == len(baselines) + 1:
            scores, direction = finer, metric_named(FINER.get(metric, metric))
    known = {name: score for name, score in scores.items() if math.isfinite(score)}
    model = known.pop("", None)
    if model is None or not known:
        return 0.0
    best = max if direction.higher_is_better else min
    base = known.get(reference, best(known.values()))
    above, below = (model, base) if direction.higher_is_better else (base, model)
    ratio = above / below if below else math.inf
    return 0.0 if math.isnan(ratio) else ratio


def _scores(metrics: Metrics, baselines: Mapping[str, Metrics], key: str) -> dict[str, float]:
    """The scores that there are, by the name of the baseline; "" is the model."""
    found = {"": metrics, **baselines}
    return {name: float(values[key]) for name, values in found.items() if key in values}


def list_columns(row: Mapping[str, Any]) -> dict[str, Any]:
    """The columns of a run's row that lists are searched and sorted by; those of a damaged row are empty."""
    columns: dict[str, Any] = {"title": "", "words": str(row["id"]).lower(), "skill": 0.0}
    with contextlib.suppress(ValueError, KeyError, TypeError, AttributeError, ArithmeticError, SeqcoreError):
        outline = Outline.of_json(row["experiment"])
        name = title(row["recipe"], outline)
        words = (name, network(outline), row["owner"] or "", row["id"])
        columns |= {"title": name.lower(), "words": " · ".join(words).lower()}
        scores = [json.loads(row[column] or "{}") for column in ("metrics", "baselines")]
        columns["skill"] = skill(*scores, metric=row["metric"] or "", reference=row["headline"] or "")
    return columns
