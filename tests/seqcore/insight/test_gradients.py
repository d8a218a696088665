"""Gradients of one example: against autograd of torch's own layers, and against the gradient of the whole loss."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from seqcore.errors import PredictionError
from seqcore.insight.attributions import attributions
from seqcore.insight.differentiation import differentiable, trace_states
from seqcore.insight.examples import load_example, typed_example
from seqcore.insight.gradients import batch_of, input_gradient, state_gradients
from seqcore.insight.lag import gradient_by_lag
from seqcore.plots.state_gradients import plot_state_gradients, state_gradients_info
from tests.seqcore.insight.untrained import untrained

EVERY_TASK = (
    "ramp-next-value", "temperature-next-week", "sine-to-cosine", "next-letter", "python-prose", "next-frame",
    "spoken-vowels", "english-french", "adding-problem", "copy-memory",
)  # fmt: skip


def torch_layer(network: Any, kind: type[nn.RNNBase]) -> nn.RNNBase:
    """torch's own layer with the weights of ours, in double precision."""
    layer = kind(network.input_size, network.hidden_size, batch_first=True).double()
    layer.load_state_dict({name: weight.detach().double() for name, weight in network.state_dict().items()})
    return layer


@pytest.mark.parametrize(("architecture", "kind"), [("rnn", nn.RNN), ("gru", nn.GRU), ("lstm", nn.LSTM)])
def test_the_loss_of_each_step_reaches_the_states_as_in_torchs_layers(architecture: str, kind: type) -> None:
    predictor, table = untrained("sine-to-cosine", model__architecture=architecture)
    example = load_example(predictor, table, "train", 0)
    view = state_gradients(predictor, table, example)
    batch, model = batch_of(predictor, table, example), predictor.model
    layer, head = torch_layer(model.backbone.network, kind), model.head  # type: ignore[union-attr]
    x, targets = batch.inputs.double(), batch.targets.double()
    steps = x.shape[1]
    assert view.loss_places == tuple(range(steps))
    weight, bias = head.weight.detach().double(), head.bias.detach().double()  # type: ignore[union-attr]
    for loss_step in (steps - 1, 4):
        for step in (loss_step, loss_step - 1, 0):
            y, state = layer(x[:, : step + 1])
            hidden = y[:, -1].detach().requires_grad_()
            cell = None if architecture != "lstm" else (hidden[None], state[1].detach())
            outputs = hidden[:, None]
            if step < loss_step:
                outputs, _ = layer(x[:, step + 1 : loss_step + 1], cell or hidden[None])
            error = (outputs[:, -1] @ weight.T + bias - targets[:, loss_step]).square().mean() / steps
            (expected,) = torch.autograd.grad(error, hidden)
            found = view.norms["hidden_state"][0, loss_step, step]
            assert found == pytest.approx(float(expected.norm()), rel=2e-4)
    assert not np.triu(view.norms["hidden_state"][0], 1).any()  # a loss does not reach later states


@pytest.mark.parametrize("name", EVERY_TASK)
def test_the_loss_is_that_of_training_and_reaches_the_state_of_its_own_step(name: str) -> None:
    predictor, table = untrained(name)
    view = state_gradients(predictor, table, load_example(predictor, table, "train", 1))
    batch = batch_of(predictor, table, load_example(predictor, table, "train", 1))
    with torch.no_grad():
        outputs, _ = predictor.task.forward(predictor.model, batch, None, 1.0)
        loss = float(predictor.task.loss(outputs, batch))
    assert view.loss == pytest.approx(loss, rel=1e-5)
    assert len(view.loss_steps) == len(view.loss_places) <= len(view.steps)
    for norms in view.norms.values():
        assert norms.shape == (len(view.layer_titles), len(view.loss_places), len(view.steps))
        last = norms[0, -1]
        assert last[view.loss_places[-1]] > 0
        assert np.isfinite(norms[0]).all()


@pytest.mark.parametrize("name", ["sine-to-cosine", "spoken-vowels", "english-french"])
def test_the_gradients_of_all_losses_add_up_to_that_of_the_whole_loss(name: str) -> None:
    predictor, table = untrained(name)
    task, model = predictor.task, differentiable(predictor)
    batch = batch_of(predictor, table, load_example(predictor, table, "train", 1))
    outputs, parts = trace_states(task, model, batch, 1)
    tensors = [tensor for part in parts for layers in part.states.values() for layer in layers for tensor in layer]
    whole = torch.autograd.grad(task.loss(outputs, batch), tensors, retain_graph=True, allow_unused=True)
    detached = outputs.detach().requires_grad_()
    (of_outputs,) = torch.autograd.grad(task.loss(detached, batch), detached)
    steps = outputs.shape[1]
    rows, more = trace_states(task, model, batch, steps)
    each = torch.diag_embed(of_outputs[0].T).permute(1, 2, 0)  # row r: the gradient of step r alone
    itemized = torch.autograd.grad(
        rows, [t for part in more for layers in part.states.values() for layer in layers for t in layer], each,
        allow_unused=True,
    )  # fmt: skip
    for one, all_rows in zip(whole, itemized, strict=True):
        assert (one is None) == (all_rows is None)
        if one is not None and all_rows is not None:
            torch.testing.assert_close(all_rows.sum(dim=0, keepdim=True), one, rtol=1e-3, atol=1e-6)


def test_losses_that_are_not_scored_have_no_row() -> None:
    predictor, table = untrained("copy-memory")
    view = state_gradients(predictor, table, load_example(predictor, table, "train", 0))
    assert view.loss_places == (35, 36, 37, 38, 39)  # the five letters after the cue


def test_a_loss_at_the_end_has_one_row() -> None:
    predictor, table = untrained("adding-problem")
    view = state_gradients(predictor, table, load_example(predictor, table, "train", 0))
    assert view.loss_places == (99,)
    info = state_gradients_info(view)
    assert [name for name, _ in info.lines] == ["hidden state"]


def test_a_gradient_at_a_single_step_is_drawn_as_a_point() -> None:
    predictor, table = untrained("bouncing-ball", model__architecture="transformer")
    view = state_gradients(predictor, table, load_example(predictor, table, "train", 0))
    assert (view.norms["hidden_state"][-1, 0] > 0).tolist() == [False] * 19 + [True]  # the last layer
    assert plot_state_gradients(state_gradients_info(view)).data[-1].mode == "lines+markers"
    assert "Where it is 0, nothing is drawn." in view.caption


def test_a_translation_is_one_chain_of_the_sentence_and_the_words_given_to_the_decoder() -> None:
    predictor, table = untrained("english-french")
    example = load_example(predictor, table, "train", 0)
    view = state_gradients(predictor, table, example)
    words = len(example.steps)
    assert view.steps[:words] == example.steps
    assert view.steps[words] == "(start)"
    assert view.loss_steps[-1] == "(end)"
    assert view.loss_places == tuple(range(words, len(view.steps)))
    absent = [row for row in view.summary()[1] if row[1] == "layer 1, backward"]  # the decoder reads forward only
    assert [row[-1] for row in absent] == [""]


def test_the_map_covers_six_decades() -> None:
    predictor, table = untrained("sine-to-cosine")
    info = state_gradients_info(state_gradients(predictor, table, load_example(predictor, table, "train", 0)))
    known = info.logs[np.isfinite(info.logs)]
    assert known.max() - known.min() <= 6.0
    assert np.isnan(info.logs[0, 1:]).all()


@pytest.mark.parametrize("architecture", ["rnn", "gru", "lstm", "mingru", "slstm", "tcn", "transformer", "lru"])
def test_the_gradient_of_an_output_is_the_slope_of_the_prediction(architecture: str) -> None:
    predictor, table = untrained("sine-to-cosine", model__architecture=architecture)
    example = load_example(predictor, table, "train", 0)
    view = input_gradient(predictor, example, at=6)
    x = predictor.task.encode(predictor.codec(), example.given).double()
    model = predictor.task.build_model(predictor.codec()).double().eval()
    model.load_state_dict({name: value.double() for name, value in predictor.model.state_dict().items()})

    def predicted(inputs: Tensor) -> float:
        with torch.no_grad():
            return float(model(inputs)[0][0, 6, 0])

    for step in (0, 3, 6, 7):
        bump = torch.zeros_like(x)
        bump[0, step, 0] = 1e-5
        slope = (predicted(x + bump) - predicted(x - bump)) / 2e-5
        assert view.gradient[step, 0] == pytest.approx(slope, rel=2e-3, abs=2e-6)
    assert not view.gradient[7:].any()
    assert view.at == 6


@pytest.mark.parametrize("name", EVERY_TASK)
def test_every_task_has_the_gradient_of_its_prediction(name: str) -> None:
    predictor, table = untrained(name)
    example = load_example(predictor, table, "train", 0)
    view = input_gradient(predictor, example)
    assert view.gradient.shape == (len(view.steps), len(view.columns))
    assert np.abs(view.gradient).sum() > 0
    assert view.caption


def test_what_has_no_gradients_says_why() -> None:
    predictor, table = untrained("ramp-next-value")
    with pytest.raises(PredictionError, match="no true value"):
        state_gradients(predictor, table, typed_example(predictor, "70 80 90"))
    with pytest.raises(PredictionError, match="output: 5 is not allowed"):
        input_gradient(predictor, typed_example(predictor, "70 80 90"), output=5)
    with pytest.raises(PredictionError, match="step: 3 is not allowed"):
        input_gradient(predictor, typed_example(predictor, "70 80 90"), at=3)
    linear, table = untrained("ramp-next-value", model__architecture="nlinear")
    with pytest.raises(PredictionError, match="no hidden states"):
        state_gradients(linear, table, load_example(linear, table, "train", 0))
    together, table = untrained("ramp-next-value", training__replicas=2)
    if together.replicas == 2:
        with pytest.raises(PredictionError, match="choose one"):
            input_gradient(together, typed_example(predictor, "70 80 90"))


def test_a_model_that_has_diverged_says_so() -> None:
    predictor, table = untrained("sine-to-cosine", model__hidden_size=7)
    with torch.no_grad():
        next(predictor.model.parameters()).fill_(float("nan"))
    example = load_example(predictor, table, "train", 0)
    with pytest.raises(PredictionError, match="not finite"):
        state_gradients(predictor, table, example)
    with pytest.raises(PredictionError, match="not finite"):
        gradient_by_lag(predictor, table)
    with pytest.raises(PredictionError, match="not finite"):
        attributions(predictor, table, example)
