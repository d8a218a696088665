"""Train every recipe in full and compare the results with their expected values.

    python benchmarks/check_recipes.py [RECIPE ...] [--markdown]

The `expect` list of a recipe and the table `EXPECTATIONS` below must hold for every seed. Recipes train two at a time,
on one thread each. Exit code 1 if an expectation is not met.
"""

from __future__ import annotations

import argparse
import math
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from seqcore.experiment.recipes import load_recipe, recipes
from seqcore.results import metric_named


@dataclass(frozen=True)
class Outcome:
    """Results of one recipe with one seed."""

    recipe: str
    seed: int
    seconds: float
    metrics: Mapping[str, float]
    baselines: Mapping[str, Mapping[str, float]]
    findings: tuple[str, ...]
    epochs: tuple[tuple[float, Mapping[str, float]], ...]  # seconds since the start, metrics
    answers: Mapping[str, Any] = field(default_factory=dict)
    changes: Mapping[str, Any] = field(default_factory=dict)  # dotted fields that differ from the recipe


@dataclass(frozen=True)
class Expectation:
    """A value computed from the outcomes of all seeds, with its limit."""

    recipe: str
    what: str
    value_of: Callable[[Sequence[Outcome]], float]
    at_most: float | None = None
    at_least: float | None = None
    changes: Mapping[str, Any] = field(default_factory=dict)

    def held(self, value: float) -> bool:
        """Whether the value is within its limit."""
        above = self.at_least is None or value >= self.at_least
        return math.isfinite(value) and above and (self.at_most is None or value <= self.at_most)


SEEDS = {
    "ramp-next-value": range(5),
    "ramp-next-value-lstm": range(5),
    "ramp-next-value-as-published": range(5),
    "ramp-next-value-lstm-as-published": range(5),
    "sine-to-cosine": range(5),
    "copy-twenty": range(3),
    "parity": range(3),
    "copy-memory-100": range(3),
    "selective-copying-minlstm": range(3),
}
INPUTS = {
    "ramp-next-value": "70, 80, 90",
    "ramp-next-value-lstm": "70, 80, 90",
    "ramp-next-value-as-published": "70, 80, 90",
    "ramp-next-value-lstm-as-published": "70, 80, 90",
    "tenths": "0.6",
    "next-letter": "a",
    "next-letter-of-four": "abcd",
}


def other_synthesizer_accuracy(predictor: Any) -> float:
    """Accuracy on vowels of another synthesizer."""
    from seqcore.data.audio import sound_table
    from seqcore.data.sources.vowels import VOWELS
    from tests.seqcore.data.sources.other_voices import FORMANTS, other_voices

    labels = list(VOWELS)[: predictor.experiment.data.options["vowels"]]
    known = {label.split(" /")[0]: label for label in labels}
    said = other_voices([name for name in FORMANTS if name in known], each=30)
    table = sound_table([sound for _, sound in said], labels=[known[name] for name, _ in said])
    return float(predictor.evaluate(table).metrics["accuracy"])


TRIALS = {"spoken-vowels": other_synthesizer_accuracy}


def answer(outcome: Outcome) -> float:
    """The predicted number for the input in `INPUTS`."""
    return float(outcome.answers["prediction"])


def largest(metric: str) -> Callable[[Sequence[Outcome]], float]:
    return lambda outcomes: max(outcome.metrics[metric] for outcome in outcomes)


def smallest(metric: str) -> Callable[[Sequence[Outcome]], float]:
    return lambda outcomes: min(outcome.metrics[metric] for outcome in outcomes)


def ratio_to(baseline: str, metric: str, worst: Callable[..., float]) -> Callable[[Sequence[Outcome]], float]:
    """The metric divided by that of a baseline, for the worst seed."""
    return lambda outcomes: worst(o.metrics[metric] / o.baselines[baseline][metric] for o in outcomes)


def largest_error(value: float) -> Callable[[Sequence[Outcome]], float]:
    return lambda outcomes: max(abs(answer(outcome) - value) for outcome in outcomes)


def linear_mae_ratio(outcomes: Sequence[Outcome]) -> float:
    return min(o.baselines["linear"]["val_mae"] / o.metrics["val_mae"] for o in outcomes)


def seconds_to_linear_mae_ratio(outcomes: Sequence[Outcome], times: float = 5.0) -> float:
    """Seconds until the MAE is `times` lower than that of linear regression on the window."""
    waits = []
    for outcome in outcomes:
        goal = outcome.baselines["linear"]["val_mae"] / times
        waits.append(next((s for s, metrics in outcome.epochs if metrics["val_mae"] <= goal), math.inf))
    return max(waits)


def median_last_20(outcomes: Sequence[Outcome]) -> float:
    return statistics.median(o.metrics["train_loss_last_20"] for o in outcomes)


def worst_accuracy(outcomes: Sequence[Outcome]) -> float:
    return min(value for o in outcomes for name, value in o.metrics.items() if name.endswith("_accuracy"))


def predicted_symbol(outcomes: Sequence[Outcome], symbol: str) -> float:
    return float(all(o.answers["prediction"] == symbol for o in outcomes))


def learned_the_mean(outcomes: Sequence[Outcome]) -> float:
    return float(all("learned-the-mean" in o.findings for o in outcomes))


_MEAN = [f"ramp-next-value{kind}-as-published" for kind in ("", "-lstm")]
EXPECTATIONS = [
    Expectation("bouncing-ball", "val MAE of linear regression / model", linear_mae_ratio, at_least=5.0),
    Expectation("bouncing-ball", "seconds until that ratio is 5", seconds_to_linear_mae_ratio, at_most=10.0),
    Expectation("ramp-next-value", "70, 80, 90 -> 100: absolute error", largest_error(100.0), at_most=0.5),
    Expectation("ramp-next-value-lstm", "70, 80, 90 -> 100: absolute error", largest_error(100.0), at_most=0.5),
    *(Expectation(name, "70, 80, 90 ->", lambda outcomes: max(map(answer, outcomes)), at_most=80.0) for name in _MEAN),
    *(Expectation(name, "finding learned-the-mean", learned_the_mean, at_least=1.0) for name in _MEAN),
    Expectation("sine-next-step", "val MSE", largest("val_mse"), at_most=5e-4),
    Expectation("sine-to-cosine", "loss of the last 20 steps, median", median_last_20, at_most=0.001),
    Expectation("sine-to-cosine", "loss of the last 20 steps, largest", largest("train_loss_last_20"), at_most=0.02),
    Expectation("next-letter", "accuracy", worst_accuracy, at_least=1.0),
    Expectation("next-letter", "a -> b", lambda outcomes: predicted_symbol(outcomes, "b"), at_least=1.0),
    Expectation("next-letter-of-four", "accuracy", worst_accuracy, at_least=1.0),
    Expectation("next-letter-of-four", "abcd -> e", lambda outcomes: predicted_symbol(outcomes, "e"), at_least=1.0),
    Expectation("tenths", "0.6 -> 0.7: absolute error", largest_error(0.7), at_most=0.01),
    Expectation("spoken-vowels", "accuracy on another synthesizer", lambda o: o[0].answers["trial"], at_least=0.9),
    Expectation("ramp-shift", "MAE", largest("val_mae"), at_most=0.1),
]


def train(name: str, seed: int, changes: Mapping[str, Any]) -> Outcome:
    """Train one recipe with one seed."""
    from seqcore.events import CheckpointReady, Epoch, Finding, Finished
    from seqcore.inference.predictor import Predictor
    from seqcore.results import SymbolsView
    from seqcore.training.fit import fit

    experiment = load_recipe(name).experiment.with_changes({"training.seed": seed, **changes})
    begin = time.perf_counter()
    content, findings, epochs, finished = b"", [], [], None
    for event in fit(experiment):
        if isinstance(event, CheckpointReady):
            content = event.content
        elif isinstance(event, Finding):
            findings.append(event.code)
        elif isinstance(event, Epoch):
            epochs.append((time.perf_counter() - begin, event.metrics))
        elif isinstance(event, Finished):
            finished = event
    seconds = time.perf_counter() - begin
    assert finished is not None
    answers: dict[str, Any] = {}
    if name in INPUTS:
        predictor = Predictor.from_checkpoint(content)
        view = predictor.predict(predictor.parse_input(INPUTS[name]))
        if isinstance(view, SymbolsView):
            answers["prediction"] = view.predictions[-1]
        else:
            answers["prediction"] = float(view.prediction[-1, 0])
    if name in TRIALS:
        answers["trial"] = TRIALS[name](Predictor.from_checkpoint(content))
    return Outcome(
        name, seed, seconds, finished.metrics, finished.baselines, tuple(findings), tuple(epochs), answers, changes
    )


def expectations_of(name: str) -> list[Expectation]:
    """Expectations for a recipe: those of the table and those of its file."""
    found = [expectation for expectation in EXPECTATIONS if expectation.recipe == name]
    for expect in load_recipe(name).expect:
        low, high, metric = expect.get("at_least"), expect.get("at_most"), expect["metric"]
        changes = expect.get("changes", {})
        what = ", ".join([metric, *(f"{path.rpartition('.')[2]} {value}" for path, value in changes.items())])
        value_of = smallest(metric) if high is None else largest(metric)
        if "of" in expect:
            value_of = ratio_to(expect["of"], metric, min if high is None else max)
            what += f" / {expect['of'].replace('_', ' ')}"
        found.append(Expectation(name, what, value_of, at_most=high, at_least=low, changes=changes))
    return found


def distinct_changes(changes: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Distinct sets of changes, the unchanged recipe first."""
    found: list[Mapping[str, Any]] = [{}]
    for wanted in changes:
        if wanted not in found:
            found.append(wanted)
    return found


def metric_and_best_baseline(outcome: Outcome) -> str:
    """The metric of the model on the last split, and of the best baseline."""
    for part in ("test", "val", "train"):
        for metric in ("bits_per_character", "bleu", "mae", "accuracy"):
            key = f"{part}_{metric}"
            if key not in outcome.metrics:
                continue
            scores = {
                name: found[key] for name, found in outcome.baselines.items() if math.isfinite(found.get(key, math.nan))
            }
            text = f"{key} {outcome.metrics[key]:.4g}"
            if not scores:
                return text
            best = (max if metric_named(metric).higher_is_better else min)(scores, key=lambda name: scores[name])
            return f"{text}; {best.replace('_', ' ')} {scores[best]:.4g}"
    return ""


def report(name: str, every: Sequence[Outcome]) -> tuple[tuple[str, ...], int]:
    """Print what came out of a recipe -> (its row of the table, how many expectations are not met)."""
    mine = [outcome for outcome in every if not outcome.changes]
    seconds = statistics.median(o.seconds for o in mine)
    seeds = ", ".join(str(o.seed) for o in mine)
    print(f"\n{name}: {metric_and_best_baseline(mine[0])}; {seconds:.1f} s; seeds {seeds}")
    figures, failures = [], 0
    for expectation in expectations_of(name):
        value = expectation.value_of([outcome for outcome in every if outcome.changes == expectation.changes])
        limit = (
            f"at most {expectation.at_most:g}"
            if expectation.at_most is not None
            else f"at least {expectation.at_least:g}"
        )
        held = expectation.held(value)
        failures += not held
        print(f"  {'ok    ' if held else 'FAILED'} {expectation.what} {value:.4g} ({limit})", flush=True)
        figures.append(f"{expectation.what} {value:.3g}")
    return (f"`{name}`", "; ".join(figures), metric_and_best_baseline(mine[0]), f"{seconds:.1f} s"), failures


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipes", nargs="*", help="recipes to train; all by default")
    parser.add_argument("--markdown", action="store_true", help="print the table of the README")
    args = parser.parse_args()
    names = args.recipes or [recipe.name for recipe in recipes()]
    asked = [
        (name, seed, changes)
        for name in names
        for changes in distinct_changes(expectation.changes for expectation in expectations_of(name))
        for seed in SEEDS.get(name, (0,))
    ]
    failed, rows = 0, []
    with ProcessPoolExecutor(max_workers=2) as pool:
        trained = pool.map(train, *zip(*asked, strict=True))  # in the order of `asked`, each as soon as it is there
        for name, group in groupby(zip(asked, trained, strict=True), key=lambda pair: pair[0][0]):
            every = [outcome for _, outcome in group]
            row, failures = report(name, every)
            rows.append(row)
            failed += failures
    if args.markdown:
        print("\n| recipe | measured | metric; best baseline | time |\n| --- | --- | --- | --- |")
        print("\n".join(f"| {' | '.join(row)} |" for row in rows))
    print(f"\n{len(asked)} runs, {failed} failed")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
