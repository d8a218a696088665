"""Runs and files of users who sign in."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
from pathlib import Path

import pytest

from seqcore.cli import main
from seqcore.experiment.experiment import Experiment
from seqcore.runs.store import Store


def names(store: Store, owner: str | None = None) -> set[str]:
    return {file.name for file in store.files(owner)}


def test_a_run_keeps_its_owner(store: Store) -> None:
    assert store.submit(Experiment(), owner="anna@example.org").owner == "anna@example.org"
    assert store.submit(Experiment()).owner is None
    lease = store.start(Experiment(), owner="ben@example.org")
    lease.release()
    assert [run.owner for run in store.runs()] == ["ben@example.org", None, "anna@example.org"]


def test_users_list_their_own_files_and_those_of_nobody(store: Store) -> None:
    store.put_file(b"1", "shell.csv")
    store.put_file(b"2", "anna.csv", owner="anna")
    store.put_file(b"3", "ben.csv", owner="ben")
    assert names(store, "anna") == {"shell.csv", "anna.csv"}
    assert names(store, "ben") == {"shell.csv", "ben.csv"}
    assert names(store) == {"shell.csv", "anna.csv", "ben.csv"}


def test_a_user_does_not_rename_another_s_file(store: Store) -> None:
    kept = store.put_file(b"2", "anna.csv", owner="anna")
    assert store.put_file(b"2", "mine.csv", owner="ben").hash == kept.hash
    assert names(store, "anna") == {"anna.csv"}
    assert names(store, "ben") == {"mine.csv"}
    store.put_file(b"2", "better.csv", owner="anna")
    assert names(store, "anna") == {"better.csv"}
    assert names(store) == {"anna.csv"}


def test_the_command_line_s_runs_belong_to_seqcore_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEQCORE_USER", "anna@example.org")
    words = ["train", "bouncing-ball", "--set", "training.epochs=1", "--set", "data.options.samples=200"]
    assert main([*words, "--store", str(tmp_path)]) == 0
    store = Store(tmp_path)
    assert store.runs()[0].owner == "anna@example.org"
    store.close()


def test_a_migrated_store_has_the_tables_of_a_new_one(tmp_path: Path, root: Path) -> None:
    def columns(folder: Path) -> dict[str, list[str]]:
        Store(folder).close()
        with contextlib.closing(sqlite3.connect(folder / "seqcore.db")) as connection:
            tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
            return {name: [c[1] for c in connection.execute(f"PRAGMA table_info({name})")] for (name,) in tables}

    shutil.copytree(root / "tests" / "fixtures" / "v0_2" / "store", tmp_path / "old")
    assert columns(tmp_path / "old") == columns(tmp_path / "new")
