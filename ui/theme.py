"""What the theme in `.streamlit/config.toml` can't say: tabular figures, the columns on a small screen, our own blocks."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

__all__ = ["apply"]


@st.cache_data(show_spinner=False)
def _style() -> str:
    return Path(__file__).with_name("theme.css").read_text(encoding="utf-8")


def apply() -> None:
    """Put the style sheet on this page."""
    st.html(f"<style>{_style()}</style>")
