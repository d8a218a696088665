"""The sections of the Inspect page, each a heading and a sentence; a closed one computes and draws nothing."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from seqcore.errors import SeqcoreError
from seqcore.registry import load
from ui.attention_maps import attention_maps
from ui.inspect_chart import plain
from ui.inspect_context import Inspected
from ui.inspect_heat_maps import heat_maps
from ui.session import escape

__all__ = ["SECTIONS", "Section", "draw_sections"]


@dataclass(frozen=True)
class Section:
    """A section: `target` names the function that draws it, which is given what is inspected."""

    key: str
    title: str
    sentence: str
    target: str
    open: bool = False


SECTIONS = (
    Section(
        "unrolled", "Network unrolled", "Every step of the input, with its real numbers.",
        "ui.unrolled:unrolled", open=True,
    ),
    Section(
        "heat-maps", "States and gates", "The value of every unit at every step.",
        "ui.inspect_sections:states_and_gates", open=True,
    ),
    Section(
        "response", "Unit response", "How a unit responds to each symbol or value.",
        "ui.response_section:response",
    ),
    Section(
        "similar", "Similar moments", "Where else in the data the same units are active.",
        "ui.similar_section:similar",
    ),
    Section(
        "space", "State space", "The path of the hidden state in its principal components.",
        "ui.state_space:state_space",
    ),
    Section("memory", "Memory", "How far back the model uses its input.", "ui.memory_section:memory"),
    Section(
        "explained", "Explained prediction", "Which inputs moved it, in the target's units.",
        "ui.attribution_section:explained",
    ),
    Section(
        "dynamics", "Dynamics", "Eigenvalues, saturation, receptive field, and the size of updates.",
        "ui.dynamics_section:dynamics",
    ),
)  # fmt: skip


def draw_sections(inspected: Inspected) -> None:
    """Draw every section; an error in one is shown there."""
    for section in SECTIONS:
        with st.container(key=f"inspect-{section.key}"):
            box = st.expander(
                f"**{section.title}**  :gray[{section.sentence}]", expanded=section.open, on_change="rerun",
                key=f"section-{section.key}",
            )  # fmt: skip
            if box.open:
                with box:
                    try:
                        load(section.target)(inspected)
                    except SeqcoreError as error:
                        st.error(escape(plain(error)))


def states_and_gates(inspected: Inspected) -> None:
    """Heat maps of every state and gate, and attention where the model has it."""
    heat_maps(inspected)
    attention_maps(inspected)
