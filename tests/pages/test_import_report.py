"""What a file's columns were taken for, and questions about it: shown and changed on the Data and Train pages."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from seqcore.experiment.links import experiment_from_link
from ui import session

ROWS = [f"2024-01-{d + 1:02},{d % 7 + d / 10},{-200 if d % 9 == 5 else d % 5 + d / 7:.2f},{('sun', 'rain')[d // 3 % 2]}"
        for d in range(31)]  # fmt: skip
CODES = "\n".join(["date,load,temp,weather", *ROWS]).encode()


@pytest.fixture
def page(tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[AppTest]:
    monkeypatch.setenv("SEQCORE_STORE", str(tmp_path / "runs"))
    monkeypatch.setattr(session.Scheduler, "start", lambda self: self)
    st.cache_resource.clear()
    yield AppTest.from_file(str(root / "pages" / "_router.py"), default_timeout=240).switch_page("data.py")
    st.cache_resource.clear()


def _upload(page: AppTest) -> AppTest:
    page.run()
    page.segmented_control(key="data-group").set_value("file").run()
    page.file_uploader(key="upload").upload("air.csv", CODES, "text/csv").run()
    assert not page.exception
    return page


def _linked(page: AppTest) -> dict[str, Any]:
    params: dict[str, Any] = dict(page.query_params)
    link = {key: value if isinstance(value, str) else value[0] for key, value in params.items()}
    return experiment_from_link(link)[0].data.options


def _texts(page: AppTest) -> str:
    return "\n".join(element.value for element in (*page.markdown, *page.caption, *page.error))


def test_a_role_is_changed_by_its_list_and_undone(page: AppTest) -> None:
    _upload(page)
    assert "Columns of the file: time, 2 value, category" in [e.label for e in page.expander]
    page.number_input(key="data:data.window").set_value(4).run()
    page.selectbox(key="role-1").select("ignore").run()
    assert not page.exception
    assert _linked(page)["columns"] == {"load": "ignore"}
    assert page.selectbox(key="role-1").value == "ignore"
    assert page.number_input(key="data:data.window").value == 4  # the user's own settings are kept
    undo = page.button(key="role-1-undo")
    assert undo.label == "Detected: Value"
    undo.click().run()
    assert not page.exception
    assert _linked(page)["columns"] == {}
    assert page.selectbox(key="role-1").value == "value"
    assert page.number_input(key="data:data.window").value == 4


def test_the_alternative_is_one_click_away_and_everything_can_be_detected_again(page: AppTest) -> None:
    _upload(page)
    assert page.selectbox(key="role-3").value == "category"
    page.button(key="role-3-series").click().run()
    assert not page.exception
    assert _linked(page)["columns"] == {"weather": "series"}
    assert "2 series" in _texts(page)
    page.selectbox(key="role-3").select("ignore").run()
    assert _linked(page)["columns"] == {"weather": "ignore"}
    assert "weather as not used" in _texts(page)
    page.button(key="detect-again").click().run()
    assert _linked(page)["columns"] == {}


def test_a_change_that_makes_the_file_unreadable_is_refused(page: AppTest) -> None:
    _upload(page)
    page.selectbox(key="role-0").select("ignore").run()
    page.selectbox(key="role-1").select("ignore").run()
    page.selectbox(key="role-3").select("ignore").run()
    page.selectbox(key="role-2").select("ignore").run()
    assert not page.exception
    assert "Nothing was changed. air" in _texts(page)
    assert page.selectbox(key="role-2").value == "value"
    assert _linked(page)["columns"] == {"date": "ignore", "load": "ignore", "weather": "ignore"}


def test_options_that_do_not_fit_the_file_can_be_reset(page: AppTest) -> None:
    _upload(page)
    link = {key: value[0] if isinstance(value, list) else value for key, value in page.query_params.items()}
    fresh = AppTest.from_file(page._script_path, default_timeout=240).switch_page("data.py")
    for key, value in {**link, "data.options.columns": '{"gone": "time"}', "model.hidden_size": "24"}.items():
        fresh.query_params[key] = value
    fresh.run()
    assert "there is no column 'gone'" in _texts(fresh)
    fresh.button(key="detect-again").click().run()
    assert not fresh.exception
    assert not fresh.error
    assert _linked(fresh)["columns"] == {}


def test_the_answer_to_a_question_is_a_button_and_is_kept_on_the_train_page(page: AppTest) -> None:
    _upload(page)
    assert "\\-200 in temp" in _texts(page)
    page.button(key="open-in-train").click().run()
    page.switch_page("train.py").run()
    assert not page.exception
    assert "\\-200 in temp" in _texts(page)
    page.button(key="question-0-0").click().run()
    assert not page.exception
    assert _linked(page)["missing_codes"] == "-200"
    assert "\\-200 in temp" not in _texts(page)
    assert not page.button(key="do-train").disabled


def test_a_role_that_was_not_changed_reads_nothing_again() -> None:
    """Streamlit calls back for controls that were hidden while a run was shown: the run's page would be left."""

    def script() -> None:
        import streamlit as st

        from seqcore.data.import_report import ColumnRole
        from ui.import_report import _File, _role_chosen

        for chosen in ("ignore", "value"):
            st.session_state["role-0"] = chosen
            _role_chosen(ColumnRole("id", "ignore"), "role-0", _File((), {}, {}))
            st.text(str("import-wanted" in st.session_state))

    page = AppTest.from_function(script).run()
    assert [element.value for element in page.text] == ["False", "True"]


def test_a_confirmed_question_is_not_asked_again() -> None:
    def script() -> None:
        from seqcore.data.import_report import Answer, Question
        from ui.import_report import ask

        ask([Question("Dates were read with the day first.", (Answer("Month first", {"date_order": "month-first"}),)),
             Question("Is -999 missing?", (Answer("Keep", {"missing_codes": "none"}),))],
            lambda options: None, key="question")  # fmt: skip

    page = AppTest.from_function(script).run()
    assert [button.label for button in page.button] == ["Month first", "Keep as is", "Keep"]
    page.button(key="question-0-right").click().run()
    assert [button.label for button in page.button] == ["Keep"]
