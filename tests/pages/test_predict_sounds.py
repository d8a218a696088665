"""The Predict page with models of sound and video: examples, recordings, input frames."""

from __future__ import annotations

import io
import json
import wave
from pathlib import Path

import numpy as np
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

import seqcore
from seqcore.runs.scheduler import Scheduler
from seqcore.runs.store import Store
from ui import session
from ui.audio_player import _wav

ROUTER = Path(__file__).parents[2] / "pages" / "_router.py"


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A store with a model of vowels and a model of videos, trained for one epoch."""
    store = Store(tmp_path_factory.mktemp("trained") / "runs")
    few = {"training.epochs": 1, "model.hidden_size": 16}
    vowels = seqcore.recipe("spoken-vowels").with_changes(few | {"data.options": {"speakers": 10, "repeats": 1}})
    videos = seqcore.recipe("next-frame").with_changes(few | {"data.options": {"samples": 30}})
    runs = {
        "vowels": seqcore.train(vowels, store=store, recipe="spoken-vowels").id,
        "videos": seqcore.train(videos, store=store, recipe="next-frame").id,
    }
    yield store, runs
    store.close()


@pytest.fixture
def runs(trained, monkeypatch):
    st.cache_resource.clear()
    st.cache_data.clear()
    scheduler = Scheduler(trained[0])
    monkeypatch.setattr(session, "store", lambda: trained[0])
    monkeypatch.setattr(session, "scheduler", lambda: scheduler)
    return trained[1]


def open_page(run: str) -> AppTest:
    page = AppTest.from_file(ROUTER, default_timeout=240)
    page.query_params["run"] = run
    page.switch_page("predict.py").run()
    assert not page.exception
    return page


def figures(page: AppTest) -> list[dict]:
    data = [json.loads(component.proto.json) for component in page.get("bidi_component")]
    return [json.loads(d["figure"]) for d in data if "figure" in d]


def test_an_example_can_be_played_with_its_stepwise_probabilities(runs):
    page = open_page(runs["vowels"])
    (player,) = page.get("audio")
    assert "voice" in player.proto.alt
    box = next(box for box in page.selectbox if box.label.startswith("Example"))
    assert all(option.count("/") == 2 for option in box.options)  # its class, once
    drawn = [trace for figure in figures(page) for trace in figure["data"]]
    assert any(trace["type"] == "heatmap" for trace in drawn)
    assert "heed /i/" in json.dumps(drawn, ensure_ascii=False)
    layouts = [figure["layout"] for figure in figures(page)]
    axes = [axis for layout in layouts for name, axis in layout.items() if name.startswith(("xaxis", "yaxis"))]
    titles = {axis["title"]["text"] for axis in axes if "title" in axis}
    assert "seconds" in titles
    assert "step" not in titles
    assert any(str(axis.get("ticktext", "")).count(" Hz") == 4 for axis in axes)


def test_another_example_is_another_sound(runs):
    page = open_page(runs["vowels"])
    before = page.get("audio")[0].proto.url
    box = next(box for box in page.selectbox if box.label.startswith("Example"))
    box.set_value(box.value + 1).run()
    assert not page.exception
    assert page.get("audio")[0].proto.url != before


def test_a_recording_or_a_file_can_be_classified(runs):
    page = open_page(runs["vowels"])
    origin = f"input-{runs['vowels']}-origin"
    page.session_state[origin] = "Microphone"
    page.run()
    assert not page.exception
    (recorder,) = page.get("audio_input")
    assert "heed" in recorder.proto.label
    page.session_state[origin] = "File"
    page.run()
    assert not page.exception
    loader = next(f for f in page.file_uploader if f.label == "Audio file")
    tone = np.sin(np.arange(32_000) / 10).astype(np.float32)
    loader.upload("mine.wav", _wav(tone / 2, 16_000), "audio/wav").run()
    assert not page.exception
    assert len(page.get("audio")) == 1
    told = " ".join(element.value.replace("\\", "") for element in page.caption)
    assert "This input lasts 1.98 s; the model was trained on sequences of 0." in told
    loader = next(f for f in page.file_uploader if f.label == "Audio file")
    loader.upload("silent.wav", _wav(0 * tone, 16_000), "audio/wav").run()
    assert not page.exception
    assert [error.value.replace("\\", "") for error in page.error] == [
        "silent.wav: this recording is silent; give one with sound"
    ]


def test_a_video_is_continued_from_the_chosen_number_of_frames(runs):
    page = open_page(runs["videos"])
    slider = next(s for s in page.slider if s.label == "Input frames")
    assert (slider.min, slider.value) == (1, 12)
    slider.set_value(3).run()
    assert not page.exception
    assert sum("sliders" in figure["layout"] for figure in figures(page)) == 2


def test_played_sounds_are_not_normalized():
    samples = np.array([0.0, 0.25, -0.25, 0.1], dtype=np.float32)
    with wave.open(io.BytesIO(_wav(samples, 8_000))) as file:
        assert (file.getframerate(), file.getnchannels(), file.getnframes()) == (8_000, 1, 4)
        back = np.frombuffer(file.readframes(4), dtype="<i2") / 32_767
    assert np.allclose(back, samples, atol=1e-4)
