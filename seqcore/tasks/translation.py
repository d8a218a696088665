"""Translation with an encoder-decoder model."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from seqcore.data.dataset import Batch
from seqcore.data.parallel_text import MOST_WORDS
from seqcore.data.parallel_text_codec import ParallelTextCodec, fit_language, sentence_of
from seqcore.data.parallel_text_dataset import ParallelTextDataset
from seqcore.data.splits import SPLIT_TITLES, assigned_splits
from seqcore.data.table import Table
from seqcore.data.token_dataset import NOT_SCORED
from seqcore.errors import PredictionError
from seqcore.evaluation.baselines import predict_baselines
from seqcore.evaluation.metrics import BaselineScore, Evaluation
from seqcore.events import Finding
from seqcore.models.architecture import evaluation_mode
from seqcore.models.beam_search import beam_search
from seqcore.models.encoder_decoder import EncoderDecoder
from seqcore.models.state import State
from seqcore.results import TranslationView, View
from seqcore.results.formatting import counted
from seqcore.results.spacing import bare, is_word
from seqcore.results.thinning import evenly
from seqcore.tasks.inspection import Stage, StepInput
from seqcore.tasks.task import Task, batches_by_length
from seqcore.tasks.translation_eval import (
    rounded_for_view,
    sentences_of_table,
    translate_all,
    translate_words,
    translation_metrics,
)

__all__ = ["Translation", "teacher_forcing_ratio"]

MOST_SCORED = 2_000  # sentences that are translated and scored
FEW_SCORED = 200  # the same between epochs
_PREVIEWED = 5
_NUMBERS_AT_ONCE = 20_000_000  # attention scores in one batch
_ATTENDED = 12  # sentences with attention weights in a view


class Translation(Task):
    """See `Task`. Trained with teacher forcing or scheduled sampling."""

    metric = "bleu"
    codec_type = ParallelTextCodec
    reference = ("nearest_sentence",)
    categorical = True
    writes_sequences = True

    @property
    def same_operations(self) -> bool:
        """The decoder draws at each word whether it is given the true one."""
        return False

    def make_dataset(self, table: Table, device: torch.device, codec: Any = None) -> ParallelTextDataset:
        """The sentence pairs; without a codec, the vocabularies are fitted on the training split.

        DataError: no sentence pairs, an empty split, fewer than two words.
        """
        return ParallelTextDataset(table, self.experiment.data, device, codec)

    def build_meta_model(self, table: Table) -> EncoderDecoder:
        """The model for a table; its sizes follow from the vocabularies of the training split."""
        data = self.experiment.data
        if table.paired is None:
            return self._model(2, 2, 1)
        parts = assigned_splits(table, data.validation_fraction, data.test_fraction)
        trained = np.flatnonzero(parts == 0)
        source, target = (
            len(fit_language(side, trained, most=data.vocabulary, least=data.min_count, side="words"))
            for side in (table, table.paired)
        )
        return self._model(source, target, int(np.diff(table.offsets)[trained].max(initial=1)))

    def build_model(self, codec: ParallelTextCodec) -> EncoderDecoder:
        """Source codes [B, T] -> logits of the target words and the end token."""
        return self._model(len(codec.source), len(codec.target), codec.lengths[1])

    def _model(self, source: int, target: int, longest: int) -> EncoderDecoder:
        return EncoderDecoder(source, target + 1, self.experiment.model, window=longest)

    def forward(self, model: nn.Module, batch: Batch, state: State, progress: float) -> tuple[Tensor, State]:
        """Logits [B, S, V + 1] of each target word given the true words before it.

        In training, each previous word is replaced by the model's own prediction with a probability of 1 minus the
        teacher forcing ratio (scheduled sampling, Bengio et al. 2015), without a gradient through that choice.
        """
        assert isinstance(model, EncoderDecoder)
        before = batch.targets[:, :-1].clamp(min=0)
        given = torch.cat([before.new_full((len(before), 1), model.end), before], dim=1)
        ratio = teacher_forcing_ratio(self.experiment, progress) if model.training else 1.0
        if ratio >= 1.0:
            outputs, _ = model(batch.inputs, None, batch.lengths, given)
            return outputs, None
        encoded, state = model.encode(batch.inputs, batch.lengths)
        true = torch.rand(given.shape).to(given.device) < ratio
        written, word = [], given[:, 0]
        for step in range(given.shape[1]):
            scores, state, _ = model.decode(word[:, None], state, encoded)
            written.append(scores)
            if step + 1 < given.shape[1]:
                word = torch.where(true[:, step + 1], given[:, step + 1], scores[:, 0].detach().argmax(dim=-1))
        return torch.cat(written, dim=1), None

    def loss(self, outputs: Tensor, batch: Batch) -> Tensor:
        """Cross-entropy for each word in nats, the end token included, padding excluded."""
        return nn.functional.cross_entropy(outputs.flatten(0, 1), batch.targets.flatten(), ignore_index=NOT_SCORED)

    def evaluate(
        self, model: nn.Module, dataset: ParallelTextDataset, part: str, *, points: int = 300, full: bool = True
    ) -> Evaluation:
        """Loss and perplexity of the reference translations; BLEU, chrF and exact matches of the predictions.

        On at most 2,000 evenly spaced sentences of the split; 200 if not `full`.
        """
        indices, of = dataset.spread(part, MOST_SCORED if full else FEW_SCORED), len(dataset.windows[part])
        loss = self._mean_loss(model, dataset, part, indices)
        sequences = dataset.sequences(part, indices)
        found = translate_all(model, dataset, sequences, beam=self.experiment.model.beam if full else 1)
        metrics = {"loss": loss, "perplexity": math.exp(min(loss, 700.0)) if loss == loss else math.nan}
        metrics |= translation_metrics(
            [t.text for t in found], [sentence_of(dataset.targets, int(s)) for s in sequences]
        )
        if not full:
            return Evaluation(metrics, TranslationView(()), len(indices), of, unit="sentence")
        shown = [found[i] for i in evenly(len(found), points)]
        view = TranslationView(tuple(rounded_for_view(t, attention=i < _ATTENDED) for i, t in enumerate(shown)))
        attended = next((t for t in shown if t.attention is not None and len(t.prediction) > 1), None)
        more: tuple[View, ...] = () if attended is None else (TranslationView((attended,), "Attention weights"),)
        return Evaluation(metrics, view, len(indices), of, self.baseline_metrics(dataset, part), more, unit="sentence")

    def _score_baselines(self, dataset: ParallelTextDataset, part: str) -> dict[str, BaselineScore]:
        indices = dataset.spread(part, MOST_SCORED)
        truth = [sentence_of(dataset.targets, int(s)) for s in dataset.sequences(part, indices)]
        found = predict_baselines("translation", dataset, part, indices)
        return {name: BaselineScore(translation_metrics(texts, truth)) for name, texts in found.items()}

    def preview(self, model: nn.Module, dataset: ParallelTextDataset) -> TranslationView:
        """Translations of a few validation sentences."""
        part = dataset.preview_split()
        sequences = dataset.sequences(part, dataset.spread(part, _PREVIEWED))
        found = translate_all(model, dataset, sequences, beam=1)
        return TranslationView(tuple(rounded_for_view(t, attention=True) for t in found))

    def parse_input(self, text: str, codec: ParallelTextCodec) -> tuple[str, ...]:
        """The words of a sentence, with final punctuation added where it is missing. PredictionError."""
        words = tuple(codec.read(text))
        if text.strip() and not any(is_word(word) for word in words):
            raise PredictionError("input: there is no word to translate; type a sentence")
        if not words:
            raise PredictionError("input: there is nothing to translate; type a sentence")
        if len(words) > MOST_WORDS:
            raise PredictionError(f"input: {len(words)} words are too many; translate at most {MOST_WORDS} at a time")
        return words

    def example(self, codec: ParallelTextCodec) -> str:
        """A held-out sentence."""
        return codec.example

    def can_score(self, table: Table) -> bool:
        """Whether the table has reference translations."""
        return table.paired is not None

    def predict(self, model: nn.Module, codec: ParallelTextCodec, given: Any) -> TranslationView:
        """The translation of a sentence (text or words), or of each line of a text table."""
        if isinstance(given, Table):
            sentences = [self.parse_input(line, codec) for line in sentences_of_table(given)]
        else:
            sentences = [self.parse_input(given, codec) if isinstance(given, str) else tuple(given)]
        if not sentences or () in sentences or not all(isinstance(w, str) for words in sentences for w in words):
            raise PredictionError("input: this model translates sentences; give text, or a list of words")
        found = translate_words(model, codec, sentences, beam=self.experiment.model.beam)
        return TranslationView(tuple(rounded_for_view(t, attention=i < _ATTENDED) for i, t in enumerate(found)))

    def encode(self, codec: ParallelTextCodec, given: Any) -> Tensor:
        """See `Task`. A sentence -> codes [1, T]; 0 for unknown words."""
        words = self.parse_input(given, codec) if isinstance(given, str) else tuple(given)
        return torch.from_numpy(codec.source.encode(words))[None]

    def step_input(self, data: ParallelTextDataset, part: str, index: int) -> StepInput:
        """See `Task`."""
        sequence = int(data.sequences(part, np.array([index]))[0])
        words = tuple(data.table.sentence(sequence))
        title = f"sentence {sequence + 1:,}: {sentence_of(data.table, sequence)}"
        return StepInput(words, title, words, columns=("word",), truth=sentence_of(data.targets, sequence))

    def typed_input(self, codec: ParallelTextCodec, given: Any) -> StepInput:
        """See `Task`."""
        return StepInput(tuple(given), "your input", tuple(given), columns=("word",))

    def first_stage(self, model: nn.Module, inputs: Tensor) -> Stage:
        """See `Task`: the encoder."""
        assert isinstance(model, EncoderDecoder)
        return Stage("encoder", model.encoder, model.source(inputs))

    def stages(self, model: nn.Module, codec: ParallelTextCodec, inputs: Tensor) -> list[Stage]:
        """The encoder, and the decoder given the words of the model's own translation."""
        assert isinstance(model, EncoderDecoder)
        with torch.inference_mode():
            found = beam_search(model, inputs, None, beam=self.experiment.model.beam, unknown=(inputs == 0).any(dim=1))
        given = torch.tensor([[model.end, *found[0].codes]], device=inputs.device)
        encoded, state = model.encode(inputs)
        _, _, attention = model.decode(given, state, encoded)
        words = tuple(codec.target.vocabulary.symbols[code] for code in found[0].codes)
        decoder = Stage(
            "decoder",
            model.decoder,
            model.target(given),
            state,
            given,
            ("(start)", *words),
            attention,
            (*words, "(end)"),
        )
        return [self.first_stage(model, inputs), decoder]

    def single_batch(self, model: nn.Module, codec: ParallelTextCodec, inputs: Tensor) -> Batch:
        """See `Task`."""
        given = self.stages(model, codec, inputs)[-1].codes
        assert given is not None
        return Batch(inputs, torch.cat([given[:, 1:], given[:, :1]], dim=1))  # the end code begins and ends it

    def output_names(self, codec: ParallelTextCodec) -> tuple[str, ...]:
        """See `Task`."""
        return (*codec.target.vocabulary.symbols, "(end)")

    def written(self, codec: ParallelTextCodec, batch: Batch) -> tuple[str, ...]:
        """See `Task`."""
        names = self.output_names(codec)
        return tuple(names[code] for code in batch.targets[0].tolist() if code != NOT_SCORED)

    def check_input(self, codec: ParallelTextCodec, given: Any) -> Iterator[Finding]:
        """Findings: unknown words, a length outside the training range."""
        known = codec.source.read(given)
        unknown = [bare(w) for w, k in zip(given, known, strict=True) if not codec.source.vocabulary.knows(k)]
        if unknown:
            some = ", ".join(f"“{w}”" for w in dict.fromkeys(unknown))
            message = f"Not in the vocabulary: {some}."
            evidence = "Read as the unknown token; the translation depends on the context only."
            yield Finding("unknown-words", message, evidence)
        shortest, longest = codec.lengths
        if not shortest <= len(given) <= longest:
            trained = f"{shortest} to {longest}" if shortest < longest else f"sentences of {longest}"
            words = counted(len(given), "word")
            message = f"This sentence has {words}, punctuation included; the model was trained on {trained}."
            yield Finding("input-length", message, severity="info")

    def diagnose(self, evaluation: Evaluation, dataset: ParallelTextDataset, part: str) -> Iterator[Finding]:
        """Findings: identical predictions, a better nearest-sentence baseline, unknown words."""
        assert isinstance(evaluation.view, TranslationView)
        title = SPLIT_TITLES[part]
        predictions = {t.text for t in evaluation.view.sentences}
        sources = {t.source for t in evaluation.view.sentences}
        bleu, nearest = evaluation.metrics["bleu"], evaluation.baselines["nearest_sentence"]["bleu"]
        if len(sources) >= 10 and len(predictions) <= 0.1 * len(sources):
            yield Finding(
                "identical-predictions",
                "The model predicts the same sentence for almost every input.",
                evidence=f"{counted(len(predictions), 'different prediction')} for {len(sources)} "
                f"sentences of the {title} split: the decoder ignores the encoder output.",
                remedy="Train longer or with another learning rate, or use attention (model.attention).",
            )
        elif nearest > bleu:
            yield Finding(
                "nearest-sentence-better",
                "The nearest-sentence baseline is better than this model.",
                evidence=f"BLEU on the {title} split: {nearest:.1f} for the nearest sentence, {bleu:.1f} for the "
                "model.",
                remedy="Train longer or increase the model size; a small data set may not suffice for a neural "
                "network.",
            )
        bounds = dataset.bounds[part]
        unknown = sum(int((dataset.source_codes[low:high] == 0).sum()) for _, low, high in bounds)
        share = unknown / max(1, sum(high - low for _, low, high in bounds))
        if share >= 0.005:
            yield Finding(
                "unknown-words",
                f"{share:.1%} of the words of the {title} split are not in the vocabulary.",
                evidence=f"The source vocabulary has {len(dataset.codec.source) - 1:,} words: those frequent enough in "
                "the training split.",
                remedy="Add training sentences, or increase the vocabulary (data.min_count, data.vocabulary).",
                severity="info",
            )

    def _mean_loss(self, model: nn.Module, data: ParallelTextDataset, part: str, indices: NDArray[np.int64]) -> float:
        lengths = data.windows[part].locate(indices)[1]
        most = _NUMBERS_AT_ONCE // self.experiment.model.hidden_size
        total, words = 0.0, 0
        with evaluation_mode(model):
            for some in batches_by_length(lengths, lambda longest: most // longest**2):
                batch = data.batch(part, indices[some])
                outputs, _ = self.forward(model, batch, None, 1.0)
                count = int((batch.targets != NOT_SCORED).sum())
                total += float(self.loss(outputs, batch)) * count
                words += count
        return total / max(words, 1)


def teacher_forcing_ratio(experiment: Any, progress: float) -> float:
    """The probability of a true previous word at a fraction `progress` of the run."""
    training, fraction = experiment.training, progress
    first, last = training.teacher_forcing, training.teacher_forcing_end
    if training.forcing_schedule == "constant":
        return float(first)
    if training.forcing_schedule == "inverse-sigmoid":
        steep = 12.0
        low, high = (1 / (1 + math.exp(steep * 0.5 * s)) for s in (1, -1))
        fraction = (1 / (1 + math.exp(-steep * (progress - 0.5))) - low) / (high - low)
    return float(first + (last - first) * fraction)
