"""The next letter or word, and text that goes on from a beginning."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from seqcore.data.dataset import Batch
from seqcore.data.parts import part_bounds
from seqcore.data.symbolic import SymbolicCodec, SymbolicDataset
from seqcore.data.table import Table
from seqcore.errors import PredictionError
from seqcore.metrics import Evaluation, symbol_metrics
from seqcore.models.sequence_model import SequenceModel
from seqcore.tasks.task import Task, run_windows, scored_windows, window_note
from seqcore.views import SymbolsView

__all__ = ["Symbols"]

_MOST_SHOWN = 40  # symbols in a picture


class Symbols(Task):
    """See `Task`."""

    metric = "accuracy"
    metric_is_error = False
    onward = "generate"

    def check(self, table: Table) -> None:
        """DataError where the table doesn't fit: numbers, windows, too few symbols."""
        SymbolicDataset(table, self.experiment.data, torch.device("cpu"))

    def make_dataset(self, table: Table, device: torch.device, codec: Any = None) -> SymbolicDataset:
        """Windows of the table; without a codec, vocabulary and baselines are learned from its training part."""
        data = SymbolicDataset(table, self.experiment.data, device, codec)
        if codec is None:
            data.codec = replace(data.codec, fitted=_count(data))
        return data

    def codec_from_dict(self, d: dict[str, Any], arrays: dict[str, NDArray[np.float64]]) -> SymbolicCodec:
        """The codec that a checkpoint holds."""
        return SymbolicCodec.from_dict(d, arrays)

    def sketch(self, table: Table) -> SequenceModel:
        """The model for a table, its sizes from the training part's different symbols."""
        data = self.experiment.data
        bounds = part_bounds(table, data.validation_fraction, data.test_fraction)["train"]
        return self._model(1 + len(np.unique(np.concatenate([np.unique(table.values[a:b]) for _, a, b in bounds]))))

    def build_model(self, codec: SymbolicCodec) -> SequenceModel:
        """Codes [B, T] -> scores of the next symbol [B, 1 or T, V]."""
        return self._model(len(codec.vocabulary))

    def _model(self, size: int) -> SequenceModel:
        return SequenceModel(size, size, self.experiment.model, predict=self.experiment.data.predict, symbolic=True)

    def loss(self, outputs: Tensor, batch: Batch) -> Tensor:
        """Cross-entropy, in nats; steps beyond a short window's end don't count."""
        if batch.lengths is not None and outputs.shape[1] > 1:
            inside = torch.arange(outputs.shape[1], device=outputs.device) < batch.lengths.to(outputs.device)[:, None]
            return nn.functional.cross_entropy(outputs[inside], batch.targets[inside])
        return nn.functional.cross_entropy(outputs.flatten(0, 1), batch.targets.flatten())

    def evaluate(
        self, model: nn.Module, dataset: SymbolicDataset, part: str, *, points: int = 12, full: bool = True
    ) -> Evaluation:
        """Loss, accuracy and perplexity beside the baselines', and probabilities after a few contexts."""
        carry = self.experiment.training.carry_state
        indices, of = self._scored(dataset, part), len(dataset.windows[part])
        scores, _ = run_windows(model, self, dataset, part, indices, carry_state=carry)
        _, target, counts = dataset.truth(part, indices)
        logs = scores - _log_sum(scores)
        chosen = np.take_along_axis(logs, target[..., None], axis=-1)[..., 0].astype(np.float64)
        metrics = symbol_metrics(chosen[counts], (scores.argmax(axis=-1) == target)[counts])
        if not full:
            return Evaluation(metrics, _NOTHING, len(indices), of)
        baselines = self.baselines(dataset, part)
        return Evaluation(metrics, self._view(model, dataset, part, min(points, 24)), len(indices), of, baselines)

    def baselines(self, dataset: SymbolicDataset, part: str) -> dict[str, dict[str, float]]:
        """Most frequent symbol and bigram on the windows that `evaluate` scores."""
        last, target, counts = dataset.truth(part, self._scored(dataset, part))
        return _baselines(dataset.codec, last[counts], target[counts])

    def _scored(self, dataset: SymbolicDataset, part: str) -> NDArray[np.int64]:
        """See `scored_windows`."""
        places = dataset.config.window if dataset.every_step else 1
        carry = self.experiment.training.carry_state
        return scored_windows(dataset, part, numbers=places * len(dataset.codec.vocabulary), carry_state=carry)

    def preview(self, model: nn.Module, dataset: SymbolicDataset) -> SymbolsView:
        """Probabilities of the next symbol after a few contexts of the validation part."""
        return self._view(model, dataset, dataset.shown_part(), 12)

    def parse(self, text: str, codec: SymbolicCodec) -> tuple[str, ...]:
        """Letters as they stand, or words by white space. PredictionError names what the model never saw."""
        vocabulary = codec.vocabulary
        symbols = tuple(text.split() if vocabulary.separator else text)
        if not symbols:
            raise PredictionError("input: there is nothing to go on from; type at least one symbol")
        strange = next((s for s in symbols if not vocabulary.knows(s)), None)
        if strange is not None:
            known = vocabulary.symbols[1:]
            some = " ".join(known) if len(known) <= 60 else f"{len(known)} symbols, such as {' '.join(known[:20])}"
            raise PredictionError(f"input: {strange!r} was not in the training part; this model knows {some}")
        return symbols

    def example(self, codec: SymbolicCodec) -> str:
        """The beginning of the alphabet that it knows, as long as a window."""
        known = codec.vocabulary.symbols[1:]
        return codec.vocabulary.separator.join(known[: self.experiment.data.window])

    def note(self, codec: Any, given: Any) -> str | None:
        """That an input's length isn't the one that the model was trained on."""
        return window_note(self.experiment, len(given))

    def predict(self, model: nn.Module, codec: SymbolicCodec, given: Any) -> SymbolsView:
        """Probabilities of the symbol after an input."""
        symbols = self.parse(codec.vocabulary.separator.join(given), codec)
        with torch.inference_mode():
            outputs, _ = model(torch.from_numpy(codec.vocabulary.encode(symbols))[None])
        return symbols_view(codec, outputs[:, -1].numpy(), (symbols,), (None,), most=len(codec.vocabulary))

    def generate(
        self,
        model: nn.Module,
        codec: SymbolicCodec,
        prompt: str,
        steps: int,
        *,
        temperature: float,
        seed: int,
        top_k: int = 0,
    ) -> str:
        """The prompt's state goes along; only the new symbols are returned."""
        vocabulary = codec.vocabulary
        random = np.random.default_rng(seed)
        coming = torch.from_numpy(vocabulary.encode(self.parse(prompt, codec)))[None]
        state, written, window = None, list(coming[0].tolist()), self.experiment.data.window
        # only a model that was trained to go on from every step may be run on without end
        endless = self.experiment.data.predict == "every-step" and not self.experiment.model.bidirectional
        with torch.inference_mode():
            for _ in range(steps):
                if endless:
                    outputs, state = model(coming, state)
                else:
                    outputs, _ = model(torch.tensor([written[-max(window, 1) :]]))
                scores = outputs[0, -1, 1:].double().numpy()
                written.append(1 + _draw(scores, temperature, random))
                coming = torch.tensor([[written[-1]]])
        return vocabulary.separator.join(vocabulary.symbols[i] for i in written[-steps:])

    def remarks(self, evaluation: Evaluation, dataset: SymbolicDataset, part: str) -> list[dict[str, str]]:
        """Whether a naive method is exact."""
        if evaluation.baselines["bigram"]["accuracy"] < 1.0:
            return []
        return [
            {
                "code": "exact-baseline",
                "severity": "note",
                "message": "A bigram solves this exactly: the last symbol alone tells the next one.",
                "why": "The data are that regular; what is to be seen here is how a network gets there.",
            }
        ]

    def _view(self, model: nn.Module, data: SymbolicDataset, part: str, most: int) -> SymbolsView:
        carry = self.experiment.training.carry_state
        indices = np.arange(min(most, len(data.windows[part]))) if carry else data.spread(part, most)
        scores, _ = run_windows(model, self, data, part, indices, carry_state=carry)
        _, lengths, _ = data.windows[part].locate(indices)
        ends = lengths - 1 if data.every_step else np.zeros_like(lengths)
        contexts, truth = zip(*(data.context(part, int(i)) for i in indices), strict=True)
        return symbols_view(data.codec, scores[np.arange(len(indices)), ends], contexts, truth)


def symbols_view(
    codec: SymbolicCodec,
    scores: NDArray[np.float32],
    contexts: tuple[tuple[str, ...], ...],
    truth: tuple[str | None, ...] = (),
    *,
    most: int = _MOST_SHOWN,
) -> SymbolsView:
    """Scores [n, V] as a picture of the `most` probable symbols; the unknown one is never an answer."""
    known = scores[:, 1:].astype(np.float64)
    probabilities = np.exp(known - _log_sum(known))
    symbols = np.array(codec.vocabulary.symbols[1:])
    if len(symbols) > most:
        top = np.sort(np.argsort(-probabilities.max(axis=0), kind="stable")[:most])
        symbols, probabilities = symbols[top], probabilities[:, top]
    return SymbolsView(
        contexts=contexts,
        symbols=tuple(symbols.tolist()),
        probabilities=probabilities,
        truth=truth,
        separator=codec.vocabulary.separator,
    )


_NOTHING = SymbolsView((), (), np.zeros((0, 0)))


def _draw(scores: NDArray[np.float64], temperature: float, random: np.random.Generator) -> int:
    """One place of [V] scores, by their probabilities at a temperature; the highest at 0."""
    if temperature < 1e-6:
        return int(scores.argmax())
    heated = scores / temperature
    probabilities = np.exp(heated - _log_sum(heated))
    return int(random.choice(len(scores), p=probabilities / probabilities.sum()))


def _log_sum(scores: NDArray[Any]) -> NDArray[Any]:
    top = scores.max(axis=-1, keepdims=True)
    total: NDArray[Any] = top + np.log(np.exp(scores - top).sum(axis=-1, keepdims=True))
    return total


def _count(data: SymbolicDataset) -> dict[str, NDArray[np.float64]]:
    """How often each symbol, and each pair of neighbours, stands in the training part."""
    size = len(data.codec.vocabulary)
    single = np.zeros(size)
    pairs = np.zeros(size * size)
    for _, low, high in data.bounds["train"]:
        codes = data.codes[low + data.warm_up : high]  # what comes before is never a target
        single += np.bincount(codes[1:], minlength=size)
        pairs += np.bincount(codes[:-1] * size + codes[1:], minlength=size * size)
    return {"single": single, "pairs": pairs.reshape(size, size)}


def _baselines(codec: SymbolicCodec, last: NDArray[np.int64], target: NDArray[np.int64]) -> dict[str, dict[str, float]]:
    """Most frequent symbol and bigram, on [n] places; counts are smoothed by one spread over all symbols."""
    size = len(codec.vocabulary)
    single = codec.fitted["single"] + 1.0 / size
    unigram = single / single.sum()
    pairs = codec.fitted["pairs"] + unigram  # what was never seen together falls back on single frequencies
    bigram = pairs / pairs.sum(axis=1, keepdims=True)
    return {
        "most_frequent": symbol_metrics(np.log(unigram[target]), target == unigram.argmax()),
        "bigram": symbol_metrics(np.log(bigram[last, target]), target == bigram.argmax(axis=1)[last]),
    }
