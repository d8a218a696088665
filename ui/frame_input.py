"""What a reader gives to a model of films: the beginning of one of the data's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from seqcore.data.splits import SPLIT_TITLES, split_bounds
from seqcore.data.table import Table

if TYPE_CHECKING:
    from seqcore.inference.predictor import Predictor

__all__ = ["frames"]

MOST_OFFERED = 100  # films in a box to choose from


def frames(predictor: Predictor, table: Table, *, key: str) -> NDArray[np.float64] | None:
    """So many pictures from the beginning of a film, [T, F] -> what `predict` takes."""
    data = predictor.experiment.data
    part = "test" if data.test_fraction else "val" if data.validation_fraction else "train"
    films = split_bounds(table, data.validation_fraction, data.test_fraction)[part][:MOST_OFFERED]
    if not films:
        return None
    place = st.selectbox(
        f"Film of the {SPLIT_TITLES[part]} part",
        range(len(films)),
        format_func=lambda i: table.names[films[i][0]] if table.names else f"Film {films[i][0] + 1}",
        key=f"{key}-film",
        help="The model did not learn from these." if part == "test" else "The data's own films.",
    )
    _, low, high = films[place]
    most = min(high - low, 4 * data.window)
    seen = most if most < 2 else st.slider(
        "Pictures that it sees", 1, most, min(data.window, most), key=f"{key}-seen-{place}",
        help="From the film's first on. From one picture alone nobody knows where things are going.",
    )  # fmt: skip
    columns = [table.columns.index(name) for name in predictor.columns]
    return np.asarray(table.values[low : low + int(seen)][:, columns], dtype=np.float64)
