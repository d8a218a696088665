"""The section of an experiment that says how the weights are found."""

from __future__ import annotations

from seqcore.experiment.fields import OptionalInt, Section, setting
from seqcore.registry import Entry

__all__ = ["TrainingConfig"]


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
        basic=True,
    )
    learning_rate: float = setting(0.01, "Size of a step.", above=0.0, maximum=100.0, basic=True, logarithmic=True)
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
            ("auto", "Automatic", "MSE for values, cross-entropy for symbols, classes and words."),
            ("mse", "MSE", "Mean squared error."),
            ("mae", "MAE", "Mean absolute error: forgives outliers."),
            ("huber", "Huber", "Squared near 0, absolute beyond 1."),
            ("cross_entropy", "Cross-entropy", "Minus the logarithm of the probability of what came."),
        ],
    )
    class_weights: str = setting(
        "none",
        "How much a sequence's class counts in the loss; scores count each sequence as it is.",
        choices=[
            ("none", "None", "Every sequence counts the same, so that frequent classes count most."),
            (
                "balanced",
                "Balanced",
                "Every class counts the same in all, by its share of the training part: for rare classes. Answers are "
                "then as if all classes were equally frequent.",
            ),
        ],
        applies_to={"data.task": ("classification",)},
    )
    batch_size: int = setting(32, "Windows in one step.", minimum=1, maximum=65_536, basic=True)
    epochs: int = setting(30, "Times that training goes through its data.", minimum=1, maximum=100_000, basic=True)
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
    stateful: bool = setting(
        False, "Hand the hidden state on from each window to the one that follows it (truncated back-propagation)."
    )
    teacher_forcing: float = setting(
        1.0,
        "How often a decoder is given the true word before, and not its own.",
        minimum=0.0,
        maximum=1.0,
        applies_to={"data.task": ("translation",)},
    )
    teacher_forcing_end: float = setting(
        1.0,
        "The same at the end of the run; it changes along the schedule.",
        minimum=0.0,
        maximum=1.0,
        applies_to={"data.task": ("translation",), "training.forcing_schedule": ("linear", "inverse-sigmoid")},
    )
    forcing_schedule: str = setting(
        "constant",
        "How teacher forcing goes from its start to its end.",
        choices=[
            ("constant", "Constant", "It stays at its start."),
            ("linear", "Linear", "In a straight line."),
            ("inverse-sigmoid", "Inverse sigmoid", "Slowly, fast, slowly (Bengio et al. 2015)."),
        ],
        applies_to={"data.task": ("translation",)},
    )
    augment: str = setting(
        "none",
        "What is varied at random in the training part, so that a model learns what doesn't matter.",
        choices=[
            ("none", "Nothing", "The data as they are."),
            ("voice", "Voice", "Equalising, tilt, band limits and noise, for log-mel frames of sound."),
        ],
        applies_to={"data.task": ("classification",)},
    )
    interval_coverage: float = setting(
        0.0,
        "Promised coverage of prediction intervals, as 0.9; 0 makes none. Six more models are trained for them.",
        minimum=0.0,
        maximum=0.99,
        applies_to={"data.task": ("regression",)},
        title="Interval coverage",
        basic=True,
    )
    seed: int = setting(
        0, "The same seed on the same machine gives the same run, bit for bit.", minimum=0, maximum=2**31 - 1
    )
    device: str = setting(
        "auto",
        "Where to compute: auto, cpu, cuda, cuda:1, mps.",
        dynamic_choices=Entry("Devices", "What this machine can compute on.", "seqcore.training.devices:choices"),
    )
    threads: OptionalInt = setting(
        None, "Threads that a step uses. Empty: one, which is fastest for small models.", minimum=1, maximum=256
    )
