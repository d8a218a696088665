"""Interruption of long evaluations: a caller sets a condition, and evaluation loops check it between batches."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

__all__ = ["EvaluationInterrupted", "check_interrupted", "interruptible"]

_condition: ContextVar[Callable[[], bool] | None] = ContextVar("interrupt_evaluation", default=None)


class EvaluationInterrupted(Exception):
    """Raised by `check_interrupted`. Not a user error: the caller that set the condition catches it."""


@contextmanager
def interruptible(condition: Callable[[], bool]) -> Iterator[None]:
    """Within this block, `check_interrupted` raises as soon as `condition()` holds."""
    token = _condition.set(condition)
    try:
        yield
    finally:
        _condition.reset(token)


def check_interrupted() -> None:
    """Raise EvaluationInterrupted where a caller no longer wants to wait. Loops of evaluations call it per batch."""
    condition = _condition.get()
    if condition is not None and condition():
        raise EvaluationInterrupted
