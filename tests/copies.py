"""Copies of the package, with its bytecode: what is not edited is not compiled again."""

from __future__ import annotations

import shutil

__all__ = ["unfinished_bytecode"]

# Python writes bytecode under such a name and renames it; other tests may do so during the copy.
unfinished_bytecode = shutil.ignore_patterns("*.pyc.*")
