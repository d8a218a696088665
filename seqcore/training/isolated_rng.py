"""Isolation of a run from its caller: a random state and a number of threads of its own while it computes."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from types import TracebackType
from typing import TypeVar

import torch
from torch import Tensor

__all__ = ["IsolatedRng", "on_one_thread", "random_state", "set_random_state"]

T = TypeVar("T")


def random_state(device: torch.device) -> dict[str, Tensor]:
    """torch's random state by "cpu" and, where the device is a GPU, "cuda"."""
    states = {"cpu": torch.get_rng_state()}
    if device.type == "cuda":
        states["cuda"] = torch.cuda.get_rng_state(device)
    return states


def set_random_state(states: dict[str, Tensor], device: torch.device) -> None:
    """The inverse of `random_state`."""
    torch.set_rng_state(states["cpu"])
    if device.type == "cuda" and "cuda" in states:
        torch.cuda.set_rng_state(states["cuda"], device)


class IsolatedRng:
    """A random state from `seed`, a number of threads, and a clock that runs only while the run computes.

    Nothing that a caller does between two events changes a run, and no run changes its caller.
    """

    def __init__(self, seed: int, threads: int, device: torch.device) -> None:
        self._device, self._threads = device, threads
        self._before = 0.0
        self._began = time.perf_counter()
        self._callers = random_state(device)
        torch.manual_seed(seed)
        self._own = random_state(device)
        set_random_state(self._callers, device)

    @property
    def seconds(self) -> float:
        """Time spent computing so far."""
        return self._before + time.perf_counter() - self._began

    def start_at(self, seconds: float) -> None:
        """Let the clock go on from what earlier attempts spent."""
        self._before, self._began = seconds, time.perf_counter()

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """A block in which the clock stands still, because the run waits."""
        seconds = self.seconds
        try:
            yield
        finally:
            self.start_at(seconds)

    def use_threads(self, threads: int) -> None:
        """Compute on another number of threads from now on; called while the run computes."""
        self._threads = threads
        torch.set_num_threads(threads)

    def isolate(self, events: Generator[T, None, None]) -> Generator[T, None, None]:
        """The events of a generator, each made under the run's own random state."""
        with closing(events):
            while True:
                with self:
                    try:
                        event = next(events)
                    except StopIteration:
                        return
                yield event

    def __enter__(self) -> None:
        self._began = time.perf_counter()
        self._callers_threads = torch.get_num_threads()
        self._callers = random_state(self._device)
        set_random_state(self._own, self._device)
        if self._threads != self._callers_threads:
            torch.set_num_threads(self._threads)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._before = self.seconds
        self._own = random_state(self._device)
        set_random_state(self._callers, self._device)
        if self._threads != self._callers_threads:
            torch.set_num_threads(self._callers_threads)


@contextmanager
def on_one_thread() -> Iterator[None]:
    """Run on one thread: small models are fastest so, and their bits do not depend on the caller's setting."""
    before = torch.get_num_threads()
    if before != 1:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        if before != 1:
            torch.set_num_threads(before)
