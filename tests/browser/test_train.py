"""The Train page in a real browser, with a real server and workers."""

from __future__ import annotations

import re
import time
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from seqcore.runs.api import open_store
from tests.browser.conftest import PATIENCE, Server, new_context

LONG = "/?recipe=bouncing-ball@1&training.epochs=2000&model.hidden_size=8"  # outlasts any test
CURVE = "[data-testid=loss-chart] .scatterlayer .trace path.js-line"


def open_page(page: Page, path: str = "/") -> None:
    page.goto(path)
    expect(button(page, "Train")).to_be_visible()


def button(page: Page, name: str) -> Locator:
    return page.get_by_role("button", name=name, exact=True)


def status(page: Page, name: str) -> None:
    expect(page.get_by_test_id("status")).to_have_attribute("data-status", name)


def train(page: Page) -> None:
    button(page, "Train").click()
    expect(page.get_by_test_id("loss-chart")).to_be_visible()


def stop(page: Page) -> None:
    button(page, "Stop").click()
    status(page, "stopped")


def query(page: Page) -> dict[str, str]:
    return {key: values[0] for key, values in parse_qs(urlsplit(page.url).query).items()}


def step_shown(page: Page) -> int:
    text = page.get_by_test_id("cards").inner_text()
    found = re.search(r"step ([\d,]+)", text)
    return int(found[1].replace(",", "")) if found else 0


def wait_for_step(page: Page, step: int) -> None:
    expect(page.get_by_test_id("cards")).to_contain_text(re.compile(r"step [\d,]+"))
    deadline = time.monotonic() + PATIENCE / 1000
    while step_shown(page) < step:
        assert time.monotonic() < deadline, f"step {step} was not reached"
        page.wait_for_timeout(50)


def until(page: Page, condition: str) -> None:
    """Wait for a condition in the page. (Playwright's own way is an eval, which the page's headers forbid.)"""
    deadline = time.monotonic() + PATIENCE / 1000
    while not page.evaluate(condition):
        assert time.monotonic() < deadline, f"{condition} did not come true"
        page.wait_for_timeout(50)


def train_slowly(page: Page, server: Server) -> None:
    """Train in slow motion, which leaves the cores to the browser and the server."""
    train(page)
    expect(page).to_have_url(re.compile(r"[?&]run="))
    store = open_store(server.store)
    store.command(query(page)["run"], "slow", {"steps_per_second": 100.0})
    store.close()
    status(page, "running")


@pytest.fixture
def running(page: Page, server: Server) -> Page:
    """A page with a run that trains until it is stopped."""
    open_page(page, LONG)
    train_slowly(page, server)
    wait_for_step(page, 20)
    return page


def test_a_first_visit_shows_the_data_and_one_button_and_a_click_trains_to_the_end(page: Page) -> None:
    open_page(page)
    expect(page.get_by_test_id("data-chart").locator(".scatterlayer .trace")).to_have_count(3)
    expect(page.locator("[data-testid=stBaseButton-primary]:visible")).to_have_count(1)
    train(page)
    expect(page.locator(CURVE).first).to_be_attached()
    page.evaluate(
        f"window.first = document.querySelector('{CURVE}'); window.lengths = [];"
        "new MutationObserver(() => window.lengths.push(window.first.getAttribute('d').length))"
        ".observe(window.first, {attributeFilter: ['d']})"
    )
    until(page, "window.lengths.some((length, i) => i > 0 && length > window.lengths[i - 1])")
    expect(page.get_by_test_id("log")).to_contain_text("Completed after 30 epochs")
    status(page, "completed")
    assert page.evaluate(f"window.first === document.querySelector('{CURVE}')")
    expect(page.get_by_test_id("prediction-chart").locator(".scatterlayer .trace")).not_to_have_count(0)
    expect(page.get_by_test_id("cards")).to_contain_text(re.compile(r"\d× lower"))
    # Plotly can upload charts to its own server; here nothing leaves the machine
    expect(page.locator(".modebar-btn")).not_to_have_count(0)
    expect(page.locator(".modebar-btn[data-title*='Share' i], .modebar-btn[data-title*='cloud' i]")).to_have_count(0)


def test_the_chart_is_updated_twice_a_second_and_keeps_the_zoom(running: Page) -> None:
    plot = "document.querySelector('[data-testid=loss-chart] .live-chart-plot')"
    box = running.get_by_test_id("loss-chart").locator(".nsewdrag").first.bounding_box()
    assert box is not None
    running.mouse.move(box["x"] + box["width"] * 0.2, box["y"] + 20)
    running.mouse.down()
    running.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + box["height"] - 20, steps=5)
    running.mouse.up()
    until(running, f"{plot}.layout.xaxis.autorange === false")
    zoomed = running.evaluate(f"{plot}.layout.xaxis.range")
    # On a busy machine single updates come late: of thirty in a row, five have to come within two and a half seconds.
    running.evaluate(
        f"window.times = []; new MutationObserver(() => window.times.push(performance.now()))"
        f".observe({plot}, {{attributeFilter: ['data-updates']}})"
    )
    until(running, "window.times.length >= 6 && window.times.some((t, i) => i >= 5 && t - window.times[i - 5] < 2500)")
    assert running.evaluate(f"{plot}.layout.xaxis.range") == pytest.approx(zoomed)
    # So are the cards. Streamlit's own updates, of the whole view, are less frequent.
    running.evaluate(
        "window.times = []; const steps = () => document.querySelector('[data-testid=cards] .sl-note')?.innerText;"
        "let last = steps();"
        "setInterval(() => steps() === last || (window.times.push(performance.now()), last = steps()), 20)"
    )
    until(running, "window.times.some((t, i) => i >= 3 && t - window.times[i - 3] < 2000)")
    running.get_by_role("button", name="linear").click()
    until(running, f"{plot}._fullLayout.yaxis.type === 'linear'")
    assert running.evaluate(f"{plot}.layout.xaxis.range") == pytest.approx(zoomed)
    stop(running)
    unchanged = f"{plot}?.layout?.xaxis.range?.every((end, i) => Math.abs(end - {zoomed}[i]) < 1)"
    until(running, f"{unchanged} && {plot}._fullLayout.yaxis.type === 'linear'")
    # A page switch remounts the chart; Streamlit may also do so at the end of a run.
    running.get_by_role("link", name="Runs").click()
    expect(running.get_by_test_id("loss-chart")).to_have_count(0)
    running.get_by_role("link", name="Train").click()
    until(running, f"{unchanged} && {plot}._fullLayout.yaxis.type === 'linear'")


def test_pause_continue_stop_and_one_more_epoch(running: Page) -> None:
    button(running, "Pause").click()
    status(running, "paused")
    held = step_shown(running)
    button(running, "Continue").click()
    status(running, "running")
    wait_for_step(running, held + 10)
    stop(running)
    epochs = running.get_by_test_id("cards").inner_text()
    assert "of 2,000" in epochs
    expect(button(running, "Stop")).to_be_disabled()
    expect(button(running, "Resume")).to_be_enabled()


def test_a_refresh_a_second_tab_and_a_second_browser_show_the_same_live_run(
    running: Page, browser: Browser, server: Server
) -> None:
    run = query(running)["run"]
    running.reload()
    status(running, "running")
    assert query(running)["run"] == run
    tab = running.context.new_page()
    tab.goto(f"/?run={run}")
    status(tab, "running")
    other = new_context(browser, server)
    visitor = other.new_page()
    visitor.goto("/")
    visitor.locator("[class*=st-key-active-runs]").get_by_role("button", name="Watch").first.click()
    status(visitor, "running")
    assert query(visitor)["run"] == run
    seen = step_shown(visitor)
    wait_for_step(visitor, seen + 10)
    stop(visitor)
    status(tab, "stopped")
    status(running, "stopped")
    other.close()


def test_four_seeds_draw_a_band_while_they_train(page: Page, server: Server) -> None:
    open_page(page, f"{LONG}&training.replicas=4")
    train_slowly(page, server)
    wait_for_step(page, 40)
    status(page, "running")
    band = page.locator("[data-testid=loss-chart] .scatterlayer .trace path.js-fill").first
    expect(band).to_have_attribute("d", re.compile("L"))
    drawn = band.get_attribute("d")
    wait_for_step(page, step_shown(page) + 20)
    expect(band).not_to_have_attribute("d", drawn or "")
    expect(page.get_by_test_id("cards")).to_contain_text("median; ")
    expect(page.get_by_text("Line: median of 4 seeds; band: lowest to highest seed.").first).to_be_visible()
    stop(page)


def test_the_link_holds_the_whole_configuration(page: Page, browser: Browser, server: Server) -> None:
    open_page(page)
    page.get_by_role("combobox", name="Architecture").click()
    page.get_by_role("option", name="GRU", exact=True).click()
    expect(page).to_have_url(re.compile(r"model\.architecture=gru"))
    page.get_by_role("spinbutton", name="Hidden size").fill("17")
    page.get_by_role("spinbutton", name="Hidden size").press("Enter")
    expect(page).to_have_url(re.compile(r"model\.hidden_size=17"))
    other = new_context(browser, server)
    visitor = other.new_page()
    visitor.goto(page.url)
    expect(visitor.get_by_role("spinbutton", name="Hidden size")).to_have_value("17")
    expect(visitor.get_by_role("combobox", name="Architecture")).to_have_value("GRU")
    assert query(visitor) == query(page)
    other.close()


def test_a_double_click_starts_one_run(page: Page) -> None:
    open_page(page, LONG + "&training.seed=77")
    button(page, "Train").dblclick()
    status(page, "running")
    run = query(page)["run"]
    wait_for_step(page, 5)
    assert query(page)["run"] == run
    expect(button(page, "Train")).to_be_disabled()
    stop(page)
    page.goto("/")
    expect(button(page, "Train")).to_be_visible()
    expect(page.locator("[class*=st-key-active-runs]")).to_have_count(0)


def test_a_short_run_is_replayed_when_asked(page: Page) -> None:
    open_page(page, "/?recipe=bouncing-ball@1&training.epochs=2&model.hidden_size=4")
    train(page)
    status(page, "completed")
    expect(page.get_by_test_id("status")).to_have_text("Completed")
    page.evaluate(
        "window.steps = new Set();"
        "setInterval(() => window.steps.add(document.querySelector('[data-testid=cards] .sl-note')?.innerText), 20)"
    )
    button(page, "Replay").click()
    expect(page.get_by_test_id("status")).to_contain_text("Replay")
    expect(page.get_by_test_id("status")).to_have_text("Completed")
    assert page.evaluate("window.steps.size") > 1  # the last step, and some before it
    button(page, "Replay").click()
    button(page, "End replay").click()
    expect(page.get_by_test_id("status")).to_have_text("Completed")
    expect(button(page, "Replay")).to_be_visible()


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_both_themes_are_drawn_and_nothing_is_wider_than_the_screen(
    browser: Browser, server: Server, dark: bool
) -> None:
    context = new_context(browser, server, dark=dark)
    page = context.new_page()
    open_page(page)
    expect(page.get_by_test_id("data-chart").locator(".scatterlayer .trace")).to_have_count(3)
    background = page.evaluate("getComputedStyle(document.querySelector('.stApp')).backgroundColor")
    plot = "document.querySelector('[data-testid=data-chart] .live-chart-plot')"
    assert background == ("rgb(19, 22, 25)" if dark else "rgb(255, 255, 255)")
    assert page.evaluate(f"{plot}._fullLayout.font.color") == ("#EDEEF0" if dark else "#1C1E21")
    for width in (1440, 390):
        page.set_viewport_size({"width": width, "height": 844})
        until(page, f"{plot}._fullLayout.width <= {width}")
        assert page.evaluate("document.querySelector('[data-testid=stMain]').scrollWidth") <= width
    context.close()


def test_errors_of_a_link_are_named_and_the_page_works(page: Page) -> None:
    open_page(page, "/?recipe=bouncing-bal&model.hiden_size=3&run=nonsense&data.source=/etc/passwd")
    alerts = page.locator("[data-testid=stAlert]")
    expect(alerts).to_have_count(4)
    expect(alerts.filter(has_text="did you mean bouncing-ball")).to_have_count(1)
    expect(alerts.filter(has_text="model.hiden_size")).to_contain_text("did you mean hidden_size")
    expect(page.get_by_test_id("data-chart").locator(".scatterlayer .trace")).to_have_count(3)
    expect(button(page, "Train")).to_be_enabled()


def test_an_invalid_value_is_named_and_kept(page: Page) -> None:
    open_page(page)
    page.get_by_role("spinbutton", name="Hidden size").fill("1000000")
    page.get_by_role("spinbutton", name="Hidden size").press("Enter")
    alert = page.locator("[data-testid=stAlert]")
    expect(alert).to_contain_text("Hidden size: 1000000 is not allowed")
    expect(alert).to_contain_text("memory")
    expect(button(page, "Train")).to_be_disabled()
    expect(page.get_by_role("spinbutton", name="Hidden size")).to_have_value("1000000")
    page.get_by_role("spinbutton", name="Hidden size").fill("32")
    page.get_by_role("spinbutton", name="Hidden size").press("Enter")
    expect(alert).to_have_count(0)
    expect(button(page, "Train")).to_be_enabled()
