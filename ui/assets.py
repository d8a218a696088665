"""The HTML, CSS and JavaScript files beside the modules of the pages."""

from __future__ import annotations

from pathlib import Path

__all__ = ["asset", "style_tag"]


def asset(*names: str) -> str:
    """The text of these files of `ui/`, one after the other."""
    return "\n".join(Path(__file__).with_name(name).read_text(encoding="utf-8") for name in names)


def style_tag(name: str) -> str:
    """A style sheet as an element for `st.html`."""
    return f"<style>{asset(name)}</style>"
