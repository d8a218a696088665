"""The C library's memory allocator in this process."""

from __future__ import annotations

import contextlib
import ctypes
import sys

__all__ = ["use_one_arena"]

_M_ARENA_MAX = -8  # of glibc's malloc.h


def use_one_arena() -> None:
    """Let all threads allocate from one place, where glibc gives each of many threads an arena of its own.

    The few threads that Streamlit starts before it loads the app have theirs already, which later threads share.
    The environment variable MALLOC_ARENA_MAX=1 prevents these, too.

    Streamlit runs a script in a new thread each time, so that every arena grows to what the largest script run needs,
    and small objects that stay keep it from being given back. Python runs one thread at a time: nothing is gained by
    arenas. Without effect where the C library has no such setting.
    """
    if sys.platform == "linux":
        with contextlib.suppress(AttributeError, OSError):
            ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 1)
