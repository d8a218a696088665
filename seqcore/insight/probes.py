"""States, gates and attention of a model at every step of an example."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from seqcore.errors import PredictionError, no_number
from seqcore.inference.predictor import Predictor
from seqcore.insight.examples import InspectExample
from seqcore.models import MODELS, capabilities_of
from seqcore.models.architecture import Architecture, Probe
from seqcore.results.base import Values, Words
from seqcore.results.internals import InternalsView, readable
from seqcore.tasks.inspection import Stage
from seqcore.training.isolated_rng import on_one_thread

__all__ = [
    "LayerStates", "ProbedBatch", "architecture_of", "batches_of", "check_finite", "check_name", "probe", "single",
    "states_of",
]  # fmt: skip

MOST_ATTENDED = 1_000  # steps with attention weights, whose number is their square
MOST_NUMBERS = 30_000_000  # in the states and gates of one example
_AT_ONCE = 5_000  # steps of all examples of one pass
_STATES = ("hidden_state", "cell_state", "attention")  # what a reader looks for first


class LayerStates(NamedTuple):
    """One value of one layer on one example, [T, D]."""

    example: InspectExample
    values: Values


class ProbedBatch(NamedTuple):
    """Examples of equal length and their internals by name, [B, T, L, D] each."""

    examples: list[InspectExample]
    found: Probe


def probe(predictor: Predictor, example: InspectExample) -> InternalsView:
    """The internals of one model on one example. PredictionError for replicas, or input that the model can't read.

    Of a translator, the words of the sentence come first, then those of the model's own translation as its decoder is
    given them. What an architecture doesn't have is named in `missing` with the reason.
    """
    model = single(predictor)
    with on_one_thread(), torch.inference_mode():
        inputs = predictor.task.encode(predictor.codec(example.series), example.given)
        _check_size(predictor, inputs.shape[1])
        stages = predictor.task.stages(model, predictor.codec(example.series), inputs)
        found = [_probed(stage) for stage in stages]
    arrays = _joined([{k: v for k, v in probe.items() if k != "attention"} for probe in found])
    first = stages[0].architecture
    count = max((array.shape[1] for array in arrays.values()), default=0)
    attention, titles, rows, columns = _attention(stages, found, example)
    steps = example.steps + tuple(step for stage in stages[1:] for step in stage.steps)
    encoded = _encoded(inputs, stages)
    values = encoded if example.values is None else example.values
    return InternalsView(
        model_step=predictor.step,
        steps=steps,
        inputs=values,
        columns=example.columns or ("symbol",),
        names=tuple(arrays),
        arrays=arrays,
        layer_titles=first.probed_layers(count) if count else (),
        encoded=encoded,
        attention=attention,
        attention_titles=titles,
        attention_rows=rows,
        attention_columns=columns,
        missing=_missing(first, arrays, len(titles), inputs.shape[1]),
        stages=tuple(s.name for s in stages for _ in range(s.x.shape[1])) if len(stages) > 1 else (),
        architecture=MODELS[predictor.experiment.model.architecture].title,
        truth=example.truth,
        title=example.title,
        note=example.note,
    )


def states_of(predictor: Predictor, examples: Sequence[InspectExample], name: str, layer: int) -> Iterator[LayerStates]:
    """One value ("hidden_state", a gate) of one layer on many examples, those of equal length at once.

    Of a translator, on the words of the sentences. PredictionError for a name or layer that the model doesn't have.
    """
    check_name(architecture_of(predictor), name)
    for batch in batches_of(predictor, examples):
        values = batch.found[name]
        if not 0 <= layer < values.shape[2]:
            raise no_number("layer", layer, values.shape[2])
        for example, own in zip(batch.examples, values[:, :, layer], strict=True):
            yield LayerStates(example, _numpy(own))


def batches_of(predictor: Predictor, examples: Sequence[InspectExample]) -> Iterator[ProbedBatch]:
    """What the first stage of a model shows on many examples, those of equal length at once."""
    model = single(predictor)
    groups: dict[tuple[int, ...], list[tuple[InspectExample, Tensor]]] = {}
    for example in examples:
        inputs = predictor.task.encode(predictor.codec(example.series), example.given)
        groups.setdefault(tuple(inputs.shape[1:]), []).append((example, inputs))
    for shape, group in groups.items():
        most = max(1, _AT_ONCE // shape[0])
        for start in range(0, len(group), most):
            some = group[start : start + most]
            with on_one_thread(), torch.inference_mode():
                stage = predictor.task.first_stage(model, torch.cat([inputs for _, inputs in some]))
                found = stage.architecture.probe_states(stage.x)
            yield ProbedBatch([example for example, _ in some], found)


def check_name(architecture: Architecture, name: str) -> None:
    """PredictionError for a name that an architecture doesn't show."""
    known = [n for n in architecture.capabilities.probes if n != "attention"]
    if name not in known:
        what = f"use one of {', '.join(known)}" if known else "it has no states to show"
        raise PredictionError(f"name: this model shows no {name[:60]!r}; {what}")


def check_finite(values: Tensor, what: str) -> None:
    """PredictionError where a model that has diverged gives values that are not finite; `what` begins the message."""
    if not bool(torch.isfinite(values).all()):
        raise PredictionError(
            f"{what}: the model of this step gives values that are not finite; choose an earlier step"
        )


def architecture_of(predictor: Predictor) -> Architecture:
    """The architecture of a model; of a translator its encoder's."""
    model = single(predictor)
    found = model.encoder if hasattr(model, "encoder") else model.backbone
    assert isinstance(found, Architecture)
    return found


def single(predictor: Predictor) -> torch.nn.Module:
    """The network of a predictor of one model. PredictionError for several replicas."""
    if predictor.replicas > 1:
        raise PredictionError(
            f"replica: this run has {predictor.replicas} models, one for each seed; choose one, from 0 to "
            f"{predictor.replicas - 1}"
        )
    return predictor.model


def _check_size(predictor: Predictor, steps: int) -> None:
    """PredictionError where the states of so many steps would take too much memory."""
    config = predictor.experiment.model
    layers = config.num_layers * (2 if config.bidirectional else 1)
    names = max(1, len(capabilities_of(config.architecture).probes))
    most = MOST_NUMBERS // (config.hidden_size * layers * names)
    if steps > most:
        raise PredictionError(
            f"probe: {steps:,} steps are too many for {config.hidden_size:,} units in {layers} layers; give at most "
            f"{most:,} steps"
        )


def _probed(stage: Stage) -> Probe:
    """What an architecture shows; nothing where it declares no probes."""
    architecture, steps = stage.architecture, stage.x.shape[1]
    if not architecture.capabilities.probes:
        return {}
    if steps > MOST_ATTENDED:
        return architecture.probe_states(stage.x, stage.state)
    return architecture.probe(stage.x, stage.state)


def _joined(found: list[dict[str, Tensor]]) -> dict[str, Values]:
    """Arrays of consecutive stages [T, L, D], one after the other; NaN for a layer that one of them lacks."""
    names = list(found[0])
    arrays = {}
    for name in names:
        parts = [_numpy(probe[name][0]) for probe in found]
        layers = max(part.shape[1] for part in parts)
        missing = [np.full((len(part), layers - part.shape[1], part.shape[2]), np.nan) for part in parts]
        arrays[name] = np.concatenate([np.concatenate(pair, axis=1) for pair in zip(parts, missing, strict=True)])
    return arrays


def _attention(stages: list[Stage], found: list[Probe], example: InspectExample) -> tuple[Values, Words, Words, Words]:
    """Weights [A, T_out, T_in] of a translator over its sentence, or of each layer and head; titles, rows, columns."""
    last = stages[-1]
    if last.attention is not None:
        return _numpy(last.attention), ("decoder over sentence",), last.rows, example.steps
    if len(stages) > 1 or "attention" not in found[0]:
        return np.zeros((0, 0, 0)), (), (), ()
    weights = found[0]["attention"][0].permute(1, 2, 0, 3)  # [L, heads, T, T]
    titles = [f"layer {i + 1}, head {h + 1}" for i in range(weights.shape[0]) for h in range(weights.shape[1])]
    return _numpy(weights.flatten(0, 1)), tuple(titles), example.steps, example.steps


def _encoded(inputs: Tensor, stages: list[Stage]) -> Values:
    """What the model reads: numbers [T, E], or codes [T, 1], of a translator those of both languages."""
    parts = [inputs, *(stage.codes for stage in stages[1:] if stage.codes is not None)]
    return np.concatenate([_numpy(part[0]).reshape(part.shape[1], -1) for part in parts])


def _missing(architecture: Architecture, arrays: dict[str, Values], heads: int, steps: int) -> dict[str, str]:
    """Why names that other architectures show, or that a reader looks for, are not there."""
    missing = dict(architecture.not_shown)
    shown = {*arrays, *(["attention"] if heads else [])}
    if "attention" in architecture.capabilities.probes and steps > MOST_ATTENDED:
        missing["attention"] = f"Attention is shown for up to {MOST_ATTENDED:,} steps, and these are {steps:,}."
    gated = any(name.endswith("_gate") for name in shown)
    title = next(e.title for e in MODELS.values() if e.target.endswith(f":{type(architecture).__name__}"))
    for name in _STATES:
        if name not in shown:
            missing.setdefault(name, f"{title} has no {readable(name).lower()}.")
    if not gated:
        missing.setdefault("gates", f"{title} has no gates.")
    return missing


def _numpy(values: Tensor) -> Values:
    return values.detach().double().cpu().numpy()
