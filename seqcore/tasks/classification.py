"""Which class a whole sequence belongs to, and what is thought of it at each step."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from seqcore.data.dataset import Batch
from seqcore.data.labelled_dataset import UNKNOWN_CLASS, LabelledCodec, LabelledDataset
from seqcore.data.profile.facts import UNEVEN
from seqcore.data.splits import PART_TITLES, part_bounds
from seqcore.data.table import Table
from seqcore.errors import DataError
from seqcore.evaluation.baselines import fit_baselines, predict_baselines
from seqcore.evaluation.metrics import BaselineScore, Evaluation, class_metrics, confusion
from seqcore.events import Finding
from seqcore.experiment.config import ModelConfig
from seqcore.models.classifier import SequenceClassifier, WordDropout
from seqcore.models.recurrent import State
from seqcore.results import ConfusionView, LabelsView
from seqcore.tasks.stepwise_classification import (
    as_table,
    class_answers,
    example,
    labels_view,
    one_of_each,
    parse_sequence,
    read_back,
)
from seqcore.tasks.task import Example, Task, scored_windows

__all__ = ["Classification"]

WHOLE = 0.5  # the weight of the answer at a sequence's end; the rest is that of the answers at all of its steps
MOST_ONE_HOT = 256  # symbols; beyond them each is stood for by a few numbers
_EMBEDDED = 64
UNSEEN = 0.1  # of such many symbols are hidden while training, since new data will have others
_PREVIEWED = 4  # sequences in a preview
MOST_EXAMPLES = 60  # sequences of a part that one can choose from
_SHOWN = 8  # sequences that are shown in full


class Classification(Task):
    """See `Task`.

    A model is asked for the class after every step, and the loss is half the cross-entropy of its last answer and half
    the mean of all: each step's loss is least where the probabilities are the true ones given what was seen so far, so
    that they may be taken at their word while they unfold. Measured on five kinds of synthetic sequences (20 to 60
    steps; a level in noise, the order of two events, a cue at the beginning, at the end, a frequency): mean accuracy
    0.93, against 0.79 for a loss on the last answer alone, which never found a cue at the beginning of a sequence.

    Read in both directions, a sequence has one answer. There the loss is half that of the whole sequence and half that
    of its beginning, cut at random, so that the answers to beginnings - which is how such a model unfolds - mean
    something too.
    """

    metric = "accuracy"
    metric_is_error = False
    unit = "sequence"
    reference = ("majority",)

    def check(self, table: Table) -> None:
        """DataError where the table doesn't fit: no classes, or one only; gaps; a part without a sequence."""
        self._check_augment(table)
        LabelledDataset(table, self.experiment.data, torch.device("cpu"))

    def _check_augment(self, table: Table) -> None:
        if self.experiment.training.augment != "none" and table.recordings is None:
            raise DataError(
                f"training.augment: {self.experiment.training.augment!r} varies the sound of recordings, and these "
                "data are none; set training.augment to none"
            )

    def make_dataset(self, table: Table, device: torch.device, codec: Any = None) -> LabelledDataset:
        """The sequences; without a codec, classes, scaler and baselines are learned from the training part."""
        if codec is None:
            self._check_augment(table)
        data = LabelledDataset(table, self.experiment.data, device, codec)
        if codec is None:
            data.codec = replace(data.codec, fitted=fit_baselines("classification", data))
        if self.experiment.training.class_weights == "balanced":
            data.weigh(balanced_weights(data.codec.fitted["counts"]))
        return data

    def make_windows(self, table: Table, device: torch.device) -> LabelledDataset:
        """The sequences, without neighbours to compare with. DataError."""
        self._check_augment(table)
        return LabelledDataset(table, self.experiment.data, device)

    def codec_from_dict(self, d: dict[str, Any], arrays: dict[str, NDArray[np.float64]]) -> LabelledCodec:
        """The codec that a checkpoint holds."""
        return LabelledCodec.from_dict(d, arrays)

    def build_meta_model(self, table: Table) -> SequenceClassifier:
        """The model for a table, its sizes from columns, and from the training part's symbols and labels."""
        data = self.experiment.data
        table = replace(table, independent=True)
        bounds = part_bounds(table, data.validation_fraction, data.test_fraction)["train"]
        classes = 2
        if table.labels is not None and bounds:
            classes = len(np.unique(table.labels[[s for s, _, _ in bounds]]))
        if not table.symbolic:
            return self._model(len(data.inputs) or len(table.columns), classes, symbolic=False)
        known = [np.unique(table.values[low:high, 0]) for _, low, high in bounds]
        size = len(np.unique(np.concatenate(known))) if known else 1
        return self._model(1 + size, classes, symbolic=True)

    def build_model(self, codec: LabelledCodec) -> SequenceClassifier:
        """Inputs [B, T, F] (or codes [B, T]) -> scores of the classes at each step, [B, T, C]."""
        if codec.vocabulary is not None:
            unseen = WordDropout(UNSEEN) if len(codec.vocabulary) > MOST_ONE_HOT else None
            return self._model(len(codec.vocabulary), len(codec.labels), symbolic=True, varied=unseen)
        varied, augment = None, self.experiment.training.augment
        if augment != "none":
            from seqcore.models.augmentation import AUGMENTATIONS  # reads sounds: only where there are any

            assert codec.scaler is not None
            center, scale = (torch.from_numpy(a) for a in (codec.scaler.center, codec.scaler.scale))
            varied = AUGMENTATIONS[augment](center, scale)
        return self._model(len(codec.columns), len(codec.labels), symbolic=False, varied=varied)

    def _model(
        self, inputs: int, classes: int, *, symbolic: bool, varied: nn.Module | None = None
    ) -> SequenceClassifier:
        config: ModelConfig = self.experiment.model
        if symbolic and config.embedding_size == 0 and inputs > MOST_ONE_HOT:
            config = config.model_copy(update={"embedding_size": _EMBEDDED})
        return SequenceClassifier(inputs, classes, config, symbolic=symbolic, varied=varied)

    def forward(self, model: nn.Module, batch: Batch, state: State, progress: float) -> tuple[Tensor, State]:
        """Scores [B, T, C]; of a model that reads both ways [B, 1, C], and in training [B, 2, C]: whole, beginning."""
        outputs, _ = model(batch.inputs, None, batch.lengths)
        if not (model.training and self.experiment.model.bidirectional):
            return outputs, None
        steps = batch.inputs.shape[1]
        lengths = batch.lengths if batch.lengths is not None else torch.full((len(outputs),), steps)
        cut = (torch.rand(len(lengths)) * lengths).long() + 1
        beginning, _ = model(batch.inputs[:, : int(cut.max())], None, cut)
        return torch.cat([outputs, beginning], dim=1), None

    def loss(self, outputs: Tensor, batch: Batch) -> Tensor:
        """Cross-entropy, in nats: half of the last answer, half the mean over the steps of each sequence.

        Sequences of a class that the model doesn't know don't count; others count as `training.class_weights` says.
        """
        count, steps, classes = outputs.shape
        targets = batch.targets[:, None].expand(count, steps).reshape(-1)
        each = nn.functional.cross_entropy(
            outputs.reshape(-1, classes), targets, ignore_index=UNKNOWN_CLASS, reduction="none"
        ).view(count, steps)
        if self.experiment.model.bidirectional:  # the whole, and in training a beginning
            whole, mean = each[:, 0], each[:, -1]
        elif batch.lengths is None:
            whole, mean = each[:, -1], each.mean(dim=1)
        else:
            lengths = batch.lengths.to(outputs.device)
            inside = torch.arange(steps, device=outputs.device) < lengths[:, None]
            whole = each.gather(1, lengths[:, None] - 1)[:, 0]
            mean = (each * inside).sum(dim=1) / lengths
        known = (batch.targets != UNKNOWN_CLASS).sum().clamp(min=1)
        loss = WHOLE * whole + (1 - WHOLE) * mean
        return (loss * batch.extra["weight"] if "weight" in batch.extra else loss).sum() / known

    def evaluate(
        self, model: nn.Module, dataset: LabelledDataset, part: str, *, points: int = 300, full: bool = True
    ) -> Evaluation:
        """Loss, accuracy and macro F1 beside the baselines', how answers unfold, and what was taken for what.

        A sequence of a class that the model doesn't know is an error, and the view's title says how many there are.
        """
        indices, of = self._scored(dataset, part), len(dataset.windows[part])
        scores, loss = class_answers(model, self, dataset, part, indices)
        truth, predicted = dataset.truth(part, indices), scores.argmax(axis=1)
        metrics = {"loss": loss, **class_metrics(predicted, truth)}
        if not full:
            return Evaluation(metrics, LabelsView((), np.zeros((0, 0))), len(indices), of)
        view = labels_view(model, self, dataset, part, indices, scores, most=points, shown=_SHOWN)
        table = confusion(predicted, truth, len(dataset.codec.labels))
        more = (_confusion_view(dataset, table),)
        return Evaluation(metrics, view, len(indices), of, self.baseline_metrics(dataset, part), more, self.unit)

    def _score_baselines(self, dataset: LabelledDataset, part: str) -> dict[str, BaselineScore]:
        indices = self._scored(dataset, part)
        truth, found = dataset.truth(part, indices), predict_baselines("classification", dataset, part, indices)
        return {name: BaselineScore(class_metrics(predicted, truth)) for name, predicted in found.items()}

    def _or_weights(self, dataset: LabelledDataset) -> str:
        """What else helps rare classes, where there are some."""
        counts = dataset.codec.fitted["counts"]
        rare = counts.max() > UNEVEN * counts.min() and self.experiment.training.class_weights == "none"
        return (
            ", or let rare classes count as much as frequent ones (training.class_weights = balanced)" if rare else ""
        )

    def _scored(self, dataset: LabelledDataset, part: str) -> NDArray[np.int64]:
        """See `scored_windows`."""
        return scored_windows(dataset, part, numbers=max(1, dataset.longest), stateful=False)

    def preview(self, model: nn.Module, dataset: LabelledDataset) -> LabelsView:
        """How the answers to a few sequences of the validation part unfold."""
        part = dataset.shown_part()
        some = dataset.spread(part, MOST_EXAMPLES)
        indices = some[one_of_each(dataset.truth(part, some))[:_PREVIEWED]]
        scores, _ = class_answers(model, self, dataset, part, indices)
        return labels_view(
            model, self, dataset, part, indices, scores, most=_PREVIEWED, shown=_PREVIEWED, signals=False
        )

    def parse_input(self, text: str, codec: LabelledCodec) -> Any:
        """Rows of numbers [T, F], or symbols as they stand. PredictionError."""
        return parse_sequence(text, codec)

    def example(self, codec: LabelledCodec) -> str:
        """The beginning of a sequence of the training part."""
        return read_back(codec)

    def predict(self, model: nn.Module, codec: LabelledCodec, given: Any) -> LabelsView:
        """The class of an input (numbers [T, F], symbols, a sound), or of each sequence of a table."""
        table = given if isinstance(given, Table) else as_table(given, codec)
        whole = {"data.validation_fraction": 0.0, "data.test_fraction": 0.0}
        task = Classification(self.experiment.with_changes(whole))
        data = task.make_dataset(replace(table, labels=None, groups=None), torch.device("cpu"), codec)
        indices = np.arange(len(data.windows["train"]))
        scores, _ = class_answers(model, task, data, "train", indices)
        return labels_view(model, task, data, "train", indices, scores, most=len(indices), shown=_SHOWN, mixed=False)

    def can_score(self, table: Table) -> bool:
        """Whether the sequences have labels to be held against."""
        return table.labels is not None

    def file_kind(self, codec: LabelledCodec) -> str:
        """As sequences of the training data's kind, even where no column holds labels."""
        kinds = {"sound": "recording"}
        return kinds.get(codec.input_kind, "sequences" if codec.vocabulary is None else "labelled-text")

    def examples(self, codec: LabelledCodec, table: Table, part: str) -> list[Example]:
        """Sequences of a part, from as many classes as there are; sounds where the data were recordings."""
        data = LabelledDataset(table, self.experiment.data, torch.device("cpu"), codec)
        indices = data.spread(part, MOST_EXAMPLES)
        order = one_of_each(data.truth(part, indices))
        return [example(data, part, int(i)) for i in indices[order]]

    def input_warning(self, codec: LabelledCodec, given: Any) -> str | None:
        """That an input is shorter or longer than those of the training part, or holds symbols that it didn't."""
        table = given if isinstance(given, Table) else as_table(given, codec)
        notes = []
        steps, (shortest, longest) = len(table), codec.lengths
        if not isinstance(given, Table) and not shortest <= steps <= longest:
            has, span = codec.unit.counted(steps), codec.unit.span(shortest, longest)
            verb = "lasts" if codec.unit.seconds else "has"
            notes.append(f"This input {verb} {has}; the model was trained on sequences of {span}.")
        if codec.vocabulary is not None and table.symbols is not None:
            strange = [s for s in table.symbols.tolist() if not codec.vocabulary.knows(s)]
            if strange:
                some = ", ".join(repr(s) for s in strange[:5]) + (" ..." if len(strange) > 5 else "")
                notes.append(f"The training part has no {some}: the model knows nothing of that.")
        return " ".join(notes) or None

    def diagnose(self, evaluation: Evaluation, dataset: LabelledDataset, part: str) -> list[Finding]:
        """Whether the model only learned the largest class, loses to the nearest neighbour, or never names a class."""
        matrix = next(view for view in evaluation.more if isinstance(view, ConfusionView))
        named, true = matrix.counts.sum(axis=0), matrix.counts.sum(axis=1)
        labels, title = matrix.labels, PART_TITLES[part]
        accuracy, nearest = evaluation.metrics["accuracy"], evaluation.baselines["nearest_neighbour"]["accuracy"]
        if (named > 0).sum() == 1 and (true > 0).sum() > 1:
            return [
                Finding(
                    code="learned-the-majority",
                    message=f"The model answers {labels[int(named.argmax())]!r} whatever it sees.",
                    evidence=f"On the {title} part it never names another of the {len(dataset.codec.labels)} classes.",
                    remedy="Train longer or with another learning rate, standardise the values (data.scaling), or "
                    f"give the rarer classes more sequences{self._or_weights(dataset)}.",
                )
            ]
        found = []
        if nearest > accuracy + 2 / max(evaluation.windows, 1):
            found.append(
                Finding(
                    code="nearest-neighbour-better",
                    message="Looking up the most similar training sequence is better than this model.",
                    evidence=f"On the {title} part the nearest neighbour is right {nearest:.1%} of the time, the model "
                    f"{accuracy:.1%}.",
                    remedy="Train longer, make the model larger or the learning rate smaller; where there are few "
                    "sequences, a network may have too little to learn from.",
                )
            )
        never = [label for label, n, t in zip(labels, named, true, strict=True) if n == 0 and t >= 2]
        if never:
            some = ", ".join(repr(label) for label in never[:5]) + (" ..." if len(never) > 5 else "")
            found.append(
                Finding(
                    code="class-never-named",
                    message=f"The model never answers {some}.",
                    evidence=f"The {title} part has sequences of "
                    f"{'this class' if len(never) == 1 else 'these classes'}, and each was taken for another.",
                    remedy=f"Give it more sequences of them, or train longer{self._or_weights(dataset)}.",
                )
            )
        return found


def balanced_weights(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """How much a sequence of each class counts, [C], so that all classes count the same: n / (C * counts[C]).

    King and Zeng 2001. Their mean over the n sequences that were counted is 1, so that a step is as long as without.
    """
    weights: NDArray[np.float64] = counts.sum() / (len(counts) * np.maximum(counts, 1.0))
    return weights


def _confusion_view(dataset: LabelledDataset, counts: NDArray[np.float64]) -> ConfusionView:
    """`counts[C + 1, C]`, the last row for classes that the model doesn't know, as a picture."""
    labels = dataset.codec.labels
    if not counts[-1].any():
        return ConfusionView(labels, counts[:-1], "What was taken for what")
    square = np.concatenate([counts, np.zeros((len(counts), 1))], axis=1)
    unknown = dataset.unknown_labels()
    name = unknown[0] if len(unknown) == 1 else f"{len(unknown)} unknown classes"
    return ConfusionView((*labels, name), square, "What was taken for what")
