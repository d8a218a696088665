"""A flipped bit in the database: the damaged run is named, the others are as they were."""

from __future__ import annotations

import contextlib
import random
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seqcore.cli import main
from seqcore.errors import CorruptError, SeqcoreError
from seqcore.events import CheckpointReady, Epoch, Finished, Started, Steps
from seqcore.experiment.experiment import Experiment
from seqcore.runs.store import Store

FLIPS = 25


@pytest.fixture
def filled(
    folder: Path,
    experiment: Experiment,
    started: Callable[..., Started],
    steps: Callable[..., Steps],
    epoch: Callable[..., Epoch],
    finished: Callable[..., Finished],
) -> Iterator[Path]:
    """The database file of a store with four runs."""
    with contextlib.closing(Store(folder)) as store:
        for number in range(4):
            lease = store.start(experiment.with_changes({"model.hidden_size": 8 + number}))
            store.append(lease, [started()])
            for e in range(1, 11):
                loss = np.random.default_rng(e).random(100)
                store.append(lease, [steps(1 + 100 * (e - 1), loss), epoch(e, e * 100, 1 / e)])
            store.put_checkpoint(lease, CheckpointReady(1000, 10, b"weights"))
            store.append(lease, [finished(1000)])
            lease.release()
    return folder / "seqcore.db"


def content_of(store: Store, run: str) -> list[Any]:
    """Everything that is stored of a run."""
    curves = [store.curve(run, name, None).values.tobytes() for name in ("loss", "gradient_norm", "learning_rate")]
    events = [repr(stored.event) for stored in store.events(run)]
    return [repr(store.run(run)), *curves, *events, store.best_epoch(run), store.checkpoint(run), store.curve(run)]


def same(one: list[Any], other: list[Any]) -> bool:
    return one[:-1] == other[:-1] and one[-1].values.tobytes() == other[-1].values.tobytes()


def flip(file: Path, content: bytes, at: int, bit: int) -> None:
    damaged = bytearray(content)
    damaged[at] ^= 1 << bit
    file.write_bytes(damaged)


PLACES = {"number of pages": (28, 32), "first page": (100, 4096), "anywhere": (100, None)}


@pytest.mark.parametrize("where", PLACES)
def test_a_flipped_bit_damages_at_most_the_run_that_is_named(filled: Path, where: str) -> None:
    with contextlib.closing(Store(filled)) as store:
        truth = {run.id: content_of(store, run.id) for run in store.runs()}
    content, moment = filled.read_bytes(), random.Random(5)
    first, last = PLACES[where]
    for _ in range(FLIPS):
        at = moment.randrange(first, last or len(content))
        flip(filled, content, at, moment.randrange(8))
        with contextlib.closing(Store(filled)) as store:
            listed = {run.id: run.status for run in store.runs()}
            assert len(listed) == 4
            named = [run for run, status in listed.items() if status == "damaged"]
            for run in truth.keys() & listed.keys():
                try:
                    assert same(content_of(store, run), truth[run]), f"a flip at {at} is not noticed"
                except SeqcoreError as error:
                    [line] = error.lines
                    assert f"run {run}" in line
                    named.append(run)
            assert len(set(named)) <= 1, f"a flip at {at} damages {named}"


def test_a_damaged_run_is_listed_and_can_be_deleted(filled: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with contextlib.closing(Store(filled)) as store:
        run = store.runs()[1].id
    with contextlib.closing(sqlite3.connect(filled)) as connection:
        connection.execute("UPDATE runs SET experiment = replace(experiment, 'lstm', 'lstn') WHERE id = ?", (run,))
        connection.commit()
    words = ("--store", str(filled))
    assert main([*words, "runs"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[1] for line in lines[1:]].count("damaged") == 1
    export = ["export", run, "--format", "experiment", str(filled.parent / "e")]
    for command in (["show", run], ["resume", run], export):
        assert main([*words, *command]) == 1
        [line] = capsys.readouterr().err.splitlines()
        assert line.startswith(f"run {run} is damaged")
    store = Store(filled)
    lease = store.restart(store.runs()[0].id, {"training.epochs": 40})  # the others go on
    assert lease is not None
    lease.release()
    store.delete(run)
    assert [other.status for other in store.runs()] == ["interrupted", "completed", "completed"]


def test_a_run_that_can_not_be_read_does_not_hide_the_others(filled: Path) -> None:
    with contextlib.closing(Store(filled)) as store:
        runs = [run.id for run in store.runs()]
    with contextlib.closing(sqlite3.connect(filled)) as connection:
        connection.execute("UPDATE runs SET experiment = CAST(x'80ff' AS TEXT) WHERE id = ?", (runs[2],))  # not UTF-8
        connection.commit()
    with contextlib.closing(Store(filled)) as store:
        assert [(run.id, run.status == "damaged") for run in store.runs()] == [(r, r == runs[2]) for r in runs]
        with pytest.raises(CorruptError, match=f"run {runs[2]}"):
            store.run(runs[2])
        assert store.run(runs[0]).status == "completed"
