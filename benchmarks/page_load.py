"""What a browser sees while a page loads: button, picture, the moment when nothing changes any more, layout shifts."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from playwright.sync_api import Page

__all__ = ["PROBE", "Load", "follow", "observe"]

QUIET = 0.8  # seconds without a change after which a page counts as settled
LIMIT = 60.0

# Runs before the page's own scripts. Times are in milliseconds since the navigation.
PROBE = """
(() => {
  const now = () => performance.now()
  const seen = { shifts: [], changed: 0, button: null, picture: null, ready: null, from: 0 }
  window.pageLoad = seen
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) {
      if (entry.hadRecentInput) continue
      const sources = (entry.sources ?? []).map((s) => {
        const node = s.node?.nodeType === 3 ? s.node.parentElement : s.node
        const key = node?.closest?.('[class*=st-key-]')?.className.match(/st-key-[\\w-]+/)?.[0] ?? ''
        const test = node?.closest?.('[data-testid]')?.dataset.testid ?? ''
        const box = (r) => [r.x, r.y, r.width, r.height].map(Math.round).join(' ')
        return `${key} ${test} ${node?.tagName ?? ''} [${box(s.previousRect)}] -> [${box(s.currentRect)}]`
      })
      seen.shifts.push({ time: entry.startTime, value: entry.value, sources })
    }
  }).observe({ type: 'layout-shift', buffered: true })

  const shown = (node) => node && node.checkVisibility({ visibilityProperty: true })
  const drawn = (node) => node.querySelector('.main-svg') && node._fullLayout
  const complete = () => {
    const app = document.querySelector('.stApp')
    if (!app || app.dataset.testScriptState !== 'notRunning') return false
    const main = document.querySelector('[data-testid=stMain]')
    if (!main || !shown(main.querySelector('h1, h2, h3'))) return false
    if (document.querySelector('[data-testid=stSkeleton], [data-testid=stSpinner]')) return false
    return [...document.querySelectorAll('.live-chart-plot')].every((node) => !shown(node) || drawn(node))
  }
  const look = () => {
    const t = now()
    if (seen.button === null) {
      const found = [...document.querySelectorAll('[data-testid=stMain] button')]
        .find((b) => b.innerText.trim().endsWith('Train') && shown(b) && !b.disabled)
      if (found) seen.button = t
    }
    if (seen.picture === null) {
      const chart = [...document.querySelectorAll('.live-chart-plot')].find((node) => shown(node) && drawn(node))
      if (chart) seen.picture = t
    }
    if (!complete()) seen.ready = null
    else seen.ready ??= t
    requestAnimationFrame(look)
  }
  const begin = () => {
    new MutationObserver((records) => {
      if (records.some((r) => r.target.nodeType !== 1 || !r.target.closest('head'))) seen.changed = now()
    }).observe(document.documentElement, {
      subtree: true, childList: true, characterData: true,
      attributeFilter: ['d', 'points', 'transform', 'src', 'data-stale', 'disabled', 'hidden', 'aria-expanded'],
    })
    look()
  }
  if (document.documentElement) begin()
  else document.addEventListener('readystatechange', begin, { once: true })
})()
"""

STATE = """
() => { const s = window.pageLoad; return { ...s, now: performance.now(), origin: performance.timeOrigin } }
"""


@dataclass(frozen=True)
class Load:
    """Seconds since the navigation (None: never), and the layout shifts in the order of time."""

    button: float | None
    picture: float | None
    settled: float
    origin: float  # of the navigation, on the clock of `time.time`
    shifts: list[dict[str, Any]]

    @property
    def shift(self) -> float:
        """The cumulative layout shift: the sum of all shifts of this load."""
        return sum(entry["value"] for entry in self.shifts)


def observe(page: Page) -> None:
    """Install the probe for the next navigations of a page."""
    page.add_init_script(PROBE)


def follow(page: Page, *, limit: float = LIMIT) -> Load:
    """Wait until the page that is being loaded has settled. TimeoutError if it does not within `limit` seconds."""
    deadline = time.monotonic() + limit
    while time.monotonic() < deadline:
        state = page.evaluate(STATE)
        last = max(state["changed"], state["ready"] or 0.0)
        if state["ready"] is not None and state["now"] - last > 1000 * QUIET:
            began = state["from"]
            return Load(
                button=_seconds(state["button"], began),
                picture=_seconds(state["picture"], began),
                settled=(last - began) / 1000,
                origin=state["origin"] / 1000,
                shifts=state["shifts"],
            )
        page.wait_for_timeout(100)
    raise TimeoutError(f"{page.url} did not settle: {state}")


def _seconds(t: float | None, began: float) -> float | None:
    return None if t is None else (t - began) / 1000
