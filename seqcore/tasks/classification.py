"""Sequence classification, with a prediction after each time step."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from seqcore.data.dataset import Batch
from seqcore.data.labeled_dataset import UNKNOWN_CLASS, LabeledCodec, LabeledDataset
from seqcore.data.profile.facts import UNEVEN
from seqcore.data.splits import SPLIT_TITLES, split_bounds
from seqcore.data.table import Table
from seqcore.errors import DataError
from seqcore.evaluation.baselines import fit_baselines, predict_baselines
from seqcore.evaluation.metrics import BaselineScore, Evaluation, Scores, class_metrics, confusion, over_replicas
from seqcore.events import Finding
from seqcore.experiment.config import ModelConfig
from seqcore.models import capabilities_of
from seqcore.models.architecture import ModelContext, inside
from seqcore.models.classifier import SequenceClassifier, WordDropout
from seqcore.models.state import State
from seqcore.results import ConfusionView, LabelsView
from seqcore.results.formatting import listed
from seqcore.tasks.forecasting import typed_rows
from seqcore.tasks.inspection import StepInput
from seqcore.tasks.stepwise_classification import (
    as_table,
    class_logits,
    described_sequence,
    ensemble_logits,
    example,
    labels_view,
    parse_sequence,
    round_robin,
    sequence_input,
)
from seqcore.tasks.task import Example, Task, scored_windows

__all__ = ["Classification"]

WHOLE = 0.5  # weight of the last prediction in the loss; the rest is for the mean over all steps
MOST_ONE_HOT = 256  # largest vocabulary for one-hot encoding; beyond it, an embedding
_EMBEDDED = 64
UNSEEN = 0.1  # word dropout probability for large vocabularies: new data contain unknown words
_PREVIEWED = 4  # sequences in a preview
MOST_EXAMPLES = 60  # sequences of a split to choose from
_SHOWN = 8  # sequences shown step by step


class Classification(Task):
    """See `Task`.

    The model predicts the class after every step. The loss is half the cross-entropy of the last prediction and half
    the mean over all steps; each is minimal at the true class probabilities given the prefix, so that the stepwise
    probabilities are meaningful. Measured on five kinds of synthetic sequences (20 to 60 steps; a level in noise, the
    order of two events, a cue at the beginning, at the end, a frequency): mean accuracy 0.93, against 0.79 for a loss
    on the last prediction alone, which never detected a cue at the beginning of a sequence.

    A bidirectional model has one prediction for each sequence. Its loss is half that of the whole sequence and half
    that of a random prefix, so that its predictions for prefixes are meaningful too.
    """

    metric = "accuracy"
    codec_type = LabeledCodec
    unit = "sequence"
    reference = ("majority",)
    categorical = True
    explained_unit = "probability"

    @property
    def causal(self) -> bool:
        """Whether the model predicts at every step from the steps so far; else once, for the whole sequence."""
        model = self.experiment.model
        return capabilities_of(model.architecture).causal and not model.bidirectional

    @property
    def same_operations(self) -> bool:
        """Not with random prefixes or augmentation."""
        return self.causal and self.experiment.training.augment == "none"

    def make_windows(self, table: Table, device: torch.device) -> LabeledDataset:
        """The sequences, without baselines. DataError: fewer than two classes, missing values, an empty split."""
        augment = self.experiment.training.augment
        if augment != "none" and table.recordings is None:
            raise DataError(
                f"training.augment: {augment!r} needs audio recordings, and these data are none; set training.augment "
                "to none"
            )
        return LabeledDataset(table, self.experiment.data, device)

    def make_dataset(self, table: Table, device: torch.device, codec: Any = None) -> LabeledDataset:
        """The sequences; without a codec, classes, scaler and baselines are fitted on the training split."""
        if codec is None:
            data = self.make_windows(table, device)
            data.codec = replace(data.codec, fitted=fit_baselines("classification", data))
        else:
            data = LabeledDataset(table, self.experiment.data, device, codec)
        if self.experiment.training.class_weights == "balanced":
            data.weigh(balanced_weights(data.codec.fitted["counts"]))
        return data

    def build_meta_model(self, table: Table) -> SequenceClassifier:
        """The model for a table; its sizes follow from columns, vocabulary and classes of the training split."""
        data = self.experiment.data
        table = replace(table, independent=True)
        bounds = split_bounds(table, data.validation_fraction, data.test_fraction)["train"]
        classes, longest = 2, max((high - low for _, low, high in bounds), default=1)
        if table.labels is not None and bounds:
            classes = len(np.unique(table.labels[[s for s, _, _ in bounds]]))
        if not table.symbolic:
            return self._model(len(data.inputs) or len(table.columns), classes, longest, symbolic=False)
        known = [np.unique(table.values[low:high, 0]) for _, low, high in bounds]
        size = len(np.unique(np.concatenate(known))) if known else 1
        return self._model(1 + size, classes, longest, symbolic=True)

    def build_model(self, codec: LabeledCodec) -> SequenceClassifier:
        """Inputs [B, T, F] (or codes [B, T]) -> class logits at each step, [B, T, C]."""
        if codec.vocabulary is not None:
            unseen = WordDropout(UNSEEN) if len(codec.vocabulary) > MOST_ONE_HOT else None
            sizes = len(codec.vocabulary), len(codec.labels), codec.lengths[1]
            return self._model(*sizes, symbolic=True, augmentation=unseen)
        augmentation, augment = None, self.experiment.training.augment
        if augment != "none":
            from seqcore.models.augmentation import AUGMENTATIONS  # imports audio code: only where needed

            assert codec.scaler is not None
            center, scale = (torch.from_numpy(a) for a in (codec.scaler.center, codec.scaler.scale))
            augmentation = AUGMENTATIONS[augment](center, scale)
        sizes = len(codec.columns), len(codec.labels), codec.lengths[1]
        return self._model(*sizes, symbolic=False, augmentation=augmentation)

    def _model(
        self, inputs: int, classes: int, longest: int, *, symbolic: bool, augmentation: nn.Module | None = None
    ) -> SequenceClassifier:
        config: ModelConfig = self.experiment.model
        if symbolic and config.embedding_size == 0 and inputs > MOST_ONE_HOT:
            config = config.model_copy(update={"embedding_size": _EMBEDDED})
        context = ModelContext(inputs, longest, num_targets=classes)
        return SequenceClassifier(context, classes, config, symbolic=symbolic, augmentation=augmentation)

    def forward(self, model: nn.Module, batch: Batch, state: State, progress: float) -> tuple[Tensor, State]:
        """Logits [B, T, C]; of a bidirectional model [B, 1, C], in training [B, 2, C]: whole sequence and prefix."""
        outputs, _ = model(batch.inputs, None, batch.lengths)
        if not (model.training and not self.causal):
            return outputs, None
        steps = batch.inputs.shape[1]
        lengths = batch.lengths if batch.lengths is not None else torch.full((len(outputs),), steps)
        cut = (torch.rand(len(lengths)) * lengths).long() + 1
        beginning, _ = model(batch.inputs, None, cut)
        return torch.cat([outputs, beginning], dim=1), None

    def loss(self, outputs: Tensor, batch: Batch) -> Tensor:
        """Cross-entropy in nats: half of the last prediction, half the mean over the steps of each sequence.

        Unknown classes are excluded; others are weighted by `training.class_weights`.
        """
        count, steps, classes = outputs.shape
        targets = batch.targets[:, None].expand(count, steps).reshape(-1)
        each = nn.functional.cross_entropy(
            outputs.reshape(-1, classes), targets, ignore_index=UNKNOWN_CLASS, reduction="none"
        ).view(count, steps)
        if not self.causal:  # the whole sequence, and in training a prefix
            whole, mean = each[:, 0], each[:, -1]
        elif batch.lengths is None:
            whole, mean = each[:, -1], each.mean(dim=1)
        else:
            lengths = batch.lengths.to(outputs.device)
            whole = each.gather(1, lengths[:, None] - 1)[:, 0]
            mean = (each * inside(lengths, steps, outputs.device)).sum(dim=1) / lengths
        known = (batch.targets != UNKNOWN_CLASS).sum().clamp(min=1)
        loss = WHOLE * whole + (1 - WHOLE) * mean
        return (loss * batch.extra["weight"] if "weight" in batch.extra else loss).sum() / known

    def evaluate(
        self, model: nn.Module, dataset: LabeledDataset, part: str, *, points: int = 300, full: bool = True
    ) -> Evaluation:
        """Loss, accuracy and macro F1 of model and baselines; stepwise predictions and the confusion matrix.

        A sequence of an unknown class counts as an error; the title of the view gives their number.
        """
        indices, of = self._scored(dataset, part), len(dataset.windows[part])
        logits, loss = class_logits(model, self, dataset, part, indices)
        truth = dataset.truth(part, indices)
        scores = _scores(logits, loss, truth)
        if not full:
            nothing = LabelsView((), np.zeros((0, 0)))
            return Evaluation(scores.metrics, nothing, len(indices), of, replicas=scores.replicas)
        view = labels_view(model, self, dataset, part, indices, logits, most=points, shown=_SHOWN)
        predicted = ensemble_logits(model, logits).argmax(axis=1)
        table = confusion(predicted, truth, len(dataset.codec.labels))
        baselines, more = self.baseline_metrics(dataset, part), (_confusion_view(dataset, table),)
        return Evaluation(scores.metrics, view, len(indices), of, baselines, more, self.unit, scores.replicas)

    def _score_baselines(self, dataset: LabeledDataset, part: str) -> dict[str, BaselineScore]:
        indices = self._scored(dataset, part)
        truth, found = dataset.truth(part, indices), predict_baselines("classification", dataset, part, indices)
        return {name: BaselineScore(class_metrics(predicted, truth)) for name, predicted in found.items()}

    def _class_weight_advice(self, dataset: LabeledDataset) -> str:
        """The advice to weight classes, where they are imbalanced."""
        counts = dataset.codec.fitted["counts"]
        rare = counts.max() > UNEVEN * counts.min() and self.experiment.training.class_weights == "none"
        return ", or use balanced class weights (training.class_weights = balanced)" if rare else ""

    def _scored(self, dataset: LabeledDataset, part: str) -> NDArray[np.int64]:
        """See `scored_windows`."""
        return scored_windows(dataset, part, numbers=max(1, dataset.longest), stateful=False)

    def preview(self, model: nn.Module, dataset: LabeledDataset) -> LabelsView:
        """Stepwise predictions for a few validation sequences."""
        part = dataset.preview_split()
        some = dataset.spread(part, MOST_EXAMPLES)
        indices = some[round_robin(dataset.truth(part, some))[:_PREVIEWED]]
        scores, _ = class_logits(model, self, dataset, part, indices)
        return labels_view(
            model, self, dataset, part, indices, scores, most=_PREVIEWED, shown=_PREVIEWED, signals=False
        )

    def parse_input(self, text: str, codec: LabeledCodec) -> Any:
        """Text as rows of numbers [T, F] or as tokens. PredictionError."""
        return parse_sequence(text, codec)

    def example(self, codec: LabeledCodec) -> str:
        """The beginning of a training sequence."""
        if codec.vocabulary is not None:
            codes = codec.example[:, 0].astype(np.int64).tolist()
            return codec.vocabulary.separator.join(codec.vocabulary.symbols[code] for code in codes)
        return typed_rows(codec.example, codec, digits=5).replace("; ", "\n")

    def predict(self, model: nn.Module, codec: LabeledCodec, given: Any) -> LabelsView:
        """The class of an input (numbers [T, F], symbols, a sound), or of each sequence of a table."""
        table = given if isinstance(given, Table) else as_table(given, codec)
        whole = {"data.validation_fraction": 0.0, "data.test_fraction": 0.0}
        task = Classification(self.experiment.with_changes(whole))
        data = task.make_dataset(replace(table, labels=None, groups=None), torch.device("cpu"), codec)
        indices = np.arange(len(data.windows["train"]))
        scores, _ = class_logits(model, task, data, "train", indices)
        return labels_view(model, task, data, "train", indices, scores, most=len(indices), shown=_SHOWN, mixed=False)

    def encode(self, codec: LabeledCodec, given: Any) -> Tensor:
        """See `Task`. Numbers, symbols or a sound -> [1, T, F], or codes [1, T]."""
        whole = self.experiment.data.model_copy(update={"validation_fraction": 0.0, "test_fraction": 0.0})
        data = LabeledDataset(as_table(given, codec), whole, torch.device("cpu"), codec)
        return data.batch("train", np.zeros(1, dtype=np.int64)).inputs

    def split_data(self, table: Table, codec: LabeledCodec) -> LabeledDataset:
        """See `Task`."""
        return LabeledDataset(table, self.experiment.data, torch.device("cpu"), codec)

    def step_input(self, data: LabeledDataset, part: str, index: int) -> StepInput:
        """See `Task`."""
        return sequence_input(data, part, index)

    def typed_input(self, codec: LabeledCodec, given: Any) -> StepInput:
        """See `Task`."""
        return described_sequence(given, codec)

    def explained_scores(self, outputs: Tensor) -> Tensor:
        """Probabilities of the classes."""
        return torch.softmax(outputs, dim=-1)

    def output_names(self, codec: LabeledCodec) -> tuple[str, ...]:
        """See `Task`."""
        return codec.labels

    def can_score(self, table: Table) -> bool:
        """Whether the table has labels, at least for some sequences."""
        return table.labels is not None and bool(np.any(table.labels != ""))

    def file_kind(self, codec: LabeledCodec) -> str:
        """The kind of the training data, even where the file has no labels."""
        kinds = {"sound": "recording"}
        return kinds.get(codec.input_kind, "sequences" if codec.vocabulary is None else "labeled-text")

    def examples(self, codec: LabeledCodec, table: Table, part: str) -> list[Example]:
        """Sequences of a split, mixed over the classes; recordings as sounds."""
        data = LabeledDataset(table, self.experiment.data, torch.device("cpu"), codec)
        indices = data.spread(part, MOST_EXAMPLES)
        order = round_robin(data.truth(part, indices))
        return [example(data, part, int(i)) for i in indices[order]]

    def check_input(self, codec: LabeledCodec, given: Any) -> Iterator[Finding]:
        """Findings: length outside the training range, unknown tokens."""
        table = given if isinstance(given, Table) else as_table(given, codec)
        steps, (shortest, longest) = len(table), codec.lengths
        if not isinstance(given, Table) and not shortest <= steps <= longest:
            has, span = codec.unit.counted(steps), codec.unit.span(shortest, longest)
            verb = "lasts" if codec.unit.seconds else "has"
            message = f"This input {verb} {has}; the model was trained on sequences of {span}."
            yield Finding("input-length", message, severity="info")
        if codec.vocabulary is not None and table.symbols is not None:
            unknown = [s for s in table.symbols.tolist() if not codec.vocabulary.knows(s)]
            if unknown:
                message = f"Not in the training split: {listed(map(repr, unknown), 5)}; read as the unknown token."
                yield Finding("unknown-symbols", message, severity="info")

    def diagnose(self, evaluation: Evaluation, dataset: LabeledDataset, part: str) -> Iterator[Finding]:
        """Findings: one predicted class only, a better nearest neighbor, classes that are never predicted."""
        matrix = next(view for view in evaluation.more if isinstance(view, ConfusionView))
        named, true = matrix.counts.sum(axis=0), matrix.counts.sum(axis=1)
        labels, title = matrix.labels, SPLIT_TITLES[part]
        accuracy, nearest = evaluation.metrics["accuracy"], evaluation.baselines["nearest_neighbour"]["accuracy"]
        if (named > 0).sum() == 1 and (true > 0).sum() > 1:
            yield Finding(
                "learned-the-majority",
                f"The model predicts {labels[int(named.argmax())]!r} for every sequence.",
                evidence=f"On the {title} split it predicts none of the other {len(dataset.codec.labels) - 1} classes.",
                remedy="Train longer or with another learning rate, standardize the values (data.scaling), or add "
                f"sequences of the rare classes{self._class_weight_advice(dataset)}.",
            )
            return
        if nearest > accuracy + 2 / max(evaluation.windows, 1):
            yield Finding(
                "nearest-neighbor-better",
                "The nearest-neighbor baseline is better than this model.",
                evidence=f"Accuracy on the {title} split: {nearest:.1%} for the nearest neighbor, {accuracy:.1%} for "
                "the model.",
                remedy="Train longer, increase the model size or lower the learning rate; a small data set may not "
                "suffice for a neural network.",
            )
        never = [label for label, n, t in zip(labels, named, true, strict=True) if n == 0 and t >= 2]
        if never:
            these = "this class" if len(never) == 1 else "these classes"
            yield Finding(
                "class-never-predicted",
                f"The model never predicts {listed(map(repr, never), 5)}.",
                evidence=f"The {title} split has sequences of {these}; all are misclassified.",
                remedy=f"Add sequences of them, or train longer{self._class_weight_advice(dataset)}.",
            )


def _scores(logits: NDArray[np.float64], loss: NDArray[np.float64], truth: NDArray[np.int64]) -> Scores:
    """Loss and metrics from logits [n, C], or of replicas from [K, n, C] and their losses [K]."""
    if not loss.ndim:
        return Scores({"loss": float(loss), **class_metrics(logits.argmax(axis=1), truth)})
    each = zip(loss.tolist(), logits, strict=True)
    return over_replicas([{"loss": own, **class_metrics(found.argmax(axis=1), truth)} for own, found in each])


def balanced_weights(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Class weights [C], inversely proportional to the class frequencies: n / (C * counts[C]).

    King and Zeng 2001. Their mean over the n counted sequences is 1, which keeps the step size.
    """
    weights: NDArray[np.float64] = counts.sum() / (len(counts) * np.maximum(counts, 1.0))
    return weights


def _confusion_view(dataset: LabeledDataset, counts: NDArray[np.float64]) -> ConfusionView:
    """`counts[C + 1, C]` as a view; the last row is for unknown classes."""
    labels = dataset.codec.labels
    if not counts[-1].any():
        return ConfusionView(labels, counts[:-1], "Confusion matrix")
    square = np.concatenate([counts, np.zeros((len(counts), 1))], axis=1)
    unknown = dataset.unknown_labels()
    name = unknown[0] if len(unknown) == 1 else f"{len(unknown)} unknown classes"
    return ConfusionView((*labels, name), square, "Confusion matrix")
