"""A read-only store: everything can be looked at and used, nothing is written."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from seqcore.cli import main
from seqcore.errors import StoreError
from seqcore.experiment.experiment import Experiment
from seqcore.runs.api import train
from seqcore.runs.migrations import MIGRATIONS
from seqcore.runs.scheduler import Scheduler
from seqcore.runs.store import Store
from tests.unwritable import contents, unwritable


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with a completed run."""
    folder = tmp_path_factory.mktemp("trained") / "runs"
    store = Store(folder)
    train(
        Experiment.make({"data": {"options": {"samples": 200}}, "training": {"epochs": 1, "device": "cpu"}}),
        store=store,
    )
    store.put_file(b"value\n1\n2\n", "own.csv")
    store.close()
    return folder


@pytest.fixture
def copied(trained: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(trained, tmp_path / "runs"))


@pytest.fixture(params=["SEQCORE_READ_ONLY", "permissions"])
def read_only(request: pytest.FixtureRequest, copied: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A store of one completed run that must not be written, or can't be."""
    before = contents(copied)
    if request.param == "permissions":
        with unwritable(copied):
            yield copied
    else:
        monkeypatch.setenv("SEQCORE_READ_ONLY", "1")
        yield copied
    assert contents(copied) == before


@contextlib.contextmanager
def opened(folder: Path) -> Iterator[Store]:
    store = Store(folder)
    yield store
    store.close()


COMMANDS = [
    ["runs"],
    ["show", "latest"],
    ["show", "latest", "--log"],
    ["predict", "latest", "--split", "test"],
    ["predict", "latest", "--steps", "3"],
    *(["export", "latest", "--format", form, "{out}"] for form in ("weights", "experiment", "predictions", "history")),
]
CHANGES = [
    ["train", "bouncing-ball", "--set", "training.epochs=1"],
    ["train", "{csv}"],
    ["more-epochs", "latest", "1"],
    ["stop", "latest"],
    ["delete", "latest", "--yes"],
    ["predict", "latest", "--steps", "3", "--refit"],
]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_command_that_reads_works(read_only: Path, tmp_path: Path, command: list[str]) -> None:
    words = [word.format(out=tmp_path / "out") for word in command]
    assert main([*words, "--store", str(read_only)]) == 0
    assert "{out}" not in command or (tmp_path / "out").stat().st_size


@pytest.mark.parametrize("command", CHANGES, ids=" ".join)
def test_a_command_that_writes_says_so_in_one_line(
    read_only: Path, tmp_path: Path, command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    table = tmp_path / "table.csv"
    table.write_text("value\n" + "".join(f"{n % 7}.5\n" for n in range(200)))
    words = [word.format(csv=table) for word in command]
    assert main([*words, "--store", str(read_only)]) == 1
    said = capsys.readouterr().err.splitlines()
    assert "read-only" in said[-1]
    assert len([line for line in said if "read-only" in line]) == 1


def test_a_scheduler_starts_no_worker(read_only: Path) -> None:
    with opened(read_only) as store:
        jobs = Scheduler(store).start()
        assert jobs._thread is None
        with pytest.raises(StoreError, match="read-only"):
            jobs.submit(Experiment())
        jobs.close()


def test_files_and_checkpoints_are_read_and_not_stored(read_only: Path) -> None:
    with opened(read_only) as store:
        assert [file.name for file in store.files()] == ["own.csv"]
        assert store.predictor("latest").forecast(2) is not None
        with pytest.raises(StoreError, match="read-only"):
            store.put_file(b"value\n3\n", "other.csv")
        with pytest.raises(StoreError, match="read-only"):
            store.start(Experiment())


def downgrade(folder: Path) -> None:
    """Back to the first version of the tables."""
    with contextlib.closing(sqlite3.connect(folder / "seqcore.db")) as connection:
        connection.execute("DROP INDEX runs_in_lists")
        connection.execute("ALTER TABLE runs DROP COLUMN owner")
        connection.execute("DROP TABLE uploads")
        connection.execute("DELETE FROM seqcore_migrations WHERE version > 1")
        connection.commit()


def log_ahead(folder: Path) -> None:
    """A write-ahead log that was not copied into the database, as a killed process leaves it."""
    script = (
        "import os, sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute('PRAGMA journal_mode = wal');"
        "c.execute('UPDATE runs SET epochs = 77, crc = NULL'); c.commit(); os._exit(0)"
    )
    subprocess.run([sys.executable, "-c", script, str(folder / "seqcore.db")], check=True)
    assert (folder / "seqcore.db-wal").stat().st_size
    (folder / "seqcore.db-shm").unlink()  # it can't be made again


def flip_page_count(folder: Path) -> None:
    _flip(folder / "seqcore.db", 29)


def flip_schema(folder: Path) -> None:
    file = folder / "seqcore.db"
    _flip(file, file.read_bytes().index(b"CREATE TABLE runs") + 20)


def _flip(file: Path, at: int) -> None:
    content = bytearray(file.read_bytes())
    content[at] ^= 4
    file.write_bytes(content)


@pytest.mark.parametrize("prepare", [downgrade, log_ahead, flip_page_count, flip_schema])
def test_what_only_a_writer_could_read_is_read_in_a_copy(copied: Path, prepare: Callable[[Path], None]) -> None:
    prepare(copied)
    before = contents(copied)
    with unwritable(copied), opened(copied) as store:
        (run,) = store.runs()
        assert run.epochs == (77 if prepare is log_ahead else 1)
        assert store.predictor(run.id) is not None
    assert contents(copied) == before


def test_an_old_store_is_not_migrated(copied: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    downgrade(copied)
    before = contents(copied)
    with monkeypatch.context() as patch:
        patch.setenv("SEQCORE_READ_ONLY", "1")
        with opened(copied) as store:
            assert len(store.runs()) == 1
    assert contents(copied) == before
    with opened(copied) as store:
        assert len(store.runs()) == 1
    with contextlib.closing(sqlite3.connect(copied / "seqcore.db")) as connection:
        assert connection.execute("SELECT max(version) FROM seqcore_migrations").fetchone() == (len(MIGRATIONS),)


def test_what_others_write_is_seen(copied: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with opened(copied) as writer:
        monkeypatch.setenv("SEQCORE_READ_ONLY", "1")
        with opened(copied) as reader:
            run = writer.submit(Experiment())
            assert reader.runs()[0].id == run.id


def test_no_store_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEQCORE_READ_ONLY", "1")
    with pytest.raises(StoreError, match="doesn't exist"):
        Store(tmp_path / "runs")
    assert not os.listdir(tmp_path)


def test_another_value_of_the_variable_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEQCORE_READ_ONLY", "yes")
    with pytest.raises(StoreError, match="use 1 or 0"):
        Store(tmp_path / "runs")
    monkeypatch.setenv("SEQCORE_READ_ONLY", "0")
    Store(tmp_path / "runs").close()
