"""Fixtures: empty stores, small experiments, events as `fit` yields them, and real workers."""

from __future__ import annotations

import contextlib
import os
import signal
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from seqcore.events import Epoch, Finished, Started, Steps
from seqcore.experiment.experiment import Experiment
from seqcore.runs.store import Store
from seqcore.training.checkpoint import unpack
from tests.forked import launch, start_server

SERVER = os.environ.get("SEQCORE_TEST_POSTGRESQL", "")  # URL of a database on a server where others may be made


@pytest.fixture(params=["sqlite", "postgresql"] if SERVER else ["sqlite"])
def address(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str | Path:
    """Where a store on every kind of database that there is here may lie."""
    url: str | Path = tmp_path / "runs"
    if request.param == "postgresql":
        from sqlalchemy import create_engine

        name = f"seqcore_{uuid.uuid4().hex[:12]}"
        monkeypatch.setenv("SEQCORE_FILES", str(tmp_path / "runs"))
        server = create_engine(SERVER, isolation_level="AUTOCOMMIT")
        with server.connect() as connection:
            connection.exec_driver_sql(f"CREATE DATABASE {name}")
        server.dispose()
        url = f"{SERVER.rpartition('/')[0]}/{name}"
    return url


@pytest.fixture
def store(address: str | Path) -> Iterator[Store]:
    """An empty store on every kind of database that there is here."""
    opened = Store(address)
    yield opened
    opened.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where a store on SQLite may lie."""
    return tmp_path / "runs"


@pytest.fixture
def experiment() -> Experiment:
    """A ball, an LSTM of 8, 30 epochs: a second or two."""
    return Experiment.make(
        {
            "data": {"options": {"samples": 300}},
            "model": {"hidden_size": 8},
            "training": {"epochs": 30, "device": "cpu"},
        }
    )


@pytest.fixture
def steps() -> Callable[..., Steps]:
    """`steps(first, [losses])`: a block in which the other two series follow from the loss."""

    def make(first: int, loss: object) -> Steps:
        values = np.asarray(loss, dtype=np.float64)
        return Steps(first, values, values * 2.0, np.full(len(values), 0.01))

    return make


@pytest.fixture
def started() -> Callable[..., Started]:
    def make(**changes: object) -> Started:
        fields: dict[str, object] = {
            "device": "cpu",
            "device_reason": "",
            "threads": 1,
            "versions": {"torch": "2"},
            "parameters": 417,
            "split_sizes": {"train": 200, "val": 40, "test": 40},
            "baselines": {"last_value": {"val_mae": 0.05, "val_mape": float("nan")}},
            "reference_baseline": "last_value",
            "metric": "mae",
            "summary": [],
            "data": {},
            "steps_per_epoch": 7,
            "epochs": 30,
        }
        return Started(**{**fields, **changes})  # type: ignore[arg-type]

    return make


@pytest.fixture
def epoch() -> Callable[..., Epoch]:
    def make(number: int, step: int, loss: float, best: bool = False) -> Epoch:
        return Epoch(epoch=number, step=step, metrics={"val_loss": loss, "train_loss": loss}, seconds=0.1, best=best)

    return make


@pytest.fixture
def finished() -> Callable[..., Finished]:
    def make(step: int, status: str = "completed", epochs: int = 30) -> Finished:
        metrics = {"val_mae": 0.01, "test_mape": float("nan")}
        return Finished(status, "all epochs done", epochs, step, 1.5, metrics, {"val_mae": 0.02}, {}, best_epoch=3)

    return make


@pytest.fixture
def wait_until() -> Callable[..., None]:
    """`wait_until(condition, seconds)`: look again and again; fail where it stays false."""

    def wait(condition: Callable[[], object], seconds: float = 120.0, what: str = "the condition") -> None:
        until = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > until:
                pytest.fail(f"{what} stayed false for {seconds:g} s")
            time.sleep(0.01)

    return wait


@pytest.fixture
def long_experiment(experiment: Experiment) -> Experiment:
    """The same for some seconds: time enough to be killed, paused or stopped in."""
    return experiment.with_changes({"training.epochs": 150})


@pytest.fixture(scope="session")
def forks(root: Path) -> None:
    """Workers can be forked: they are those of `local_launcher`, which have imported torch already."""
    start_server(root)


@pytest.fixture
def worker(forks: None, wait_until: Callable[..., None]) -> Iterator[Callable[[Store], Worker]]:
    """`worker(store)`: a real worker process, warm. Those that are left are ended."""
    workers: list[Worker] = []

    def make(store: Store) -> Worker:
        workers.append(Worker(store, wait_until))
        return workers[-1]

    yield make
    for process in workers:
        process.kill()


class Worker:
    """A worker process, with the words that it said."""

    def __init__(self, store: Store, wait_until: Callable[..., None]) -> None:
        self.words: list[str] = []
        self._wait_until = wait_until
        self.process = launch(store, self.words.append)
        self.pid = self.process.pid
        self.hears("ready")

    def hears(self, words: str, seconds: float = 120.0) -> None:
        self._wait_until(lambda: words in self.words, seconds, f"{words!r} in {self.words}")

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        self.hears("gone")


@pytest.fixture
def same_run() -> Callable[[Store, str, str], None]:
    """Two runs ended alike: weights, optimizer and random state to the bit, and so their curves and scores."""

    def compare(kept: Store, one: str, other: str) -> None:
        first, second = (unpack(kept.checkpoint(run) or b"") for run in (one, other))
        assert first.tensors.keys() == second.tensors.keys()
        for name, tensor in first.tensors.items():
            assert torch.equal(tensor, second.tensors[name]), name
        for name in ("loss", "gradient_norm", "learning_rate"):
            curves = [kept.curve(run, name, None) for run in (one, other)]
            assert curves[0].steps.tobytes() == curves[1].steps.tobytes()
            assert curves[0].values.tobytes() == curves[1].values.tobytes()
        assert kept.run(one).metrics == kept.run(other).metrics
        epochs = [
            {e.event.epoch: e.event.metrics for e in kept.events(run, kinds=["epoch"]) if isinstance(e.event, Epoch)}
            for run in (one, other)
        ]
        assert epochs[0] == epochs[1]

    return compare
