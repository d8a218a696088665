"""Styles beyond the theme in `.streamlit/config.toml`: tabular figures, narrow screens, HTML blocks, the wordmark."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

__all__ = ["apply", "is_dark", "wordmark"]


def apply() -> None:
    """Add the style sheet to this page."""
    style = Path(__file__).with_name("theme.css").read_text(encoding="utf-8")
    st.html(f"<style>{style}</style>")


def is_dark() -> bool:
    """Whether the visitor's theme is dark, as far as the server knows; unknown at a first visit."""
    return st.context.theme.type == "dark"


def wordmark() -> Path:
    """The app's name as an image."""
    return Path(__file__).with_name(f"wordmark-{'dark' if is_dark() else 'light'}.svg")
