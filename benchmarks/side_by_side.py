"""The same models trained by this project, plain PyTorch, skorch, Lightning, darts and Keras, in turn.

Each framework has a process with one thread. In each round every process trains the same number of steps, one after the
other, the order rotated; the ratio is taken within the round. All start from the same weights and have seen the same
data equally often, so that the losses beside the times are comparable.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median

import torch

from benchmarks.frameworks.case import Case
from benchmarks.frameworks.process import Epochs, Failed, FrameworkProcess, python_of
from benchmarks.measurement import Row, ratios
from benchmarks.options import Options
from benchmarks.process import busy_processes

__all__ = ["CASES", "TITLES", "measure", "measure_beside_busy", "measure_gpu"]

TITLES = {
    "pytorch": "plain PyTorch loop",
    "seqcore": "this project",
    "seqcore-epoch": "this project, whole epoch with validation",
    "skorch": "skorch",
    "lightning": "Lightning",
    "darts": "darts",
    "keras-tensorflow": "Keras on TensorFlow",
    "keras-torch": "Keras on torch",
}
OURS, PLAIN, WHOLE = "seqcore", "pytorch", "seqcore-epoch"
OTHERS = ("skorch", "lightning", "darts", "keras-tensorflow", "keras-torch")
ARCHITECTURES = ("rnn", "lstm", "gru")
ARTICLES = [Case(name, *sizes) for sizes in ((6, 3, 32, 200), (32, 50, 50, 60)) for name in ARCHITECTURES]
LARGER = [Case(name, 32, 50, hidden, steps) for hidden, steps in ((128, 30), (256, 16)) for name in ARCHITECTURES]
CASES = [*ARTICLES, *LARGER]
EPOCH_CASES = [Case(name, *sizes) for sizes in ((6, 3, 32, 25), (32, 50, 50, 25)) for name in ARCHITECTURES]
EPOCHS_A_ROUND = {
    6: 48,
    32: 10,
}  # batch size -> epochs of 25 steps at a time, so that checkpoints are as rare as in a run

STEP_LIMITS = {"rnn": 0.5, "gru": 0.5, "lstm": 0.8}
LARGER_LIMITS = {"rnn": 0.8, "lstm": 1.0, "gru": 0.6}
EPOCH_LIMITS = {"rnn": 0.6, "lstm": 0.9, "gru": 0.6}
GPU_LIMIT = 0.4
OTHERS_LIMIT, OTHERS_LIMITED = 0.4, ("lightning", "darts", "keras-tensorflow")


@dataclass
class Measured:
    """What the frameworks did in the rounds of one case; a failure takes the place of rounds."""

    case: Case
    rounds: dict[str, list[Epochs]] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)

    def seconds(self, name: str) -> list[float]:
        """A step, in each round."""
        return [found.seconds / found.steps for found in self.rounds[name]]

    def cpu(self, name: str) -> list[float]:
        """CPU time of a step, in each round."""
        return [found.cpu / found.steps for found in self.rounds[name]]


class Field:
    """The processes of the frameworks that take part. `failures`: those that can't, with the reason."""

    def __init__(self, names: Sequence[str], folder: Path, *, gpu: bool = False) -> None:
        self.folder, self.failures = folder, dict[str, str]()
        self.processes: dict[str, FrameworkProcess] = {}
        for name in names:
            python = python_of(name)
            if python is None:
                self.failures[name] = "not installed: .venv-benchmark is missing; `make benchmark` creates it"
            else:
                self.processes[name] = FrameworkProcess(name, python, folder / f"{name}.log", gpu=gpu)
        for name in list(self.processes):
            self._attempt(name, self.processes[name].wait)

    @property
    def versions(self) -> dict[str, str]:
        """Distribution -> version."""
        return {package: found for p in self.processes.values() for package, found in p.versions.items()}

    def train(self, case: Case, rounds: int, names: Sequence[str], epochs: int = 1) -> Measured:
        """Rounds of the frameworks named; the first one, a warm-up, is left out."""
        measured = Measured(case, failures={name: self.failures[name] for name in names if name in self.failures})
        weights = self.folder / f"{case.architecture}-{case.hidden_size}.npz"
        active = []
        for name in [name for name in names if name in self.processes]:
            process = self.processes[name]
            if self._attempt(name, lambda process=process: process.prepare(case, weights), measured):
                active.append(name)
                measured.rounds[name] = []
        for number in range(rounds + 1):
            shift = number % max(1, len(active))
            for name in active[shift:] + active[:shift]:
                if name in measured.failures:
                    continue
                try:
                    found = self.processes[name].train(epochs)
                except Failed as failure:
                    measured.failures[name] = str(failure)
                    measured.rounds.pop(name)
                    continue
                if number:
                    measured.rounds[name].append(found)
        for name in list(measured.rounds):
            self._attempt(name, self.processes[name].finish)
        return measured

    def close(self) -> None:
        """End the processes."""
        for process in self.processes.values():
            process.close()

    def _attempt(self, name: str, act: Callable[[], None], measured: Measured | None = None) -> bool:
        """Do something with a process. A failure is kept, for this case or for all."""
        try:
            act()
        except Failed as failure:
            if measured is not None:
                measured.failures[name] = str(failure)
            if measured is None or not self.processes[name].alive:
                self.failures[name] = str(failure)
                self.processes.pop(name).close()
            return False
        return True


@contextmanager
def field_of(names: Sequence[str], *, gpu: bool = False) -> Iterator[Field]:
    """The processes, ended at exit."""
    with tempfile.TemporaryDirectory(prefix="sequence-lab-benchmark-") as folder:
        taking_part = Field(names, Path(folder), gpu=gpu)
        try:
            yield taking_part
        finally:
            taking_part.close()


def measure(options: Options) -> None:
    """Steps of all frameworks at all sizes, and whole epochs of this project beside the plain loop's."""
    cases = [CASES[0], CASES[3]] if options.quick else CASES
    with field_of((OURS, PLAIN, WHOLE, *OTHERS)) as frameworks:
        options.versions.update(frameworks.versions)
        for case in cases:
            measured = frameworks.train(case, options.rounds, (OURS, PLAIN, *OTHERS))
            options.add(*step_rows(measured), *step_comparisons(measured))
        for case in EPOCH_CASES[3:4] if options.quick else EPOCH_CASES:
            measured = frameworks.train(case, options.rounds, (WHOLE, PLAIN), EPOCHS_A_ROUND[case.batch_size])
            limit = EPOCH_LIMITS[case.architecture]
            options.add(comparison(measured, WHOLE, PLAIN, requirement="epoch", limit=limit))


def measure_beside_busy(options: Options) -> None:
    """Steps of all frameworks while each core has a busy process beside the one that trains."""
    with field_of((OURS, PLAIN, *OTHERS)) as frameworks, busy_processes(options.cores):
        options.versions.update(frameworks.versions)
        for case in ARTICLES[3:4] if options.quick else ARTICLES[3:]:
            measured = frameworks.train(case, options.at_most(5), (OURS, PLAIN, *OTHERS))
            options.add(*step_rows(measured, where=", beside a busy process on each core"))


def measure_gpu(options: Options) -> None:
    """Steps of this project and of the plain loop, which runs on cuDNN, on a GPU."""
    cases = [replace(case, device="cuda") for case in (ARTICLES[3:4] if options.quick else ARTICLES)]
    if not torch.cuda.is_available():
        what = "small models on a GPU: this project / plain PyTorch loop"
        options.add(Row(what, requirement="gpu", limit=GPU_LIMIT, skipped="no GPU on this machine"))
        return
    options.versions["GPU"] = torch.cuda.get_device_name()
    with field_of((OURS, PLAIN), gpu=True) as frameworks:
        options.versions.update(frameworks.versions)
        for case in cases:
            measured = frameworks.train(case, options.rounds, (OURS, PLAIN))
            options.add(comparison(measured, OURS, PLAIN, requirement="gpu", limit=GPU_LIMIT))


def step_rows(measured: Measured, where: str = "") -> list[Row]:
    """One row for each framework: its step relative to the plain loop's."""
    rows, group = [], f"Steps: {measured.case.title}{where}"
    taking_part = {*measured.rounds, *measured.failures}
    for name in [name for name in (PLAIN, OURS, *OTHERS) if name in taking_part]:
        reason = measured.failures.get(name) or measured.failures.get(PLAIN, "")
        if reason:
            rows.append(Row(TITLES[name], group=group, skipped=reason))
        else:
            rows.append(Row(TITLES[name], against(measured, name, PLAIN), group, facts=facts(measured, name)))
    return rows


def step_comparisons(measured: Measured) -> list[Row]:
    """A step of this project relative to the others', with the limits where there are any."""
    case = measured.case
    if case not in ARTICLES:
        return [comparison(measured, OURS, PLAIN, requirement="larger-step", limit=LARGER_LIMITS[case.architecture])]
    requirement = "lstm-step" if case.architecture == "lstm" else "rnn-gru-step"
    limit = STEP_LIMITS[case.architecture]
    return [
        comparison(measured, OURS, PLAIN, requirement=requirement, limit=limit),
        *(comparison(measured, OURS, name, requirement="frameworks", limit=OTHERS_LIMIT) for name in OTHERS_LIMITED),
    ]


def comparison(measured: Measured, mine: str, theirs: str, *, requirement: str, limit: float) -> Row:
    """The ratio of the times of two frameworks."""
    name = f"{measured.case.title}: {TITLES[mine]} / {TITLES[theirs]}"
    for one in (mine, theirs):
        if one in measured.failures:
            return Row(name, requirement=requirement, limit=limit, skipped=f"{TITLES[one]}: {measured.failures[one]}")
    more = facts(measured, mine) | {"CPU ratio": median(ratios(measured.cpu(mine), measured.cpu(theirs)))}
    return Row(name, against(measured, mine, theirs), requirement=requirement, limit=limit, facts=more)


def against(measured: Measured, mine: str, theirs: str) -> tuple[float, ...]:
    """The ratio of the times of a step, in each round."""
    return ratios(measured.seconds(mine), measured.seconds(theirs))


def facts(measured: Measured, name: str) -> dict[str, float]:
    """What stands beside the ratio."""
    last = measured.rounds[name][-1]
    return {
        "µs a step": 1e6 * median(measured.seconds(name)),
        "CPU µs a step": 1e6 * median(measured.cpu(name)),
        "CPU ratio": median(ratios(measured.cpu(name), measured.cpu(PLAIN))),
        "steps": last.steps * (len(measured.rounds[name]) + 1),
        "loss": last.loss,
        "MB": last.memory,
    }
