"""The Train page in a real browser, with a real server and workers."""

from __future__ import annotations

import contextlib
import re
import sqlite3
import time
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

import seqcore
from seqcore.runs.api import open_store
from tests.browser.conftest import PATIENCE, new_context
from tests.browser.waiting import choose, settled, until
from tests.servers import Server
from ui.frontend import FEED_ROUTE

LONG = "/?recipe=bouncing-ball@1&training.epochs=100000&model.hidden_size=8"  # outlasts any test
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
    expect(page.get_by_test_id("log")).to_contain_text("Completed after 30 epochs")
    status(page, "completed")
    expect(page.locator(CURVE)).not_to_have_count(0)
    expect(page.get_by_test_id("prediction-chart").locator(".scatterlayer .trace")).not_to_have_count(0)
    expect(page.get_by_test_id("cards")).to_contain_text(re.compile(r"\d× lower"))
    # Plotly can upload charts to its own server; here nothing leaves the machine
    expect(page.locator(".modebar-btn")).not_to_have_count(0)
    expect(page.locator(".modebar-btn[data-title*='Share' i], .modebar-btn[data-title*='cloud' i]")).to_have_count(0)


def test_the_curve_grows_on_the_same_node_to_the_end(running: Page) -> None:
    expect(running.locator(CURVE).first).to_be_attached()
    running.evaluate(
        f"window.first = document.querySelector('{CURVE}'); window.lengths = [];"
        "new MutationObserver(() => window.lengths.push(window.first.getAttribute('d').length))"
        ".observe(window.first, {attributeFilter: ['d']})"
    )
    until(running, "window.lengths.filter((length, i) => i > 0 && length > window.lengths[i - 1]).length >= 3")
    stop(running)
    settled(running)
    assert running.evaluate(f"window.first === document.querySelector('{CURVE}')")


def test_chart_and_cards_follow_a_run_by_themselves_and_keep_the_zoom(running: Page) -> None:
    plot = "document.querySelector('[data-testid=loss-chart] .live-chart-plot')"
    box = running.get_by_test_id("loss-chart").locator(".nsewdrag").first.bounding_box()
    assert box is not None
    running.mouse.move(box["x"] + box["width"] * 0.2, box["y"] + 20)
    running.mouse.down()
    running.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + box["height"] - 20, steps=5)
    running.mouse.up()
    until(running, f"{plot}.layout.xaxis.autorange === false")
    zoomed = running.evaluate(f"{plot}.layout.xaxis.range")
    # The chart asks for the next update itself, twice a second where the machine can do it.
    with running.expect_response(lambda answer: FEED_ROUTE in answer.url and answer.status == 200) as answered:
        pass
    assert answered.value.json()["again"] <= 0.5
    # Chart and cards are both updated between two runs of Streamlit, which update the whole view.
    running.evaluate(
        f"""() => {{
          const observe = (node, options, seen) => new MutationObserver(seen).observe(node, options)
          const steps = () => document.querySelector('[data-testid=cards] .sl-note')?.innerText
          window.seen = {{ chart: 0, cards: 0, alone: 0 }}
          let [last, alone] = [steps(), false]
          const state = {{ attributeFilter: ['data-test-script-state'] }}
          observe(document.querySelector('.stApp'), state, () => (alone = false))
          observe({plot}, {{ attributeFilter: ['data-updates'] }}, () => {{
            window.seen.chart++
            if (steps() !== last) window.seen.cards++
            if (alone && steps() !== last) window.seen.alone++
            last = steps()
            alone = true
          }})
        }}"""
    )
    until(running, "window.seen.chart >= 6 && window.seen.cards >= 4 && window.seen.alone >= 2")
    assert running.evaluate(f"{plot}.layout.xaxis.range") == pytest.approx(zoomed)
    running.get_by_role("button", name="linear").click()
    until(running, f"{plot}._fullLayout.yaxis.type === 'linear'")
    assert running.evaluate(f"{plot}.layout.xaxis.range") == pytest.approx(zoomed)
    stop(running)
    unchanged = f"{plot}?.layout?.xaxis.range?.every((end, i) => Math.abs(end - {zoomed}[i]) < 1)"
    until(running, f"{unchanged} && {plot}._fullLayout.yaxis.type === 'linear'")
    # A page switch makes the chart anew.
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
    assert "of 100,000" in epochs
    expect(button(running, "Stop")).to_be_disabled()
    expect(button(running, "Resume")).to_be_enabled()


def test_a_refresh_a_second_tab_and_a_second_browser_show_the_same_live_run(
    running: Page, browser: Browser, server: Server
) -> None:
    run = query(running)["run"]
    shows_run = re.compile(rf"[?&]run={run}")
    running.reload()
    status(running, "running")
    expect(running).to_have_url(shows_run)
    tab = running.context.new_page()
    tab.goto(f"/?run={run}")
    status(tab, "running")
    other = new_context(browser, server)
    visitor = other.new_page()
    visitor.goto("/")
    visitor.locator("[class*=st-key-active-runs]").get_by_role("button", name="Watch").first.click()
    status(visitor, "running")
    expect(visitor).to_have_url(shows_run)
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
    choose(page, page.get_by_role("combobox", name="Architecture"), "GRU")
    expect(page).to_have_url(re.compile(r"model\.architecture=gru"))
    page.get_by_role("spinbutton", name="Hidden size").fill("17")
    page.get_by_role("spinbutton", name="Hidden size").press("Enter")
    expect(page).to_have_url(re.compile(r"model\.hidden_size=17"))
    other = new_context(browser, server)
    visitor = other.new_page()
    settled(page)
    visitor.goto(page.url)
    expect(visitor.get_by_role("spinbutton", name="Hidden size")).to_have_value("17")
    expect(visitor.get_by_role("combobox", name="Architecture")).to_have_value("GRU")
    settled(visitor)
    assert query(visitor) == query(page)
    other.close()


def test_a_double_click_starts_one_run(page: Page) -> None:
    open_page(page, LONG + "&training.seed=77")
    button(page, "Train").dblclick()
    status(page, "running")
    expect(page).to_have_url(re.compile(r"[?&]run="))
    run = query(page)["run"]
    wait_for_step(page, 5)
    assert query(page)["run"] == run
    expect(button(page, "Train")).to_be_disabled()
    stop(page)
    page.goto("/")
    expect(button(page, "Train")).to_be_visible()
    expect(page.locator("[class*=st-key-active-runs]")).to_have_count(0)


def test_a_short_run_is_replayed_when_asked(page: Page, server: Server) -> None:
    store = open_store(server.store)
    short = {"training.epochs": 2, "model.hidden_size": 4}
    run = seqcore.train(seqcore.recipe("bouncing-ball").with_changes(short), store=store, recipe="bouncing-ball")
    store.close()
    with contextlib.closing(sqlite3.connect(server.store / "seqcore.db")) as records, records:
        records.execute("UPDATE runs SET seconds = 4, crc = NULL WHERE id = ?", (run.id,))  # on any machine
    page.goto(f"/?run={run.id}")
    shown = page.get_by_test_id("status")
    expect(shown).to_have_text("Completed")
    settled(page)
    page.evaluate(
        "window.steps = new Set();"
        "setInterval(() => window.steps.add(document.querySelector('[data-testid=cards] .sl-note')?.innerText), 20)"
    )
    speed = page.get_by_role("slider", name="Replay speed")
    speed.press("Home")
    expect(speed).to_have_attribute("aria-valuetext", "0.05× speed")  # it takes eighty seconds
    button(page, "Replay").click()
    until(page, "window.steps.size >= 3")  # the last step, and some before it
    expect(shown).to_contain_text("Replay")
    button(page, "End replay").click()
    expect(shown).to_have_text("Completed")
    button(page, "Replay").click()
    expect(shown).to_contain_text("Replay")
    speed.press("End")
    expect(speed).to_have_attribute("aria-valuetext", "2× speed")
    expect(shown).to_have_text("Completed")  # at its end by itself
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
        until(page, f"document.querySelector('[data-testid=stMain]').scrollWidth <= {width}")
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


def test_on_a_phone_a_link_leads_past_the_results_to_the_settings(browser: Browser, server: Server) -> None:
    phone = new_context(browser, server, width=390)
    page = phone.new_page()
    page.goto("/")
    settings = page.locator(".st-key-settings")
    expect(settings).not_to_be_in_viewport()
    page.get_by_role("link", name="Settings", exact=True).click()
    expect(settings).to_be_in_viewport()
    phone.close()
    wide = new_context(browser, server)
    page = wide.new_page()
    page.goto("/")
    expect(page.locator(".st-key-settings")).to_be_in_viewport()
    expect(page.locator(".sl-to-settings")).to_be_hidden()
    wide.close()
