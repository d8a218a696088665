"""The training section of an experiment: optimizer, schedule, loss, regularization and hardware."""

from __future__ import annotations

from seqcore.experiment.fields import OptionalInt, Section, for_tasks, setting
from seqcore.registry import Entry

__all__ = ["TrainingConfig"]


class TrainingConfig(Section):
    """Optimizer, schedule, loss, regularization and hardware."""

    optimizer: str = setting(
        "adam", "Optimization algorithm.",
        choices=[
            ("sgd", "SGD", "Stochastic gradient descent, optionally with momentum."),
            ("adam", "Adam", "Adaptive moment estimation."),
            ("adamw", "AdamW", "Adam with decoupled weight decay."),
            ("rmsprop", "RMSprop", "Divides by a running average of gradient magnitudes."),
            ("nadam", "NAdam", "Adam with Nesterov momentum."),
            ("adagrad", "Adagrad", "Divides by the accumulated gradient magnitudes."),
        ],
        basic=True,
    )  # fmt: skip
    learning_rate: float = setting(
        0.01, "Learning rate of the optimizer.", above=0.0, maximum=100.0, basic=True, logarithmic=True, live=True
    )
    momentum: float = setting(
        0.0, "Momentum factor.", minimum=0.0, maximum=0.9999, applies_to={"training.optimizer": ("sgd", "rmsprop")}
    )
    nesterov: bool = setting(False, "Use Nesterov momentum.", applies_to={"training.optimizer": ("sgd",)})
    weight_decay: float = setting(
        0.0, "Weight decay coefficient: L2 penalty, decoupled in AdamW.", minimum=0.0, maximum=10.0, live=True
    )
    schedule: str = setting(
        "constant", "Learning rate schedule.",
        choices=[
            ("constant", "Constant", "No change."),
            ("cosine", "Cosine", "Cosine decay to 1% of the learning rate."),
            ("step", "Step", "Multiply by a factor every few epochs."),
            ("plateau", "Plateau", "Multiply by a factor when the validation loss stops improving."),
            ("one-cycle", "One-cycle", "Warm up, then anneal, in one cycle."),
        ],
    )  # fmt: skip
    schedule_factor: float = setting(
        0.5, "Factor by which the learning rate is multiplied.", above=0.0, maximum=1.0,
        applies_to={"training.schedule": ("step", "plateau")},
    )  # fmt: skip
    schedule_epochs: int = setting(
        10, "Epochs between steps, or epochs without improvement (plateau).", minimum=1, maximum=100_000, unit="epochs",
        applies_to={"training.schedule": ("step", "plateau")},
    )  # fmt: skip
    loss: str = setting(
        "auto", "Loss function.",
        choices=[
            ("auto", "Automatic", "MSE for regression, cross-entropy for the other tasks."),
            ("mse", "MSE", "Mean squared error."),
            ("mae", "MAE", "Mean absolute error: robust to outliers."),
            ("huber", "Huber", "Squared for errors up to 1, linear beyond."),
            ("cross_entropy", "Cross-entropy", "Negative log-likelihood of the target."),
        ],
    )  # fmt: skip
    class_weights: str = setting(
        "none", "Class weights of the loss; metrics stay unweighted.",
        choices=[
            ("none", "None", "Every sequence has the same weight."),
            ("balanced", "Balanced",
             "Weights inversely proportional to class frequencies in the training split; predicted probabilities "
             "then assume equally frequent classes."),
        ],
        applies_to=for_tasks("classification"),
    )  # fmt: skip
    batch_size: int = setting(
        32,
        "Number of windows or sequences in one training step. A change during a run divides the windows left in the "
        "epoch anew; in stateful training and for sequences of different lengths it waits for the next epoch.",
        minimum=1, maximum=65_536, basic=True, live=True,
    )  # fmt: skip
    epochs: int = setting(
        30, "Number of passes over the training split.", minimum=1, maximum=100_000, basic=True, live=True
    )
    clip_norm: float = setting(
        1.0, "Gradient clipping norm; 0 disables clipping.", minimum=0.0, maximum=1e6, title="Gradient clipping norm",
        live=True,
    )  # fmt: skip
    patience: int = setting(
        0, "Early stopping patience, in epochs without a lower validation loss; 0 disables early stopping.", minimum=0,
        maximum=100_000, unit="epochs", title="Early stopping patience", live=True,
    )  # fmt: skip
    shuffle: bool = setting(True, "Shuffle the training windows in each epoch.")
    stateful: bool = setting(
        False, "Carry the hidden state from each window to the next (truncated backpropagation through time)."
    )
    teacher_forcing: float = setting(
        1.0, "Probability that the decoder receives the true previous word instead of its own prediction.", minimum=0.0,
        maximum=1.0, applies_to=for_tasks("translation"), live=True,
    )  # fmt: skip
    teacher_forcing_end: float = setting(
        1.0, "Teacher forcing probability at the end of training.", minimum=0.0, maximum=1.0,
        applies_to=for_tasks("translation") | {"training.forcing_schedule": ("linear", "inverse-sigmoid")}, live=True,
    )  # fmt: skip
    forcing_schedule: str = setting(
        "constant", "Schedule of the teacher forcing probability.",
        choices=[
            ("constant", "Constant", "No change."),
            ("linear", "Linear", "Linear from start to end."),
            ("inverse-sigmoid", "Inverse sigmoid", "Inverse sigmoid decay (Bengio et al. 2015)."),
        ],
        applies_to=for_tasks("translation"),
    )  # fmt: skip
    input_noise: float = setting(
        0.0,
        "Standard deviation of Gaussian noise that is added to the scaled inputs in training, new at each step (Bishop "
        "1995): reduces overfitting.",
        minimum=0.0, maximum=10.0, applies_to=for_tasks("regression", "classification"), numbers=True, live=True,
    )  # fmt: skip
    augment: str = setting(
        "none", "Random augmentation of the training split.",
        choices=[
            ("none", "None", "No augmentation."),
            ("voice", "Voice", "Random equalization, spectral tilt, band limits and noise of log-mel frames."),
        ],
        applies_to=for_tasks("classification"),
    )  # fmt: skip
    interval_coverage: float = setting(
        0.0,
        "Nominal coverage of the prediction intervals, such as 0.9; 0 disables them. Trains six additional models.",
        minimum=0.0, maximum=0.99, applies_to=for_tasks("regression"), title="Interval coverage", basic=True,
    )  # fmt: skip
    seed: int = setting(
        0, "Random seed; the same seed gives the same run, bit for bit, on the same machine.", minimum=0,
        maximum=2**31 - 1,
    )  # fmt: skip
    replicas: int = setting(
        1, "Number of models trained together as one, each with its own seed (random seed, then the next ones): "
        "curves and scores get a band over seeds, and predictions are their mean.",
        minimum=1, maximum=64, title="Seeds trained together", basic=True,
    )  # fmt: skip
    device: str = setting(
        "auto", "Compute device: auto, cpu, cuda, cuda:1, mps.",
        dynamic_choices=Entry("Devices", "Compute devices of this machine.", "seqcore.training.devices:choices"),
        basic=True,
    )  # fmt: skip
    precision: str = setting(
        "float32", "Precision of the training steps; weights, losses and scores are always float32.",
        choices=[
            ("float32", "float32", "32 bits throughout."),
            ("bf16", "bf16", "Products in bfloat16: for large models, on GPUs and on CPUs that have it."),
            ("fp16", "fp16", "Products in float16 with loss scaling: for large models, on NVIDIA GPUs only."),
        ],
    )  # fmt: skip
    threads: OptionalInt = setting(
        None, "Number of CPU threads. Empty: as many as the model keeps busy, 1 for small models.", minimum=1,
        maximum=256,
    )  # fmt: skip
    snapshots: bool = setting(
        True, "Keep the training state at step 0 and at ten steps per decade, for the Inspect page and for forks; up "
        "to 256 MB for one run.",
        title="Keep snapshots",
    )  # fmt: skip
