"""Language modeling: next-token prediction and text generation."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from seqcore.data.dataset import Batch
from seqcore.data.splits import split_bounds
from seqcore.data.table import Table
from seqcore.data.text import written_lengths
from seqcore.data.token_dataset import NOT_SCORED, TokenCodec, TokenDataset, fit_vocabulary
from seqcore.errors import DataError, PredictionError
from seqcore.evaluation.baselines import exact_baseline, predict_baselines
from seqcore.evaluation.baselines.ngram import TokenInputs, fit_ngrams, most_counted
from seqcore.evaluation.interruption import check_interrupted
from seqcore.evaluation.metrics import BaselineScore, Evaluation, Scores, over_replicas, symbol_metrics
from seqcore.events import Finding
from seqcore.experiment.experiment import Experiment
from seqcore.models.architecture import ModelContext, evaluation_mode, inside
from seqcore.models.generation import generate, log_sum
from seqcore.models.replicated import Replicated, as_single, carried_state
from seqcore.models.sequence_model import SequenceModel
from seqcore.models.state import State
from seqcore.results import SymbolsView, TextView, View
from seqcore.results.formatting import listed
from seqcore.tasks.inspection import StepInput, carried_note, carried_windows
from seqcore.tasks.stateful_eval import burn_in_windows, parallel_segments
from seqcore.tasks.task import Task, check_length

__all__ = ["LanguageModeling"]

_FEWEST = 50  # tokens in the shortest text to train on
_MOST_SHOWN = 40  # tokens in a figure
_MOST_ANSWERED = 1_000  # tokens in a prediction
_MOST_WINDOWS = 50_000  # scored in one split; of more, an evenly spaced sample
_MOST_TARGETS = 100_000
_MOST_WORK = 250_000_000  # scored targets times vocabulary size
_NUMBERS_AT_ONCE = 8_000_000  # logits
_MOST_ROWS = 64  # segments scored in parallel
_SHOWN_CONTEXT = 24  # tokens of a long context shown in a figure
_PROMPT, _WRITTEN = {"": 60, " ": 12}, {"": 120, " ": 30}  # tokens of a preview, by separator
_TEMPERATURE = 0.8
_MOST_TITLE = 40  # characters of a window in its title


class LanguageModeling(Task):
    """See `Task`. A model that predicts at every step generates text; its metric is bits per character."""

    codec_type = TokenCodec
    reference = ("most_frequent", "unigram")
    continuation = "generate"
    categorical = True

    def __init__(self, experiment: Experiment) -> None:
        super().__init__(experiment)
        data = experiment.data
        self.writes = data.predict == "every" and not experiment.model.bidirectional and not data.burn_in
        self.metric = "bits_per_character" if self.writes else "accuracy"

    def make_windows(self, table: Table, device: torch.device) -> TokenDataset:
        """Windows of the table, without n-grams. DataError where data are numeric, windows or tokens too few."""
        if self.writes and table.symbolic and not table.independent and len(table) < _FEWEST:
            raise DataError(f"a text of {len(table)} symbols is too short for training; give at least a few hundred")
        return TokenDataset(table, self.experiment.data, device)

    def make_dataset(self, table: Table, device: torch.device, codec: Any = None) -> TokenDataset:
        """Windows of the table; without a codec, vocabulary and n-grams are fitted on the training split."""
        if codec is not None:
            return TokenDataset(table, self.experiment.data, device, codec)
        data = self.make_windows(table, device)
        grams = data.baseline_facts["ngrams"] = fit_ngrams(data)
        data.codec = replace(data.codec, ngrams=tuple(grams.counted) if grams else ())
        return data

    def build_meta_model(self, table: Table) -> SequenceModel:
        """The model for a table; its sizes follow from the vocabulary of the training split."""
        data = self.experiment.data
        bounds = split_bounds(table, data.validation_fraction, data.test_fraction)
        return self._model(len(fit_vocabulary(table, bounds["train"])))

    def build_model(self, codec: TokenCodec) -> SequenceModel:
        """Codes [B, T] -> logits of the next token [B, 1 or T, V]."""
        return self._model(len(codec.vocabulary))

    def _model(self, size: int) -> SequenceModel:
        data = self.experiment.data
        context = ModelContext(size, data.window, num_targets=size)
        return SequenceModel(context, size, self.experiment.model, predict=data.predict, symbolic=True)

    def loss(self, outputs: Tensor, batch: Batch) -> Tensor:
        """Cross-entropy in nats; padded steps are excluded."""
        targets = batch.targets
        if batch.lengths is not None and outputs.shape[1] > 1:
            targets = targets.masked_fill(~inside(batch.lengths, outputs.shape[1], outputs.device), NOT_SCORED)
        return nn.functional.cross_entropy(outputs.flatten(0, 1), targets.flatten(), ignore_index=NOT_SCORED)

    @property
    def plain_loss(self) -> str | None:
        """See `Task`."""
        return "cross_entropy"

    def evaluate(
        self, model: nn.Module, dataset: TokenDataset, part: str, *, points: int = 12, full: bool = True
    ) -> Evaluation:
        """Loss, accuracy, perplexity and bits of model and baselines; generated text or next-token probabilities."""
        scored, logs, right = [], [], []
        with evaluation_mode(model):
            for numbers, batch, outputs in self._passes(model, dataset, part):
                chosen, correct = _target_log_probs(outputs, batch)
                scored.append(numbers)
                logs.append(chosen)
                right.append(correct)
        indices, of = np.concatenate(scored), len(dataset.windows[part])
        scores = self._scores(dataset, part, indices, np.concatenate(logs, axis=-1), np.concatenate(right, axis=-1))
        if not full:
            return Evaluation(scores.metrics, _NOTHING, len(indices), of, replicas=scores.replicas)
        views: tuple[View, ...] = (self._probabilities(model, dataset, part, min(points, 24)),)
        if self.writes:
            views = (self._sample(model, dataset, part, 4), *views)
        baselines = self.baseline_metrics(dataset, part)
        return Evaluation(scores.metrics, views[0], len(indices), of, baselines, views[1:], replicas=scores.replicas)

    def _score_baselines(self, dataset: TokenDataset, part: str) -> dict[str, BaselineScore]:
        facts = dataset.baseline_facts
        grams = facts["ngrams"] = facts["ngrams"] if "ngrams" in facts else fit_ngrams(dataset)
        if grams is None:
            return {}
        indices = np.concatenate([numbers for numbers, _ in self._scored(dataset, part)])
        rows, seen = dataset.places(part, indices, carried=self.experiment.training.stateful)
        found = predict_baselines("language-modeling", TokenInputs(grams, dataset.codes, rows, seen, self.writes))
        return {name: BaselineScore(self._metrics(dataset, part, indices, *scored)) for name, scored in found.items()}

    def _scores(
        self, data: TokenDataset, part: str, indices: NDArray[np.int64], logs: NDArray[Any], right: NDArray[Any]
    ) -> Scores:
        """As `_metrics`; of K replicas from [K, n]."""
        if logs.ndim == 1:
            return Scores(self._metrics(data, part, indices, logs, right))
        each = zip(logs, right, strict=True)
        return over_replicas([self._metrics(data, part, indices, *own) for own in each])

    def _metrics(
        self, data: TokenDataset, part: str, indices: NDArray[np.int64], logs: NDArray[Any], right: NDArray[Any]
    ) -> dict[str, float]:
        """Metrics from the log probability [n] and correctness [n] of all targets of these windows."""
        metrics = symbol_metrics(logs, right)
        if not self.writes:
            return metrics
        bits = metrics["loss"] / math.log(2.0)
        if not data.codec.vocabulary.separator:
            return {**metrics, "bits_per_character": bits}
        characters = data.once(part, "characters", lambda: self._mean_characters(data, part, indices))
        return {**metrics, "bits_per_word": bits, "bits_per_character": bits / max(characters, 1e-9)}

    def _mean_characters(self, data: TokenDataset, part: str, indices: NDArray[np.int64]) -> float:
        """The mean length of the target words of the scored windows, in characters."""
        rows, _ = data.places(part, indices, carried=self.experiment.training.stateful)
        assert data.table.symbols is not None
        # an unknown word costs bits but has no characters: its spelling is not predicted
        characters = np.where(data.codes[rows] > 0, written_lengths(data.table.symbols)[data.table.values[rows, 0]], 0)
        return float(characters.mean())

    def _scored(self, data: TokenDataset, part: str) -> Iterator[tuple[NDArray[np.int64], NDArray[np.bool_] | None]]:
        """Batches of scored windows; for stateful evaluation, whether each continues the previous one of its row."""
        windows, size = data.windows[part], len(data.codec.vocabulary)
        places = data.longest if data.every_step else 1
        most = max(1, min(_MOST_WINDOWS, _MOST_TARGETS // places, _MOST_WORK // size // places))
        rows = max(1, _NUMBERS_AT_ONCE // (size * places))
        if not self.experiment.training.stateful:
            indices = data.spread(part, most)
            rows = max(1, rows // self.experiment.training.replicas)
            yield from ((indices[start : start + rows], None) for start in range(0, len(indices), rows))
            return
        before: NDArray[np.int64] | None = None
        for numbers in parallel_segments(len(windows), most, min(rows, _MOST_ROWS, max(1, len(windows) // 8))):
            yield numbers, windows.continues_previous(numbers, before)
            before = numbers

    def _passes(
        self, model: nn.Module, data: TokenDataset, part: str
    ) -> Iterator[tuple[NDArray[np.int64], Batch, Tensor]]:
        """Model outputs for the scored windows: (window indices, batch, outputs [B, S, V])."""
        state: State = None
        for number, (numbers, continues) in enumerate(self._scored(data, part)):
            check_interrupted()
            batch = data.windows_of(part, numbers)
            if continues is not None and number == 0:
                state, continues = self._burned_in_state(model, data, part, numbers)
            outputs, state = self.forward(model, batch, carried_state(model, state, continues), 1.0)
            yield numbers, batch, outputs

    def _burned_in_state(
        self, model: nn.Module, data: TokenDataset, part: str, heads: NDArray[np.int64]
    ) -> tuple[State, NDArray[np.bool_]]:
        """The state before each segment, and whether there is one, from the unscored windows before it."""
        state: State = None
        there = np.zeros(len(heads), dtype=bool)
        for rows in burn_in_windows(data.windows[part], heads, data.table.offsets):
            places = np.maximum(rows, 0)[:, None] + np.arange(data.longest)
            _, state = model(data.inputs(places), carried_state(model, state, there))
            there = rows >= 0
        return state, there

    def preview(self, model: nn.Module, dataset: TokenDataset) -> View:
        """Text generated from a validation prompt, or next-token probabilities for a few contexts."""
        part = dataset.preview_split()
        return self._sample(model, dataset, part) if self.writes else self._probabilities(model, dataset, part, 12)

    def parse_input(self, text: str, codec: TokenCodec) -> tuple[str, ...]:
        """Text as tokens. PredictionError names tokens outside the vocabulary."""
        vocabulary = codec.vocabulary
        symbols = vocabulary.read(text)
        if not symbols:
            raise PredictionError("input: the prompt is empty; give at least one symbol")
        places: dict[str, int] = {}
        for place, symbol in enumerate(symbols, 1):
            if not vocabulary.knows(symbol):
                places.setdefault(symbol, place)
        if places:
            what = "word" if vocabulary.separator else "character"
            unknown = [f"{s!r} ({what} {place})" for s, place in places.items()]
            were, them = ("was", "it") if len(unknown) == 1 else ("were", "them")
            known = vocabulary.symbols[1:]
            few = len(known) <= 60 and not any(s.isspace() for s in known)  # so that the message stays one line
            some = " ".join(known) if few else f"{len(known):,} {what}s"
            raise PredictionError(
                f"input: {listed(unknown, 8)} {were} not in the training split; remove or replace {them}: the "
                f"vocabulary of this model is {some}"
            )
        return symbols

    def example(self, codec: TokenCodec) -> str:
        """The end of the text, or the first tokens of the vocabulary, as many as a window."""
        vocabulary = codec.vocabulary
        unknown = [i for i, symbol in enumerate(codec.tail, start=1) if not vocabulary.knows(symbol)]
        end = codec.tail[max(unknown, default=0) :][-_PROMPT[vocabulary.separator] :]
        if self.writes and end:
            return vocabulary.join(end).strip() or vocabulary.join(end)
        return vocabulary.join(vocabulary.symbols[1 : 1 + self.experiment.data.window])

    def check_input(self, codec: Any, given: Any) -> Iterator[Finding]:
        """A finding where the length is unlike the training windows; text generation accepts any length."""
        if not self.writes:
            yield from check_length(self.experiment, len(given))

    def predict(self, model: nn.Module, codec: TokenCodec, given: Any) -> SymbolsView:
        """Probabilities of the token after an input (text or tokens)."""
        symbols = tuple(given) if not isinstance(given, str) else self.parse_input(given, codec)
        if not all(map(codec.vocabulary.knows, symbols)):
            self.parse_input(codec.vocabulary.separator.join(symbols), codec)  # raises the error that names them
        with torch.inference_mode():
            outputs, _ = model(torch.from_numpy(codec.vocabulary.encode(symbols))[None])
        scores = outputs[..., -1, :].numpy()
        return symbols_view(codec, scores, (symbols,), (None,), most=_MOST_ANSWERED, used=_used(model))

    def encode(self, codec: TokenCodec, given: Any) -> Tensor:
        """See `Task`. Symbols -> codes [1, T]; 0 for those that the vocabulary lacks."""
        symbols = self.parse_input(given, codec) if isinstance(given, str) else tuple(given)
        return torch.from_numpy(codec.vocabulary.encode(symbols))[None]

    def step_input(self, data: TokenDataset, part: str, index: int) -> StepInput:
        """See `Task`."""
        numbers = carried_windows(data, part, index, stateful=self.experiment.training.stateful)
        first, lengths, _ = data.windows[part].locate(numbers)
        words = [data.table.words(low, low + n) for low, n in zip(first.tolist(), lengths.tolist(), strict=True)]
        symbols = tuple(word for window in words for word in window)
        end = int(first[-1] + lengths[-1])
        title = f"window {index + 1:,}: {_beginning(data.codec.vocabulary.join(words[-1]))}"
        truth = data.table.words(end, end + 1)[0]
        return StepInput(symbols, title, symbols, columns=("symbol",), truth=truth, note=carried_note(numbers))

    def typed_input(self, codec: TokenCodec, given: Any) -> StepInput:
        """See `Task`."""
        symbols = tuple(given)
        return StepInput(symbols, "your input", symbols, columns=("symbol",))

    def output_names(self, codec: TokenCodec) -> tuple[str, ...]:
        """See `Task`."""
        return codec.vocabulary.symbols

    def generate(
        self, model: nn.Module, codec: Any, prompt: str, steps: int, *, temperature: float, seed: int, top_k: int = 0
    ) -> str:
        """Sample the continuation of a prompt; returns only the new text, with the separator before it."""
        vocabulary = codec.vocabulary
        symbols = self.parse_input(prompt, codec)
        window = None if self.writes else self.experiment.data.window
        codes = vocabulary.encode(symbols).tolist()
        model = as_single(model)
        new = generate(model, codes, steps, temperature=temperature, top_k=top_k, seed=seed, window=window)
        return _continuation_text(codec, symbols, [vocabulary.symbols[i] for i in new])

    def diagnose(self, evaluation: Evaluation, dataset: TokenDataset, part: str) -> Iterator[Finding]:
        """Findings: exact baselines, unknown tokens, subsampled n-gram counts."""
        exact = next((n for n, m in evaluation.baselines.items() if m["accuracy"] == 1.0), None)
        if exact is not None:
            yield exact_baseline(exact)
        codes = np.concatenate([dataset.codes[low:high] for _, low, high in dataset.bounds[part]])
        share = float(np.mean(codes == 0)) if len(codes) else 0.0
        if share >= 0.001:
            what = "words" if dataset.codec.vocabulary.separator else "characters"
            yield Finding(
                "unknown-symbols",
                f"{share:.1%} of the scored {what} are outside the vocabulary and count as one unknown token.",
                evidence=f"The vocabulary has {len(dataset.codec.vocabulary) - 1:,} entries: those of the training "
                "split, or where these are many, those that occur more than once.",
                severity="info",
            )
        there, most = sum(high - low for _, low, high in dataset.bounds["train"]), most_counted(dataset)
        if there > most:
            yield Finding(
                "subsampled-counts",
                f"The n-gram baselines were fitted on the last {most:,} of {there:,} training symbols.",
                evidence="Fitting on all symbols would be slow; the baselines would be slightly better.",
                severity="info",
            )

    def _sample(self, model: nn.Module, data: TokenDataset, part: str, times: int = 1) -> TextView:
        """Text generated from the beginning of a split with a fixed seed, beside the true continuation."""
        joint = data.codec.vocabulary.separator
        _, low, high = data.bounds[part][0]
        codes = data.codes[low : min(low + _PROMPT[joint], high)].tolist()
        new = generate(as_single(model), codes, times * _WRITTEN[joint], temperature=_TEMPERATURE, seed=0)
        end = low + len(codes)
        prompt = tuple(data.table.words(low, end))
        text = _continuation_text(data.codec, prompt, [data.codec.vocabulary.symbols[i] for i in new])
        truth = _continuation_text(data.codec, prompt, data.table.words(end, min(end + len(new), high)))
        return TextView(data.codec.vocabulary.join(prompt), text, truth=truth)

    def _probabilities(self, model: nn.Module, data: TokenDataset, part: str, most: int) -> SymbolsView:
        indices = data.spread(part, most)
        with evaluation_mode(model):
            outputs, _ = self.forward(model, data.windows_of(part, indices), None, 1.0)
        _, lengths, _ = data.windows[part].locate(indices)
        ends = lengths - 1 if data.every_step else np.zeros_like(lengths)
        contexts, truth = zip(*(data.context(part, int(i)) for i in indices), strict=True)
        shown = tuple(context[-_SHOWN_CONTEXT:] if self.writes else context for context in contexts)
        scores = outputs.float().cpu().numpy()[..., np.arange(len(indices)), ends, :]
        return symbols_view(data.codec, scores, shown, truth, used=_used(model))


def symbols_view(
    codec: TokenCodec,
    scores: NDArray[np.float32],
    contexts: tuple[tuple[str, ...], ...],
    truth: tuple[str | None, ...] = (),
    *,
    most: int = _MOST_SHOWN,
    used: NDArray[np.bool_] | None = None,
) -> SymbolsView:
    """Logits [n, V] as a view of the `most` probable tokens, without the unknown token.

    Of K replicas [K, n, V]; `used[K]` says which of them the mean is over.
    """
    known = scores[..., 1:].astype(np.float64)
    each = np.exp(known - log_sum(known))
    probabilities = each if used is None else each[used].mean(axis=0)
    symbols = np.array(codec.vocabulary.symbols[1:])
    if len(symbols) > most:
        top = np.sort(np.argsort(-probabilities.max(axis=0), kind="stable")[:most])
        symbols, probabilities, each = symbols[top], probabilities[:, top], each[..., top]
    separator, replicas = codec.vocabulary.separator, None if used is None else each
    return SymbolsView(
        contexts, tuple(symbols.tolist()), probabilities, truth=truth, separator=separator, replicas=replicas
    )


def _used(model: nn.Module) -> NDArray[np.bool_] | None:
    """Which replicas count in the ensemble; None for a single model."""
    return model.usable.cpu().numpy() if isinstance(model, Replicated) else None


_NOTHING = SymbolsView((), (), np.zeros((0, 0)))


def _target_log_probs(outputs: Tensor, batch: Batch) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Log probability of each scored target [n], and whether the most probable token was correct [n]; or [K, n]."""
    targets = batch.targets
    counts = targets != NOT_SCORED
    if batch.lengths is not None and outputs.shape[-2] > 1:
        counts = counts & inside(batch.lengths, outputs.shape[1], targets.device)
    scores, wanted = outputs[..., counts, :].float(), targets[counts]
    chosen = torch.log_softmax(scores, dim=-1).gather(-1, wanted.expand(scores.shape[:-1])[..., None])[..., 0]
    return chosen.cpu().double().numpy(), (scores.argmax(dim=-1) == wanted).cpu().numpy()


def _beginning(text: str) -> str:
    """The first characters of a text on one line."""
    line = " ".join(text.split())
    return line if len(line) <= _MOST_TITLE else f"{line[:_MOST_TITLE].rstrip()} ..."


def _continuation_text(codec: TokenCodec, before: tuple[str, ...], new: list[str]) -> str:
    """New tokens as the text that follows the tokens before them."""
    vocabulary = codec.vocabulary
    return vocabulary.join([*before, *new])[len(vocabulary.join(before)) :]
