"""Probes of every architecture and task: against naive loops, autograd, and the model's own outputs."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from seqcore.data.table import symbol_table
from seqcore.errors import PredictionError
from seqcore.inference.predictor import Predictor
from seqcore.insight import probes
from seqcore.insight.examples import InspectExample, load_example, typed_example
from seqcore.insight.probes import architecture_of, probe, states_of
from seqcore.models import MODELS, capabilities_of
from seqcore.models.recurrent import GRU, LSTM, RNN
from seqcore.models.replicated import Replicated
from seqcore.results.internals import InternalsView
from tests.seqcore.insight.untrained import untrained, untrained_on

RECURRENT = [name for name in MODELS if capabilities_of(name).state_transfer]


def looked_into(name: str, **changes: object) -> tuple[InternalsView, InspectExample]:
    predictor, table = untrained(name, **changes)
    example = load_example(predictor, table, "train", 1)
    return probe(predictor, example), example


@pytest.mark.parametrize("architecture", MODELS)
def test_every_architecture_shows_its_states_or_says_why_not(architecture: str) -> None:
    internals, example = looked_into("temperature-next-week", model__architecture=architecture, model__num_layers=2)
    declared = [name for name in capabilities_of(architecture).probes if name != "attention"]
    assert list(internals.names) == declared
    steps = len(example.steps)
    for name in declared:
        values = internals.arrays[name]
        assert values.shape[:2] == (steps, len(internals.layer_titles))
        assert np.isfinite(values).all()
    assert internals.encoded.shape[0] == internals.inputs.shape[0] == steps
    absent = {"hidden_state", "cell_state", "attention"} - {
        *declared,
        *(["attention"] if internals.attention.size else []),
    }
    assert absent <= set(internals.missing)
    assert all(reason.endswith(".") for reason in internals.missing.values())


@pytest.mark.parametrize(("architecture", "kind"), [("rnn", RNN), ("lstm", LSTM), ("gru", GRU)])
@pytest.mark.parametrize("bidirectional", [False, True])
def test_gates_are_those_of_a_naive_loop(architecture: str, kind: type, bidirectional: bool) -> None:
    predictor, table = untrained(
        "temperature-next-week",
        model__architecture=architecture,
        model__num_layers=2,
        model__bidirectional=bidirectional,
    )
    internals = probe(predictor, load_example(predictor, table, "train", 1))
    net = architecture_of(predictor)
    assert isinstance(net, kind)
    weights = net.network.state_dict()  # type: ignore[attr-defined]
    x = torch.from_numpy(internals.encoded).float()
    ways = ("", "_reverse") if bidirectional else ("",)
    for layer in range(2):
        outputs = []
        for way, suffix in enumerate(ways):
            w, u, b, c = (weights[f"{n}_l{layer}{suffix}"] for n in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"))
            found = naive(architecture, x.flip(0) if way else x, w, u, b, c)
            for name, values in found.items():
                values = values.flip(0) if way else values
                probed = internals.arrays[name][:, layer * len(ways) + way]
                assert np.abs(values.numpy() - probed).max() < 1e-5, name
            outputs.append(found["hidden_state"].flip(0) if way else found["hidden_state"])
        x = torch.cat(outputs, dim=1)
    assert internals.layer_titles[1] == ("layer 1, backward" if bidirectional else "layer 2")


def naive(architecture: str, x: Tensor, w: Tensor, u: Tensor, b: Tensor, c: Tensor) -> dict[str, Tensor]:
    """One direction, step by step and unit by unit, as the textbooks have it."""
    names = {
        "rnn": ("hidden_state",),
        "lstm": ("hidden_state", "cell_state", "candidate", "input_gate", "forget_gate", "output_gate"),
        "gru": ("hidden_state", "reset_gate", "update_gate", "candidate"),
    }[architecture]
    size = u.shape[1]
    h, cell = [0.0] * size, [0.0] * size
    rows: list[list[tuple[float, ...]]] = []
    for x_t in x:
        a, r = (w @ x_t + b).tolist(), (u @ torch.tensor(h) + c).tolist()
        units: list[tuple[float, ...]] = []
        for k in range(size):
            if architecture == "rnn":
                units.append((math.tanh(a[k] + r[k]),))
            elif architecture == "lstm":
                i, f, g, o = (a[k + n * size] + r[k + n * size] for n in range(4))
                i, f, g, o = sigmoid(i), sigmoid(f), math.tanh(g), sigmoid(o)
                cell[k] = f * cell[k] + i * g
                units.append((o * math.tanh(cell[k]), cell[k], g, i, f, o))
            else:
                reset, update = sigmoid(a[k] + r[k]), sigmoid(a[k + size] + r[k + size])
                n = math.tanh(a[k + 2 * size] + reset * r[k + 2 * size])
                units.append(((1 - update) * n + update * h[k], reset, update, n))
        h = [unit[0] for unit in units]
        rows.append(units)
    found = torch.tensor(rows)  # [T, D, names]
    return {name: found[..., i] for i, name in enumerate(names)}


def sigmoid(v: float) -> float:
    return 1 / (1 + math.exp(-v))


def test_the_last_states_are_what_the_output_layer_reads() -> None:
    predictor, table = untrained("temperature-next-week", model__architecture="lstm")
    example = load_example(predictor, table, "train", 3)
    internals = probe(predictor, example)
    model = predictor.model
    encoded = predictor.task.encode(predictor.codec(), example.given)
    output = model.head(torch.from_numpy(internals.arrays["hidden_state"][-1, -1]).float())  # type: ignore[operator]
    assert torch.allclose(output, model(encoded)[0][0, -1], atol=1e-5)


def test_attention_gives_a_weight_to_each_step_so_far() -> None:
    internals, example = looked_into("temperature-next-week", model__architecture="transformer")
    steps = len(example.steps)
    assert internals.attention.shape == (len(internals.attention_titles), steps, steps)
    assert internals.attention.sum(axis=2) == pytest.approx(1.0)
    assert np.triu(internals.attention, 1).max() == 0.0
    assert internals.attention_titles[0] == "layer 1, head 1"


@pytest.mark.parametrize("architecture", ["lstm", "gru", "slstm", "transformer", "tcn", "lru"])
def test_a_translator_shows_the_sentence_and_then_its_translation(architecture: str) -> None:
    predictor, table = untrained(
        "english-french",
        model__architecture=architecture,
        model__attention="multiplicative",
        model__bidirectional=False,
    )
    internals = probe(predictor, load_example(predictor, table, "train", 0))
    count = internals.stages.count("encoder")
    assert internals.stages == ("encoder",) * count + ("decoder",) * (len(internals.steps) - count)
    assert internals.steps[count] == "(start)"
    assert internals.attention.shape == (1, len(internals.attention_rows), count)
    assert internals.attention.sum(axis=2) == pytest.approx(1.0)
    model = predictor.model
    codes = torch.from_numpy(internals.encoded[:, 0]).long()[None]
    with torch.inference_mode():
        _, state = model.encode(codes[:, :count])  # type: ignore[operator]
        y, _ = model.decoder(model.target(codes[:, count:]), state)  # type: ignore[operator]
    assert internals.arrays["hidden_state"][count:, -1] == pytest.approx(y[0].numpy(), abs=1e-5)


def test_a_bidirectional_translator_has_no_backward_decoder() -> None:
    predictor, table = untrained("english-french", model__architecture="gru", model__bidirectional=True)
    internals = probe(predictor, load_example(predictor, table, "train", 0))
    count = internals.stages.count("encoder")
    assert internals.layer_titles == ("layer 1", "layer 1, backward")
    assert np.isnan(internals.arrays["hidden_state"][count:, 1]).all()


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("next-frame", {}),
        ("next-frame", {"data__multi_step": "recursive", "data__horizon": 3}),
        ("moving-shapes", {}),
        ("spoken-vowels", {}),
        ("spoken-vowels", {"model__bidirectional": True}),
        ("adding-problem", {}),
        ("python-prose", {"training__stateful": False}),
        ("bouncing-ball", {"data__multi_step": "recursive", "data__horizon": 3, "model__architecture": "tcn"}),
    ],
)
def test_every_task_shows_its_states(name: str, changes: dict[str, object]) -> None:
    predictor, table = untrained(name, **changes)
    example = load_example(predictor, table, "train", 0)
    internals = probe(predictor, example)
    hidden = internals.arrays["hidden_state"]
    assert hidden.shape == (len(example.steps), len(internals.layer_titles), 6)
    encoded = predictor.task.encode(predictor.codec(), example.given)
    with torch.inference_mode():
        y, _ = predictor.model.backbone(predictor.model.features(encoded))  # type: ignore[operator, union-attr]
    directions = 2 if predictor.experiment.model.bidirectional else 1
    assert hidden[:, -directions:].reshape(len(hidden), -1) == pytest.approx(y[0].numpy(), abs=1e-5)
    assert internals.inputs.shape[0] == len(example.steps)


def test_texts_show_their_symbols() -> None:
    words = [list("ababab" * 2), list("bbbaa")] * 8
    table = symbol_table(words, independent=True, labels=np.array(["even", "odd"] * 8))
    predictor = untrained_on(table, data__task="classification", model__architecture="gru")
    example = load_example(predictor, table, "train", 0)
    internals = probe(predictor, example)
    assert "".join(internals.steps) in ("abababababab", "bbbaa")
    assert internals.columns == ("symbol",)
    assert internals.truth in ("even", "odd")
    assert internals.inputs.shape == (len(internals.steps), 1)
    assert probe(predictor, typed_example(predictor, "abba")).steps == tuple("abba")


def test_a_carried_state_is_in_the_states() -> None:
    predictor, table = untrained("sine-to-cosine")
    third, first = (load_example(predictor, table, "train", index) for index in (2, 0))
    carried, start = probe(predictor, third).arrays["hidden_state"], probe(predictor, first).arrays["hidden_state"]
    assert carried[: len(start)] == pytest.approx(start, abs=1e-6)
    assert len(carried) == 3 * len(start)


def test_states_of_many_examples_are_those_of_each() -> None:
    predictor, table = untrained("english-french", model__architecture="gru", model__bidirectional=True)
    examples = [load_example(predictor, table, "train", index) for index in range(4)]
    for found in states_of(predictor, examples, "hidden_state", 1):
        own = probe(predictor, found.example).arrays["hidden_state"][: len(found.values), 1]
        assert found.values == pytest.approx(own, abs=1e-6)


def test_long_sequences_are_shown_without_attention_or_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    predictor, table = untrained("temperature-next-week", model__architecture="transformer")
    example = load_example(predictor, table, "train", 1)
    whole = probe(predictor, example)
    monkeypatch.setattr(probes, "MOST_ATTENDED", 29)
    short = probe(predictor, example)
    assert short.missing["attention"] == "Attention is shown for up to 29 steps, and these are 30."
    assert not short.attention.size
    assert short.arrays["hidden_state"] == pytest.approx(whole.arrays["hidden_state"], abs=1e-6)
    monkeypatch.setattr(probes, "MOST_NUMBERS", 6 * 2 * 20)
    with pytest.raises(PredictionError, match="30 steps are too many for 6 units in 1 layers; give at most 20 steps"):
        probe(predictor, example)


def test_what_there_is_not_is_refused() -> None:
    example = typed_example(untrained("ramp-next-value")[0], "1 2 3")
    with pytest.raises(PredictionError, match="name: this model shows no 'cell_state'; use one of hidden_state"):
        list(states_of(untrained("ramp-next-value")[0], [example], "cell_state", 0))


def test_several_seeds_are_looked_into_one_by_one() -> None:
    predictor, table = untrained("ramp-next-value")
    several = predictor.experiment.with_changes({"training.replicas": 2})
    models = Replicated([predictor.model, predictor.model])
    both = Predictor(several, type(predictor.task)(several), predictor.codec(), models, 0, 0)
    example = load_example(predictor, table, "train", 0)
    with pytest.raises(PredictionError, match="this run has 2 models, one for each seed; choose one, from 0 to 1"):
        probe(both, example)
    own = probe(both.replica(1), example).arrays["hidden_state"]
    assert own == pytest.approx(probe(predictor, example).arrays["hidden_state"])


@pytest.mark.parametrize(
    "name", ["temperature-tomorrow", "next-letter-of-four", "spoken-vowels", "english-french", "next-frame"]
)
def test_a_model_that_has_diverged_predicts_nothing(name: str) -> None:
    """Not equal probabilities of all classes, an empty sentence, or the advice to give smaller values."""
    predictor, table = untrained(name, training__seed=11)
    example = load_example(predictor, table, "train", 0)
    with torch.no_grad():
        next(predictor.model.parameters()).view(-1)[0] = torch.nan
    with pytest.raises(PredictionError, match="the weights of step 0 are not finite, because training diverged"):
        predictor.predict(example.given)


def test_replicas_predict_as_long_as_one_of_them_has_not_diverged() -> None:
    predictor, table = untrained("temperature-tomorrow", training__seed=12)
    model = Replicated.untrained(predictor.model, 2)
    both = Predictor(predictor.experiment, predictor.task, predictor.codec(), model, 0, 0)
    given = load_example(predictor, table, "train", 0).given
    for number in range(2):
        both.predict(given)
        with torch.no_grad():
            model.flat[number, 3] = torch.nan
    with pytest.raises(PredictionError, match="not finite"):
        both.predict(given)
