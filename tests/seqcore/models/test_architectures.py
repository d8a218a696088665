"""One contract for every registered architecture: a new one is tested by being registered."""

from __future__ import annotations

import re
from typing import Any

import pytest
import torch
from torch import Tensor

from seqcore.data.sources import SOURCES
from seqcore.errors import ExperimentError
from seqcore.events import Started
from seqcore.experiment.config import ModelConfig
from seqcore.experiment.experiment import Experiment
from seqcore.models import MODELS, capabilities_of
from seqcore.models.architecture import Architecture, ModelContext, build_architecture
from seqcore.models.classifier import SequenceClassifier
from seqcore.models.encoder_decoder import EncoderDecoder
from seqcore.models.generation import generate
from seqcore.models.sequence_model import SequenceModel
from seqcore.models.state import carry_over, detach, leaves, map_state, reset, select
from seqcore.tasks.model_summary import summarize
from seqcore.training.fit import fit
from tests.tables import default_table

WINDOW = 9
CONTEXT = ModelContext(input_size=3, window=WINDOW, horizon=2, num_targets=2)


def names_of(**wanted: bool) -> list[str]:
    """The registered architectures with these capabilities."""
    return [n for n in MODELS if all(getattr(capabilities_of(n), key) == value for key, value in wanted.items())]


def having(**wanted: bool) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("name", names_of(**wanted))


ALL = pytest.mark.parametrize("name", MODELS)
STEPWISE = having(causal=True, fixed_window=False)
PACKED = names_of(packed=True)


def config(name: str, **changes: Any) -> ModelConfig:
    return ModelConfig(**{"architecture": name, "hidden_size": 6, "num_layers": 2, **changes})


def architecture(name: str, **changes: Any) -> Architecture:
    torch.manual_seed(0)
    return build_architecture(CONTEXT, config(name, **changes)).eval()


def model(name: str, *, predict: str = "last", **changes: Any) -> SequenceModel:
    torch.manual_seed(0)
    return SequenceModel(CONTEXT, 4, config(name, **changes), predict=predict, symbolic=False).eval()


def inputs(rows: int = 2, steps: int = WINDOW, features: int = 3) -> Tensor:
    return torch.randn(rows, steps, features, generator=torch.Generator().manual_seed(1))


def stepwise(net: Any, x: Tensor) -> Tensor:
    """Outputs one step at a time, the state carried."""
    state, outputs = None, []
    for step in x.split(1, dim=1):
        y, state = net(step, state)
        outputs.append(y)
    return torch.cat(outputs, dim=1)


def same(a: Tensor, b: Tensor) -> bool:
    return torch.allclose(a, b, atol=1e-5)


@ALL
def test_outputs_have_the_declared_shape_and_are_deterministic(name: str) -> None:
    net, again = architecture(name), architecture(name)
    y, _ = net(inputs())
    steps = 1 if net.capabilities.fixed_window else WINDOW
    assert y.shape == (2, steps, net.output_size)
    assert torch.equal(y, again(inputs())[0])


@STEPWISE
def test_stepwise_outputs_equal_those_of_the_whole_sequence(name: str) -> None:
    x = inputs(steps=40)
    assert same(stepwise(architecture(name), x), architecture(name)(x)[0])


@STEPWISE
def test_the_initial_state_is_what_none_stands_for(name: str) -> None:
    net, x = architecture(name), inputs(rows=3)
    y, state = net(x, net.initial_state(3))
    assert same(y, net(x)[0])
    assert [part.shape for part in leaves(net.initial_state(3))] == [part.shape for part in leaves(state)]


@STEPWISE
def test_the_batch_is_the_first_axis_of_every_part_of_a_state(name: str) -> None:
    net, x = architecture(name), inputs(rows=3)
    _, state = net(x)
    assert all(len(part) == 3 for part in leaves(state))
    y, _ = net(x, select(state, torch.tensor([2, 0, 0])))
    assert same(y[1], net(x[1:2], select(state, torch.tensor([0])))[0][0])
    assert same(y[0], net(x[:1], select(state, torch.tensor([2])))[0][0])


@STEPWISE
def test_a_carried_state_starts_anew_only_where_a_row_does_not_continue(name: str) -> None:
    net, x = architecture(name), inputs(rows=3)
    _, state = net(x)
    carried = carry_over(net, state, torch.tensor([True, False]).numpy())
    assert {len(part) for part in leaves(carried)} == {2}
    y, _ = net(x[:2], carried)
    assert same(y[0], net(x[:1], select(state, torch.tensor([0])))[0][0])
    assert same(y[1], net(x[1:2])[0][0])
    assert carry_over(net, state, torch.tensor([False, False]).numpy()) is None


@STEPWISE
def test_an_output_never_depends_on_a_later_input(name: str) -> None:
    net, x = architecture(name), inputs()
    changed = x.clone()
    changed[:, 5:] += 1.0
    assert torch.equal(net(x)[0][:, :5], net(changed)[0][:, :5])
    assert not torch.equal(net(x)[0][:, 5:], net(changed)[0][:, 5:])


@pytest.mark.parametrize(
    ("name", "bidirectional"),
    [(n, both) for n in PACKED for both in (False, True)[: 1 + capabilities_of(n).bidirectional]],
)
def test_padding_changes_neither_outputs_nor_state(name: str, bidirectional: bool) -> None:
    net = architecture(name, bidirectional=bidirectional)
    short, long = inputs(1, 4), inputs(1, WINDOW)
    padded = torch.cat([torch.cat([short, torch.full((1, WINDOW - 4, 3), 99.0)], dim=1), long])
    lengths = torch.tensor([4, WINDOW])
    y, state = net(padded, None, lengths)
    alone, its_state = net(short)
    assert same(y[0, :4], alone[0])
    assert torch.equal(y[0, 4:], torch.zeros_like(y[0, 4:]))
    assert same(y[1], net(long)[0][0])
    assert all(same(a[0], b[0]) for a, b in zip(leaves(state), leaves(its_state), strict=True))
    assert same(net.last(y, lengths)[0], net.last(alone, None)[0])


@having(bidirectional=True)
def test_the_summary_of_a_bidirectional_model_holds_the_ends_of_both_directions(name: str) -> None:
    net, x = architecture(name, bidirectional=True, num_layers=1), inputs()
    y, _ = net(x)
    assert y.shape == (2, WINDOW, net.output_size) == (2, WINDOW, 12)
    last = net.last(y, None)
    assert torch.equal(last, torch.cat([y[:, -1, :6], y[:, 0, 6:]], dim=1))
    first_changed = x.clone()
    first_changed[:, 0] += 1.0
    assert not same(net.last(net(first_changed)[0], None)[:, 6:], last[:, 6:])


@ALL
def test_the_help_says_what_it_is_with_its_source_and_when_to_take_it(name: str) -> None:
    what, when = re.split(r"(?<=\))\. ", MODELS[name].help)
    assert re.search(r"\([\w., ]*[A-Z][\w. ]+ (?:19|20)\d\d\)$", what)
    assert when.startswith("Use it ")
    assert when.endswith(".")
    assert len(what) + len(when) <= 220


@ALL
def test_what_an_architecture_can_not_do_is_refused_with_the_reason(name: str) -> None:
    can = capabilities_of(name)
    asked: dict[str, tuple[bool, dict[str, Any]]] = {
        "model.bidirectional": (can.bidirectional, {"model.bidirectional": True}),
        "training.stateful": (can.stateful, {"training.stateful": True, "training.shuffle": False}),
        "model.recurrent_dropout": (can.recurrent_dropout, {"model.recurrent_dropout": 0.5}),
        "data.min_window": (can.packed and not can.fixed_window, {"data.min_window": 3}),
    }
    base = Experiment.make({"model": {"architecture": name}})
    for path, (supported, changes) in asked.items():
        if supported:
            base.with_changes(changes)
        else:
            with pytest.raises(ExperimentError) as error:
                base.with_changes(changes)
            assert any(line.startswith(path) and ";" in line for line in error.value.lines), path


@ALL
def test_every_weight_that_is_trained_gets_a_gradient(name: str) -> None:
    net = model(name).train()
    net(inputs(rows=4))[0].square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in net.parameters() if p.requires_grad)


@ALL
def test_dropout_acts_in_training_on_the_final_outputs_too_and_never_in_evaluation(name: str) -> None:
    for predict in ("last",) if capabilities_of(name).fixed_window else ("last", "every"):
        plain, dropped = (
            model(name, num_layers=1, predict=predict),
            model(name, num_layers=1, dropout=0.5, predict=predict),
        )
        assert torch.equal(dropped(inputs())[0], plain(inputs())[0])
        seen: list[Tensor] = []  # by the output layer
        for net in (plain, dropped):
            net.head.register_forward_pre_hook(lambda _, given, seen=seen: seen.append(given[0]))
            net.train()(inputs(rows=32))
        without, share = (float((features == 0.0).float().mean()) for features in seen)
        assert without + 0.2 < share < 0.95


@ALL
def test_a_summary_counts_every_parameter(name: str) -> None:
    nets = [model(name, num_layers=3)]
    if capabilities_of(name).bidirectional:
        nets.append(model(name, num_layers=3, bidirectional=True))
    if not capabilities_of(name).fixed_window:
        nets.append(SequenceClassifier(CONTEXT, 3, config(name), symbolic=True))  # type: ignore[arg-type]
        nets.append(EncoderDecoder(7, 9, config(name), window=WINDOW))  # type: ignore[arg-type]
    for net in nets:
        assert sum(row.parameters for row in net.layers()) == sum(p.numel() for p in net.parameters())
        assert all(row.name and row.output_shape for row in net.layers())


@ALL
def test_probes_return_what_is_declared_at_every_step(name: str) -> None:
    for bidirectional in {False, capabilities_of(name).bidirectional}:
        net, x = architecture(name, bidirectional=bidirectional), inputs(rows=3)
        if not net.capabilities.probes:
            with pytest.raises(NotImplementedError):
                net.probe(x)
            return
        probe = net.probe(x)
        assert tuple(probe) == net.capabilities.probes
        assert all(values.shape[:2] == (3, WINDOW) and bool(torch.isfinite(values).all()) for values in probe.values())
        assert all(bool(((v >= 0) & (v <= 1)).all()) for gate, v in probe.items() if gate.endswith("_gate"))
        if "hidden_state" in probe:  # the last layer's states are the outputs
            directions = 2 if bidirectional else 1
            assert same(probe["hidden_state"][:, :, -directions:].flatten(2), net(x)[0])


@pytest.mark.parametrize("name", ["lstm", "gru"])
def test_gates_explain_the_state(name: str) -> None:
    net, x = architecture(name, num_layers=1), inputs()
    p = {key: values[:, :, 0] for key, values in net.probe(x).items()}
    before = {key: torch.cat([torch.zeros_like(v[:, :1]), v[:, :-1]], dim=1) for key, v in p.items()}
    if name == "lstm":
        assert same(p["cell_state"], p["forget_gate"] * before["cell_state"] + p["input_gate"] * p["candidate"])
        assert same(p["hidden_state"], p["output_gate"] * torch.tanh(p["cell_state"]))
    else:
        update = p["update_gate"]
        assert same(p["hidden_state"], (1 - update) * p["candidate"] + update * before["hidden_state"])


@having(recurrent_dropout=True)
def test_recurrent_dropout_acts_on_the_recurrence_in_training_only(name: str) -> None:
    plain, dropped = model(name), model(name, recurrent_dropout=0.5)
    x = inputs(rows=4)
    assert torch.equal(dropped(x)[0], plain(x)[0])
    assert list(dropped.state_dict()) == list(plain.state_dict())
    dropped.train()
    before = {key: weight.clone() for key, weight in dropped.state_dict().items()}
    first, second = dropped(x)[0], dropped(x)[0]
    assert not torch.equal(first, second)
    assert same(dropped(x[:, :1])[0], plain(x[:, :1])[0])  # a first step has no state before it
    first.square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in dropped.parameters())
    assert all(torch.equal(weight, before[key]) for key, weight in dropped.state_dict().items())
    recurrent = [p.grad for key, p in dropped.named_parameters() if "weight_hh" in key]
    shares = [float((g == 0.0).float().mean()) for g in recurrent if g is not None]
    assert shares
    assert all(0.2 < share < 0.8 for share in shares)


@STEPWISE
def test_a_classifier_gives_the_same_probabilities_step_by_step(name: str) -> None:
    torch.manual_seed(0)
    net = SequenceClassifier(CONTEXT, 3, config(name), symbolic=False).eval()
    x = inputs(steps=20)
    whole, state = net(x)
    assert same(stepwise(net, x), whole)
    assert same(net(x[:, :5], net.initial_state(2))[0], whole[:, :5])
    padded, after = net(x, None, torch.tensor([12, 20]))
    assert same(padded[0, :12], whole[0, :12])
    assert all(same(a[1], b[1]) for a, b in zip(leaves(after), leaves(state), strict=True))


@STEPWISE
def test_generated_text_is_that_of_the_whole_text_read_again(name: str) -> None:
    torch.manual_seed(0)
    context = CONTEXT._replace(input_size=5)
    net = SequenceModel(context, 5, config(name), predict="every", symbolic=True).eval()
    written = [1, 2, 3]
    for _ in range(12):
        logits, _ = net(torch.tensor([written]))
        written.append(1 + int(logits[0, -1, 1:].argmax()))
    assert generate(net, [1, 2, 3], 12, temperature=0.0, seed=0) == written[3:]


@STEPWISE
@pytest.mark.parametrize("attention", ["additive", "multiplicative"])
def test_a_decoder_run_word_by_word_equals_teacher_forcing(name: str, attention: str) -> None:
    torch.manual_seed(0)
    for bidirectional in {False, capabilities_of(name).bidirectional}:
        net = EncoderDecoder(7, 9, config(name, attention=attention, bidirectional=bidirectional), window=WINDOW).eval()
        sentences, lengths = torch.randint(7, (2, 6)), torch.tensor([4, 6])
        given = torch.randint(9, (2, 5))
        whole, _ = net(sentences, None, lengths, given)
        encoded, state = net.encode(sentences, lengths)
        steps = []
        for word in given.split(1, dim=1):
            logits, state, weights = net.decode(word, state, encoded)
            steps.append(logits)
            assert weights is not None
            assert torch.equal(weights[0, :, 4:], torch.zeros(1, 2))
        assert same(torch.cat(steps, dim=1), whole)


@having(bidirectional=True, state_transfer=True)
def test_a_decoder_starts_from_the_last_states_of_both_directions_of_each_layer(name: str) -> None:
    """The backward direction of a layer is bridged with the forward one of the same layer, in that order."""
    torch.manual_seed(0)
    net = EncoderDecoder(7, 9, config(name, attention="none", bidirectional=True, num_layers=2), window=WINDOW).eval()
    _, final = net.encoder(net.dropout(net.source(torch.randint(7, (2, 6)))))
    merged = net.encoder.merge_directions(final)
    for part, joined in zip(leaves(final), leaves(merged), strict=True):
        assert joined.shape == (2, 2, 12)
        for layer in (0, 1):
            assert torch.equal(joined[:, layer], torch.cat([part[:, 2 * layer], part[:, 2 * layer + 1]], dim=1))


def test_broadcasting_repeats_one_output_over_all_steps() -> None:
    outputs, _ = model("rnn", predict="broadcast")(inputs(steps=5))
    assert outputs.shape == (2, 5, 4)
    assert torch.equal(outputs[:, 0], outputs[:, 4])


def test_a_forget_gate_starts_at_the_bias_that_was_asked_for() -> None:
    weights = dict(architecture("lstm", options={"forget_bias": 2.5}).named_parameters())
    for layer in (0, 1):
        both = weights[f"network.bias_ih_l{layer}"] + weights[f"network.bias_hh_l{layer}"]
        assert both[6:12].tolist() == [2.5] * 6


@pytest.mark.parametrize(
    ("name", "source"),
    [*((name, "bouncing-ball") for name in MODELS), *((name, "alphabet") for name in names_of(fixed_window=False))],
)
def test_a_summary_without_data_equals_that_of_the_model_in_training(name: str, source: str) -> None:
    task = SOURCES[source].tasks[0]
    plan = Experiment.make({"data": {"source": source, "task": task}, "model": {"architecture": name, "num_layers": 2}})
    if source == "bouncing-ball":  # a summary does not depend on the number of rows
        plan = plan.with_changes({"data.options.samples": 150})
    summary = summarize(plan, default_table(source))
    started = next(event for event in fit(plan) if isinstance(event, Started))
    assert summary.parameters == started.parameters == sum(layer["parameters"] for layer in summary.layers)


def test_an_unknown_word_has_a_zero_embedding_at_first() -> None:
    net = EncoderDecoder(300, 9, config("gru", embedding_size=4), window=WINDOW)
    table = dict(net.named_parameters())["source.weight"]
    assert torch.equal(table[0], torch.zeros(4))
    assert bool((table[1:] != 0.0).any(dim=1).all())


def test_state_operations_act_on_trees() -> None:
    tree = torch.arange(6.0).view(3, 2), (torch.ones(3, 1), torch.zeros(3, 1, requires_grad=True))
    initial = map_state(lambda part: torch.full_like(part, -1.0), tree)
    mixed = reset(tree, torch.tensor([False, True, False]), initial)
    assert mixed[0].tolist() == [[0.0, 1.0], [-1.0, -1.0], [4.0, 5.0]]
    assert mixed[1][0].flatten().tolist() == [1.0, -1.0, 1.0]
    assert not any(part.requires_grad for part in leaves(detach(tree)))
    assert {len(part) for part in leaves(select(tree, torch.tensor([1, 1])))} == {2}
    assert select(None, torch.tensor([0])) is None


@pytest.mark.parametrize("attention", ["additive", "none"])
def test_dropout_acts_on_what_the_output_layer_of_a_decoder_sees(attention: str) -> None:
    torch.manual_seed(0)
    net = EncoderDecoder(7, 9, config("gru", num_layers=1, dropout=0.5, attention=attention), window=WINDOW)
    seen: list[Tensor] = []
    net.head.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    for training in (True, False):
        net.train(training)(torch.randint(7, (16, 6)), None, None, torch.randint(9, (16, 5)))
    in_training, in_evaluation = (float((features == 0.0).float().mean()) for features in seen)
    assert 0.3 < in_training < 0.7
    assert in_evaluation == 0.0


@pytest.mark.parametrize("name", ["gru", "lstm"])
def test_a_bridge_maps_both_directions_of_each_layer_to_the_decoders_state(name: str) -> None:
    torch.manual_seed(0)
    net = EncoderDecoder(7, 9, config(name, attention="none", bidirectional=True), window=WINDOW).eval()
    sentences = torch.randint(7, (2, 6))
    _, start = net.encode(sentences)
    network = net.encoder.network
    _, final = network(net.source(sentences))  # torch's own: [layers * 2, B, D], forward before backward
    for bridge, part, found in zip(net.bridge, final if name == "lstm" else (final,), leaves(start), strict=True):
        for layer in (0, 1):
            forward, backward = part[2 * layer], part[2 * layer + 1]
            assert same(found[:, layer], torch.tanh(bridge(torch.cat([forward, backward], dim=1))))
