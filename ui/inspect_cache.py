"""What the Inspect page has found out about models at snapshots, kept for all visitors and found ahead of need."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import fields, is_dataclass
from typing import Any, TypeVar, cast

import streamlit as st

__all__ = ["InspectCache", "Token", "inspect_cache"]

T = TypeVar("T")

MOST_BYTES = 256_000_000  # of arrays that are kept
MOST_MODELS = 24


class Token:
    """Says whether work that was begun ahead of need is still wanted."""

    def __init__(self) -> None:
        self._wanted = True

    def wanted(self) -> bool:
        """Whether nothing else was asked for since."""
        return self._wanted

    def give_up(self) -> None:
        """Say that the work is no longer wanted."""
        self._wanted = False


class InspectCache:
    """Models and results by key, the least recently used forgotten first. Threads may share it.

    A key is made once: whoever asks for it meanwhile waits. `locked` names a model that only one thread may use at a
    time. Errors are kept too: the same input gives the same one.
    """

    def __init__(self, *, most_bytes: int = MOST_BYTES, most_models: int = MOST_MODELS) -> None:
        self._most_bytes, self._most_models = most_bytes, most_models
        self._results: OrderedDict[Hashable, tuple[Future[Any], int]] = OrderedDict()
        self._models: OrderedDict[Hashable, Future[Any]] = OrderedDict()
        self._locks: dict[Hashable, threading.RLock] = {}
        self._lock = threading.Lock()
        self._ahead = ThreadPoolExecutor(1, thread_name_prefix="inspect-ahead")

    def model(self, key: Hashable, make: Callable[[], T]) -> T:
        """The model of this key."""
        with self._lock:
            future = self._models.get(key)
            if mine := future is None:
                future = self._models[key] = Future()
            self._models.move_to_end(key)
            while len(self._models) > self._most_models:
                self._models.popitem(last=False)
        if mine:
            _fulfil(future, make)
            if future.exception() is not None:
                with self._lock:
                    self._models.pop(key, None)  # a snapshot may come later
        return cast(T, future.result())

    def result(self, key: Hashable, make: Callable[[], T], *, locked: Hashable) -> T:
        """The result of this key, found by `make` with the model `locked`."""
        with self._lock:
            kept = self._results.get(key)
            if mine := kept is None:
                kept = self._results[key] = (Future(), 0)
            self._results.move_to_end(key)
            lock = self._locks.setdefault(locked, threading.RLock())
        future = kept[0]
        if mine:
            with lock:
                _fulfil(future, make)
            self._keep(key, future)
        return cast(T, future.result())

    def known(self, key: Hashable) -> bool:
        """Whether a result is there, without waiting."""
        with self._lock:
            kept = self._results.get(key)
        return kept is not None and kept[0].done()

    def ahead(self, work: Callable[[Token], None], before: Token | None) -> Token:
        """Begin work in the background; what was begun before for the same visitor is no longer wanted."""
        if before is not None:
            before.give_up()
        token = Token()
        self._ahead.submit(lambda: work(token) if token.wanted() else None)
        return token

    def close(self) -> None:
        """Begin nothing more."""
        self._ahead.shutdown(wait=False, cancel_futures=True)

    def _keep(self, key: Hashable, future: Future[Any]) -> None:
        size = _bytes(future.result()) if future.exception() is None else 0
        with self._lock:
            if key in self._results:
                self._results[key] = (future, size)
            total = sum(size for _, size in self._results.values())
            for old in list(self._results):
                if total <= self._most_bytes or old == key:
                    break
                total -= self._results.pop(old)[1]


def _fulfil(future: Future[Any], make: Callable[[], Any]) -> None:
    try:
        future.set_result(make())
    except BaseException as error:
        future.set_exception(error)


def _bytes(value: Any) -> int:
    """The size of all arrays and texts within a value."""
    size = getattr(value, "nbytes", None)  # of an array, and of a result that says how much it keeps
    if isinstance(size, int):
        return size
    if is_dataclass(value):
        return sum(_bytes(getattr(value, field.name)) for field in fields(value))
    if isinstance(value, dict):
        return sum(map(_bytes, value.values()))
    if isinstance(value, list | tuple):
        return sum(map(_bytes, value))
    if isinstance(value, str):
        return len(value)
    return 64


@st.cache_resource(show_spinner=False, on_release=lambda cache: cache.close())
def inspect_cache() -> InspectCache:
    """The cache that all visitors of this server share."""
    return InspectCache()
