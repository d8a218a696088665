"""A generator that takes turns with its caller: torch's random state and threads are its own while it runs, and the
caller's while it waits. So nothing that a caller does between two events changes a run, and no run changes a caller."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import TypeVar

import torch

from seqcore.training.random_state import random_state, set_random_state

__all__ = ["IsolatedRng", "on_one_thread"]

T = TypeVar("T")


class IsolatedRng:
    """A random state from `seed`, a number of threads, and a clock that only runs during the turns."""

    def __init__(self, seed: int, threads: int, device: torch.device) -> None:
        self._device, self._threads = device, threads
        self._before = 0.0
        self._began = time.perf_counter()
        self._theirs = random_state(device)
        torch.manual_seed(seed)
        self._mine = random_state(device)
        set_random_state(self._theirs, device)

    @property
    def seconds(self) -> float:
        """Time spent in turns so far, the one in hand included."""
        return self._before + time.perf_counter() - self._began

    def start_at(self, seconds: float) -> None:
        """Let the clock go on from what an earlier attempt spent."""
        self._before, self._began = seconds, time.perf_counter()

    def take(self, events: Iterator[T]) -> Iterator[T]:
        """The events of a generator, each made in a turn."""
        try:
            while True:
                with self:
                    try:
                        event = next(events)
                    except StopIteration:
                        return
                yield event
        finally:
            close = getattr(events, "close", None)
            if close is not None:
                close()

    def __enter__(self) -> None:
        self._began = time.perf_counter()
        self._their_threads = torch.get_num_threads()
        self._theirs = random_state(self._device)
        set_random_state(self._mine, self._device)
        if self._threads != self._their_threads:
            torch.set_num_threads(self._threads)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._before = self.seconds
        self._mine = random_state(self._device)
        set_random_state(self._theirs, self._device)
        if self._threads != self._their_threads:
            torch.set_num_threads(self._their_threads)


@contextmanager
def on_one_thread() -> Iterator[None]:
    """Run on one thread: small models are fastest so, and their bits don't depend on the caller's setting."""
    before = torch.get_num_threads()
    if before != 1:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        if before != 1:
            torch.set_num_threads(before)
