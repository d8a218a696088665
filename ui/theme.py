"""What the theme in `.streamlit/config.toml` can't say: tabular figures, small screens, our own blocks, the name."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

__all__ = ["apply", "is_dark", "wordmark"]


def apply() -> None:
    """Put the style sheet on this page."""
    style = Path(__file__).with_name("theme.css").read_text(encoding="utf-8")
    st.html(f"<style>{style}</style>")


def is_dark() -> bool:
    """Whether the visitor's theme is dark, as far as the server knows; at a first visit it may not."""
    return st.context.theme.type == "dark"


def wordmark() -> Path:
    """The name of the app as a picture."""
    return Path(__file__).with_name(f"wordmark-{'dark' if is_dark() else 'light'}.svg")
