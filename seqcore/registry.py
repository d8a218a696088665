"""What varies is named in plain dicts from name to `Entry`; the code behind an entry is imported when it is first used.

Listing architectures, sources or tasks (for a form, a help text, a check of an experiment) must not cost the two
seconds that importing torch takes, so an entry holds where its implementation lies and not the implementation.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Entry"]


@dataclass(frozen=True)
class Entry:
    """One choice: how it is shown, and where its implementation lies (`"package.module:name"`)."""

    title: str
    help: str
    target: str
    traits: dict[str, Any] = field(default_factory=dict)

    def load(self) -> Any:
        """The class or function itself."""
        module, _, name = self.target.partition(":")
        return getattr(importlib.import_module(module), name)
