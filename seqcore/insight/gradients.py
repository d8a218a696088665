"""Gradients of one example: of the loss with respect to the states, and of a prediction with respect to the inputs.

Of the loss, itemized by the step that it comes from: Cashman, Patterson, Mosca, Watts, Robinson and Chang 2017,
"RNNbow: Visualizing Learning via Backpropagation Gradients in Recurrent Neural Networks". Of a prediction: Madsen 2019,
"Visualizing memorization in RNNs", Distill.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seqcore.data.dataset import Batch
from seqcore.data.table import Table
from seqcore.errors import NumberError, PredictionError
from seqcore.inference.predictor import Predictor
from seqcore.insight.differentiation import differentiable, read_inputs, trace_states
from seqcore.insight.examples import InspectExample
from seqcore.insight.probes import check_finite
from seqcore.models.architecture import Traced
from seqcore.results.base import Values, Words
from seqcore.results.formatting import counted
from seqcore.results.gradients import InputGradientView, StateGradientsView
from seqcore.results.thinning import evenly
from seqcore.training.isolated_rng import on_one_thread

__all__ = ["MOST_ROWS", "batch_of", "input_gradient", "predicted_from", "state_gradients"]

MOST_ROWS = 200
"""Steps of the loss that are itemized; of more, or of fewer in a large model, evenly spaced ones."""
_MOST_WORK = 15_000_000_000  # losses times steps times weights: about a second
START = "(start)"


def state_gradients(predictor: Predictor, table: Table, example: InspectExample) -> StateGradientsView:
    """The norm of the gradient that the loss at each step has with respect to the state at each step, by layer.

    `table` holds the run's own data, which `example` is from. The gradients of all losses add up to that of the loss
    of training, for a batch of this one example. PredictionError for typed input, which has no true value, where the
    architecture has no states, and for replicas (use `Predictor.replica`).
    """
    with on_one_thread():
        task, model = predictor.task, differentiable(predictor)
        batch = batch_of(predictor, table, example)
        outputs = read_inputs(task, model, batch).outputs.detach().requires_grad_()
        loss = task.loss(outputs, batch)
        (of_outputs,) = torch.autograd.grad(loss, outputs)  # [1, S, O]
        check_finite(of_outputs, "gradients")
        scored = np.flatnonzero(of_outputs[0].abs().sum(dim=1).numpy())
        if not len(scored):
            raise PredictionError(
                f"gradients: the loss of this example is {float(loss):.3g} and its gradient 0; choose another example"
            )
        work = sum(weight.numel() for weight in model.parameters()) * max(batch.inputs.shape[1], outputs.shape[1])
        most = min(MOST_ROWS, max(10, _MOST_WORK // work))
        kept = scored[evenly(len(scored), most)]
        traced_outputs, parts = trace_states(task, model, batch, len(kept))
        rows, places = torch.arange(len(kept)), torch.from_numpy(kept)
        each = torch.zeros_like(traced_outputs)
        each[rows, places] = of_outputs[0, places]
        norms, titles = _norms(parts, traced_outputs, each)
    steps, written = _labels(predictor, batch, example), predictor.task.written(predictor.codec(), batch)
    first = len(steps) - (outputs.shape[1] if outputs.shape[1] > 1 else 1)
    numbers = tuple(int(first + place) for place in kept) if outputs.shape[1] > 1 else (len(steps) - 1,)
    left_out = len(scored) - len(kept)
    return StateGradientsView(
        model_step=predictor.step,
        loss_steps=tuple(written[place] for place in kept) if written else tuple(steps[n] for n in numbers),
        loss_places=numbers,
        steps=steps,
        names=tuple(norms),
        norms=norms,
        layer_titles=titles,
        loss=float(loss.detach()),
        unit=predictor.unit.one,
        title=example.title,
        note=f"{left_out:,} further steps with a loss are left out." if left_out else "",
    )


def _norms(parts: Sequence[Traced], outputs: Tensor, of_outputs: Tensor) -> tuple[dict[str, Values], Words]:
    """Of the gradients of all states [L, R, T] by name, those of a decoder after those of its encoder, and the layers.

    A layer that a part does not have is NaN there.
    """
    tensors = [tensor for part in parts for layers in part.states.values() for layer in layers for tensor in layer]
    # of a number: torch checks the shape of gradients that it is given by a package that takes a second to import
    found = iter(torch.autograd.grad((outputs * of_outputs).sum(), tensors, allow_unused=True))
    titles = max((part.titles for part in parts), key=len)
    by_name: dict[str, list[Values]] = {}
    for part in parts:
        for name, layers in part.states.items():
            sizes = [_layer_norms([(next(found), tensor) for tensor in layer]) for layer in layers]
            missing = [np.full_like(sizes[0], np.nan)] * (len(titles) - len(sizes))
            by_name.setdefault(name, []).append(np.stack([*sizes, *missing]))
    return {name: np.concatenate(each, axis=2) for name, each in by_name.items()}, titles


def _layer_norms(pairs: Sequence[tuple[Tensor | None, Tensor]]) -> Values:
    """[R, T] from the gradients of one tensor [R, T, D], or of T tensors [R, D]; None is 0."""
    sizes = [
        torch.zeros(tensor.shape[:-1]) if gradient is None else torch.linalg.vector_norm(gradient, dim=-1)
        for gradient, tensor in pairs
    ]
    whole = sizes[0] if sizes[0].dim() == 2 else torch.stack(sizes, dim=1)
    return whole.double().numpy()


def input_gradient(
    predictor: Predictor, example: InspectExample, *, at: int | None = None, output: int | None = None
) -> InputGradientView:
    """The gradient of a prediction with respect to each input, as the model reads them: scaled numbers [T, F], or the
    norm over the encoding of each symbol, [T, 1].

    `at` is the step that is predicted from (default: the last; only where a model predicts at every step). `output` is
    the number of the model's output; default: of symbols and classes the most probable one, whose log-probability is
    differentiated, of numbers the first. PredictionError.
    """
    with on_one_thread():
        task, codec, model = predictor.task, predictor.codec(example.series), differentiable(predictor)
        batch = task.single_batch(model, codec, task.encode(codec, example.given))
        reading = read_inputs(task, model, batch)
        steps = reading.outputs.shape[1]
        place = steps - 1 if at is None else at
        if not 0 <= place < steps:
            message = f"step: {{}} is not allowed; this model predicts at {counted(steps, 'step')}, numbered from {{}}"
            raise NumberError(message.format(place, 0), message.format(place + 1, 1))
        scores = task.scores(reading.outputs[0, place])
        chosen = int(scores.argmax()) if output is None and task.categorical else output or 0
        if not 0 <= chosen < len(scores):
            raise PredictionError(f"output: {output} is not allowed; there are {len(scores)}, numbered from 0")
        found = reading.gradients(scores[chosen])
        for gradient_read in found:
            check_finite(gradient_read, "gradients")
        encoded = predictor.input_kind in ("symbols", "sentence") or batch.inputs.dim() == 2
        sized = [torch.linalg.vector_norm(g[0], dim=1, keepdim=True) if encoded else g[0] for g in found]
        gradient = torch.cat(sized).double().numpy()
    names = task.output_names(codec)
    count = len(example.columns) if not encoded else 1
    further = tuple(f"calendar {i + 1}" for i in range(gradient.shape[1] - count))
    labels = _labels(predictor, batch, example)
    label = names[chosen] if chosen < len(names) else f"output {chosen + 1}"
    return InputGradientView(
        model_step=predictor.step,
        steps=labels,
        columns=("symbol",) if encoded else (*example.columns, *further),
        gradient=gradient,
        output=f"the log-probability of {label!r}" if task.categorical else label,
        at=len(labels) - steps + place if steps > 1 else len(labels) - 1,
        signed=not encoded,
        frame=codec.frame if not encoded and gradient.shape[1] == len(example.columns) else None,
        unit=predictor.unit.one,
        title=example.title,
    )


def batch_of(predictor: Predictor, table: Table, example: InspectExample) -> Batch:
    """The example as a batch of one row with its targets. PredictionError for typed input."""
    if not example.split:
        raise PredictionError(
            "gradients: typed input has no true value, so no loss; choose an example of the training, validation or "
            "test data"
        )
    data = predictor.task.split_data(table, predictor.codec())
    if not 0 <= example.index < len(data.windows[example.split]):
        raise PredictionError(
            f"index: {example.index} is not allowed; the split has {len(data.windows[example.split])}"
        )
    batch: Batch = data.batch(example.split, np.array([example.index], dtype=np.int64))
    return replace(batch, lengths=None)  # a single row has no padding


def predicted_from(outputs: Tensor, lengths: NDArray[np.int64]) -> Tensor:
    """The outputs [B, O] at the last step of each row of [B, S, O]."""
    if outputs.shape[1] == 1:
        return outputs[:, 0]
    return outputs[torch.arange(len(outputs)), torch.from_numpy(lengths) - 1]


def _labels(predictor: Predictor, batch: Batch, example: InspectExample) -> Words:
    """Of the steps that the architectures read: of a translator the sentence, then what its decoder is given."""
    steps = example.steps[-batch.inputs.shape[1] :]
    written = predictor.task.written(predictor.codec(), batch)
    return (*steps, START, *written[:-1]) if written else tuple(steps)
