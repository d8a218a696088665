"""Classification: padding, stepwise predictions, groups, and refused labels."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from seqcore.data.audio import Sound, sound_table
from seqcore.data.labeled_dataset import UNKNOWN_CLASS, LabeledCodec, LabeledDataset
from seqcore.data.table import Table, symbol_table
from seqcore.errors import DataError, ExperimentError, PredictionError
from seqcore.evaluation.metrics import class_metrics, confusion
from seqcore.events import CheckpointReady, Epoch, Event, Finding, Finished, Preview, Started
from seqcore.experiment.experiment import Experiment
from seqcore.inference.predictor import Predictor
from seqcore.models import MODELS, capabilities_of
from seqcore.results import ConfusionView, LabelsView, view_from_dict
from seqcore.tasks.classification import Classification
from seqcore.training.control import Control
from seqcore.training.fit import check, fit
from tests.tables import labeled_table

CPU = torch.device("cpu")
FILL = ("the", "a", "video", "was", "very", "is", "it")
GOOD, BAD = ("good", "great", "fine", "nice"), ("bad", "awful", "poor", "dull")


def experiment(**changes: Any) -> Experiment:
    small = {"data.task": "classification", "model.architecture": "gru", "model.hidden_size": 8, "training.epochs": 4}
    return Experiment().with_changes({**small, **changes})


def levels(count: int = 120, *, classes: int = 3, features: int = 3, seed: int = 0, step: float = 2.0) -> Table:
    """Noise of unequal lengths around a level of its class's own channel."""
    random = np.random.default_rng(seed)
    lengths, truth = random.integers(1, 14, count), random.integers(0, classes, count)
    rows = [
        random.normal(size=(n, features)) + step * np.eye(classes, features)[c]
        for n, c in zip(lengths, truth, strict=True)
    ]
    return labeled_table(rows, [f"class {c}" for c in truth])


def reviews(count: int = 120, *, seed: int = 0) -> Table:
    """Short texts with one word that tells."""
    random = np.random.default_rng(seed)
    bad = random.integers(0, 2, count)
    texts = [
        [*random.choice(FILL, random.integers(0, 5)), random.choice(BAD if b else GOOD), *random.choice(FILL, 2)]
        for b in bad
    ]
    return symbol_table(texts, separator=" ", independent=True, labels=np.where(bad, "against", "for"))


def run(e: Experiment, table: Table) -> tuple[list[Event], bytes]:
    events = list(fit(e, data=table))
    return events, next(ev for ev in reversed(events) if isinstance(ev, CheckpointReady)).content


def last(events: list[Event]) -> Finished:
    return next(ev for ev in events if isinstance(ev, Finished))


@pytest.fixture(scope="module")
def trained() -> tuple[Predictor, Table, list[Event]]:
    table = levels(300)
    events, content = run(experiment(**{"training.epochs": 8}), table)
    return Predictor.from_checkpoint(content), table, events


# Padding


@settings(deadline=None, max_examples=25)
@given(
    st.lists(st.integers(1, 12), min_size=2, max_size=6),
    st.sampled_from(sorted(MODELS)),
    st.booleans(),
    st.booleans(),
)
def test_a_sequence_has_the_same_scores_alone_and_in_a_padded_batch(
    lengths: list[int], architecture: str, both_ways: bool, symbolic: bool
) -> None:
    capabilities = capabilities_of(architecture)
    assume(capabilities.packed and both_ways <= capabilities.bidirectional)
    random = np.random.default_rng(sum(lengths))
    labels = np.array(["a", "b"] * len(lengths))
    if symbolic:
        table = symbol_table([random.choice(list("xyz"), n) for n in lengths * 2], independent=True, labels=labels)
        if table.symbols is None or len(table.symbols) < 2:
            return
    else:
        table = labeled_table([random.normal(size=(n, 2)) for n in lengths * 2], labels.tolist())
    e = experiment(
        **{
            "model.architecture": architecture,
            "model.bidirectional": both_ways,
            "data.validation_fraction": 0.0,
            "data.test_fraction": 0.0,
        }
    )
    task = Classification(e)
    data = task.make_dataset(table, CPU)
    model = task.build_model(data.codec).eval()
    everyone = data.batch("train", np.arange(len(lengths) * 2))
    with torch.inference_mode():
        together, _ = task.forward(model, everyone, None, 1.0)
        for i, n in enumerate(lengths * 2):
            alone, _ = task.forward(model, data.batch("train", np.array([i])), None, 1.0)
            here = together[i, : alone.shape[1]]
            assert alone.shape[1] == (1 if both_ways else n)
            torch.testing.assert_close(here, alone[0], atol=2e-6, rtol=1e-5)
            own = data.batch("train", np.array([i]))
            one = task.loss(alone, own)
            row = replace(everyone, inputs=own.inputs, targets=own.targets, lengths=torch.tensor([n]))
            torch.testing.assert_close(task.loss(together[i : i + 1], row), one, atol=2e-6, rtol=1e-5)


def test_the_loss_of_a_padded_batch_is_the_mean_of_its_sequences() -> None:
    task = Classification(experiment())
    data = task.make_dataset(levels(30), CPU)
    model = task.build_model(data.codec).eval()
    together = data.batch("train", np.arange(10))
    batches = [together, *(data.batch("train", np.array([i])) for i in range(10))]
    with torch.inference_mode():
        whole, *alone = (float(task.loss(task.forward(model, b, None, 1.0)[0], b)) for b in batches)
    assert whole == pytest.approx(np.mean(alone), rel=1e-5)


# Learning and answering


def test_numeric_sequences_are_classified_better_than_baselines(
    trained: tuple[Predictor, Table, list[Event]],
) -> None:
    _, _, events = trained
    started = next(e for e in events if isinstance(e, Started))
    assert (started.reference_baseline, started.metric, started.unit) == ("majority", "accuracy", "sequence")
    end = last(events)
    assert end.metrics["test_accuracy"] > 0.85 > end.baselines["majority"]["test_accuracy"]
    assert set(end.baselines["nearest_neighbour"]) >= {"val_accuracy", "test_accuracy", "test_macro_f1"}
    assert {"train_loss", "val_loss", "test_loss", "test_macro_f1"} <= set(end.metrics)


@pytest.mark.parametrize("both_ways", [False, True])
def test_texts_are_classified(both_ways: bool) -> None:
    e = experiment(**{"training.epochs": 12, "model.bidirectional": both_ways, "training.learning_rate": 0.02})
    events, content = run(e, reviews(240))
    assert last(events).metrics["test_accuracy"] > 0.9
    view = Predictor.from_checkpoint(content).predict("the video was awful")
    assert isinstance(view, LabelsView)
    assert view.predictions == ("against",)
    assert view.symbols == (("the", "video", "was", "awful"),)
    assert (view.x_title, view.texts) == ("word", ("the video was awful",))
    table = view.to_csv().splitlines()
    assert table[0].startswith("sequence,text,predicted")
    assert table[1].startswith("1,the video was awful,against")
    note = Predictor.from_checkpoint(content).check_input("awful " * 90)[0].message
    assert note is not None
    assert "has 90 words" in note
    assert note.endswith(" words.")


@pytest.mark.parametrize("both_ways", [False, True])
def test_a_stepwise_prediction_is_that_of_the_prefix(both_ways: bool) -> None:
    _, content = run(experiment(**{"model.bidirectional": both_ways, "training.epochs": 2}), levels())
    predictor = Predictor.from_checkpoint(content)
    rows = np.random.default_rng(3).normal(size=(9, 3))
    whole = predictor.predict(rows)
    assert isinstance(whole, LabelsView)
    assert whole.unfolding[0].shape == (9, 3)
    for steps in range(1, 10):
        beginning = predictor.predict(rows[:steps])
        assert isinstance(beginning, LabelsView)
        np.testing.assert_allclose(whole.unfolding[0][steps - 1], beginning.probabilities[0], atol=2e-3)


def test_probabilities_sum_to_one_and_the_last_step_is_the_prediction(
    trained: tuple[Predictor, Table, list[Event]],
) -> None:
    predictor, table, _ = trained
    view = predictor.evaluate(table, split="test").view
    assert isinstance(view, LabelsView)
    np.testing.assert_allclose(view.probabilities.sum(axis=1), 1.0)
    assert len({*view.truth[:3]}) == 3  # the first ones come from different classes
    for i, unfolding in enumerate(view.unfolding):
        np.testing.assert_allclose(unfolding[-1], view.probabilities[i], atol=1e-3)
        assert len(unfolding) == len(view.signals[i]) == len(view.steps[i])


def test_every_view_round_trips_through_json_and_has_a_csv_form(trained: tuple[Predictor, Table, list[Event]]) -> None:
    predictor, table, events = trained
    evaluation = predictor.evaluate(table, split="val")
    previews = [e.view for e in events if isinstance(e, Preview)]
    assert len(previews) >= 2
    for view in (previews[0], previews[-1], evaluation.view):
        assert isinstance(view, LabelsView)
        again = view_from_dict(view.to_dict())
        assert isinstance(again, LabelsView)
        assert again.predictions == view.predictions
        assert view.to_csv().count("\n") == len(view.probabilities) + 1
    matrix = evaluation.more[0]
    assert isinstance(matrix, ConfusionView)
    assert matrix.counts.sum() == evaluation.windows
    hits = np.trace(matrix.counts) / matrix.counts.sum()
    assert hits == pytest.approx(evaluation.metrics["accuracy"])


@pytest.mark.parametrize("both_ways", [False, True])
def test_a_resumed_run_ends_with_the_same_bits(both_ways: bool) -> None:
    e, table = experiment(**{"model.bidirectional": both_ways, "training.epochs": 2}), levels()
    events, whole = run(e, table)
    control, half = Control(), whole
    for event in fit(e, data=table, control=control):
        if isinstance(event, Epoch):
            control.leave()
        if isinstance(event, CheckpointReady):
            half = event.content
    assert half != whole
    assert last(list(fit(e, data=table, resume=half))).last_metrics == last(events).last_metrics


def test_a_class_missing_from_training_is_reported_and_counts_as_an_error() -> None:
    groups = np.array([i % 20 for i in range(100)])
    base = labeled_table([[0.0, 1.0]] * 100, (["a"] * 20 + ["b"] * 20) * 2 + ["a"] * 20, groups=groups)
    data = LabeledDataset(base, experiment().data, CPU)
    held_back = [s for s, _, _ in data.bounds["test"]]
    assert base.labels is not None
    labels = base.labels.astype("<U5")
    labels[held_back[:2]] = "rare"
    table = replace(base, labels=labels)
    task = Classification(experiment())
    odd = task.make_dataset(table, CPU)
    assert odd.codec.labels == ("a", "b")
    assert "Class rare: in the test split, but not in the training split" in " ".join(odd.table.notes)
    evaluation = task.evaluate(task.build_model(odd.codec), odd, "test")
    truth = odd.truth("test", np.arange(len(held_back)))
    assert (truth == UNKNOWN_CLASS).sum() == 2
    assert evaluation.metrics["accuracy"] <= 1 - 2 / len(held_back)
    assert np.isfinite(evaluation.metrics["loss"])
    matrix = evaluation.more[0]
    assert isinstance(matrix, ConfusionView)
    assert matrix.labels == ("a", "b", "rare")
    assert matrix.counts[2].sum() == 2


def test_a_sequence_may_have_one_step() -> None:
    table = labeled_table([[float(i % 2)] for i in range(40)], ["a", "b"] * 20)
    events, content = run(experiment(**{"training.epochs": 30, "training.learning_rate": 0.05}), table)
    assert last(events).metrics["test_accuracy"] == 1.0
    assert Predictor.from_checkpoint(content).predict([1.0]).predictions == ("b",)  # type: ignore[union-attr]


# New data


def test_text_array_and_table_inputs_have_the_same_prediction(
    trained: tuple[Predictor, Table, list[Event]],
) -> None:
    predictor, table, _ = trained
    assert predictor.input_kind == "sequence"
    rows = table.values[table.offsets[0] : table.offsets[1]]
    typed = predictor.predict("\n".join(", ".join(repr(float(v)) for v in row) for row in rows))
    arrayed = predictor.predict(rows)
    whole = predictor.predict(replace(table, labels=None))
    assert isinstance(typed, LabelsView)
    assert isinstance(arrayed, LabelsView)
    assert isinstance(whole, LabelsView)
    assert len(whole.probabilities) == len(table.lengths)
    assert whole.truth == (None,) * len(table.lengths)
    np.testing.assert_allclose(typed.probabilities, arrayed.probabilities, atol=1e-6)
    np.testing.assert_allclose(whole.probabilities[0], arrayed.probabilities[0], atol=1e-5)
    assert not predictor.can_score(replace(table, labels=None))
    assert predictor.can_score(table)


def test_the_example_of_the_codec_parses(trained: tuple[Predictor, Table, list[Event]]) -> None:
    predictor, _, _ = trained
    assert isinstance(predictor.predict(predictor.example()), LabelsView)
    assert predictor.check_input(predictor.example()) == []
    assert "40 steps" in " ".join(f.sentence for f in predictor.check_input(np.zeros((40, 3))))


def test_unknown_classes_of_new_data_are_scored_and_reported(trained: tuple[Predictor, Table, list[Event]]) -> None:
    predictor, table, _ = trained
    assert table.labels is not None
    labels = table.labels.astype("<U9")
    labels[:30] = "elsewhere"
    evaluation = predictor.evaluate(replace(table, labels=labels))
    assert evaluation.metrics["accuracy"] <= 0.9
    assert evaluation.of == len(labels)
    assert isinstance(evaluation.view, LabelsView)
    assert "30 of unknown classes (elsewhere)" in evaluation.view.title


def test_invalid_inputs_are_refused_with_a_reason(trained: tuple[Predictor, Table, list[Event]]) -> None:
    predictor, _, _ = trained
    with pytest.raises(PredictionError, match=r"numbers a row|numbers; give 3"):
        predictor.predict("1, 2; 3, 4")
    with pytest.raises(DataError, match="these data are labeled texts"):
        predictor.predict(reviews(4))
    with pytest.raises(PredictionError, match="not trained on audio"):
        predictor.predict(Sound(16_000, np.zeros(100, dtype=np.float32)))
    with pytest.raises(PredictionError, match="does not support forecasting"):
        predictor.forecast(3)


def test_a_large_vocabulary_is_embedded_with_word_dropout() -> None:
    random = np.random.default_rng(0)
    texts = [[f"w{w}" for w in random.integers(0, 2_000, 12)] for _ in range(60)]
    table = symbol_table(texts, separator=" ", independent=True, labels=np.array(["a", "b"] * 30))
    task = Classification(experiment())
    data = task.make_dataset(table, CPU)
    model = task.build_model(data.codec)
    assert sum(p.numel() for p in model.parameters()) == sum(
        p.numel() for p in task.build_meta_model(table).parameters()
    )
    assert isinstance(model.embedding, torch.nn.Embedding)
    assert model.augmentation is not None
    codes = data.batch("train", np.arange(40)).inputs
    hidden = float((model.augmentation(codes) == 0).float().mean())
    assert 0.02 < hidden < 0.3
    assert torch.equal(model.eval().augmentation(codes), codes)  # type: ignore[misc]


def test_unknown_words_are_predicted_with_a_warning() -> None:
    _, content = run(experiment(), reviews())
    predictor = Predictor.from_checkpoint(content)
    assert isinstance(predictor.predict("zebra good"), LabelsView)
    assert "'zebra'" in " ".join(f.sentence for f in predictor.check_input("zebra good"))


def test_an_audio_model_takes_a_sound_and_offers_examples() -> None:
    random = np.random.default_rng(0)
    time = np.arange(3_200) / 16_000
    pitches = np.where(np.arange(30) % 2, 1_000, 250)
    sounds = [
        Sound(16_000, (0.3 * np.sin(2 * np.pi * p * time) + 0.01 * random.normal(size=len(time))).astype(np.float32))
        for p in pitches
    ]
    table = sound_table(sounds, labels=[f"{p} Hz" for p in pitches])
    e = experiment(**{"training.epochs": 6, "training.augment": "voice"})
    events, content = run(e, table)
    predictor = Predictor.from_checkpoint(content)
    assert predictor.input_kind == "sound"
    assert last(events).metrics["test_accuracy"] == 1.0
    examples = predictor.examples(table, "test")
    assert {example.truth for example in examples} == {"250 Hz", "1000 Hz"}
    for example in examples:
        assert predictor.predict(example.given).predictions == (example.truth,)  # type: ignore[union-attr]
    with pytest.raises(DataError, match=r"training.augment"):
        check(e, levels())


# Scores


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(-1, 3)), min_size=1, max_size=40))
def test_class_metrics_equal_a_direct_count(pairs: list[tuple[int, int]]) -> None:
    predicted, truth = (np.array(column) for column in zip(*pairs, strict=True))
    found = class_metrics(predicted, truth)
    assert found["accuracy"] == pytest.approx(np.mean([p == t for p, t in pairs]))
    scores = []
    for c in {*predicted.tolist(), *truth.tolist()}:
        hits = sum(p == t == c for p, t in pairs if c >= 0)
        seen = sum(p == c for p, _ in pairs) + sum(t == c for _, t in pairs)
        scores.append(2 * hits / seen)
    assert found["macro_f1"] == pytest.approx(np.mean(scores))
    counts = confusion(predicted, truth, 4)
    assert counts.shape == (5, 4)
    assert counts.sum() == len(pairs)


def diagnosed(predict: Any, **changes: Any) -> set[str]:
    """Codes of what is said of a model that gives these scores to inputs [B, T, F]."""
    task = Classification(experiment(**changes))
    data = task.make_dataset(levels(200), CPU)

    class Fixed(torch.nn.Module):
        causal = True

        def forward(self, inputs: torch.Tensor, state: Any = None, lengths: Any = None) -> Any:
            return predict(inputs), None

    evaluation = task.evaluate(Fixed(), data, "val")
    return {finding.code for finding in task.diagnose(evaluation, data, "val")}


def test_findings_report_the_majority_class_and_classes_never_predicted() -> None:
    always = torch.tensor([5.0, 0.0, 0.0])
    assert diagnosed(lambda x: always.expand(*x.shape[:2], 3)) == {"learned-the-majority"}
    without_last = diagnosed(lambda x: x * torch.tensor([1.0, 1.0, 0.0]) + torch.tensor([0.0, 0.0, -99.0]))
    assert {"class-never-predicted", "nearest-neighbor-better"} <= without_last
    assert diagnosed(lambda x: 9 * x.cumsum(dim=1)) == set()


def test_invalid_settings_are_refused() -> None:
    with pytest.raises(ExperimentError, match=r"data.scaling"):
        experiment(**{"data.scaling": "last-value"})
    with pytest.raises(ExperimentError, match=r"training.stateful"):
        experiment(**{"training.stateful": True, "training.shuffle": False})
    with pytest.raises(ExperimentError, match=r"training.loss"):
        experiment(**{"training.loss": "mse"})


def test_window_fields_do_not_apply_to_whole_sequences() -> None:
    experiment(**{"data.predict": "every", "model.bidirectional": True})
    experiment(**{"data.min_window": 30, "data.window": 20})
    check(experiment(**{"data.window": 500, "data.lead": 0}), levels())


def test_a_missing_column_is_named() -> None:
    with pytest.raises(DataError, match=r"data.inputs: there is no column 'x9'"):
        check(experiment(**{"data.inputs": ["x9"]}), levels())


def test_inputs_choose_columns() -> None:
    _, content = run(experiment(**{"data.inputs": ["x2", "x0"], "training.epochs": 1}), levels())
    predictor = Predictor.from_checkpoint(content)
    assert predictor.columns == ("x2", "x0")
    assert predictor.evaluate(levels(seed=4)).windows == 120


@pytest.mark.parametrize("table", [levels(40), reviews(40)], ids=["numbers", "symbols"])
def test_a_codec_survives_a_checkpoint(table: Table) -> None:
    codec = Classification(experiment()).make_dataset(table, CPU).codec
    again = LabeledCodec.from_dict(codec.to_dict(), codec.arrays())
    assert again.to_dict() == codec.to_dict()
    assert set(again.fitted) == set(codec.fitted)
    np.testing.assert_array_equal(again.example, codec.example)


def test_findings_report_imbalanced_classes(trained: tuple[Predictor, Table, list[Event]]) -> None:
    table = labeled_table([[0.0, 1.0]] * 100, ["a"] * 92 + ["b"] * 8)
    events, _ = run(experiment(**{"training.epochs": 1}), table)
    messages = [e.message for e in events if isinstance(e, Finding)]
    assert any("use macro F1" in m for m in messages)
    assert any("for every sequence" in m for m in messages)
