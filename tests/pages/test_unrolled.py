"""What the picture of the unrolled network is sent: the numbers of the probe, of the equations and of the gradient."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import numpy as np
import pytest

import seqcore
from seqcore.insight.examples import InspectExample, load_example, typed_example
from seqcore.insight.gradients import state_gradients
from seqcore.insight.probes import probe
from seqcore.results.internals import InternalsView
from seqcore.runs.records import Run
from seqcore.runs.store import Store
from tests.seqcore.insight.untrained import untrained
from ui.inspect_cache import InspectCache
from ui.inspect_context import Inspected
from ui.unrolled import unrolled_data
from ui.unrolled_data import MOST_BUCKETS, MOST_STEPS, MOST_UNITS, Focus, internals_data

PARTS = ("cell", "gradient")


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Run:
    store = Store(tmp_path_factory.mktemp("store"))
    changes = {"training.epochs": 1, "data.options.samples": 60, "model.hidden_size": 2}
    trained = seqcore.train(seqcore.recipe("bouncing-ball").with_changes(changes), store=store, recipe="bouncing-ball")
    found = store.run(trained.id)
    store.close()
    return found


def inspected(run: Run, name: str, *, example: InspectExample | None = None, **changes) -> Inspected:
    """A model with fresh weights as the page has it; the run lends its title alone."""
    predictor, table = untrained(name, **changes)
    example = example or load_example(predictor, table, "val", 0)
    internals = probe(predictor, example)
    return Inspected(run, 0, predictor, table, example, internals, "", 0, cache=InspectCache())


def decoded(text: str) -> np.ndarray:
    return np.frombuffer(base64.b64decode(text), "<f4")


def test_the_numbers_are_those_of_the_probe(run):
    page = inspected(run, "bouncing-ball", model__architecture="lstm", model__num_layers=2)
    data = unrolled_data(page, Focus(step=7, layer=1, unit=3), parts=PARTS)
    assert data["count"] == data["sent"] == len(page.example.steps)
    assert list(data["arrays"]) == list(page.internals.names)
    for name, array in data["arrays"].items():
        first, shown = array["units"]
        found = decoded(array["values"]).reshape(data["sent"], 2, shown)
        np.testing.assert_allclose(found, page.internals.arrays[name][:, :, first : first + shown], rtol=1e-6)
    assert decoded(data["inputs"]) == pytest.approx(page.internals.inputs[:, 0], rel=1e-6)
    assert data["prediction"].endswith("(next height)")
    assert [layer["row"] for layer in data["layers"]] == ["Layer 1", "Layer 2"]
    json.dumps(data, allow_nan=False)


def test_the_equations_are_those_of_the_cell_in_focus(run):
    page = inspected(run, "bouncing-ball", model__architecture="lstm", model__num_layers=2)
    data = unrolled_data(page, Focus(step=7, layer=1, unit=3), parts=PARTS)
    cell = data["cell"]
    assert (cell["step"], cell["layer"], cell["unit"]) == (7, 1, 3)
    values = {equation["name"]: equation["value"] for equation in cell["equations"]}
    assert values == {name: pytest.approx(page.internals.arrays[name][7, 1, 3], abs=1e-6) for name in values}
    gate = next(equation for equation in cell["equations"] if equation["name"] == "forget_gate")
    assert next([factor["shape"] for factor in term["factors"]] for term in gate["terms"]) == ["[6, 6]", "[6]"]
    assert sum(term["value"] for term in gate["terms"]) == pytest.approx(gate["total"], abs=1e-6)
    output = next(equation for equation in cell["equations"] if equation["name"] == "hidden_state")
    gate, state = output["terms"][0]["factors"]
    assert [gate["function"], state["function"]] == [
        "",
        "tanh",
    ]  # which the drawing has on the line from the cell state
    assert gate["value"] * state["value"] == pytest.approx(output["value"], abs=1e-6)
    assert all(source["value"] is not None for source in cell["sources"] if source["name"] != "x")
    assert {source["name"] for source in cell["sources"]} == {"hidden_state_before", "cell_state_before", "x"}
    assert data["recurrent"]


def test_the_backward_pass_has_the_gradient_of_the_loss(run):
    page = inspected(run, "bouncing-ball", model__architecture="gru")
    data = unrolled_data(page, Focus(), parts=PARTS)
    norms = state_gradients(page.predictor, page.table, page.example).norms["hidden_state"]  # [L, R, T]
    assert decoded(data["gradient"]) == pytest.approx(norms.sum(axis=1)[0], rel=1e-5)
    assert data["gradientLimit"] == pytest.approx(norms.sum(axis=1).max())


def test_equations_and_gradients_are_computed_only_where_they_are_asked_for(run):
    page = inspected(run, "bouncing-ball", model__architecture="gru")
    data = unrolled_data(page, Focus())
    assert data["cell"] is data["gradient"] is None
    assert data["cellRefusal"] == data["gradientRefusal"] == ""
    assert not {"cells", "state-gradients"} & set(page.asked)


def test_typed_input_has_no_backward_pass_and_says_why(run):
    predictor, _ = untrained("bouncing-ball")
    page = inspected(run, "bouncing-ball", example=typed_example(predictor, "1, 2, 3, 4"))
    data = unrolled_data(page, Focus(), parts=PARTS)
    assert data["gradient"] is None
    assert data["gradientRefusal"].endswith(".")
    assert data["cell"] is not None


@pytest.mark.parametrize(
    ("architecture", "functions"),
    [("gru", {"1 −"}), ("mingru", {"1 −"}), ("minlstm", {"−", "1 −"}), ("slstm", {"−", "1 −", "softplus"})],
)
def test_functions_of_values_are_sent_with_what_they_give(run, architecture, functions):
    data = unrolled_data(inspected(run, "bouncing-ball", model__architecture=architecture), Focus(7), parts=PARTS)
    found = [f for eq in data["cell"]["equations"] for term in eq["terms"] for f in term["factors"] if f["function"]]
    assert {factor["function"] for factor in found if factor["name"]} == functions
    assert all(isinstance(factor["value"], float) for factor in found)


@pytest.mark.parametrize(
    ("architecture", "recurrent"), [("tcn", False), ("nlinear", False), ("transformer", False), ("lru", True)]
)
def test_every_architecture_has_a_cell(run, architecture, recurrent):
    data = unrolled_data(inspected(run, "bouncing-ball", model__architecture=architecture), Focus(step=3), parts=PARTS)
    assert data["cell"]["equations"]
    assert data["recurrent"] is recurrent
    assert data["missing"] or data["arrays"]
    assert ("attention weights are given" in data["cell"]["note"]) == (architecture == "transformer")
    if architecture == "transformer":
        assert sum(data["attention"][3]) == pytest.approx(1.0, abs=1e-3)


def test_a_translator_shows_encoder_and_decoder(run):
    predictor, _ = untrained("english-french")
    page = inspected(run, "english-french", example=typed_example(predictor, "I am cold"))
    words = len(page.example.steps)
    data = unrolled_data(page, Focus(step=words))
    assert data["stages"][:words] == ["encoder"] * words
    assert data["stages"][words:] == ["decoder"] * (data["count"] - words)
    first = data["layers"][0]["stages"]
    assert (first["encoder"]["title"], first["decoder"]["title"]) == ("Encoder layer 1", "Decoder layer 1")
    assert list(data["layers"][1]["stages"]) == ["encoder"]  # it alone reads backward, too
    assert data["layers"][1]["stages"]["encoder"]["reverse"]
    assert data["columns"] == []  # a word is its own label
    assert data["attention"][words - 1] is None
    assert len(data["attention"][words]) == words


@pytest.mark.parametrize(("steps", "units", "step"), [(10_000, 8, 9_990), (300, 4_096, 150)])
def test_long_sequences_and_many_units_are_sent_around_the_focus(steps, units, step):
    rng = np.random.default_rng(0)
    values = rng.standard_normal((steps, 1, units))
    view = InternalsView(
        0, tuple(map(str, range(steps))), rng.standard_normal((steps, 1)), ("value",), ("hidden_state",),
        {"hidden_state": values}, ("layer 1",),
    )  # fmt: skip
    unit = units - 1
    data = internals_data(view, Focus(step, 0, unit))
    assert data["sent"] == MOST_STEPS
    assert data["first"] <= step < data["first"] + data["sent"]
    first, shown = data["arrays"]["hidden_state"]["units"]
    assert shown == min(units, MOST_UNITS)
    assert first <= unit < first + shown
    found = decoded(data["arrays"]["hidden_state"]["values"]).reshape(MOST_STEPS, 1, shown)
    assert found[step - data["first"], 0, unit - first] == pytest.approx(values[step, 0, unit], rel=1e-6)
    overview = decoded(data["overview"])
    assert len(overview) == min(steps, MOST_BUCKETS)
    assert overview.max() == pytest.approx(np.abs(values).mean(axis=(1, 2)).max(), rel=1e-6)
    assert len(json.dumps(data)) < 100_000


def test_a_focus_beyond_the_end_is_the_nearest_that_exists(run):
    page = inspected(run, "bouncing-ball")
    data = unrolled_data(page, Focus(step=10**6, layer=9, unit=10**6), parts=PARTS)
    assert data["focus"] == {"step": data["count"] - 1, "layer": 0, "unit": 5}
    assert data["cell"]["unit"] == 5


def test_the_scripts_are_one_module_with_the_fonts_in_front():
    from ui import unrolled

    names = [font["family"] for font in json.loads(unrolled._fonts().removeprefix("const FONTS = "))]
    assert names == ["Sequence Lab Math", "Sequence Lab Math", "Source Sans"]
    texts = [Path(unrolled.__file__).with_name(name).read_text() for name in unrolled._SCRIPTS]
    functions = [
        line.split("(")[0]
        for text in texts
        for line in text.splitlines()
        if line.startswith(("function ", "async function "))
    ]
    assert len(functions) == len(set(functions))


def test_frames_are_sent_as_pictures(run):
    page = inspected(run, "moving-shapes")
    data = unrolled_data(page, Focus())
    frames = data["frames"]
    pixels = np.frombuffer(base64.b64decode(frames["pixels"]), "u1").reshape(-1, frames["height"], frames["width"])
    assert page.table.frame is not None
    inputs = page.internals.inputs.reshape(-1, *page.table.frame)
    assert pixels.shape == inputs.shape
    brightest = np.unravel_index(inputs.argmax(), inputs.shape)
    assert pixels[brightest] == 255
    assert unrolled_data(inspected(run, "bouncing-ball"), Focus())["frames"] is None


def test_a_model_that_has_diverged_is_sent_without_numbers_that_json_lacks():
    values = np.full((3, 1, 2), np.nan)
    view = InternalsView(
        0, ("a", "b", "c"), np.zeros((3, 1)), ("value",), ("hidden_state",), {"hidden_state": values}, ("layer 1",),
        attention=np.full((1, 3, 3), np.nan),
    )  # fmt: skip
    data = internals_data(view, Focus(2), gradient=np.full((3, 1), np.nan))
    json.dumps(data, allow_nan=False)
    assert np.isnan(decoded(data["arrays"]["hidden_state"]["values"])).all()
    assert data["layers"] == [{"row": "Layer 1", "stages": {"": {"title": "Layer 1", "reverse": False}}}]
