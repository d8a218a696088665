"""What to do: data + model + training, complete and validated. It says nothing about how it went."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import tomli_w
from pydantic import BeforeValidator, ValidationError

from seqcore.data.sources import SOURCES
from seqcore.errors import ExperimentError, did_you_mean
from seqcore.fields import Choice, Section, Setting, describe, faults, setting
from seqcore.models import MODELS
from seqcore.tasks import TASKS

__all__ = ["DataConfig", "Experiment", "ModelConfig", "TrainingConfig"]

VERSION = 1  # of the written form


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


def _empty_is_none(value: Any) -> Any:
    return None if value in ("", "none", "auto") else value


Names = Annotated[tuple[str, ...], BeforeValidator(_names)]
OptionalInt = Annotated[int | None, BeforeValidator(_empty_is_none)]


class DataConfig(Section):
    """Where values come from and how they become windows."""

    source: str = setting(
        "bouncing-ball",
        "Where the values come from.",
        choices=[Choice(n, s.title, s.help) for n, s in SOURCES.items()],
        usual=True,
    )
    options: dict[str, Any] = setting({}, "The source's own options.")
    task: str = setting(
        "regression", "What is learned.", choices=[Choice(n, e.title, e.help) for n, e in TASKS.items()]
    )
    inputs: Names = setting(
        (), "Columns that the model sees. Empty: the targets themselves.", applies_to={"data.task": ("regression",)}
    )
    target: Names = setting(
        (), "Columns to predict. Empty: the first column of numbers.", applies_to={"data.task": ("regression",)}
    )
    gaps: str = setting(
        "refuse",
        "What to do where values are missing.",
        choices=[
            ("refuse", "Refuse", "Say where they are and stop."),
            ("interpolate", "Interpolate", "A straight line from the value before to the value after."),
            ("previous", "Previous value", "The last value seen before the gap."),
            ("drop", "Drop rows", "Leave rows with a gap out."),
        ],
        applies_to={"data.task": ("regression",)},
    )
    window: int = setting(20, "Steps that the model sees.", minimum=1, maximum=10_000, unit="steps", usual=True)
    min_window: OptionalInt = setting(
        None,
        "The shortest input to train on: shorter windows at the start of each sequence are packed. "
        "Empty: only whole windows.",
        minimum=1,
        maximum=10_000,
        unit="steps",
        title="Shortest window",
    )
    horizon: int = setting(
        1,
        "Steps that the model predicts at once.",
        minimum=1,
        maximum=1_000,
        unit="steps",
        usual=True,
        applies_to={"data.task": ("regression",)},
    )
    stride: int = setting(1, "Steps between the starts of two windows.", minimum=1, maximum=10_000, unit="steps")
    predict: str = setting(
        "next",
        "Where in the window predictions are made.",
        choices=[
            ("next", "After the window", "One prediction, at the window's end."),
            ("every-step", "At every step", "A prediction at each step of the window."),
            (
                "broadcast",
                "One for all steps",
                "One answer held against every step: the slip behind some published programs, kept to show its effect.",
            ),
        ],
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
            ("relative", "Relative", "Difference from the window's last value, so that trends carry on."),
            ("none", "None", "As they are."),
        ],
        usual=True,
        applies_to={"data.task": ("regression",)},
    )
    validation_fraction: float = setting(
        0.15, "The part of the data that scores the model while it trains.", minimum=0.0, maximum=0.9
    )
    test_fraction: float = setting(
        0.15, "The last part of the data, which scores the finished model.", minimum=0.0, maximum=0.9
    )


class ModelConfig(Section):
    """The network."""

    architecture: str = setting(
        "lstm", "The kind of network.", choices=[Choice(n, e.title, e.help) for n, e in MODELS.items()], usual=True
    )
    hidden_size: int = setting(
        32, "Numbers in the hidden state: how much the network can hold.", minimum=1, maximum=4096, usual=True
    )
    num_layers: int = setting(
        1, "Recurrent layers on top of each other.", minimum=1, maximum=16, usual=True, title="Layers"
    )
    dropout: float = setting(
        0.0, "The part of the values between layers that is dropped while training.", minimum=0.0, maximum=0.95
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
        "Numbers that stand for a symbol; 0 is one-hot.",
        minimum=0,
        maximum=4096,
        applies_to={"data.task": ("symbols",)},
    )


class TrainingConfig(Section):
    """How the weights are found."""

    optimizer: str = setting(
        "adam",
        "How a step follows from gradients.",
        choices=[
            ("sgd", "SGD", "Plain gradient descent, with momentum if wanted."),
            ("adam", "Adam", "A step size of its own for each weight."),
            ("adamw", "AdamW", "Adam with decoupled weight decay."),
            ("rmsprop", "RMSprop", "Divides by a running size of the gradient."),
            ("nadam", "NAdam", "Adam with Nesterov's momentum."),
            ("adagrad", "Adagrad", "Steps that shrink with all gradients so far."),
        ],
        usual=True,
    )
    learning_rate: float = setting(0.01, "Size of a step.", above=0.0, maximum=100.0, usual=True, logarithmic=True)
    momentum: float = setting(
        0.0,
        "How much of the last step is kept.",
        minimum=0.0,
        maximum=0.9999,
        applies_to={"training.optimizer": ("sgd", "rmsprop")},
    )
    nesterov: bool = setting(False, "Look ahead along the momentum.", applies_to={"training.optimizer": ("sgd",)})
    weight_decay: float = setting(0.0, "Pull of the weights towards 0.", minimum=0.0, maximum=10.0)
    schedule: str = setting(
        "constant",
        "How the learning rate changes over the run.",
        choices=[
            ("constant", "Constant", "The same all the time."),
            ("cosine", "Cosine", "Down to a hundredth along half a cosine."),
            ("step", "Step", "Multiplied by a factor every few epochs."),
            ("plateau", "Plateau", "Multiplied by a factor when the validation loss stands still."),
            ("one-cycle", "One-cycle", "Up, then down, in one cycle."),
        ],
    )
    schedule_factor: float = setting(
        0.5,
        "What the learning rate is multiplied by.",
        above=0.0,
        maximum=1.0,
        applies_to={"training.schedule": ("step", "plateau")},
    )
    schedule_epochs: int = setting(
        10,
        "Epochs between two steps, or epochs without progress.",
        minimum=1,
        maximum=100_000,
        unit="epochs",
        applies_to={"training.schedule": ("step", "plateau")},
    )
    loss: str = setting(
        "auto",
        "What training makes small.",
        choices=[
            ("auto", "Automatic", "MSE for values, cross-entropy for symbols."),
            ("mse", "MSE", "Mean squared error."),
            ("mae", "MAE", "Mean absolute error: forgives outliers."),
            ("huber", "Huber", "Squared near 0, absolute beyond 1."),
            ("cross_entropy", "Cross-entropy", "Minus the logarithm of the probability of what came."),
        ],
    )
    batch_size: int = setting(32, "Windows in one step.", minimum=1, maximum=65_536, usual=True)
    epochs: int = setting(30, "Times that training goes through its data.", minimum=1, maximum=100_000, usual=True)
    clip_norm: float = setting(
        1.0, "Longest gradient that is let through; 0 lets all through.", minimum=0.0, maximum=1e6
    )
    patience: int = setting(
        0,
        "Stop after so many epochs without a better validation loss; 0 never does.",
        minimum=0,
        maximum=100_000,
        unit="epochs",
    )
    shuffle: bool = setting(True, "Take the windows in a new random order each epoch.")
    carry_state: bool = setting(
        False, "Hand the hidden state on from each window to the one that follows it (truncated back-propagation)."
    )
    seed: int = setting(
        0, "The same seed on the same machine gives the same run, bit for bit.", minimum=0, maximum=2**31 - 1
    )
    device: str = setting("auto", "Where to compute: auto, cpu, cuda, cuda:1, mps.")
    threads: OptionalInt = setting(
        None, "Threads that a step uses. Empty: one, which is fastest for small models.", minimum=1, maximum=256
    )


@dataclass(frozen=True)
class Rule:
    """A combination that can't be, and why. `path` is the field that a form greys out."""

    path: str
    reason: str
    broken: Callable[[DataConfig, ModelConfig, TrainingConfig], bool]


RULES: tuple[Rule, ...] = (
    Rule(
        "data.min_window",
        "the shortest window can't be longer than the window; make it at most data.window",
        lambda d, m, t: d.min_window is not None and d.min_window > d.window,
    ),
    Rule(
        "data.scaling",
        "relative scaling needs the target's own past, which lead 0 does not show; use standard or minmax",
        lambda d, m, t: d.scaling == "relative" and d.lead == 0,
    ),
    Rule(
        "data.scaling",
        "relative scaling needs the target's own past among the inputs; add the target to data.inputs",
        lambda d, m, t: (
            d.scaling == "relative" and bool(d.inputs) and bool(d.target) and not set(d.target) <= set(d.inputs)
        ),
    ),
    Rule(
        "data.horizon",
        "lead 0 predicts the same step, so there is one step to predict; set data.horizon to 1",
        lambda d, m, t: d.lead == 0 and d.horizon > 1,
    ),
    Rule(
        "data.test_fraction",
        "validation and test part leave nothing to train on; make data.validation_fraction and data.test_fraction "
        "add up to less than 1",
        lambda d, m, t: d.validation_fraction + d.test_fraction >= 1.0,
    ),
    Rule(
        "model.bidirectional",
        "a model that reads backwards would see what it must predict at every step; use data.predict = next",
        lambda d, m, t: m.bidirectional and d.predict != "next" and d.lead > 0,
    ),
    Rule(
        "training.carry_state",
        "windows in random order don't follow each other; set training.shuffle = false",
        lambda d, m, t: t.carry_state and t.shuffle,
    ),
    Rule(
        "training.carry_state",
        "relative scaling moves the zero with each window, so a carried state would not fit; use standard or minmax",
        lambda d, m, t: t.carry_state and d.scaling == "relative",
    ),
    Rule(
        "training.carry_state",
        "a model that reads backwards has no state to hand on; set model.bidirectional = false",
        lambda d, m, t: t.carry_state and m.bidirectional,
    ),
    Rule(
        "training.carry_state",
        "shorter windows start anew and have no state to take over; leave data.min_window empty",
        lambda d, m, t: t.carry_state and d.min_window is not None,
    ),
    Rule(
        "training.nesterov",
        "Nesterov's look-ahead needs momentum; set training.momentum above 0",
        lambda d, m, t: t.nesterov and t.optimizer == "sgd" and t.momentum == 0.0,
    ),
    Rule(
        "training.loss",
        "this loss is not for this task; use auto",
        lambda d, m, t: t.loss != "auto" and t.loss not in TASKS[d.task].traits["losses"],
    ),
)

_SECTIONS: dict[str, type[Section]] = {"data": DataConfig, "model": ModelConfig, "training": TrainingConfig}
_SETTINGS: tuple[Setting, ...] = tuple(s for name, section in _SECTIONS.items() for s in describe(section, name))


class Experiment(Section):
    """Data, model and training. Build it with `Experiment.make`, which reports all faults at once."""

    data: DataConfig = DataConfig()
    model: ModelConfig = ModelConfig()
    training: TrainingConfig = TrainingConfig()

    @classmethod
    def make(cls, values: Mapping[str, Any] | None = None) -> Experiment:
        """From a nested mapping, with defaults where nothing is given. ExperimentError: a line for each fault."""
        given = dict(values or {})
        lines = [
            f"{name}: there is no such field{did_you_mean(name, _SECTIONS)}" for name in given if name not in _SECTIONS
        ]
        parts: dict[str, Any] = {}
        for name, section in _SECTIONS.items():
            content = given.get(name, {})
            if not isinstance(content, Mapping):
                lines.append(f"{name}: {content!r} is not allowed; use a table of fields")
                continue
            part, part_lines = _section(name, section, dict(content))
            lines += part_lines
            parts[name] = part
        if not lines:
            lines = _broken_rules(parts["data"], parts["model"], parts["training"])
        if lines:
            raise ExperimentError(*lines)
        return cls(**parts)

    def with_changes(self, changes: Mapping[str, Any]) -> Experiment:
        """A copy with dotted fields changed: `{"model.hidden_size": 64, "data.options.samples": 500}`.

        A new source starts from its own options. ExperimentError names every fault.
        """
        values = self.to_dict()
        if changes.get("data.source", self.data.source) != self.data.source:
            values["data"]["options"] = {}
        lines = []
        for path, value in changes.items():
            *parents, name = path.split(".")
            place: Any = values
            for parent in parents:
                place = place.get(parent) if isinstance(place, dict) else None
            if not isinstance(place, dict) or not parents:
                known = [s.path for s in settings_of(self)]
                lines.append(f"{path}: there is no such field{did_you_mean(path, known)}")
            else:
                place[name] = value
        try:
            changed = Experiment.make(values)
        except ExperimentError as error:
            raise ExperimentError(*lines, *error.lines) from None
        if lines:
            raise ExperimentError(*lines)
        return changed

    def why_not(self, path: str, value: Any) -> str | None:
        """The reason why `path` can't be `value` beside everything else as it is, or None where it can."""
        try:
            self.with_changes({path: value})
        except ExperimentError as error:
            return error.lines[0].partition(": ")[2]
        return None

    def applies(self, setting: Setting) -> bool:
        """Whether a field matters for this experiment; one that doesn't is kept and ignored."""
        return all(self.get(path) in values for path, values in (setting.applies_to or {}).items())

    def get(self, path: str) -> Any:
        """The value of a dotted field. ExperimentError where there is none."""
        place: Any = self
        for name in path.split("."):
            fields = place if isinstance(place, dict) else dict(place) if isinstance(place, Section) else {}
            if name not in fields:
                known = [s.path for s in settings_of(self)]
                raise ExperimentError(f"{path}: there is no such field{did_you_mean(path, known)}")
            place = fields[name]
        return place

    def differences(self, other: Experiment) -> dict[str, Any]:
        """What `other.with_changes(...)` needs to become this experiment: dotted path -> this one's value."""
        mine, theirs = _flat(self.to_dict()), _flat(other.to_dict())
        if self.data.source != other.data.source:  # a new source starts from its own options, so all are named
            theirs = {path: value for path, value in theirs.items() if not path.startswith("data.options.")}
        return {path: value for path, value in mine.items() if path not in theirs or theirs[path] != value}

    def to_dict(self) -> dict[str, Any]:
        """Nested plain values: what `make` takes."""
        values: dict[str, Any] = self.model_dump(mode="python")
        for name in ("inputs", "target"):
            values["data"][name] = list(values["data"][name])
        return values

    def to_json(self) -> str:
        """One JSON object."""
        return json.dumps({"version": VERSION, **self.to_dict()})

    def to_toml(self) -> str:
        """A TOML document. Fields that are empty (None) are left out, which reads back as the same."""
        values = {name: {k: v for k, v in part.items() if v is not None} for name, part in self.to_dict().items()}
        return tomli_w.dumps({"version": VERSION, **values})

    @classmethod
    def from_json(cls, text: str) -> Experiment:
        """The inverse of `to_json`. ExperimentError where it is no experiment."""
        try:
            values = json.loads(text)
        except json.JSONDecodeError as error:
            raise ExperimentError(f"this is not JSON: {error}") from None
        return cls.make(_unversioned(values))

    @classmethod
    def from_toml(cls, text: str) -> Experiment:
        """The inverse of `to_toml`. ExperimentError where it is no experiment."""
        try:
            values = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise ExperimentError(f"this is not TOML: {error}") from None
        return cls.make(_unversioned(values))


def _unversioned(values: Any) -> dict[str, Any]:
    if not isinstance(values, dict):
        raise ExperimentError("an experiment is a table with data, model and training")
    version = values.pop("version", VERSION)
    if version != VERSION:
        raise ExperimentError(f"version: {version!r} is not known here; this program reads version {VERSION}")
    return values


def settings_of(experiment: Experiment) -> tuple[Setting, ...]:
    """Every field of an experiment, its source's options included, in the order in which they are shown."""
    options = describe(SOURCES[experiment.data.source], "data.options")
    source, *rest = _SETTINGS
    return (source, *options, *(s for s in rest if s.path != "data.options"))


def _section(name: str, section: type[Section], content: dict[str, Any]) -> tuple[Section | None, list[str]]:
    """One section checked: itself, or the lines that say why not."""
    settings = describe(section, name)
    lines: list[str] = []
    for s in settings:
        key = s.path.partition(".")[2]
        if s.choices and key in content and content[key] not in {c.value for c in s.choices}:
            given = content.pop(key)
            near = did_you_mean(str(given), [c.value for c in s.choices])
            lines.append(f"{s.path}: {_shown(given)} is not allowed{near or '; ' + s.allowed}")
    source = SOURCES.get(str(content.get("source", section.model_fields["source"].default))) if name == "data" else None
    if source is not None and not any(line.startswith("data.source:") for line in lines):
        options = content.get("options") or {}
        try:
            content["options"] = source(**options).model_dump(mode="python")
        except ValidationError as error:
            lines += faults(error, describe(source, "data.options"), "data.options")
            content.pop("options")
        except TypeError:
            lines.append(f"data.options: {_shown(options)} is not allowed; use a table of options")
            content.pop("options")
    try:
        part = section(**content)
    except ValidationError as error:
        lines += faults(error, settings, name)
        hidden = content.get("hidden_size")
        if name == "model":
            lines = [_with_memory(line, hidden, content) for line in lines]
        return None, lines
    return (part, []) if not lines else (None, lines)


def _with_memory(line: str, hidden_size: Any, content: Mapping[str, Any]) -> str:
    """A refused hidden size, with the memory that it would have needed."""
    if not line.startswith("model.hidden_size:") or not str(hidden_size).isdigit() or int(hidden_size) < 1:
        return line
    gates = MODELS[str(content.get("architecture", ModelConfig().architecture))].traits["gates"]
    layers = content.get("num_layers", 1)
    weights = gates * 2 * int(hidden_size) ** 2 * (layers if isinstance(layers, int) and 1 <= layers <= 16 else 1)
    return f"{line}; it would need about {_bytes(16 * weights)} of memory"


def _bytes(number: float) -> str:
    for unit in ("bytes", "kB", "MB", "GB"):
        if number < 1000:
            return f"{number:.3g} {unit}"
        number /= 1000
    return f"{number:.3g} TB"


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _broken_rules(data: DataConfig, model: ModelConfig, training: TrainingConfig) -> list[str]:
    return [f"{rule.path}: {rule.reason}" for rule in RULES if rule.broken(data, model, training)]


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat
