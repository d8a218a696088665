"""Runs of a store compared: entries, curves over every axis, missing and unfinished runs, and tests over seeds."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import pytest

from seqcore.errors import ExperimentError, NotFoundError, SeqcoreError, StoreError
from seqcore.events import Changed, Epoch, Finished, Started, Steps
from seqcore.experiment.experiment import Experiment
from seqcore.experiment.recipes import load_recipe
from seqcore.results import metric_named
from seqcore.runs.best_baseline import best_baseline, best_baseline_text
from seqcore.runs.comparison import (
    Comparison,
    compare,
    curves_view,
    read_curves,
    seed_scores,
    seed_tests,
    shared_split,
    tradeoff_view,
)
from seqcore.runs.races import FAIRNESS, fairness, is_race, new_group, race_experiments, seed_experiments
from seqcore.runs.store import Store

BASE = Experiment.make()
Begin = Callable[..., Started]


def finished_run(
    store: Store,
    started: Begin,
    *,
    score: float = 0.1,
    epochs: int = 3,
    seconds: float = 2.0,
    group: str | None = None,
    end: bool = True,
    **changes: object,
) -> str:
    """A run of some epochs of four steps each, whose validation MAE falls to `score`."""
    experiment = BASE.with_changes({path.replace("__", "."): value for path, value in changes.items()})
    lease = store.start(experiment, group=group)
    count = experiment.training.replicas
    store.append(lease, [started(steps_per_epoch=4, split_sizes={"train": 40, "val": 8}, replicas=count)])
    for n in range(epochs):
        loss = np.full(4, 0.5 / (n + 1)) if count == 1 else np.full((4, count), 0.5 / (n + 1))
        mae = score * (epochs - n)
        metrics = {"val_loss": mae / 2, "val_mae": mae}
        each = {name: [value + 0.01 * k for k in range(count)] for name, value in metrics.items()} if count > 1 else {}
        store.append(
            lease,
            [Steps(4 * n + 1, loss, loss, np.full(4, 0.1)), Epoch(n + 1, 4 * n + 4, metrics, seconds, True, each)],
        )
    if end:
        metrics = {"val_mae": score, "test_mae": 2 * score}
        each = {name: [value + 0.001 * k for k in range(count)] for name, value in metrics.items()} if count > 1 else {}
        store.append(
            lease, [Finished("completed", "", epochs, 4 * epochs, 1.0, metrics, metrics, {}, epochs, replicas=each)]
        )
    lease.release()
    return lease.run


def view_of(store: Store, comparison: Comparison, **options: str):
    return curves_view(comparison.sets[0], partial(read_curves, store), **options)


def test_entries_are_called_by_what_differs_and_curves_have_every_axis(store: Store, started: Begin) -> None:
    runs = [finished_run(store, started, model__architecture=name, score=s) for name, s in (("gru", 0.1), ("rnn", 0.3))]
    found = compare(store, [runs[0], runs[1][:12]])
    assert [entry.title for entry in found.entries] == ["GRU", "RNN"]
    assert [d.path for d in found.differences] == ["model.architecture"]
    assert found.warning == ""
    positions = {"step": [4, 8, 12], "epoch": [1, 2, 3], "examples": [40, 80, 120], "seconds": [2, 4, 6]}
    for axis, expected in positions.items():
        view = view_of(store, found, by=axis)
        assert view.curves[0].x.tolist() == expected
        assert view.curves[1].y == pytest.approx([0.9, 0.6, 0.3])
        assert ("interpolated" in view.caption) == (axis != "step")
    loss = view_of(store, found, what="loss", by="epoch")
    assert loss.curves[0].x.tolist() == [n / 4 for n in range(1, 13)]
    with pytest.raises(SeqcoreError, match="axis"):
        view_of(store, found, by="steps")


def test_runs_that_differ_in_their_seed_are_one_entry_with_a_band(store: Store, started: Begin) -> None:
    for seed, score in ((0, 0.1), (1, 0.2), (2, 0.6)):
        finished_run(store, started, group="many", score=score, training__seed=seed)
    found = compare(store, groups=["many"])
    [entry] = found.entries
    assert entry.seeds == 3
    [curve] = view_of(store, found).curves
    assert curve.y == pytest.approx([0.6, 0.4, 0.2])
    assert curve.low is not None
    assert curve.high is not None
    assert (curve.low[-1], curve.high[-1]) == (0.1, 0.6)
    assert seed_scores(store, entry, "test") == {0: 0.2, 1: 0.4, 2: 1.2}


def test_replicas_have_their_band_and_their_scores_by_seed(store: Store, started: Begin) -> None:
    run = finished_run(store, started, training__replicas=3, training__seed=5)
    found = compare(store, [run])
    [curve] = view_of(store, found).curves
    assert curve.seeds == 3
    assert curve.high is not None
    assert curve.high == pytest.approx([0.32, 0.22, 0.12])
    assert curve.y == pytest.approx([0.31, 0.21, 0.11])
    assert seed_scores(store, found.entries[0], "val") == pytest.approx({5: 0.1, 6: 0.101, 7: 0.102})


def test_the_same_seed_twice_is_two_entries(store: Store, started: Begin) -> None:
    runs = [finished_run(store, started) for _ in range(2)]
    found = compare(store, runs)
    assert len(found.entries) == 2
    assert found.entries[0].title != found.entries[1].title
    assert found.differences == ()


def test_runs_of_different_data_are_separate_sets_and_said_to_be(store: Store, started: Begin) -> None:
    runs = [finished_run(store, started, data__horizon=h) for h in (1, 2)]
    found = compare(store, runs)
    assert [[entry.place for entry in entries] for entries in found.sets] == [[0], [1]]
    assert "data.horizon" in found.warning
    assert "must not be ranked" in found.warning


def test_what_is_missing_queued_or_without_scores_is_said_and_the_rest_is_compared(
    store: Store, started: Begin
) -> None:
    run, gone = (finished_run(store, started, model__hidden_size=size) for size in (4, 5))
    queued = store.submit(BASE).id
    store.delete(gone)
    found = compare(store, [run, gone, queued], groups=["nowhere"])
    assert [entry.runs[0].id for entry in found.entries] == [run, queued]
    assert len(found.missing) == 2
    assert gone in found.missing[0]
    assert "nowhere" in found.missing[1]
    assert [curve.place for curve in view_of(store, found).curves] == [0]
    with pytest.raises(NotFoundError, match=gone):
        compare(store, [gone])
    with pytest.raises(NotFoundError, match="no runs"):
        compare(store)


def test_new_epochs_are_added_to_what_is_known(store: Store, started: Begin) -> None:
    lease = store.start(BASE)
    store.append(lease, [started(steps_per_epoch=4), Epoch(1, 4, {"val_loss": 0.5, "val_mae": 0.3}, 1.0)])
    first = read_curves(store, lease.run)
    assert read_curves(store, lease.run, first) is first
    store.append(lease, [Epoch(2, 8, {"val_loss": 0.4, "val_mae": 0.2}, 3.0)])
    second = read_curves(store, lease.run, first)
    assert second.epochs.values["val_mae"].tolist() == [0.3, 0.2]
    assert second.progress.seconds.tolist() == [1.0, 4.0]
    # A resumed attempt repeats the second epoch: it counts once, as it was reported last.
    store.append(lease, [Epoch(2, 8, {"val_loss": 0.4, "val_mae": 0.25}, 2.0)])
    third = read_curves(store, lease.run, second)
    assert third.epochs.values["val_mae"].tolist() == [0.3, 0.25]
    assert third.progress.seconds.tolist() == [1.0, 3.0]
    lease.release()


def test_changes_in_mid_run_are_a_difference(store: Store, started: Begin) -> None:
    plain = finished_run(store, started)
    lease = store.start(BASE.with_changes({"training.seed": 1}))
    store.append(lease, [started(), Changed(3, {"training.learning_rate": 0.5})])
    lease.release()
    found = {d.path: d.texts for d in compare(store, [plain, lease.run]).differences}
    assert found == {}  # one entry: the experiments differ in the seed alone
    other = finished_run(store, started, model__hidden_size=5)
    found = {d.path: d.texts for d in compare(store, [other, lease.run]).differences}
    assert found["changes"] == ("–", "learning_rate 0.5 after step 3")


def test_two_experiments_are_tested_over_their_common_seeds(store: Store, started: Begin) -> None:
    for seed in range(6):
        for name, score in (("gru", 0.1), ("rnn", 0.2)):
            finished_run(store, started, group="seeds", model__architecture=name, training__seed=seed, score=score)
    found = compare(store, groups=["seeds"])
    [test] = seed_tests(store, found.sets[0])
    assert (test.p, test.better, test.split, len(test.seeds)) == (2 / 64, "GRU", "test", 6)
    assert seed_tests(store, compare(store, [run.id for run in store.group("seeds")[:2]]).sets[0]) == []


def test_scores_against_time_and_parameters(store: Store, started: Begin) -> None:
    runs = [finished_run(store, started, model__architecture=n, score=s) for n, s in (("gru", 0.1), ("rnn", 0.3))]
    entries = compare(store, runs).sets[0]
    assert shared_split(entries) == "test"
    view = tradeoff_view(entries, store, cost="parameters")
    assert [(p.name, p.x, p.y) for p in view.points] == [("GRU", 417.0, 0.2), ("RNN", 417.0, 0.6)]
    assert tradeoff_view(entries, store, cost="seconds").x_title == "training time (s)"


class TestRaces:
    def test_competitors_have_one_thread_and_differ_in_what_is_raced(self) -> None:
        made = race_experiments(BASE, {"model.architecture": ["rnn", "lstm", "gru", "mingru"]})
        assert [one.model.architecture for one in made] == ["rnn", "lstm", "gru", "mingru"]
        assert {one.training.threads for one in made} == {1}
        assert {one.training.seed for one in made} == {BASE.training.seed}
        grid = race_experiments(BASE, {"training.optimizer": ["adam", "sgd"], "training.learning_rate": [0.1, 0.01]})
        assert len(grid) == 4

    @pytest.mark.parametrize(
        ("over", "words"),
        [
            ({}, "needs a field"),
            ({"model.architecture": ["rnn"]}, "at least two competitors"),
            ({"model.architecture": ["rnn", "rnn"]}, "at least two competitors"),
            ({"model.architecture": ["rnn", "nonsense"]}, "nonsense"),
            ({"training.learning_rate": [1.0 + n for n in range(9)]}, "at most 8"),
            ({"training.learning_rate": [1.0 + n for n in range(99)]}, "too many"),
            ({"training.seed": [0, 1]}, "training.seed can't differ, because a race has the same seed"),
            ({"training.replicas": [1, 3], "model.architecture": ["rnn"]}, "training.replicas can't differ"),
            ({"data.window": [5, 10], "data.scaling": ["minmax", "none"]}, "over: data.window can't differ"),
        ],
    )
    def test_what_is_no_race_is_refused_with_the_reason(self, over: dict[str, list[object]], words: str) -> None:
        with pytest.raises(ExperimentError, match=words):
            race_experiments(BASE, over)

    def test_the_text_on_fairness_promises_nothing_that_is_raced(self) -> None:
        assert "seed, order of windows, epochs and batch size." in FAIRNESS
        assert "with one thread" in FAIRNESS
        other = fairness(["training.epochs", "training.threads"])
        assert "seed, order of windows and batch size." in other
        assert "thread" not in other

    def test_seeds_are_replicas_where_the_task_has_them_and_separate_runs_elsewhere(self) -> None:
        [one] = seed_experiments(BASE, 6)
        assert one.training.replicas == 6
        translation = load_recipe("english-french").experiment
        several = seed_experiments(translation, 3)
        assert [each.training.seed - translation.training.seed for each in several] == [0, 1, 2]
        assert {each.training.replicas for each in several} == {1}
        with pytest.raises(ExperimentError, match="2 to 64"):
            seed_experiments(BASE, 1)

    def test_runs_submitted_together_are_one_entry_of_the_queue(self, store: Store) -> None:
        before = store.submit(BASE, group="g")
        race = store.submit_together(race_experiments(BASE, {"model.architecture": ["rnn", "gru"]}), group="r")
        after = store.submit(BASE, group="g")
        assert store.queued_together() == [[before.id], [run.id for run in race], [after.id]]
        assert is_race(store.group("r"))
        assert not is_race(store.group("g"))
        with pytest.raises(StoreError, match="already"):
            store.submit_together([BASE, BASE], group="r")
        with pytest.raises(StoreError, match="2 to 8"):
            store.submit_together([BASE], group=new_group("race"))
        assert len(store.runs()) == 4


def test_the_best_baseline_is_the_best_that_is_stored_with_any_run(store: Store, started: Begin) -> None:
    runs = []
    for metric, values in (("mae", (0.3, 0.2)), ("mae", (0.3, 0.25)), ("accuracy", (0.3, 0.9))):
        baselines = dict(zip(("last_value", "linear"), ({f"test_{metric}": v} for v in values), strict=True))
        lease = store.start(BASE)
        store.append(lease, [started(metric=metric, baselines=baselines)])
        lease.release()
        runs.append(store.run(lease.run))
    best = best_baseline(runs[:2], "test")
    assert best is not None
    assert best_baseline_text(best, metric_named("mae"))[1] == "0.2"
    shares = best_baseline(runs[2:], "test")
    assert shares is not None
    assert best_baseline_text(shares, metric_named("accuracy"))[1] == "90"
    assert best_baseline(runs, "val") is None
    assert best_baseline(runs, None) is None
