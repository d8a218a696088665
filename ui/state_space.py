"""The path of the hidden state in its principal components, linked with the other pictures."""

from __future__ import annotations

from typing import Any

import numpy as np
import streamlit as st

from seqcore.results.formatting import counted
from seqcore.results.internals import InternalsView
from seqcore.results.projection import ProjectionView
from ui.assets import asset
from ui.inspect_context import Inspected
from ui.session import escape

__all__ = ["state_space", "state_space_data"]

NAMES = ("hidden_state", "cell_state")  # what is projected: the first that a model has
MOST_POINTS = 3_000  # of a path; of more, every second or third step


_component = st.components.v2.component(
    "sequence_lab_state_space",
    html=asset("state_space.html"),
    css=asset("inspect_canvas.css"),
    js=asset("dom.js", "selection.js", "inspect_canvas.js", "state_space.js"),
    isolate_styles=False,
)


def state_space(inspected: Inspected) -> None:
    """Draw the path of the layer that is selected; a click on a point selects its step in every picture."""
    if inspected.internals is None or not inspected.internals.names:
        st.info(escape(inspected.refusal or "This model has no states, so there is no path to draw."))
        return
    if len(inspected.internals.steps) < 2:
        st.info("This example has one step; a path needs at least two.")
        return
    data = inspected.find("state-space", state_space_data)
    key = f"state-space-{inspected.run.id}"
    _component(key=key, data={**data, "name": key})
    st.caption(
        f"Each point is the {data['what']} after one step of the input, from the first (gray) to the last (blue); "
        "points that lie together are similar states. The components are those of this example at this snapshot."
    )


def state_space_data(inspected: Inspected) -> dict[str, Any]:
    """What the component draws: a path for each layer. PredictionError where there are no states."""
    from seqcore.insight.projection import projection

    view = inspected.internals
    assert view is not None  # else the section says why
    name = next((name for name in NAMES if name in view.names), view.names[0])
    paths = [_path(projection(view, layer=layer, name=name)) for layer in _layers(view, name)]
    what = name.replace("_", " ")
    shares = [f"{share:.0%}" for share in paths[0]["explained"]]
    return {
        "key": inspected.key,
        "at": inspected.at,
        "steps": list(view.steps),
        "symbols": inspected.example.values is None,
        "what": what,
        "paths": paths,
        "label": f"The path of the {what} over {counted(len(view.steps), 'step')}, after "
        f"{counted(inspected.at, 'training step')}. Its principal components have {', '.join(shares)} of the variance. "
        "Left and right select a step.",
    }


def _layers(view: InternalsView, name: str) -> range:
    return range(view.arrays[name].shape[1])


def _path(view: ProjectionView) -> dict[str, Any]:
    """Points [n, C], C at least 2, with their steps and the shares of the variance."""
    every = max(1, -(-len(view.points) // MOST_POINTS))
    points, explained = view.points[::every], view.explained
    if points.shape[1] < 2:
        points = np.pad(points, ((0, 0), (0, 2 - points.shape[1])))
        explained = np.pad(explained, (0, 2 - len(explained)))
    return {
        "points": np.round(points, 5).tolist(),
        "explained": explained.tolist(),
        "numbers": list(view.numbers[::every]),
    }
