"""The three sections of an experiment: every field with its default, range, unit, help, and what it applies to."""

from __future__ import annotations

import json
from typing import Annotated, Any

from pydantic import BeforeValidator, field_validator

from seqcore.data.sources import SOURCES
from seqcore.errors import did_you_mean
from seqcore.experiment.fields import Choice, OptionalInt, Section, setting
from seqcore.experiment.training_config import TrainingConfig
from seqcore.models import MODELS
from seqcore.tasks import TASKS

__all__ = ["DataConfig", "ModelConfig", "TrainingConfig"]


def _names(value: Any) -> Any:
    """Column names as people type them: one name, or a JSON list of names."""
    if isinstance(value, str):
        text = value.strip()
        if text.startswith("["):
            try:
                return tuple(json.loads(text))
            except json.JSONDecodeError:
                return (text,)
        return (text,) if text else ()
    return tuple(value) if isinstance(value, list) else value


Names = Annotated[tuple[str, ...], BeforeValidator(_names)]


class DataConfig(Section):
    """Where values come from and how they become windows."""

    source: str = setting(
        "bouncing-ball",
        "Where the values come from.",
        choices=[Choice(n, s.title, s.help) for n, s in SOURCES.items()],
        basic=True,
    )
    options: dict[str, Any] = setting({}, "The source's own options.")
    task: str = setting(
        "regression", "What is learned.", choices=[Choice(n, e.title, e.help) for n, e in TASKS.items()]
    )
    inputs: Names = setting(
        (),
        "Columns that the model sees. Empty: the targets themselves, or all columns where a class is learned.",
        applies_to={"data.task": ("regression", "classification")},
    )
    target: Names = setting(
        (), "Columns to predict. Empty: the first column of numbers.", applies_to={"data.task": ("regression",)}
    )
    missing: str = setting(
        "refuse",
        "What to do where values are missing.",
        choices=[
            ("refuse", "Refuse", "Say where they are and stop."),
            ("interpolate", "Interpolate", "A straight line from the value before to the value after."),
            ("previous", "Previous value", "The last value seen before the gap."),
            ("drop", "Drop rows", "Leave rows with a gap out."),
        ],
        applies_to={"data.task": ("regression", "classification")},
    )
    calendar: Names = setting(
        (),
        "What a date says, as sine and cosine beside the inputs. It is known of the future, too.",
        choices=[
            ("hour", "Hour", "The time of the day."),
            ("weekday", "Weekday", "The day of the week."),
            ("month", "Month", "The month of the year."),
            ("yearday", "Day of the year", "The season, day by day."),
        ],
        applies_to={"data.task": ("regression",)},
    )
    window: int = setting(
        20,
        "Steps that the model sees.",
        minimum=1,
        maximum=10_000,
        unit="steps",
        basic=True,
        applies_to={"data.task": ("regression", "language-modeling")},
    )
    min_window: OptionalInt = setting(
        None,
        "The shortest input to train on: shorter windows at the start of each sequence are packed. "
        "Empty: only whole windows.",
        minimum=1,
        maximum=10_000,
        unit="steps",
        title="Shortest window",
        applies_to={"data.task": ("regression", "language-modeling")},
    )
    horizon: int = setting(
        1,
        "Steps that are predicted.",
        minimum=1,
        maximum=1_000,
        unit="steps",
        basic=True,
        applies_to={"data.task": ("regression",)},
    )
    multi_step: str = setting(
        "direct",
        "How more than one step is predicted.",
        choices=[
            ("direct", "Directly", "All steps at once, by one answer."),
            ("recursive", "Free-running", "One step at a time; each prediction is the next input."),
        ],
        title="Several steps",
        applies_to={"data.task": ("regression",)},
    )
    stride: int = setting(
        1,
        "Steps between the starts of two windows.",
        minimum=1,
        maximum=10_000,
        unit="steps",
        applies_to={"data.task": ("regression", "language-modeling")},
    )
    burn_in: int = setting(
        0,
        "Steps at each window's start that the model only listens to: nothing there is learned or scored.",
        minimum=0,
        maximum=10_000,
        unit="steps",
        applies_to={"data.task": ("language-modeling",), "data.predict": ("every",)},
    )
    predict: str = setting(
        "last",
        "Where in the window predictions are made.",
        choices=[
            ("last", "After the window", "One prediction, at the window's end."),
            ("every", "At every step", "A prediction at each step of the window."),
            (
                "broadcast",
                "One for all steps",
                "One answer held against every step: the slip behind some published programs, kept to show its effect.",
            ),
        ],
        applies_to={"data.task": ("regression", "language-modeling")},
    )
    lead: int = setting(
        1,
        "Steps from an input to its target: 1 is the next step, 0 is the same step of another column.",
        minimum=0,
        maximum=1_000,
        unit="steps",
        applies_to={"data.task": ("regression",)},
    )
    scaling: str = setting(
        "standard",
        "How values are scaled for the model. Fitted on the training part alone.",
        choices=[
            ("standard", "Standard", "Mean 0 and standard deviation 1."),
            ("minmax", "Min-max", "From 0 to 1."),
            ("last-value", "Relative", "Difference from the window's last value, so that trends carry on."),
            ("log-last-value", "Log-relative", "Difference of logarithms from the window's last: growth, not amounts."),
            ("window-mean", "Window's mean", "Difference from the mean of the window."),
            ("seasonal", "Seasonal", "Difference from the value one period earlier."),
            ("none", "None", "As they are."),
            ("auto", "Automatic", "Tries them for a moment, and takes what predicts the validation part best."),
        ],
        basic=True,
        numbers=True,
        applies_to={"data.task": ("regression", "classification")},
    )
    vocabulary: int = setting(
        10_000,
        "The most words that are told apart in each language; all others are read as unknown.",
        minimum=10,
        maximum=30_000,
        unit="words",
        applies_to={"data.task": ("translation",)},
    )
    min_count: OptionalInt = setting(
        None,
        "How often a word must stand in the training part to be known. Empty: once, or twice where there are over "
        "1,000 different words.",
        minimum=1,
        maximum=1_000,
        title="Rarest word",
        applies_to={"data.task": ("translation",)},
    )
    validation_fraction: float = setting(
        0.15, "The part of the data that scores the model while it trains.", minimum=0.0, maximum=0.9
    )
    test_fraction: float = setting(
        0.15, "The last part of the data, which scores the finished model.", minimum=0.0, maximum=0.9
    )

    @field_validator("calendar", mode="after")
    @classmethod
    def _is_in_the_calendar(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        known = ("hour", "weekday", "month", "yearday")
        wrong = next((name for name in value if name not in known), None)
        if wrong is not None:
            near = did_you_mean(wrong, known)
            raise ValueError(f"{wrong[:40]!r} is not allowed{near or '; use some of ' + ', '.join(known)}")
        return tuple(name for name in known if name in value)


class ModelConfig(Section):
    """The network."""

    architecture: str = setting(
        "lstm", "The kind of network.", choices=[Choice(n, e.title, e.help) for n, e in MODELS.items()], basic=True
    )
    hidden_size: int = setting(
        32, "Numbers in the hidden state: how much the network can hold.", minimum=1, maximum=4096, basic=True
    )
    num_layers: int = setting(
        1, "Recurrent layers on top of each other.", minimum=1, maximum=16, basic=True, title="Layers"
    )
    dropout: float = setting(
        0.0,
        "The part of each layer's answers that is dropped while training: against learning by heart.",
        minimum=0.0,
        maximum=0.95,
    )
    recurrent_dropout: float = setting(
        0.0,
        "The part of the weights from one state to the next that is dropped while training, other ones at each step "
        "of the optimizer: against learning by heart, where there are few data and many epochs.",
        minimum=0.0,
        maximum=0.95,
    )
    bidirectional: bool = setting(False, "Read the window in both directions.")
    nonlinearity: str = setting(
        "tanh",
        "The function that a plain RNN puts its state through.",
        choices=[("tanh", "tanh", "Bounded by -1 and 1."), ("relu", "ReLU", "Unbounded above, 0 below.")],
        applies_to={"model.architecture": ("rnn",)},
    )
    forget_bias: float = setting(
        1.0,
        "Where the forget gate's bias starts: 1 lets an LSTM remember from the first step on.",
        minimum=-10.0,
        maximum=10.0,
        applies_to={"model.architecture": ("lstm",)},
    )
    embedding_size: int = setting(
        0,
        "Numbers that stand for a symbol; 0 is one-hot (of more than 1,000 symbols: 128 numbers).",
        minimum=0,
        maximum=4096,
        applies_to={"data.task": ("language-modeling", "classification", "translation")},
    )
    attention: str = setting(
        "additive",
        "How a decoder looks back at the sentence while it writes.",
        choices=[
            ("additive", "Additive", "Bahdanau, Cho and Bengio 2015: a small network compares."),
            ("multiplicative", "Multiplicative", "Luong, Pham and Manning 2015: an inner product compares."),
            ("none", "None", "All that it knows is the encoder's last state."),
        ],
        applies_to={"data.task": ("translation",)},
    )
    beam: int = setting(
        1,
        "Translations that are kept in mind while one is searched for; 1 takes the likeliest word each time.",
        minimum=1,
        maximum=50,
        applies_to={"data.task": ("translation",)},
    )
