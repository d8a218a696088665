"""One contract for every registered architecture: a new one is tested by being registered."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from seqcore.data.sources import SOURCES
from seqcore.experiment.config import ModelConfig
from seqcore.experiment.experiment import Experiment
from seqcore.models import MODELS
from seqcore.models.sequence_model import SequenceModel, build_backbone, detached
from seqcore.tasks.model_summary import summarize

ARCHITECTURES = pytest.mark.parametrize("architecture", MODELS)


def model(architecture: str, *, predict: str = "last", **changes: Any) -> SequenceModel:
    torch.manual_seed(0)
    config = ModelConfig(architecture=architecture, hidden_size=6, **changes)
    return SequenceModel(3, 2, config, predict=predict, symbolic=False).eval()


@ARCHITECTURES
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("num_layers", [1, 3])
def test_shapes_are_those_of_the_contract(architecture: str, bidirectional: bool, num_layers: int) -> None:
    config = ModelConfig(
        architecture=architecture, hidden_size=6, num_layers=num_layers, bidirectional=bidirectional, dropout=0.5
    )
    backbone = build_backbone(3, config)
    y, _ = backbone(torch.randn(4, 7, 3))
    assert y.shape == (4, 7, backbone.output_size) == (4, 7, 12 if bidirectional else 6)


@ARCHITECTURES
def test_a_sequence_in_two_halves_with_the_state_handed_on_is_the_whole(architecture: str) -> None:
    net, x = model(architecture, predict="every"), torch.randn(2, 9, 3)
    whole, _ = net(x)
    first, state = net(x[:, :4])
    second, _ = net(x[:, 4:], detached(state))
    assert torch.allclose(torch.cat([first, second], dim=1), whole, atol=1e-6)


@ARCHITECTURES
@pytest.mark.parametrize("bidirectional", [False, True])
def test_padding_never_changes_an_answer(architecture: str, bidirectional: bool) -> None:
    net = model(architecture, bidirectional=bidirectional)
    short, long = torch.randn(1, 4, 3), torch.randn(1, 9, 3)
    padded = torch.cat([torch.cat([short, torch.full((1, 5, 3), 99.0)], dim=1), long])
    together, _ = net(padded, None, torch.tensor([4, 9]))
    assert torch.allclose(together[0], net(short)[0][0], atol=1e-6)
    assert torch.allclose(together[1], net(long)[0][0], atol=1e-6)


@ARCHITECTURES
def test_an_answer_at_a_step_never_depends_on_a_later_one(architecture: str) -> None:
    net, x = model(architecture, predict="every"), torch.randn(1, 8, 3)
    changed = x.clone()
    changed[:, 5:] += 1.0
    assert torch.equal(net(x)[0][:, :5], net(changed)[0][:, :5])


@ARCHITECTURES
def test_every_weight_gets_a_gradient(architecture: str) -> None:
    net = model(architecture, num_layers=2).train()
    net(torch.randn(4, 7, 3))[0].square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in net.parameters())


@ARCHITECTURES
def test_recurrent_dropout_thins_the_recurrence_while_training_and_nothing_afterwards(architecture: str) -> None:
    plain, thinned = model(architecture), model(architecture, recurrent_dropout=0.5)
    x = torch.randn(4, 7, 3)
    assert torch.equal(thinned(x)[0], plain(x)[0])
    assert list(thinned.state_dict()) == list(plain.state_dict())
    thinned.train()
    before = {name: weight.clone() for name, weight in thinned.state_dict().items()}
    first, second = thinned(x)[0], thinned(x)[0]
    assert not torch.equal(first, second)
    assert torch.equal(thinned(x[:, :1])[0], plain(x[:, :1])[0])  # a first step has no state before it
    first.square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in thinned.parameters())
    assert all(torch.equal(weight, before[name]) for name, weight in thinned.state_dict().items())
    recurrent = dict(thinned.named_parameters())["backbone.network.weight_hh_l0"].grad
    assert recurrent is not None
    assert 0.2 < float((recurrent == 0.0).float().mean()) < 0.8  # what was dropped


@ARCHITECTURES
def test_recurrent_dropout_takes_sequences_of_any_lengths(architecture: str) -> None:
    net = model(architecture, recurrent_dropout=0.5, num_layers=2, bidirectional=True).train()
    outputs, _ = net(torch.randn(3, 6, 3), None, torch.tensor([6, 2, 4]))
    assert torch.isfinite(outputs).all()


def test_broadcasting_repeats_one_answer_over_all_steps() -> None:
    outputs, _ = model("rnn", predict="broadcast")(torch.randn(2, 5, 3))
    assert outputs.shape == (2, 5, 2)
    assert torch.equal(outputs[:, 0], outputs[:, 4])


def test_a_forget_gate_starts_at_the_bias_that_was_asked_for() -> None:
    lstm = build_backbone(
        1, ModelConfig(architecture="lstm", hidden_size=5, num_layers=2, options={"forget_bias": 2.5})
    )
    assert isinstance(lstm, nn.Module)
    weights = dict(lstm.named_parameters())
    for layer in (0, 1):
        both = weights[f"network.bias_ih_l{layer}"] + weights[f"network.bias_hh_l{layer}"]
        assert both[5:10].tolist() == [2.5] * 5


@ARCHITECTURES
@pytest.mark.parametrize("source", ["bouncing-ball", "alphabet"])
def test_a_summary_counts_the_parameters_of_the_model_that_is_built(architecture: str, source: str) -> None:
    task = SOURCES[source].tasks[0]
    plan = Experiment.make(
        {"data": {"source": source, "task": task}, "model": {"architecture": architecture, "num_layers": 2}}
    )
    summary = summarize(plan, SOURCES[source].load()().table())
    from seqcore.events import Started
    from seqcore.training.fit import fit

    started = next(event for event in fit(plan) if isinstance(event, Started))
    assert summary.parameters == started.parameters == sum(layer["parameters"] for layer in summary.layers)
