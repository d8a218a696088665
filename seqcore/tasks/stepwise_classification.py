"""Predictions of a classifier for whole sequences and after each step, and parsing of its inputs."""

from __future__ import annotations

from functools import partial
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from seqcore.data.labeled_dataset import UNKNOWN_CLASS, LabeledCodec, LabeledDataset
from seqcore.data.table import Table, symbol_table
from seqcore.errors import PredictionError
from seqcore.models.architecture import evaluation_mode, last_step
from seqcore.models.classifier import SequenceClassifier
from seqcore.models.replicated import Replicated, as_single, mean_log_probability, of_each, replica_count
from seqcore.results import LabelsView
from seqcore.results.formatting import listed
from seqcore.results.spacing import join_sentence
from seqcore.results.thinning import evenly
from seqcore.tasks.forecasting import as_rows, parse_numbers
from seqcore.tasks.inspection import StepInput, numbered, sequence_title
from seqcore.tasks.task import Example, Task, batches_by_length

__all__ = [
    "as_table", "class_logits", "described_sequence", "ensemble_logits", "example", "labels_view", "parse_sequence",
    "round_robin", "sequence_input",
]  # fmt: skip

_STEPS_AT_ONCE = 50_000
_MOST_STEPS = 240  # shown time steps of one sequence
_MOST_SIGNALS = 24_000  # shown values of one sequence
_MOST_TEXT = 200  # characters of a text shown as its name
_MOST_PREFIXES = 48  # prefixes evaluated by a bidirectional model

Values = NDArray[np.float64]


def class_logits(
    model: nn.Module, task: Task, data: LabeledDataset, part: str, indices: NDArray[np.int64]
) -> tuple[Values, Values]:
    """Logits at the end of each sequence [n, C], and the mean loss; of replicas [K, n, C] and [K]."""
    lengths, count = data.windows[part].locate(indices)[1], replica_count(model)
    scores = np.zeros((*([count] if count > 1 else []), len(indices), len(data.codec.labels)))
    total = np.zeros(())
    with evaluation_mode(model):
        for some in batches_by_length(lengths, lambda longest: _STEPS_AT_ONCE // count // longest):
            batch = data.windows_of(part, indices[some])
            outputs, _ = task.forward(model, batch, None, 1.0)
            loss = of_each(model, partial(task.loss, batch=batch), outputs)
            total = total + loss.double().cpu().numpy() * len(some)
            ends = None if outputs.shape[-2] == 1 else batch.lengths  # one step of a model that is not causal
            scores[..., some, :] = of_each(model, partial(last_step, lengths=ends), outputs).double().cpu().numpy()
    return scores, total / max(len(indices), 1)


def ensemble_logits(model: nn.Module, scores: Values) -> Values:
    """Logits [n, C] of a model as they are; of replicas, [K, n, C], the logarithm of their mean probabilities."""
    if not isinstance(model, Replicated):
        return scores
    used = torch.from_numpy(scores)[model.usable.cpu()]
    mean: Values = mean_log_probability(used, dim=0).numpy()
    return mean


def labels_view(
    model: nn.Module,
    task: Task,
    data: LabeledDataset,
    part: str,
    indices: NDArray[np.int64],
    scores: Values,
    *,
    most: int,
    shown: int,
    mixed: bool = True,
    signals: bool = True,
) -> LabelsView:
    """Logits [n, C], or of replicas [K, n, C], as a view of at most `most` evenly spaced sequences.

    The first `shown` have stepwise predictions; they alternate between classes if `mixed`. Without `signals` the
    inputs of the sequences are left out.
    """
    each, scores, model = scores, ensemble_logits(model, scores), as_single(model)
    kept = evenly(len(indices), max(1, most))
    codes = data.truth(part, indices[kept])
    classes = codes if (codes != UNKNOWN_CLASS).any() else scores[kept].argmax(axis=1)
    first = (round_robin(classes) if mixed else np.arange(len(kept)))[:shown]
    kept = kept[np.concatenate([first, np.setdiff1d(np.arange(len(kept)), first)]).astype(np.int64)]
    full = [_stepwise(model, data, part, int(indices[place])) for place in kept[: len(first)]]
    sequences = data.windows[part].locate(indices[kept])[2]
    labels = data.table.labels
    truth = (None,) * len(kept) if labels is None else tuple(labels[sequences].tolist())
    unknown = data.unknown_labels()
    title = ""
    if unknown:
        count = int((data.truth(part, indices) == UNKNOWN_CLASS).sum())
        title = f"{count} of unknown classes ({listed(unknown, 3)}), counted as errors" if count else ""
    unit = data.codec.unit
    return LabelsView(
        labels=data.codec.labels,
        probabilities=_probabilities(scores[kept]),
        truth=truth,
        names=tuple(_name(data.table, int(s)) for s in sequences),
        unfolding=tuple(f[0] for f in full),
        signals=tuple(f[1] for f in full) if signals and not data.table.symbolic else (),
        title=title,
        symbols=tuple(f[2] for f in full) if signals and data.table.symbolic else (),
        steps=tuple(_rounded(f[3] * unit.size) for f in full),
        frame=data.codec.frame,
        x_title=unit.axis,
        channels=data.codec.input_names if data.codec.frame is None else (),
        texts=tuple(_text(data.table, int(s)) for s in sequences) if data.table.symbolic else (),
        replicas=np.stack([_probabilities(own[kept]) for own in each]) if each.ndim > 2 else None,
    )


def _stepwise(
    model: nn.Module, data: LabeledDataset, part: str, index: int
) -> tuple[Values, Values, tuple[str, ...], Values]:
    """One sequence: (probabilities[T, C], signal[T, F], symbols[T], steps[T]), subsampled if it is long."""
    first, lengths, _ = data.windows[part].locate(np.array([index]))
    low, count = int(first[0]), int(lengths[0])
    wide = 1 if data.table.symbolic else data.table.values.shape[1]
    most = max(2, min(_MOST_STEPS, _MOST_SIGNALS // wide))
    # a subsampled signal has the rows after which predictions are shown
    places = evenly(count, most)
    inputs = data.batch(part, np.array([index])).inputs
    with evaluation_mode(model):
        if cast(SequenceClassifier, model).causal:
            logits = model(inputs)[0][0].double().cpu().numpy()[places]
        else:
            prefixes = places[evenly(len(places), _MOST_PREFIXES)]
            size = max(1, _STEPS_AT_ONCE // (int(prefixes[-1]) + 1))
            parts = []
            for start in range(0, len(prefixes), size):
                some = torch.from_numpy(prefixes[start : start + size] + 1)
                repeated = inputs[:, : int(some.max())].expand(len(some), *(-1,) * (inputs.dim() - 1))
                parts.append(model(repeated, None, some)[0][:, 0])
            nearest = np.searchsorted(prefixes, places, side="right") - 1  # an evaluated prefix holds until the next
            logits = torch.cat(parts).double().cpu().numpy()[nearest]
    rows = low + places
    words = tuple(data.table.symbols[data.table.values[rows, 0]].tolist()) if data.table.symbols is not None else ()
    signal = np.zeros((len(places), 0)) if words else _rounded(data.table.values[rows])
    return _rounded(_probabilities(logits)), signal, words, (places + 1).astype(np.float64)


def _probabilities(scores: Values) -> Values:
    """Softmax of logits [..., C]; uniform where they are not finite."""
    with np.errstate(invalid="ignore", over="ignore"):
        powers = np.exp(scores - scores.max(axis=-1, keepdims=True))
        shares: Values = powers / powers.sum(axis=-1, keepdims=True)
    return np.where(np.isfinite(shares), shares, 1.0 / max(1, scores.shape[-1]))


def round_robin(classes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Indices into `classes` [n] in round-robin order of the classes.

    Each class starts at another offset, since adjacent sequences (one speaker's recordings) are similar.
    """
    different, inverse, counts = np.unique(classes, return_inverse=True, return_counts=True)
    order = np.argsort(inverse, kind="stable")
    group = inverse[order]
    rank = np.arange(len(classes)) - (np.cumsum(counts) - counts)[group]
    turn = (rank - group * counts[group] // max(1, len(different))) % counts[group]
    return order[np.lexsort((group, turn))]


def _rounded(values: Values) -> Values:
    """Four significant digits, for short files."""
    with np.errstate(divide="ignore", invalid="ignore"):
        size = np.where(values == 0, 0, np.floor(np.log10(np.abs(values))))
    unit = 10.0 ** np.clip(3 - np.nan_to_num(size), -300, 300)
    rounded: Values = np.round(values * unit) / unit
    return rounded


def _name(table: Table, sequence: int) -> str:
    return table.names[sequence] if table.names else str(sequence + 1)


def _text(table: Table, sequence: int) -> str:
    """The text of a sequence of tokens, truncated."""
    low, high = (int(place) for place in table.offsets[sequence : sequence + 2])
    words = table.words(low, min(high, low + _MOST_TEXT))
    text = join_sentence(words) if table.separator else "".join(words)
    return text if len(text) <= _MOST_TEXT and high - low <= _MOST_TEXT else f"{text[:_MOST_TEXT].rstrip()} …"


def parse_sequence(text: str, codec: LabeledCodec) -> Any:
    """Typed numbers as rows [T, F], or text as characters or words. PredictionError."""
    if codec.vocabulary is None:
        return parse_numbers(text, codec)
    symbols = tuple(text.split() if codec.vocabulary.separator else text)
    if not symbols:
        raise PredictionError("input: the sequence is empty; give at least one symbol")
    return symbols


def example(data: LabeledDataset, part: str, index: int) -> Example:
    """One sequence of a split as an input of `predict`: rows [T, F], symbols or a sound."""
    first, lengths, sequences = data.windows[part].locate(np.array([index]))
    low, high, sequence = int(first[0]), int(first[0] + lengths[0]), int(sequences[0])
    table = data.table
    given: Any = tuple(table.words(low, high)) if table.symbolic else table.values[low:high]
    if table.recordings is not None:
        from seqcore.data.audio import Sound

        given = Sound(table.recordings.rates[sequence], table.recordings.waveform(sequence))
    label = None if table.labels is None else str(table.labels[sequence])
    return Example(_name(table, sequence), label, given)


def sequence_input(data: LabeledDataset, part: str, index: int) -> StepInput:
    """One sequence of a split and what its steps are: symbols, times of a recording, numbers."""
    one, table = example(data, part, index), data.table
    first, lengths, sequences = data.windows[part].locate(np.array([index]))
    rows = slice(int(first[0]), int(first[0] + lengths[0]))
    title = sequence_title(table, int(sequences[0]))
    if table.symbolic:
        return StepInput(one.given, title, one.given, columns=("symbol",), truth=one.truth)
    values = table.values[rows].astype(np.float64)
    return StepInput(
        one.given, title, numbered(data.codec.unit, len(values)), values, data.codec.input_names, one.truth
    )


def described_sequence(given: Any, codec: LabeledCodec) -> StepInput:
    """One parsed input and what its steps are."""
    table = as_table(given, codec)
    if table.symbolic:
        symbols = tuple(table.words(0, len(table)))
        return StepInput(symbols, "your input", symbols, columns=("symbol",))
    values = table.values.astype(np.float64)
    return StepInput(given, "your input", numbered(codec.unit, len(values)), values, codec.input_names)


def as_table(given: Any, codec: LabeledCodec) -> Table:
    """One input as a table of one sequence: numbers [T] or [T, F], a DataFrame, symbols, or a sound. PredictionError.

    A sound is anything with `rate` and `samples`.
    """
    if codec.vocabulary is not None:
        words = parse_sequence(given, codec) if isinstance(given, str) else given
        if len(words) == 0 or not all(isinstance(word, str) for word in words):
            raise PredictionError("input: this model needs symbols; give text, or a list of words")
        return symbol_table([words], separator=codec.vocabulary.separator, independent=True)
    if hasattr(given, "samples"):
        if codec.kind != "sound":
            raise PredictionError("input: this model was not trained on audio; give numbers")
        from seqcore.data.audio import features

        given = features(given)
    values = as_rows(parse_sequence(given, codec) if isinstance(given, str) else given, codec)
    return Table(values=values, columns=codec.columns, independent=True, names=("your input",))
