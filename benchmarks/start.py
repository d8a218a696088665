"""Cold start of a server, visits of its pages, and how far their content moves while they load, in a browser.

A cold start begins with the start of the process and ends with the button and the picture of the Train page, in a
browser that is open already and has an empty cache. The first visit of Predict is that of a server on which one run was
trained. A page has settled when its last change was drawn.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, Page

from benchmarks.dashboard import Dashboard, browser_page, dashboard, wait_for_run
from benchmarks.measurement import Row
from benchmarks.options import Options
from benchmarks.page_load import Load, follow, observe
from benchmarks.process import wait_until_idle
from seqcore.experiment.recipes import recipe

__all__ = ["measure"]

PAGES = {"Train": "", "Data": "data", "Predict": "predict", "Runs": "runs"}
WIDTHS = (1440, 390)
COLD_LIMIT, FIRST_LIMIT, LATER_LIMIT, SHIFT_LIMIT = 3.0, 2.0, 1.0, 0.1


@contextmanager
def tab(browser: Browser, width: int = WIDTHS[0]) -> Iterator[Page]:
    """A page of a new visitor: its cache is empty at first."""
    context = browser.new_context(viewport={"width": width, "height": 900})
    try:
        page = context.new_page()
        observe(page)
        yield page
    finally:
        context.close()


def visit(page: Page, address: str) -> Load:
    """Open a page and wait until it has settled."""
    page.goto(address)
    return follow(page)


def measure(options: Options) -> None:
    """Cold starts, then the visits of each server that was started."""
    times: dict[str, list[float]] = defaultdict(list)
    shifts: dict[str, list[float]] = defaultdict(list)
    with browser_page() as page:
        browser = page.context.browser
        assert browser is not None
        for _ in range(max(5, options.at_most(7)) if not options.quick else 1):
            with dashboard() as board, tab(browser) as cold_tab:
                cold = visit(cold_tab, board.address)
                for part, seconds in (("button", cold.button), ("picture", cold.picture)):
                    if seconds is not None:
                        times[part].append(cold.origin + seconds - board.began)
                shifts["Train at 1440, cold"].append(cold.shift)
                _train_a_run(board)
                first = visit(cold_tab, f"{board.address}/predict")
                times["first"].append(first.settled)
                shifts["Predict at 1440, first visit"].append(first.shift)
                _later_visits(browser, board, times, shifts)
    for part in ("button", "picture"):
        _add(options, f"cold start to the {part}", times.pop(part), "s", "cold-start", COLD_LIMIT)
    _add(options, "first visit of Predict: settled", times.pop("first"), "s", "first-predict", FIRST_LIMIT)
    for name, values in times.items():
        _add(options, f"later visit of {name}: settled", values, "s", "visits", LATER_LIMIT)
    for name, values in shifts.items():
        _add(options, f"layout shift of {name}", values, "", "layout-shift", SHIFT_LIMIT)


def _train_a_run(board: Dashboard) -> None:
    known = {run.id for run in board.store.runs()}
    board.store.submit(recipe("ramp-next-value"), recipe="ramp-next-value")
    wait_for_run(board.store, known, ended=True)
    wait_until_idle(board.pid)


def _later_visits(
    browser: Browser, board: Dashboard, times: dict[str, list[float]], shifts: dict[str, list[float]]
) -> None:
    """The second visit of every page by the same visitor, at both widths; times at the larger one."""
    for width in WIDTHS:
        with tab(browser, width) as page:
            for name, path in PAGES.items():
                visit(page, f"{board.address}/{path}")
                later = visit(page, f"{board.address}/{path}")
                shifts[f"{name} at {width}"].append(later.shift)
                if width == WIDTHS[0]:
                    times[name].append(later.settled)


def _add(options: Options, name: str, values: list[float], unit: str, requirement: str, limit: float) -> None:
    options.add(Row(name, tuple(values), unit=unit, requirement=requirement, limit=limit))
