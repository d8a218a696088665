"""A disk without room: one line, exit code 1, no half file, and the reason with the run."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from seqcore.cli import main
from seqcore.errors import DataError, StoreError
from seqcore.events import CheckpointReady
from seqcore.experiment.experiment import Experiment
from seqcore.runs import atomic_io
from seqcore.runs.atomic_io import remove_abandoned, write_output
from seqcore.runs.store import Store

LIMIT = 400_000  # bytes of one file; a new database has 250,000


@pytest.fixture
def no_room(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(atomic_io.os, "fsync", fail)


def test_a_run_that_finds_no_room_fails_with_one_line_and_keeps_its_points(tmp_path: Path, root: Path) -> None:
    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (LIMIT, LIMIT))

    words = ["train", "bouncing-ball", "--set", "training.epochs=100000", "--set", "model.hidden_size=4", "--json"]
    environment = {**os.environ, "SEQCORE_STORE": str(tmp_path / "runs"), "PYTHONPATH": str(root)}
    done = subprocess.run(
        [sys.executable, "-m", "seqcore", *words], cwd=tmp_path, env=environment, text=True, capture_output=True,
        timeout=120, preexec_fn=limit,
    )  # fmt: skip
    assert done.returncode == 1
    [line] = done.stderr.splitlines()
    assert "free disk space" in line
    printed = [json.loads(text) for text in done.stdout.splitlines()]
    store = Store(tmp_path / "runs")
    [run] = store.runs()
    assert (run.status, run.reason) == ("failed", line)
    assert run.epoch >= max(event["epoch"] for event in printed if event["event"] == "epoch")
    assert len(store.curve(run.id, max_points=None)) >= run.step > 0
    assert not list((tmp_path / "runs").rglob("*.tmp"))


def test_a_reason_that_the_database_has_no_room_for_is_kept_with_the_run(
    folder: Path, experiment: Experiment, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(folder)
    lease = store.start(experiment)

    def full(*arguments: object, **values: object) -> None:
        raise StoreError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(store, "_update", full)
        store.fail(lease, ["the disk is full", "free space"])
    lease.release()
    run = store.run(lease.run)
    assert (run.status, run.reason, run.error) == ("failed", "the disk is full", "the disk is full\nfree space")
    again = Store(folder)  # there is room again: the reason moves to the database
    with again.database.reading() as connection:
        assert again._find(connection, lease.run)["status"] == "failed"
    resumed = again.restart(lease.run)
    assert resumed is not None
    resumed.release()
    assert again.run(lease.run).status == "interrupted"


@pytest.mark.usefixtures("no_room")
def test_an_output_that_finds_no_room_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    path.write_text("old")
    with pytest.raises(DataError, match=r"out\.csv: can't be written \(No space left on device\); free disk space"):
        write_output(path, b"new")
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("out.csv", "old")]


def test_an_output_replaces_a_file_and_clears_what_a_killed_export_left(tmp_path: Path) -> None:
    path, left = tmp_path / "out.csv", tmp_path / ".out.csv.0123abcd.tmp"
    path.write_text("old")
    path.chmod(0o600)
    left.write_text("half")
    link = tmp_path / "link.csv"
    link.symlink_to(path)
    write_output(link, b"new")
    assert (path.read_text(), path.stat().st_mode & 0o777) == ("new", 0o600)
    assert (left.exists(), link.is_symlink()) == (False, True)
    with pytest.raises(DataError, match="can't be written"):
        write_output(tmp_path / "no" / "folder.csv", b"new")


def test_a_file_that_is_being_written_is_not_an_abandoned_one(tmp_path: Path) -> None:
    with atomic_io.draft(tmp_path / "file", [b"content"]) as written:
        assert not remove_abandoned(tmp_path / written.name)
        assert (tmp_path / written.name).exists()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("no_room")
def test_uploads_and_exports_without_room_are_one_line(
    tmp_path: Path, experiment: Experiment, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(tmp_path / "runs")
    with pytest.raises(StoreError, match="free disk space"):
        store.put_file(b"value\n1\n", "a.csv")
    assert (store.files(), list((tmp_path / "runs" / "files").iterdir())) == ([], [])
    lease = store.start(experiment)
    with pytest.raises(StoreError, match="free disk space"):
        store.put_checkpoint(lease, CheckpointReady(1, 0, b"weights"))
    lease.release()
    words = ("--store", str(tmp_path / "runs"), "export", lease.run, "--format", "experiment", str(tmp_path / "e.toml"))
    assert main(words) == 1
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert not list(tmp_path.glob("*.t*")) + list(tmp_path.glob(".*"))


def test_a_worker_that_can_not_begin_a_run_says_why_and_the_run_stays_queued(
    folder: Path, experiment: Experiment, monkeypatch: pytest.MonkeyPatch, wait_until: Callable[..., None]
) -> None:
    from seqcore.runs import scheduler
    from seqcore.runs.scheduler import Scheduler

    monkeypatch.setattr(scheduler, "POLL_INTERVAL", 0.02)

    class Refusing:
        def __init__(self, on_message: Callable[[str], None]) -> None:
            self.say, self.full = on_message, 2
            on_message("ready")

        def send(self, run: str) -> bool:
            self.full -= 1
            self.say(f"refused {run} the disk is full" if self.full >= 0 else f"running {run}")
            return True

        def close(self) -> None: ...

        def wait(self, seconds: float) -> None: ...

    store = Store(folder)
    run = store.submit(experiment)
    seen: list[str | None] = []
    jobs = Scheduler(store, slots=1, launcher=lambda _, on_message: Refusing(on_message))
    original = jobs._handle

    def watched(*arguments: object) -> None:
        original(*arguments)  # type: ignore[arg-type]
        seen.append(jobs.error)

    monkeypatch.setattr(jobs, "_handle", watched)
    jobs.start()
    wait_until(lambda: "the disk is full" in seen and seen[-1] is None, 20)
    assert store.run(run.id).status == "queued"
    jobs.close()
