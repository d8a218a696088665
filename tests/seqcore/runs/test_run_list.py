"""Lists of runs: filters and orders of the database are those of Python, on random stores, old and damaged ones."""

from __future__ import annotations

import json
import math
import random
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from benchmarks.large_store import one_commit
from seqcore.errors import CorruptError, StoreError
from seqcore.events import Epoch, Started
from seqcore.experiment.experiment import Experiment
from seqcore.experiment.recipes import recipes
from seqcore.results.scores import scores_info
from seqcore.runs import reading, run_list, schema
from seqcore.runs.labels import SCORED, network, skill, title
from seqcore.runs.lifecycle import update_run
from seqcore.runs.run_list import ORDERS
from seqcore.runs.store import Lease, Run, RunFilter, Store

STATUSES = ("queued", "running", "paused", "completed", "stopped", "failed", "interrupted")
NAMES = ("Ünïcode Ärger.csv", "100%_sure.csv", "a\\b'c\".csv", "ıstanbul İ.csv", "LSTM.csv")
WORDS = (
    "",
    "lstm",
    "GRU 2",
    "completed",
    "comp",
    "%",
    "_",
    "\\",
    "'",
    "ärger",
    "İ",
    "nobody",
    "ann",
    "lstm ann",
    "·",
    "\0",
)


def skill_ratio(run: Run) -> float:
    """As the figure of the scores has it."""
    split = next((s for s in SCORED if f"{s}_{run.metric}" in run.metrics), "val")
    info = scores_info(run.metrics, run.baselines, metric=run.metric, part=split, reference=run.reference_baseline)
    base = info.reference_score
    if info.model is None or base is None:
        return 0.0
    above, below = (info.model, base.value) if info.words.higher_is_better else (base.value, info.model)
    return above / below if below else math.inf


def filtered(runs: list[Run], chosen: RunFilter) -> list[Run]:
    """What a list has to hold, of runs with the newest first."""
    kept = [run for run in runs if not chosen.statuses or run.status in chosen.statuses]
    if chosen.owner is not None:
        kept = [run for run in kept if run.owner == chosen.owner]
    for word in chosen.words.replace("\0", "").lower().split():
        kept = [
            run
            for run in kept
            if word in run.status
            or word
            in " · ".join((title(run.recipe, run.outline), network(run.outline), run.owner or "", run.id)).lower()
        ]
    key = {
        "newest": lambda run: 0,
        "skill": lambda run: -skill_ratio(run),
        "longest": lambda run: -run.seconds,
        "title": lambda run: title(run.recipe, run.outline).lower(),
    }[chosen.order]
    return sorted(kept, key=key)


def random_metrics(rng: random.Random, metric: str) -> dict[str, float]:
    values = (0.0, math.nan, math.inf, 0.01, 0.02, 0.5, rng.random())
    return {f"{split}_{metric}": rng.choice(values) for split in ("val", "test") if rng.random() < 0.8}


def add_run(store: Store, rng: random.Random) -> Lease | None:
    """A run of any kind and status; the lease of one that stays live."""
    changes = {
        "model.architecture": rng.choice(["lstm", "gru", "rnn"]),
        "model.hidden_size": rng.choice([8, 16]),
        "model.num_layers": rng.choice([1, 2]),
    }
    experiment = Experiment().with_changes(changes)
    if rng.random() < 0.4:
        options = {"hash": "0" * 64, "name": rng.choice(NAMES)}
        experiment = experiment.with_changes({"data.source": "file", "data.options": options})
    recipe = rng.choice([None, rng.choice(recipes()).name, "gone", "bouncing-ball@2"])
    names = {"recipe": recipe, "owner": rng.choice([None, "ann", "Bob"])}
    status = rng.choice(STATUSES)
    if status == "queued":
        store.submit(experiment, **names)
        return None
    lease = store.start(experiment, **names)
    metric = rng.choice(["mae", "accuracy", "bleu"])
    baselines = {name: random_metrics(rng, metric) for name in ("last_value", "linear") if rng.random() < 0.8}
    started = Started(
        device="cpu", device_reason="", threads=1, versions={}, parameters=1, split_sizes={}, baselines=baselines,
        reference_baseline=rng.choice(["last_value", "", "gone"]), metric=metric, summary=[], data={},
        steps_per_epoch=2, epochs=3,
    )  # fmt: skip
    store.append(lease, [started], seconds=rng.choice([0.0, 1.5, 1.5, 100.0]))
    store.append(lease, [Epoch(1, 2, random_metrics(rng, metric), 0.1, best=True)])
    match status:
        case "paused":
            store.pause(lease, True)
        case "completed":
            with store.database.writing() as connection:
                update_run(connection, lease.run, status="completed")
        case "stopped":
            store.stop(lease, "asked to")
        case "failed":
            store.fail(lease, ["it failed"])
        case "interrupted":
            pass  # its lock is released while it is running
    if status in ("running", "paused"):
        return lease
    lease.release()
    return None


@pytest.fixture
def mixed(store: Store) -> Iterator[Store]:
    """A store with 60 runs of every kind."""
    rng = random.Random(7)
    with one_commit(store):
        leases = [add_run(store, rng) for _ in range(60)]
    yield store
    for lease in leases:
        if lease is not None:
            lease.release()


def random_filters(rng: random.Random, count: int) -> Iterator[RunFilter]:
    for _ in range(count):
        statuses = tuple(rng.sample(STATUSES, rng.choice([0, 0, 1, 3])))
        yield RunFilter(rng.choice(WORDS), statuses, rng.choice([None, None, "ann", "nobody"]), rng.choice(ORDERS))  # type: ignore[arg-type]


def assert_lists(store: Store, count: int) -> None:
    rng, runs = random.Random(3), store.runs()
    assert store.run_counts() == Counter(run.status for run in runs)
    for chosen in [*(RunFilter(order=order) for order in ORDERS), *random_filters(rng, count)]:
        expected = [run.id for run in filtered(runs, chosen)]
        limit, offset = rng.choice([None, 1, 7, 25]), rng.choice([0, 0, 3, 60])
        page = store.find_runs(chosen, limit=limit, offset=offset)
        assert [run.id for run in page.runs] == expected[offset:][:limit], chosen
        assert page.total == len(expected)


def test_filters_and_orders_are_those_of_python(mixed: Store) -> None:
    assert {run.status for run in mixed.runs()} == set(STATUSES)
    assert_lists(mixed, 150)


def test_a_list_follows_every_change(mixed: Store) -> None:
    rng = random.Random(1)
    for run in rng.sample(mixed.runs(), 20):
        if run.status == "queued":
            mixed.command(run.id, "stop")
        elif run.ended:
            rng.choice([mixed.delete, mixed.resume] if run.status != "completed" else [mixed.delete])(run.id)
    assert_lists(mixed, 30)


def test_a_page_is_read_without_decoding_the_others(mixed: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    mixed.run_counts()
    decoded = []
    original = reading.run_from_row
    monkeypatch.setattr(
        reading, "run_from_row", lambda row, **others: decoded.append(row["id"]) or original(row, **others)
    )
    page = mixed.find_runs(RunFilter(order="skill"), limit=5, offset=10)
    assert sorted(decoded) == sorted(run.id for run in page.runs)
    assert len(decoded) == 5


def test_a_database_that_can_not_be_searched_is_searched_in_memory(
    mixed: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def corrupt(*_: object, **__: object) -> Any:
        raise CorruptError("the database is damaged")

    monkeypatch.setattr(reading, "page_of_ids", corrupt)
    monkeypatch.setattr(reading, "count_by_status", corrupt)
    assert_lists(mixed, 50)


def test_an_old_store_gets_what_lists_need(mixed: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    with mixed.database.writing() as connection:
        connection.execute(update(schema.runs).values(title=None, words=None, skill=None))
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("DROP INDEX runs_in_lists")
            for column in ("title", "words", "skill"):
                connection.exec_driver_sql(f"ALTER TABLE runs DROP COLUMN {column}")
        connection.execute(schema.migrations.delete().where(schema.migrations.c.version > 3))
    with closing(Store(mixed.url)) as again:
        assert_lists(again, 50)
        if mixed.place.file is not None:
            with closing(sqlite3.connect(mixed.place.file)) as plain:
                plan = plain.execute(
                    "EXPLAIN QUERY PLAN SELECT id FROM runs WHERE instr(words, 'x') ORDER BY title"
                ).fetchall()
            assert "USING COVERING INDEX runs_in_lists" in str(plan)


def test_damaged_runs_are_found_counted_and_sorted(mixed: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    ended = [run for run in mixed.runs() if run.status == "completed"]
    with mixed.database.writing() as connection:
        damage = [
            (ended[0].id, {"experiment": "{"}),
            (ended[1].id, {"status": "complexed"}),
            (ended[2].id, {"epochs": 77}),
        ]
        for run, values in damage:
            connection.execute(update(schema.runs).where(schema.runs.c.id == run).values(**values))
    with closing(Store(mixed.url)) as few:
        assert few.run_counts()["damaged"] == 3
        assert few.run_counts()["completed"] == len(ended) - 3
        assert {run.id for run in few.find_runs(RunFilter(statuses=("damaged",))).runs} == {run.id for run in ended[:3]}
    monkeypatch.setattr(reading, "_FEW", 10)
    with closing(Store(mixed.url)) as many:
        assert many.run_counts()["damaged"] == 1  # the others were not read yet
        assert {run.id for run in many.find_runs(RunFilter(statuses=("completed",))).runs} == {
            run.id for run in ended[3:]
        }
        assert many.run_counts()["damaged"] == 3
    with closing(Store(mixed.url)) as asked:
        assert asked.find_runs(RunFilter(statuses=("damaged",))).total == 3


def test_skill_is_that_of_the_figure_of_the_scores(store: Store) -> None:
    rng, run = random.Random(5), store.submit(Experiment())
    for _ in range(1000):
        metric = rng.choice(["mae", "r2", "accuracy", "bleu", "perplexity"])
        finer = random_metrics(rng, "chrf") if metric == "bleu" else {}
        metrics = random_metrics(rng, metric) | finer
        names = ("last_value", "linear", "mean")
        finer_too = [random_metrics(rng, "chrf") if finer else {} for _ in names]
        baselines = {
            name: random_metrics(rng, metric) | more
            for name, more in zip(names, finer_too, strict=True)
            if rng.random() < 0.7
        }
        reference = rng.choice([*names, "", "gone"])
        changed = replace(run, metrics=metrics, baselines=baselines, metric=metric, reference_baseline=reference)
        found = skill(metrics, baselines, metric=metric, reference=reference)
        expected = skill_ratio(changed)
        assert found == pytest.approx(0.0 if math.isnan(expected) else expected, nan_ok=True), json.dumps(baselines)


def test_unknown_statuses_and_orders_are_refused() -> None:
    with pytest.raises(StoreError, match="there is no status 'complete'") as refused:
        RunFilter(statuses=("complete",), order="best")  # type: ignore[arg-type]
    assert len(refused.value.lines) == 2


def test_a_search_of_very_many_words_is_a_search(store: Store) -> None:
    store.submit(Experiment())
    assert store.find_runs(RunFilter(" ".join(map(str, range(100_000))))).total == 0
    assert store.find_runs(RunFilter("x" * 200_000)).total == 0
    assert len(RunFilter(" ".join(map(str, range(100)))).wanted) == run_list._MOST_WORDS


def test_owners_and_pages_in_the_shell(mixed: Store, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    from seqcore.cli import main

    if mixed.place.file is None:
        pytest.skip("the folder is enough")
    words = ("--store", str(mixed.place.file), "--json", "runs", "--owner", "ann", "--sort", "skill", "--limit", "3")
    assert main([*words, "--offset", "1", "--search", "lstm"]) == 0
    shown = [json.loads(line)["run"] for line in capsys.readouterr().out.splitlines()]
    expected = filtered(mixed.runs(), RunFilter("lstm", owner="ann", order="skill"))
    assert shown == [run.id for run in expected[1:4]]
    assert main(["--store", str(mixed.place.file), "runs", "--status", "finished"]) == 1
    assert "there is no status 'finished'" in capsys.readouterr().err
    assert main(["--store", str(mixed.place.file), "runs", "--search", "no-such-word"]) == 0
    assert "no matching runs" in capsys.readouterr().err
