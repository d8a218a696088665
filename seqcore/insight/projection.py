"""Principal components of the path of a state."""

from __future__ import annotations

import numpy as np

from seqcore.errors import PredictionError, no_number
from seqcore.results.internals import InternalsView
from seqcore.results.projection import ProjectionView

__all__ = ["projection"]

COMPONENTS = 3


def projection(
    internals: InternalsView,
    *,
    layer: int = 0,
    name: str = "hidden_state",
    components: int = COMPONENTS,
    like: ProjectionView | None = None,
) -> ProjectionView:
    """The steps of a state along its first principal components, of which there may be fewer than asked for.

    The sign of a component is such that its largest weight is positive or, with `like`, that it points as there: then
    pictures of consecutive snapshots do not flip. PredictionError for a name or layer that there is not.
    """
    if name not in internals.arrays:
        known = ", ".join(internals.names)
        reason = f"use one of {known}" if known else internals.missing.get(name, "there are no states")
        raise PredictionError(f"name: this model shows no {name[:60]!r}; {reason}")
    if not 0 <= layer < len(internals.layer_titles):
        raise no_number("layer", layer, len(internals.layer_titles))
    values = internals.values(name, layer)
    known_steps = np.flatnonzero(np.isfinite(values).all(axis=1))
    if not len(known_steps):
        raise PredictionError("projection: the states of this step are not finite; choose an earlier step")
    values = values[known_steps]
    mean = values.mean(axis=0)
    _, sizes, directions = np.linalg.svd(values - mean, full_matrices=False)
    directions = directions[:components]
    largest = directions[np.arange(len(directions)), np.abs(directions).argmax(axis=1)]
    signs = np.where(largest < 0, -1.0, 1.0)
    if like is not None and like.directions.shape == directions.shape:
        signs = np.where((like.directions * directions).sum(axis=1) < 0, -1.0, 1.0)
    directions = directions * signs[:, None]
    variance = sizes**2
    total = variance.sum()
    return ProjectionView(
        points=(values - mean) @ directions.T,
        explained=variance[:components] / total if total > 0 else np.zeros(len(directions)),
        directions=directions,
        mean=mean,
        numbers=tuple(known_steps.tolist()),
        steps=tuple(internals.steps[i] for i in known_steps.tolist()),
        name=name,
        layer_title=internals.layer_titles[layer],
        model_step=internals.model_step,
        title=internals.title,
    )
