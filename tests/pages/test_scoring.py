"""A long evaluation runs in the background: the page can be used meanwhile and shows the stored score."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

import seqcore
from seqcore.evaluation.interruption import EvaluationInterrupted
from seqcore.evaluation.metrics import Evaluation
from seqcore.experiment.experiment import Experiment
from seqcore.inference.predictor import Predictor
from seqcore.runs.scheduler import Scheduler
from seqcore.runs.store import Store
from ui import scoring, session
from ui.scoring import Scoring


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    opened = Store(tmp_path / "runs")
    scheduler = Scheduler(opened)
    st.cache_resource.clear()
    monkeypatch.setattr(session, "store", lambda: opened)
    monkeypatch.setattr(session, "scheduler", lambda: scheduler)
    yield opened
    st.cache_resource.clear()
    opened.close()


def texts(page: AppTest) -> str:
    assert not page.exception
    return "\n".join(element.value for element in (*page.markdown, *page.caption, *page.subheader))


def test_a_model_can_be_used_while_it_is_evaluated(store: Store, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = Experiment().with_changes({"training.epochs": 1, "data.options.samples": 200})
    run = seqcore.train(plan, store=store)
    goes_on, evaluate = threading.Event(), Predictor.evaluate

    def slowly(self: Predictor, *arguments: object, **options: object) -> Evaluation:
        assert goes_on.wait(600)
        return evaluate(self, *arguments, **options)  # type: ignore[arg-type]

    with monkeypatch.context() as patched:
        patched.setattr(Predictor, "evaluate", slowly)
        patched.setattr(scoring, "PATIENCE", 0.0)
        page = AppTest.from_file(str(root / "pages" / "_router.py"), default_timeout=240)
        page.query_params["run"] = run.id
        try:
            page.switch_page("predict.py").run()
            shown = texts(page)
            assert "Evaluating on the test split" in shown
            assert "lower than" in shown or "higher than" in shown  # the run's stored score
            assert "Use the model" in shown
            assert page.text_input or page.text_area
        finally:
            goes_on.set()
    page.run()
    assert "Evaluating on the test split" not in texts(page)
    assert "windows" in texts(page)


def test_a_cancelled_evaluation_ends() -> None:
    begun = threading.Event()

    def work(unwanted):  # type: ignore[no-untyped-def]
        begun.set()
        while not unwanted():
            pass
        raise EvaluationInterrupted

    asked = Scoring(work)
    assert begun.wait(600)
    assert not asked.done()
    asked.close()
    assert asked.done()
    with pytest.raises(EvaluationInterrupted):
        asked.result()
