"""What a new server does in the order of need: import the pages' modules, start a worker, import torch.

A first page is sent before torch is imported: on two cores the import and the start of a worker would take the time in
which the browser draws the page.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import sys
import threading
import time
from collections.abc import Iterator

import streamlit as st

from seqcore.errors import SeqcoreError

__all__ = ["WarmUp", "current", "has_torch"]

MODULES = (
    "ui.account",
    "ui.theme",
    "ui.run_view",
    "ui.actions",
    "ui.overview",
    "ui.run_area",
    "ui.import_changes",
    "ui.import_report",
)
"""What the first page imports."""
LATER = (
    "seqcore.training.fit", "seqcore.inference.predictor",
    "ui.evaluation_section", "ui.model_use", "ui.data_sections", "ui.run_list", "ui.run_index", "ui.inspect_sections",
    "ui.compare_section", "ui.race_section",
)  # fmt: skip
"""What brings torch, and what the other pages import."""
UNVISITED = 3.0  # seconds after which a server without a visitor goes on
VISITED = 60.0  # seconds after which it goes on although the page of a visitor has not been sent
LEAST, MOST = 0.5, 3.0  # seconds that a browser has for drawing the first page: about as many as the imports took


class WarmUp:
    """The three steps in a thread of the caller's, and the events that pages wait for."""

    def __init__(self) -> None:
        self._imported = threading.Event()
        self._visited = threading.Event()
        self._page_sent = threading.Event()
        self._ready = threading.Event()
        self._closing = threading.Event()
        self._began = False

    def run(self) -> None:
        """Take the steps; returns early after `close`."""
        with _collected_once():
            self._run()

    def _run(self) -> None:
        self._began, began = True, time.monotonic()
        try:
            for name in MODULES:
                importlib.import_module(name)
        finally:
            self._imported.set()  # a page shows what is wrong
        took = time.monotonic() - began
        from seqcore.runs import service

        with contextlib.suppress(SeqcoreError):  # the pages show why a store can't be opened
            service.current.scheduler(keep_spare=False)
        if self._visited.wait(UNVISITED) and self._page_sent.wait(VISITED):
            self._closing.wait(min(MOST, max(LEAST, took)))
        try:
            if not self._closing.is_set():
                with contextlib.suppress(SeqcoreError):
                    service.current.scheduler().start_spare()
                for name in LATER:
                    importlib.import_module(name)
        finally:
            self._ready.set()

    @property
    def done(self) -> bool:
        """Whether a server has taken all steps; not where pages are drawn without one."""
        return self._began and self._ready.is_set()

    def wait_for_modules(self) -> None:
        """Wait until the pages' modules are imported: a second thread could meet one that is half imported."""
        if self._began:
            self._imported.wait()

    def visited(self) -> None:
        """Say that a browser has asked for a page."""
        self._visited.set()

    def page_sent(self) -> None:
        """Say that a page has been sent, apart from what needs torch."""
        self._visited.set()
        self._page_sent.set()

    def wait_for_torch(self) -> None:
        """Say that a page has been sent, and wait until torch is imported."""
        self.page_sent()
        if self._began and not has_torch():
            # The browser shows the page, see start.js. A style has no place among the elements, so that it does not
            # move those of a page whose button waits here: the next run would move them back and make charts anew.
            st.html('<style class="sl-sent"></style>')
            self._ready.wait()

    def close(self) -> None:
        """Let `run` return soon."""
        self._closing.set()
        self.page_sent()


@contextlib.contextmanager
def _collected_once() -> Iterator[None]:
    """Leave what is made in the block to one look of Python's garbage collector, at its end, and to none later.

    Imports make hundreds of thousands of objects that stay: looking for garbage among them again and again is a sixth
    of their time. Later the collector would wait until there is a quarter as much that is new, for example the closed
    sessions of many visitors, and then stop all threads for a tenth of a second.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.collect()
        gc.freeze()
        gc.enable()


def has_torch() -> bool:
    """Whether torch is imported, and what checks an experiment with it."""
    return hasattr(sys.modules.get("seqcore.training.fit"), "check")  # not while it is being imported


current = WarmUp()
"""The warm-up of this process."""
