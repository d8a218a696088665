"""The wordmark, and whether the theme is dark. Styles beyond the theme are in theme.css, which `frontend.py` sends."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

__all__ = ["is_dark", "wordmark"]


def is_dark() -> bool:
    """Whether the visitor's theme is dark, as far as the server knows; unknown at a first visit."""
    return st.context.theme.type == "dark"


def wordmark() -> Path:
    """The app's name as an image."""
    return Path(__file__).with_name(f"wordmark-{'dark' if is_dark() else 'light'}.svg")
