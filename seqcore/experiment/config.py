"""The sections of an experiment: every field with its default, range, unit, help and conditions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import field_validator

from seqcore.errors import did_you_mean
from seqcore.experiment.fields import Choice, Names, OptionalInt, Section, for_tasks, setting
from seqcore.experiment.training_config import TrainingConfig
from seqcore.registry import Entry, architectures, sources, tasks

__all__ = ["DataConfig", "ModelConfig", "TrainingConfig"]


def _choices(registry: Mapping[str, Entry]) -> list[Choice]:
    return [Choice(name, entry.title, entry.help) for name, entry in registry.items()]


class DataConfig(Section):
    """Data source, task, splits, windows and scaling."""

    source: str = setting("bouncing-ball", "Data source.", choices=_choices(sources()), basic=True)
    options: dict[str, Any] = setting({}, "Options of the data source.")
    task: str = setting("regression", "Type of prediction.", choices=_choices(tasks()))
    inputs: Names = setting(
        (), "Input columns. Empty: the target columns, or all columns for classification.",
        applies_to=for_tasks("regression", "classification"),
    )  # fmt: skip
    target: Names = setting((), "Target columns. Empty: the first numeric column.", applies_to=for_tasks("regression"))
    missing: str = setting(
        "refuse", "Handling of missing values.", title="Missing values",
        choices=[
            ("refuse", "Refuse", "Stop with an error that lists the missing values."),
            ("interpolate", "Interpolate", "Linear interpolation between the known neighbors."),
            ("previous", "Previous value", "Forward fill: repeat the last known value."),
            ("drop", "Drop rows", "Remove rows with missing values."),
        ],
        applies_to=for_tasks("regression", "classification"),
    )  # fmt: skip
    calendar: Names = setting(
        (), "Calendar features of the date, encoded as sine and cosine; known for future steps too.",
        choices=[
            ("hour", "Hour", "Time of day."),
            ("weekday", "Weekday", "Day of the week."),
            ("month", "Month", "Month of the year."),
            ("yearday", "Day of the year", "Day of the year."),
        ],
        applies_to=for_tasks("regression"),
    )  # fmt: skip
    window: int = setting(
        20, "Number of time steps in the input window.", minimum=1, maximum=10_000, unit="steps", basic=True,
        applies_to=for_tasks("regression", "language-modeling"),
    )  # fmt: skip
    min_window: OptionalInt = setting(
        None,
        "Length of the shortest training window; shorter windows at the start of a sequence are packed. "
        "Empty: full windows only.",
        minimum=1, maximum=10_000, unit="steps", title="Minimum window",
        applies_to=for_tasks("regression", "language-modeling"),
    )  # fmt: skip
    horizon: int = setting(
        1, "Number of time steps to predict.", minimum=1, maximum=1_000, unit="steps", basic=True,
        applies_to=for_tasks("regression"),
    )  # fmt: skip
    multi_step: str = setting(
        "direct", "Strategy for a horizon of more than one step.",
        choices=[
            ("direct", "Direct", "Predict all steps at once."),
            ("recursive", "Recursive", "Predict one step at a time; each prediction becomes the next input."),
        ],
        title="Multi-step strategy", applies_to=for_tasks("regression"),
    )  # fmt: skip
    stride: int = setting(
        1, "Number of time steps between the starts of consecutive windows.", minimum=1, maximum=10_000, unit="steps",
        applies_to=for_tasks("regression", "language-modeling"),
    )  # fmt: skip
    burn_in: int = setting(
        0, "Number of steps at the start of each window that are excluded from the loss and the metrics.", minimum=0,
        maximum=10_000, unit="steps", applies_to=for_tasks("language-modeling") | {"data.predict": ("every",)},
    )  # fmt: skip
    predict: str = setting(
        "last", "Position of the predictions in the window.",
        choices=[
            ("last", "Last step", "One prediction, after the last step of the window."),
            ("every", "Every step", "One prediction at each step of the window."),
            ("broadcast", "Broadcast",
             "One prediction broadcast over all targets: a shape bug of some published programs."),
        ],
        applies_to=for_tasks("regression", "language-modeling"),
    )  # fmt: skip
    lead: int = setting(
        1, "Number of steps from input to target: 1 is the next step; 0 is the same step, for other columns.",
        minimum=0, maximum=1_000, unit="steps", applies_to=for_tasks("regression"),
    )  # fmt: skip
    scaling: str = setting(
        "standard", "Scaling of the values, fitted on the training split only.",
        choices=[
            ("standard", "Standard", "Zero mean and unit standard deviation."),
            ("minmax", "Min-max", "Range 0 to 1."),
            ("last-value", "Last value", "Difference from the last value of the window: extrapolates trends."),
            ("log-last-value", "Log last value",
             "Log return relative to the last value of the window: relative growth."),
            ("window-mean", "Window mean", "Difference from the mean of the window."),
            ("seasonal", "Seasonal", "Difference from the value one season earlier."),
            ("none", "None", "No scaling."),
            ("auto", "Automatic", "Short training runs; keeps the scaling with the lowest validation error."),
        ],
        basic=True, numbers=True, applies_to=for_tasks("regression", "classification"),
    )  # fmt: skip
    vocabulary: int = setting(
        10_000, "Maximum vocabulary size of each language; other words map to the unknown token.", minimum=10,
        maximum=30_000, unit="words", applies_to=for_tasks("translation"),
    )  # fmt: skip
    min_count: OptionalInt = setting(
        None,
        "Minimum count of a word in the training split to enter the vocabulary. Empty: 1, or 2 above 1,000 different "
        "words.",
        minimum=1, maximum=1_000, title="Minimum word count", applies_to=for_tasks("translation"),
    )  # fmt: skip
    validation_fraction: float = setting(
        0.15, "Fraction of the data in the validation split.", minimum=0.0, maximum=0.9
    )
    test_fraction: float = setting(
        0.15, "Fraction of the data in the test split, the last in time.", minimum=0.0, maximum=0.9
    )

    @field_validator("calendar", mode="after")
    @classmethod
    def _is_in_the_calendar(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        known = ("hour", "weekday", "month", "yearday")
        wrong = next((name for name in value if name not in known), None)
        if wrong is not None:
            near = did_you_mean(wrong, known)
            raise ValueError(f"{wrong[:40]!r} is not allowed{near or '; use any of ' + ', '.join(known)}")
        return tuple(name for name in known if name in value)


class ModelConfig(Section):
    """Architecture and size of the model."""

    architecture: str = setting("lstm", "Model architecture.", choices=_choices(architectures()), basic=True)
    options: dict[str, Any] = setting({}, "Options of the architecture.")
    hidden_size: int = setting(
        32, "Number of features in the hidden state of each layer.", minimum=1, maximum=4096, basic=True
    )
    num_layers: int = setting(1, "Number of stacked layers.", minimum=1, maximum=16, basic=True, title="Layers")
    dropout: float = setting(
        0.0, "Dropout probability of each layer's outputs during training: reduces overfitting.", minimum=0.0,
        maximum=0.95, live=True,
    )  # fmt: skip
    recurrent_dropout: float = setting(
        0.0,
        "Dropout probability of the recurrent weights, resampled at each training step (DropConnect): reduces "
        "overfitting.",
        minimum=0.0, maximum=0.95, live=True,
    )  # fmt: skip
    bidirectional: bool = setting(False, "Process the sequence in both directions.")
    embedding_size: int = setting(
        0, "Embedding dimension of a token; 0 is one-hot encoding (128 dimensions above 1,000 tokens).", minimum=0,
        maximum=4096, applies_to=for_tasks("language-modeling", "classification", "translation"),
    )  # fmt: skip
    attention: str = setting(
        "additive", "Attention of the decoder over the encoder outputs.",
        choices=[
            ("additive", "Additive", "A small network scores each pair of states (Bahdanau, Cho and Bengio 2015)."),
            ("multiplicative", "Multiplicative",
             "A bilinear form scores each pair of states (Luong, Pham and Manning 2015)."),
            ("none", "None", "The decoder sees only the final encoder state."),
        ],
        applies_to=for_tasks("translation"),
    )  # fmt: skip
    beam: int = setting(
        1, "Beam size of beam search; 1 is greedy decoding.", minimum=1, maximum=50, applies_to=for_tasks("translation")
    )
