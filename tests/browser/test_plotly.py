"""Plotly's script as pages load it: a part with the traces of most figures, and the whole for the others."""

from __future__ import annotations

from playwright.sync_api import Page, Route, expect

import seqcore
from seqcore.runs.api import open_store
from tests.browser.conftest import PATIENCE
from tests.browser.waiting import settled, until
from tests.servers import Server
from ui.frontend import FEED_ROUTE, PLOTLY_ROUTE, WHOLE_ROUTE
from ui.plotly_script import TRACES


def loaded(page: Page) -> list[str]:
    """The scripts of Plotly that the page has run, in order."""
    sources: list[str] = page.evaluate("[...document.querySelectorAll('script[src*=plotly]')].map(s => s.src)")
    return ["/" + source.rpartition("/")[2] for source in sources]


def test_a_page_loads_the_traces_of_most_figures_alone(page: Page, server: Server) -> None:
    page.goto(server.url)
    expect(page.locator(".live-chart-plot .scatterlayer").first).to_be_attached(timeout=PATIENCE)
    assert loaded(page) == [PLOTLY_ROUTE]
    assert sorted(page.evaluate("Object.keys(Plotly.PlotSchema.get().traces)")) == sorted(("scatter", *TRACES))


def test_the_toolbar_of_a_chart_is_one_stop_of_the_tab_key(page: Page, server: Server) -> None:
    page.goto(server.url)
    expect(page.locator(".live-chart-plot .modebar-btn").first).to_be_attached(timeout=PATIENCE)
    stops = """[...document.querySelectorAll('.modebar')].map(
        (bar) => [...bar.querySelectorAll('.modebar-btn')].filter((button) => button.tabIndex >= 0).length)"""
    until(page, f"{stops}.every((count) => count === 1)")
    bar = page.locator(".live-chart-plot .modebar").first
    bar.locator(".modebar-btn").first.focus()
    page.keyboard.press("ArrowRight")
    expect(bar.locator(".modebar-btn").nth(1)).to_be_focused()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    expect(bar.locator(".modebar-btn").last).to_be_focused()
    width = "document.querySelector('.live-chart-plot .main-svg').getAttribute('width')"
    before = page.evaluate(width)
    page.set_viewport_size({"width": 1000, "height": 900})  # the chart is laid out again
    until(page, f"{width} !== '{before}' && {stops}.every((count) => count === 1)")


DRAWN = """[...document.querySelectorAll('.live-chart-plot')].every(
  (node) => !node.clientWidth || node.querySelector('.main-svg'))"""
COVERED = """[...document.querySelectorAll('.live-chart')].flatMap((chart) => {
  const bar = chart.querySelector('.modebar')?.getBoundingClientRect()
  return ['.live-chart-scales:not([hidden])', '.legend', '.plot', '.gtitle'].filter((name) => {
    const other = chart.querySelector(name)?.getBoundingClientRect()
    if (!bar?.width || !other?.width) return false
    return other.left < bar.right && other.right > bar.left && other.top < bar.bottom && other.bottom > bar.top
  })
})"""


def test_the_toolbars_of_charts_cover_nothing(page: Page, server: Server) -> None:
    store = open_store(server.store)
    run = seqcore.train(seqcore.recipe("ramp-next-value").with_changes({"training.epochs": 2}), store=store)
    for address in (f"/?run={run.id}", f"/predict?run={run.id}", f"/compare?runs={run.id}"):
        page.goto(server.url + address)
        expect(page.locator(".live-chart-plot .legend").first).to_be_attached(timeout=PATIENCE)
        expect(page.locator(".live-chart-plot .modebar-btn").first).to_be_attached(timeout=PATIENCE)
        settled(page)
        until(page, f"{DRAWN} && {COVERED}.length === 0")  # a chart with a legend of several lines is drawn twice


def test_a_figure_with_another_trace_is_drawn_by_the_whole_script(page: Page, server: Server) -> None:
    """The live chart of a run, whose next figure has boxes, which it would draw as lines without that script."""

    def with_boxes(route: Route) -> None:
        answer = route.fetch()
        found = answer.json() if answer.status == 200 else {}
        if found:
            found["figure"] = found["figure"].replace('"type":"scatter"', '"type":"box"')
        route.fulfill(response=answer, **({"json": found} if found else {}))

    page.route(f"**{FEED_ROUTE}*", with_boxes)
    store = open_store(server.store)
    changes = {"training.epochs": 100_000, "training.threads": 1}
    run = store.submit(seqcore.recipe("sine-next-step").with_changes(changes), recipe="sine-next-step")
    page.goto(f"{server.url}/?run={run.id}")
    expect(page.locator("[data-testid=loss-chart] .boxlayer .trace.boxes").first).to_be_attached(timeout=PATIENCE)
    assert loaded(page) == [PLOTLY_ROUTE, WHOLE_ROUTE]
    page.unroute_all(behavior="ignoreErrors")
