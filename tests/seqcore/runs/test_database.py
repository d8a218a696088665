"""Damaged, foreign, newer, full and locked databases: one line of error, and no data lost."""

from __future__ import annotations

import contextlib
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import Connection, select
from sqlalchemy import event as sqlalchemy_event

from seqcore.errors import CorruptError, SeqcoreError, StoreError
from seqcore.events import CheckpointReady, Started, Steps
from seqcore.experiment.experiment import Experiment
from seqcore.runs import atomic_io, database, migrations, schema
from seqcore.runs.database import find_place
from seqcore.runs.lifecycle import update_run
from seqcore.runs.store import Store


@pytest.fixture
def used(folder: Path, experiment: Experiment, steps: Callable[..., Steps]) -> Path:
    """The file of a store with one run in it."""
    with contextlib.closing(Store(folder)) as store:
        lease = store.start(experiment)
        for first in range(1, 4001, 400):
            store.append(lease, [steps(first, np.ones(400))])
        lease.release()
    return folder / "seqcore.db"


def refused(path: Path) -> str:
    """What is said on opening; the file must stay as it was."""
    before = path.read_bytes()
    with pytest.raises(SeqcoreError) as caught:
        Store(path)
    assert path.read_bytes() == before
    assert len(caught.value.lines) == 1
    assert str(path) in caught.value.lines[0]
    return caught.value.lines[0]


def test_a_folder_a_file_and_a_url_name_the_same_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SEQCORE_FILES", raising=False)
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "runs" / "seqcore.db"
    for name in (None, "runs", tmp_path / "runs", str(file), f"sqlite:///{file}", "sqlite:///runs/seqcore.db"):
        place = find_place(name)
        assert (place.file, place.folder, place.url) == (file, tmp_path / "runs", f"sqlite:///{file}")
    monkeypatch.setenv("SEQCORE_STORE", str(tmp_path / "other"))
    assert find_place().file == tmp_path / "other" / "seqcore.db"
    monkeypatch.setenv("SEQCORE_FILES", str(tmp_path / "files"))
    place = find_place("postgresql://somebody:secret@example.org/lab")
    assert (place.file, place.folder) == (None, tmp_path / "files")
    assert "secret" not in place.name


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "://", "nonsense://x", "postgresql://"])
def test_a_url_that_is_no_store_is_refused(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(StoreError) as caught:
        Store(url)
    assert len(caught.value.lines) == 1


def test_a_store_opens_again_with_its_runs(used: Path) -> None:
    assert [run.step for run in Store(used).runs()] == [4000]


def test_an_emptied_database_is_refused(used: Path) -> None:
    used.write_bytes(b"")
    assert "the file is empty" in refused(used)


def test_a_database_that_is_text_is_refused(used: Path) -> None:
    used.write_text("once upon a time " * 100)
    assert "not an SQLite database" in refused(used)


@pytest.mark.parametrize("left", [0.9, 0.5, 0.02])
def test_a_truncated_database_is_refused(used: Path, left: float) -> None:
    content = used.read_bytes()
    used.write_bytes(content[: int(len(content) * left)])
    assert "is damaged" in refused(used)


def test_a_database_with_overwritten_pages_is_refused(used: Path) -> None:
    content = bytearray(used.read_bytes())
    content[4096:20_000] = b"\xa5" * (20_000 - 4096)
    used.write_bytes(content)
    assert "is damaged" in refused(used)


def test_damage_that_shows_only_on_reading_is_one_line(used: Path) -> None:
    store = Store(used)
    content = bytearray(used.read_bytes())
    content[4096:] = b"\xa5" * (len(content) - 4096)
    used.write_bytes(content)
    store.close()
    with pytest.raises(CorruptError) as caught:
        store.runs()
    assert len(caught.value.lines) == 1


def test_another_program_s_database_is_refused(folder: Path) -> None:
    folder.mkdir()
    with contextlib.closing(sqlite3.connect(folder / "seqcore.db")) as connection:
        connection.execute("CREATE TABLE songs (name TEXT)")
        connection.commit()
    assert "another program" in refused(folder / "seqcore.db")


def test_a_newer_store_is_refused(used: Path) -> None:
    with contextlib.closing(sqlite3.connect(used)) as connection:
        connection.execute("INSERT INTO seqcore_migrations VALUES (99, 'from-the-future', 0)")
        connection.commit()
    said = refused(used)
    newest = len(migrations.MIGRATIONS)
    assert f"newer Sequence Lab (store version 99; this program reads up to {newest})" in said


def test_an_older_store_is_migrated_and_keeps_its_runs(used: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def add(connection: Connection) -> None:
        connection.exec_driver_sql("ALTER TABLE runs ADD COLUMN color TEXT DEFAULT 'blue'")

    newer = (*migrations.MIGRATIONS, migrations.Migration("runs-have-colors", add))
    monkeypatch.setattr(migrations, "MIGRATIONS", newer)
    assert [run.step for run in Store(used).runs()] == [4000]
    Store(used).close()
    with contextlib.closing(sqlite3.connect(used)) as connection:
        names = connection.execute("SELECT version, name FROM seqcore_migrations ORDER BY version").fetchall()
        known = ("first-store", "owners", "checksums", "lists", "tags", "snapshots")
        assert names == list(enumerate([*known, "runs-have-colors"], start=1))
        assert connection.execute("SELECT color FROM runs").fetchall() == [("blue",)]


def test_a_failed_migration_leaves_the_store_as_it_was(used: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(connection: Connection) -> None:
        connection.exec_driver_sql("ALTER TABLE runs ADD COLUMN color TEXT")
        connection.exec_driver_sql("nonsense")

    with monkeypatch.context() as patch:
        patch.setattr(migrations, "MIGRATIONS", (*migrations.MIGRATIONS, migrations.Migration("broken", fail)))
        refused(used)
    assert [run.step for run in Store(used).runs()] == [4000]


def test_the_tables_are_those_that_the_migrations_make(used: Path) -> None:
    """A new column needs a new migration; a migrated store is compared with a new one in test_owners.py."""
    with contextlib.closing(sqlite3.connect(used)) as connection:
        tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name").fetchall()
        columns = {name: [c[1] for c in connection.execute(f"PRAGMA table_info({name})")] for (name,) in tables}
    assert columns.pop("sqlite_sequence")
    assert columns == {
        "blocks": ["seq", "run", "attempt", "first_step", "last_step", "loss", "gradient_norm", "learning_rate", "crc"],
        "checkpoints": ["seq", "run", "attempt", "time", "step", "epoch", "best_step", "file", "size", "sha256"],
        "commands": ["seq", "run", "attempt", "time", "kind", "arguments", "taken"],
        "curves": ["run", "name", "through", "content", "crc"],
        "events": ["seq", "run", "attempt", "time", "kind", "step", "content", "crc", "tag"],
        "files": ["hash", "name", "size", "time"],
        "runs": [
            *("number", "id", "status", "experiment", "recipe", "group", "created", "queued", "started", "finished"),
            *("attempt", "version", "step", "epoch", "epochs", "seconds", "metrics", "last_metrics", "baselines"),
            *("headline", "metric", "parameters", "best_epoch", "error", "reason", "pending", "owner", "crc"),
            *("title", "words", "skill", "parent", "parent_step"),
        ],
        "seqcore_migrations": ["version", "name", "applied"],
        "snapshots": [
            *("seq", "run", "attempt", "time", "step", "epoch", "seconds", "reason", "file", "position", "size"),
            "shared",
        ],
        "uploads": ["hash", "owner", "name", "time"],
    }


def test_a_folder_that_can_not_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreError, match=r"can't be created .*another folder"):
        Store(tmp_path / "file" / "runs")


def test_a_crash_while_a_store_is_first_made_leaves_room_for_the_next_try(folder: Path) -> None:
    folder.mkdir()
    (folder / "seqcore.db.new").write_bytes(b"half of a database")
    assert Store(folder).runs() == []


def test_many_processes_may_open_a_new_store_at_once(address: str | Path, root: Path) -> None:
    script = "import sys; from seqcore.runs.store import Store; print(len(Store(sys.argv[1]).runs()))"
    processes = [
        subprocess.Popen([sys.executable, "-c", script, str(address)], cwd=root, stdout=subprocess.PIPE)
        for _ in range(4)
    ]
    assert [process.communicate(timeout=120)[0] for process in processes] == [b"0\n"] * 4


def test_what_writers_do_to_one_run_at_once_leaves_its_record_intact(store: Store, experiment: Experiment) -> None:
    run = store.start(experiment).run
    stores = [Store(store.database.place.url) for _ in range(4)]

    def write(store: Store) -> None:
        for _ in range(25):
            with store.database.writing() as connection:
                epochs = connection.execute(select(schema.runs.c.epochs)).scalar_one()
                update_run(connection, run, epochs=epochs + 1)

    with ThreadPoolExecutor() as pool:
        for done in [pool.submit(write, store) for store in stores]:
            done.result()
    assert store.run(run).epochs == experiment.training.epochs + 100
    for other in stores:
        other.close()


def test_many_writers_and_readers_do_not_fail_each_other(
    address: str | Path, experiment: Experiment, steps: Callable[..., Steps]
) -> None:
    stores = [Store(address) for _ in range(4)]
    failed: list[BaseException] = []

    def write(store: Store) -> None:
        try:
            lease = store.start(experiment)
            for first in range(1, 601, 20):
                store.append(lease, [steps(first, np.full(20, float(first)))])
                store.runs()
            lease.release()
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=write, args=(store,)) for store in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    for run in stores[0].runs():
        assert np.array_equal(stores[0].curve(run.id, max_points=None).steps, np.arange(1, 601))


def test_a_full_database_says_so_and_loses_nothing(
    folder: Path, experiment: Experiment, steps: Callable[..., Steps]
) -> None:
    store = Store(folder)
    lease = store.start(experiment)
    store.append(lease, [steps(1, np.ones(100))])
    store.close()
    size = (folder / "seqcore.db").stat().st_size // 4096

    from sqlalchemy import event

    @event.listens_for(store.database.engine, "begin")
    def limit(connection: Connection) -> None:
        connection.exec_driver_sql(f"PRAGMA max_page_count = {size + 2}")

    with pytest.raises(StoreError, match=r"disk is full\); free disk space") as caught:
        store.append(lease, [steps(101, np.ones(100_000))])
    assert len(caught.value.lines) == 1
    event.remove(store.database.engine, "begin", limit)
    assert len(store.curve(lease.run, max_points=None)) == 100
    store.append(lease, [steps(101, np.ones(50))])
    assert store.run(lease.run).step == 150


def test_a_checkpoint_that_finds_no_room_leaves_the_one_before(
    folder: Path, experiment: Experiment, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(folder)
    lease = store.start(experiment)
    store.put_checkpoint(lease, CheckpointReady(1, 0, b"weights"))

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(atomic_io.os, "fsync", full)
        with pytest.raises(StoreError, match=r"No space left on device\); free disk space"):
            store.put_checkpoint(lease, CheckpointReady(2, 0, b"other weights"))
    assert store.checkpoint(lease.run) == b"weights"
    assert len(list((folder / "checkpoints" / lease.run).iterdir())) == 1


@pytest.fixture
def away(monkeypatch: pytest.MonkeyPatch) -> Callable[[Store, float, str], None]:
    """`away(store, seconds, when)`: a database server that closes its connections for a while."""

    def go(store: Store, seconds: float, when: str = "do_execute") -> None:
        until = time.monotonic() + seconds

        def refuse(*arguments: object) -> None:
            if time.monotonic() < until:
                raise sqlite3.OperationalError("server closed the connection unexpectedly")

        sqlalchemy_event.listen(store.database.engine, when, refuse)

    return go


@pytest.mark.parametrize("when", ["do_execute", "commit"])
def test_a_database_that_is_away_for_a_while_is_waited_for(
    when: str,
    folder: Path,
    experiment: Experiment,
    steps: Callable[..., Steps],
    away: Callable[[Store, float, str], None],
) -> None:
    store = Store(folder)
    lease = store.start(experiment)
    away(store, 0.3, when)
    store.append(lease, [steps(1, np.ones(10))])
    store.append(lease, [steps(11, np.ones(10))])
    store.put_checkpoint(lease, CheckpointReady(20, 0, b"weights"))
    assert len(store.curve(lease.run, max_points=None)) == 20
    assert store.checkpoint(lease.run) == b"weights"


def test_a_database_that_stays_away_is_one_line_and_a_new_run_is_not_made_twice(
    folder: Path, experiment: Experiment, away: Callable[[Store, float, str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "WAIT", 0.2)
    store = Store(folder)
    away(store, 1.0, "do_execute")
    with pytest.raises(StoreError, match="can't be reached") as caught:
        store.runs()
    assert len(caught.value.lines) == 1
    other = Store(folder)
    away(other, 30.0, "commit")
    with pytest.raises(StoreError, match="can't be reached"):
        other.submit(experiment)
    assert Store(folder).runs() == []


def test_a_run_goes_on_while_its_database_is_away(
    folder: Path, experiment: Experiment, away: Callable[[Store, float, str], None]
) -> None:
    from seqcore.runs.execution import execute

    store = Store(folder)

    def leave(event: object) -> None:
        if isinstance(event, Started):
            away(store, 0.5, "do_execute")

    run = execute(store, store.start(experiment), on_event=leave)
    assert (run.status, run.epoch) == ("completed", 30)
    assert len(store.curve(run.id, max_points=None)) == run.step
