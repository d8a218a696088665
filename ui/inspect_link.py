"""What the Inspect page shows, in its link: the snapshot, the example, and the selected step and unit."""

from __future__ import annotations

from dataclasses import dataclass, field

import streamlit as st

from seqcore.runs.records import Run
from ui.inspect_context import SELECTED, SPAN, Selection
from ui.session import RUN

__all__ = ["REVEAL", "Shown", "revealed", "shown", "write_link"]

KEYS = ("at", "split", "example", "input", "step", "unit", "replica")
SPLITS = ("train", "val", "test", "typed")
LONGEST = 1_000  # characters of a typed input in the link
REVEAL = "show"  # in a link: the picture that is scrolled into view, once
_SHOWN = "inspect-shown"


@dataclass
class Shown:
    """What a visitor looks at. Numbers in the link begin at 1, as on the page; here they begin at 0.

    `at` is None for the newest snapshot; `split` "" for the one that is scored; `faults` are lines about the link.
    `reveal` names the picture that the link leads to, "" for the top of the page.
    """

    run: str
    at: int | None = None
    split: str = ""
    example: int = 0
    typed: str | None = None
    replica: int = 0
    follow: bool = True
    reveal: str = ""
    faults: list[str] = field(default_factory=list)


def shown(run: Run) -> Shown:
    """What this visitor looks at of a run: at first what the link says."""
    now: Shown | None = st.session_state.get(_SHOWN)
    if now is not None and now.run == run.id:
        return now
    first = now is None or any(key in st.query_params for key in KEYS)
    now = _of_link(run) if first and st.query_params.get(RUN) in (run.id, None) else Shown(run.id)
    if not first:
        st.session_state.pop(SELECTED, None)
        st.session_state.pop(SPAN, None)
    st.session_state[_SHOWN] = now
    return now


def _of_link(run: Run) -> Shown:
    faults: list[str] = []
    at, example, replica = (_number(name, faults, least) for name, least in (("at", 0), ("example", 1), ("replica", 1)))
    step, unit = (_number(name, faults, 1) for name in ("step", "unit"))
    split = st.query_params.get("split", "")
    if split and split not in SPLITS:
        faults.append(f"split: {split[:40]!r} is not allowed; use one of {', '.join(SPLITS)}")
        split = ""
    st.session_state[SELECTED] = Selection(None if step is None else step - 1, None, None if unit is None else unit - 1)
    typed = st.query_params.get("input")
    return Shown(
        run.id, at, split, (example or 1) - 1, typed, (replica or 1) - 1, follow=at is None and not run.ended,
        reveal=st.query_params.pop(REVEAL, ""), faults=faults,
    )  # fmt: skip


def _number(name: str, faults: list[str], least: int) -> int | None:
    text = st.query_params.get(name)
    if not text:
        return None
    if text.isascii() and text.isdigit() and len(text) < 16 and int(text) >= least:
        return int(text)
    faults.append(f"{name}: {text[:40]!r} is not allowed; use a whole number from {least}")
    return None


def revealed(picture: str) -> bool:
    """Whether the link that was followed leads to a picture of the page."""
    now: Shown | None = st.session_state.get(_SHOWN)
    return now is not None and now.reveal == picture


def write_link(now: Shown, *, at: int, split: str, replicas: int) -> None:
    """Put what is shown into the link, leaving out what a link without it would show too."""
    selection: Selection = st.session_state.get(SELECTED, Selection())
    typed = split == "typed" and now.typed is not None
    values = {
        "at": None if now.follow else str(at),
        "split": split,
        "example": None if split == "typed" else str(now.example + 1),
        "input": now.typed if typed and len(now.typed or "") <= LONGEST else None,
        "step": None if selection.step is None else str(selection.step + 1),
        "unit": None if selection.unit is None else str(selection.unit + 1),
        "replica": str(now.replica + 1) if replicas > 1 else None,
    }
    for name, value in values.items():
        if value is None:
            st.query_params.pop(name, None)
        elif st.query_params.get(name) != value:
            st.query_params[name] = value
