"""The cache of the Inspect page: found once, forgotten by size, found ahead of need, and errors kept."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from seqcore.errors import NotFoundError, PredictionError
from ui.inspect_cache import InspectCache, Token


def test_a_result_is_found_once_also_when_two_threads_ask_at_the_same_time() -> None:
    cache, calls, began, go_on = InspectCache(), [], threading.Event(), threading.Event()

    def make() -> int:
        calls.append(1)
        began.set()
        assert go_on.wait(60)
        return 7

    found: list[int] = []
    threads = [threading.Thread(target=lambda: found.append(cache.result("a", make, locked="m"))) for _ in range(2)]
    threads[0].start()
    assert began.wait(60)
    threads[1].start()
    go_on.set()
    for thread in threads:
        thread.join(60)
    assert found == [7, 7]
    assert len(calls) == 1


def test_the_least_recently_used_results_are_forgotten_when_there_are_too_many_bytes() -> None:
    cache = InspectCache(most_bytes=3_000)
    for name in "abc":
        cache.result(name, lambda: {"values": np.zeros(150)}, locked="m")  # 1,200 bytes
    assert [cache.known(name) for name in "abc"] == [False, True, True]
    cache.result("b", lambda: pytest.fail("it is known"), locked="m")
    cache.result("d", lambda: np.zeros(150), locked="m")
    assert [cache.known(name) for name in "bcd"] == [True, False, True]


def test_the_error_of_a_result_is_kept_and_that_of_a_model_is_not() -> None:
    cache, calls = InspectCache(), []

    def refuse() -> int:
        calls.append(1)
        raise PredictionError("input: too short")

    for _ in range(2):
        with pytest.raises(PredictionError, match="too short"):
            cache.result("a", refuse, locked="m")
    assert len(calls) == 1

    def missing() -> int:
        raise NotFoundError("not yet")

    with pytest.raises(NotFoundError):
        cache.model("m", missing)
    assert cache.model("m", lambda: 3) == 3


def test_models_beyond_the_limit_are_loaded_again() -> None:
    cache = InspectCache(most_models=2)
    for name in "abc":
        cache.model(name, lambda name=name: name)
    assert cache.model("a", lambda: "again") == "again"
    assert cache.model("c", lambda: "again") == "c"


def test_work_that_a_visitor_no_longer_wants_is_not_begun() -> None:
    cache, began, go_on, done, seen = InspectCache(), threading.Event(), threading.Event(), threading.Event(), []

    def first(token: Token) -> None:
        began.set()
        assert go_on.wait(60)
        seen.append(("first", token.wanted()))

    token = cache.ahead(first, None)
    assert began.wait(60)
    second = cache.ahead(lambda token: seen.append(("second", token.wanted())), token)
    cache.ahead(lambda token: (seen.append(("third", token.wanted())), done.set()), second)
    go_on.set()
    assert done.wait(60)
    assert seen == [("first", False), ("third", True)]
    cache.close()
