"""The contract of result types: every registered one has JSON, CSV, text, a caption and, but for tables, a figure."""

from __future__ import annotations

import csv
import io
import json
import math

import numpy as np
import pytest

from seqcore.errors import PredictionError
from seqcore.plots import plot_view
from seqcore.results import (
    RESULT_TYPES,
    ConfusionView,
    EquationsView,
    FramesView,
    HorizonView,
    InternalsView,
    LabelsView,
    SeriesView,
    SymbolsView,
    TableView,
    TextView,
    Translated,
    TranslationView,
    View,
    view_from_dict,
)
from seqcore.results.answers import AnswersView
from seqcore.results.attributions import AttributionsView
from seqcore.results.base import write_csv
from seqcore.results.curves import CurvesView, OverlaidCurve, TradeoffPoint, TradeoffView
from seqcore.results.equations import FactorValue, GivenValue, SolvedEquation, TermValue
from seqcore.results.formatting import capitalized, enumerated, format_duration, median_and_range, typeset
from seqcore.results.gradients import (
    GradientByLagView,
    InputGradientView,
    LagCurve,
    NeededMemory,
    StateGradientsView,
)
from seqcore.results.metrics import metric_named
from seqcore.results.predictions import PredictionsView, VideosView
from seqcore.results.projection import ProjectionView
from seqcore.results.reach import LagWeightsView, ReceptiveFieldView
from seqcore.results.response import ResponseView
from seqcore.results.saturation import SaturationView
from seqcore.results.series import series_csv
from seqcore.results.similar import SimilarMoment, SimilarView
from seqcore.results.spectrum import SpectrumView
from seqcore.results.updates import UpdatesView

EXAMPLES: list[View] = [
    SeriesView(
        x=np.array(["2024-01-01", "2024-01-02"], dtype="datetime64[ns]"),
        prediction=np.array([[1.0], [2.0]]),
        low=np.array([[0.5], [1.5]]),
        high=np.array([[1.5], [2.5]]),
        coverage=0.9,
        title="Sales",
    ),
    SeriesView(
        x=np.array([1.0, 2.0]), prediction=np.array([[1.0], [2.0]]), replicas=np.array([[[0.5], [1.0]], [[1.5], [3.0]]])
    ),
    SymbolsView((("a", "b"),), ("a", "b", " "), np.array([[0.2, 0.1, 0.7]]), ("a",), title="Next"),
    TextView("once upon", " a time", "Text", truth=" a midnight"),
    LabelsView(("up", "down"), np.array([[0.9, 0.1]]), ("up",), ("first",), (np.array([[0.5, 0.5], [0.9, 0.1]]),)),
    SymbolsView(
        (("a",), ("b",)),
        ("a", "b"),
        np.array([[0.3, 0.7], [0.6, 0.4]]),
        replicas=np.array([[[0.2, 0.8], [0.5, 0.5]], [[0.4, 0.6], [0.7, 0.3]]]),
    ),
    LabelsView(("up", "down"), np.array([[0.8, 0.2]]), replicas=np.array([[[0.9, 0.1]], [[0.7, 0.3]]])),
    FramesView(np.zeros((2, 3, 3)), replicas=np.zeros((2, 2, 3, 3)), title="Video"),
    ConfusionView(("up", "down"), np.array([[3.0, 1.0], [0.0, 4.0]]), "Confusion matrix"),
    FramesView(np.zeros((2, 3, 3)), truth=np.ones((2, 3, 3)), title="Video"),
    HorizonView({"Model": np.array([1.0, 2.0]), "Last value": np.array([2.0, 3.0])}, title="Error by horizon"),
    TranslationView(
        (Translated(("I", "go"), ("je", "vais"), ("je", "vais"), np.eye(2), text="je vais", probability=0.8),), "Pairs"
    ),
    InternalsView(
        model_step=100,
        steps=("step 1", "step 2"),
        inputs=np.array([[1.0], [2.0]]),
        columns=("value",),
        names=("hidden_state", "state_magnitude"),
        arrays={"hidden_state": np.array([[[0.1, -0.2]], [[0.3, np.nan]]]), "state_magnitude": np.ones((2, 1, 3))},
        layer_titles=("layer 1",),
        encoded=np.array([[-1.0], [1.0]]),
        attention=np.array([[[1.0, 0.0], [0.4, 0.6]]]),
        attention_titles=("layer 1, head 1",),
        attention_rows=("step 1", "step 2"),
        attention_columns=("step 1", "step 2"),
        missing={"cell_state": "An RNN has no cell state."},
    ),
    EquationsView(
        model_step=100,
        step=1,
        step_label="Tuesday",
        layer=0,
        layer_title="layer 1",
        unit=0,
        given=(GivenValue("x", "Input", "x_t", (1,), None),),
        equations=(
            SolvedEquation(
                name="hidden_state",
                title="Hidden state",
                symbol="h_t",
                formula="h_t = tanh(W_h x_t + b_h)",
                activation="tanh",
                size=2,
                unit=0,
                terms=(
                    TermValue("W_h x_t", 0.5, (FactorValue("W_h", "W_h", "", (2, 1), None),)),
                    TermValue("b_h", -0.5, (FactorValue("b_h", "b_h", "", (2,), -0.5),)),
                ),
                total=0.0,
                value=0.0,
            ),
        ),
        architecture="RNN",
    ),
    StateGradientsView(
        model_step=10,
        loss_steps=("step 1", "step 2"),
        loss_places=(0, 1),
        steps=("step 1", "step 2"),
        names=("hidden_state",),
        norms={"hidden_state": np.array([[[0.5, 0.0], [0.1, 0.4]]])},
        layer_titles=("layer 1",),
        loss=0.3,
    ),
    StateGradientsView(
        10,
        ("step 2",),
        (1,),
        ("step 1", "step 2"),
        ("hidden_state", "cell_state"),
        {"hidden_state": np.ones((2, 1, 2)), "cell_state": np.full((2, 1, 2), 0.5)},
        ("layer 1", "layer 2"),
        0.3,
    ),
    InputGradientView(10, ("a", "b"), ("symbol",), np.array([[0.1], [0.2]]), "c", 1, signed=False),
    InputGradientView(10, ("1", "2"), tuple(f"band {i}" for i in range(8)), np.ones((2, 8)), "value", 0),
    GradientByLagView(
        tuple(
            LagCurve(name, "LSTM", 10, np.array([0.7, 0.3]), np.array([0.6, 0.2]), np.array([0.8, 0.4]), 1, 1, 1, 32)
            for name in ("one", "two")
        ),
        NeededMemory(0, 1, "the autocorrelation says so", False, np.array([0.9, 0.5]), "autocorrelation of value"),
    ),
    AttributionsView(
        10,
        ("step 1", "step 2"),
        ("value",),
        np.array([[1.0], [2.0]]),
        np.array([[0.5], [-0.2]]),
        "value",
        "original units",
        "the mean of the training data",
        1.5,
        1.2,
        0.0,
        16,
    ),
    AttributionsView(
        10,
        ("a", "b"),
        ("symbol",),
        np.zeros((0, 1)),
        np.array([[0.5], [-0.2]]),
        "the log-probability of 'c'",
        "nats",
        "an input of unknown symbols",
        -1.0,
        -1.3,
        0.0,
        16,
    ),
    AttributionsView(
        10,
        ("frame 1", "frame 2"),
        tuple(f"pixel {i}" for i in range(6)),
        np.ones((2, 6)),
        np.ones((2, 6)),
        "the mean of all pixels",
        "brightness",
        "the mean of the training data",
        2.0,
        -10.0,
        0.0,
        16,
        frame=(2, 3),
    ),
    UpdatesView((0, 10), ("weight_ih_l0", "head.weight"), np.array([[1e-3, 2e-2], [np.nan, 1e-3]])),
    SaturationView(
        names=("forget_gate",),
        layer_titles=("layer 1",),
        low={"forget_gate": np.array([[0.0, 0.9]])},
        high={"forget_gate": np.array([[0.5, 0.1]])},
        bounds={"forget_gate": np.array([0.0, 1.0])},
        steps=20,
        examples=2,
        margin=0.1,
    ),
    SpectrumView(("layer 1",), np.array([[0.5, 1.1]]), np.array([[0.5, 0.0]])),
    SimilarView(
        name="hidden_state",
        layer_title="layer 1",
        threshold=0.3,
        first=1,
        last=2,
        inside=("a", "b"),
        units=(0, 3),
        moments=(SimilarMoment("val", 4, "window 5", 0, 1, (), ("a", "c"), ("d",), 2, 1, 2 / 3),),
        searched=40,
        separator="",
    ),
    ResponseView(
        labels=("a", " "),
        centers=np.array([0.0, 1.0]),
        mean=np.array([0.2, -0.1]),
        low=np.array([0.1, -0.3]),
        high=np.array([0.3, 0.1]),
        count=np.array([3.0, 4.0]),
        name="hidden_state",
        layer_title="layer 1",
        unit=0,
        column="symbol",
        symbolic=True,
    ),
    ProjectionView(
        points=np.array([[0.1, 0.2, 0.0], [0.3, -0.2, 0.1]]),
        explained=np.array([0.7, 0.2, 0.1]),
        directions=np.eye(3),
        mean=np.zeros(3),
        numbers=(0, 1),
        steps=("a", "b"),
        name="hidden_state",
        layer_title="layer 1",
    ),
    ReceptiveFieldView(("a", "b", "c"), step=2, reach=2, gradient=np.array([0.0, 0.1, 0.9])),
    LagWeightsView(np.array([[0.9, 0.1], [0.5, 0.5]])),
    TableView(("scaling", "error"), (("standard", 0.5), ("none", None)), "Scalings"),
    CurvesView(
        (
            OverlaidCurve("GRU", np.array([1.0, 2.0]), np.array([0.5, np.nan])),
            OverlaidCurve("RNN", np.array([1.0]), np.array([0.5]), np.array([0.4]), np.array([0.6]), place=7, seeds=2),
        ),
        "training step",
        "validation MAE",
        title="Score",
    ),
    TradeoffView((TradeoffPoint("GRU", 2.0, 0.5, 0.4, 0.6), TradeoffPoint("RNN", 30.0, 0.7)), "parameters", "MAE"),
    PredictionsView(
        np.array([3.0, 4.0]), ("GRU", "RNN"), np.zeros((2, 2, 1)), np.ones((2, 1)), columns=("height",), of=9
    ),
    VideosView(("GRU",), np.zeros((1, 2, 3, 3)), np.ones((2, 3, 3)), title="Video"),
    AnswersView(("GRU", "RNN"), ("s", "t"), ("up", None), (("up", "down"), ("up", "up")), title="Classes"),
]


def test_every_registered_type_has_an_example_and_its_own_name() -> None:
    assert {view.kind for view in EXAMPLES} == set(RESULT_TYPES)
    assert all(entry.load("view").kind == name for name, entry in RESULT_TYPES.items())


@pytest.mark.parametrize("view", EXAMPLES, ids=lambda view: view.kind)
class TestEveryResultType:
    def test_is_read_from_json_as_it_was_written(self, view: View) -> None:
        written = json.dumps(view.to_dict(), allow_nan=False)
        again = view_from_dict(json.loads(written))
        assert type(again) is type(view)
        assert json.dumps(again.to_dict()) == written

    @pytest.mark.parametrize("dark", [False, True])
    def test_has_a_figure_or_is_a_table(self, view: View, dark: bool) -> None:
        if not RESULT_TYPES[view.kind].figure:
            assert view.summary() is not None
            return
        assert plot_view(view.with_title("Title"), dark).layout.height

    def test_has_a_csv_of_as_many_columns_as_its_header(self, view: View) -> None:
        header, *rows = csv.reader(io.StringIO(view.to_csv()))
        assert rows
        assert all(len(row) == len(header) for row in rows)

    def test_has_a_caption_in_sentences_unless_it_is_a_table(self, view: View) -> None:
        assert view.caption.endswith(".") == bool(RESULT_TYPES[view.kind].figure)

    def test_answers_an_input_in_json_and_text_or_refuses(self, view: View) -> None:
        try:
            answer = view.answer([1.0] if view.kind == "series" else "x", "x")
        except PredictionError:
            assert not view.highlights()
            return
        assert json.loads(json.dumps(answer.value, allow_nan=False))["prediction"] is not None
        assert answer.sentence
        assert "\n" not in answer.sentence

    def test_highlights_are_labels_and_values(self, view: View) -> None:
        assert all(len(box) >= 2 and all(isinstance(text, str) for text in box) for box in view.highlights())

    def test_a_summary_has_as_many_cells_as_columns(self, view: View) -> None:
        columns, rows = view.summary() or ((), [])
        assert all(len(row) == len(columns) for row in rows)

    def test_html_is_escaped(self, view: View) -> None:
        form = RESULT_TYPES[view.kind].load("html")
        if form is not None and view.kind == "text":
            assert "&lt;b&gt;" in form(TextView("<b>", "x"))


def test_whole_numbers_of_the_data_have_no_decimals_in_csv() -> None:
    x, guess = np.arange(2.0), np.array([[65.0, 1.5], [50.5, 2.0]])
    view = SeriesView(
        x=x, prediction=guess, truth=np.array([[65.0, 1.0], [np.nan, 2.5]]), columns=("customers", "price")
    )
    assert view.to_csv().splitlines()[1:] == ["0,65,65.0,1.0,1.5", "1,,50.5,2.5,2.0"]
    several = PredictionsView(x=x, models=("a",), predictions=guess[None], truth=np.array([[65.0, 1.0], [50.0, 2.5]]),
                              columns=("customers", "price"))  # fmt: skip
    assert several.to_csv().splitlines()[1:] == ["0,65,65.0,1.0,1.5", "1,50,50.5,2.5,2.0"]


def test_several_series_are_one_table_with_their_names() -> None:
    views = [
        SeriesView(x=np.arange(1.0), prediction=np.array([[v]]), title=name) for name, v in (("a", 1.0), ("=b", 2.0))
    ]
    assert series_csv(views, column="shop").splitlines() == ["shop,step,value predicted", "a,0,1.0", "'=b,0,2.0"]


def test_arrays_without_rows_keep_their_width() -> None:
    empty = SeriesView(np.zeros(0), np.zeros((0, 2)), columns=("a", "b"))
    again = view_from_dict(json.loads(json.dumps(empty.to_dict())))
    assert isinstance(again, SeriesView)
    assert again.prediction.shape == (0, 2)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, "-"), (float("nan"), "-"), (0.42, "0.4 s"), (12.3, "12 s"), (59.7, "1:00 min"), (185, "3:05 min"),
     (3729, "1:02:09 h")],
)  # fmt: skip
def test_a_duration_is_short(seconds: float | None, text: str) -> None:
    assert format_duration(seconds) == text


@pytest.mark.parametrize(
    ("metric", "value", "text"),
    [
        ("accuracy", 0.97149, "97.1%"),
        ("accuracy", 1.0, "100.0%"),
        ("accuracy", math.nan, "-"),
        ("mae", 0.0123449, "0.01234"),
        ("mae", None, "-"),
        ("bleu", 96.71, "96.71"),
    ],
)
def test_a_score_is_written_the_same_everywhere(metric: str, value: float | None, text: str) -> None:
    assert metric_named(metric).format(value) == text


@pytest.mark.parametrize(
    ("values", "text"), [([], "-"), ([2.0], "2"), ([3.0, 1.0], "2 (1 to 3)"), ([3.0, 1.0, 0.5], "1 (0.5 to 3)")]
)
def test_scores_of_several_seeds_are_their_median_and_range(values: list[float], text: str) -> None:
    assert median_and_range(values) == text


def test_a_list_in_a_sentence() -> None:
    assert [enumerated("abc"[:n]) for n in range(4)] == ["", "a", "a and b", "a, b and c"]
    assert enumerated([1, 2], "or") == "1 or 2"


FORMULAS = ["=1+1", "+1 (555)", "-a", "@sum(A1)", "\t=1", "\r=1", " =1", "-1;2", "--5", "+", "＝1"]


@pytest.mark.parametrize("cell", FORMULAS)
def test_text_that_is_a_formula_in_a_spreadsheet_is_quoted_in_csv(cell: str) -> None:
    text = write_csv([cell, "x"], [[cell, 1.5], ["a=b", "x-y"]])
    rows = list(csv.reader(io.StringIO(text, newline="")))
    assert rows == [[f"'{cell}", "x"], [f"'{cell}", "1.5"], ["a=b", "x-y"]]


@pytest.mark.parametrize("cell", ["-5", "+3", "-5.25", "-.5", "1e-5", "-1.5E+20", "-3.", -7, -0.5, None, ""])
def test_numbers_stay_as_they_are_in_csv(cell: object) -> None:
    shown = "" if cell is None else str(cell)
    assert list(csv.reader(io.StringIO(write_csv(["a", "b"], [[cell, 1]])))) == [["a", "b"], [shown, "1"]]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("the difference of -0.089", "the difference of −0.089"),
        ("-", "–"),
        ("-1 to -.5 (-2e-05)", "−1 to −.5 (−2e−05)"),
        ("2020-01-05, mean-of-3, one - two, x[-1]", "2020-01-05, mean-of-3, one - two, x[−1]"),
    ],
)
def test_numbers_on_a_page_have_minus_signs(text, shown):
    assert typeset(text) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("the loss is 0", "The loss is 0"),
        ("minGRU has no gates", "minGRU has no gates"),
        ("RNN has", "RNN has"),
        ("", ""),
    ],
)
def test_a_sentence_begins_with_a_capital_letter_and_names_keep_theirs(text: str, shown: str) -> None:
    assert capitalized(text) == shown
