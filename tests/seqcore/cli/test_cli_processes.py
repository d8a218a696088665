"""Commands as processes: signals, pipes, and commands from another terminal."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from seqcore.runs.api import open_store
from seqcore.runs.records import Run
from tests.forked import Forked, start_server

ROOT = Path(__file__).resolve().parents[3]
ENDLESS = ("train", "bouncing-ball", "--set", "training.epochs=100000", "--set", "data.options.samples=200", "--json")

Command = subprocess.Popen[str] | Forked
Start = Callable[..., Command]


@pytest.fixture(scope="session", autouse=True)
def forks(root: Path) -> None:
    start_server(root)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts `python -m seqcore ...` with a store of its own; ends what is left of it afterwards.

    A `fresh` command imports for itself what the others have at their start.
    """
    started: list[Command] = []
    environment = {**os.environ, "SEQCORE_STORE": f"sqlite:///{tmp_path / 'seqcore.db'}", "PYTHONPATH": str(ROOT)}

    def run(*words: str, fresh: bool = False) -> Command:
        process: Command
        if fresh:
            process = subprocess.Popen(
                [sys.executable, "-m", "seqcore", *words], cwd=tmp_path, env=environment, text=True,
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            )  # fmt: skip
        else:
            process = Forked("seqcore", *words, environment=environment, folder=tmp_path)
        started.append(process)
        return process

    yield run
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


def until(process: Command, event: str) -> dict[str, Any]:
    """Read events until one of this name comes."""
    assert process.stdout is not None
    for line in process.stdout:
        value: dict[str, Any] = json.loads(line)
        if value["event"] == event:
            return value
    raise AssertionError(f"it ended without {event}: {process.stderr.read() if process.stderr else ''}")


def answer(process: Command) -> list[dict[str, Any]]:
    """All that a command printed, once it has ended well."""
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    return [json.loads(line) for line in out.splitlines()]


def kept(folder: Path, run: str) -> Run:
    """A run as the store has it."""
    with contextlib.closing(open_store(f"sqlite:///{folder / 'seqcore.db'}")) as store:
        return store.run(run)


def test_ctrl_c_stops_cleanly_and_the_run_can_go_on(tmp_path: Path, start: Start) -> None:
    training = start(*ENDLESS, fresh=True)
    run = until(training, "epoch")["run"]
    training.send_signal(signal.SIGINT)
    out, err = training.communicate(timeout=120)
    assert training.returncode == 130
    assert "Traceback" not in err
    finished = json.loads(out.splitlines()[-1])
    assert (finished["event"], finished["status"]) == ("finished", "stopped")
    shown = kept(tmp_path, run)
    assert shown.status == "stopped"
    going_on = start("resume", run, "--json")
    assert until(going_on, "started")["step"] == shown.step
    going_on.send_signal(signal.SIGINT)
    going_on.communicate(timeout=120)
    assert going_on.returncode == 130


def test_sigterm_writes_a_checkpoint_and_exits(tmp_path: Path, start: Start) -> None:
    training = start(*ENDLESS)
    run = until(training, "epoch")["run"]
    training.terminate()
    _, err = training.communicate(timeout=120)
    assert training.returncode == 143
    assert "Traceback" not in err
    shown = kept(tmp_path, run)
    assert shown.status == "interrupted"
    going_on = start("resume", run, "--json")
    assert until(going_on, "started")["step"] == shown.step


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_stops_every_run_of_a_race(tmp_path: Path, start: Start, number: signal.Signals, code: int) -> None:
    race = start("race", *ENDLESS[1:], "--over", "model.architecture=rnn,gru")
    until(race, "race")  # while the workers start, or later
    race.send_signal(number)
    _, err = race.communicate(timeout=240)
    assert race.returncode == code
    assert "Traceback" not in err
    with contextlib.closing(open_store(f"sqlite:///{tmp_path / 'seqcore.db'}")) as store:
        assert [run.status for run in store.runs()] == ["stopped", "stopped"]


def test_another_terminal_pauses_continues_and_stops_a_run(start: Start) -> None:
    training = start(*ENDLESS)
    run = until(training, "epoch")["run"]
    for command in ("pause", "continue", "stop"):
        (said,) = answer(start(command, "latest", "--json"))
        assert (said["run"], said["command"]) == (run, command)
    out, err = training.communicate(timeout=120)
    assert training.returncode == 0, err
    assert json.loads(out.splitlines()[-1])["status"] == "stopped"


def test_a_reader_who_goes_away_is_no_fault_of_the_program(start: Start) -> None:
    listing = start("fields", "--json", fresh=True)
    assert listing.stdout is not None
    assert listing.stdout.readline()
    listing.stdout.close()
    assert listing.stderr is not None
    assert listing.stderr.read() == ""
    assert listing.wait(timeout=120) in (0, 141)


@pytest.mark.parametrize("closed", [">&-", "<&-", "<&- >&- 2>&-"])
def test_a_command_without_standard_streams_works(tmp_path: Path, closed: str) -> None:
    words = (sys.executable, "-m", "seqcore", "--store", str(tmp_path), "runs")
    done = subprocess.run(
        ["sh", "-c", f'exec "$@" {closed}', "sh", *words], cwd=ROOT, capture_output=True, text=True, check=False
    )
    lines = done.stderr.splitlines()
    assert (done.returncode, len(lines)) == (0, 0 if "2" in closed else 1)
    assert all(line.startswith("no runs yet") for line in lines)


def test_names_do_not_control_the_terminal(tmp_path: Path, start: Start) -> None:
    name = "a\x1b[31m\x9b32m\u202eb"
    file = tmp_path / f"{name}.csv"
    file.write_text("value\n" + "\n".join(str(n % 7) for n in range(40)))
    for words in (
        ["data", str(file)],
        ["train", str(file), "--group", f"{name}\nc", "--set", "training.epochs=1", "--set", "data.scaling=standard"],
        ["show", "latest"],
    ):
        out, err = start(*words).communicate(timeout=120)
        assert words[0] == "train" or "a [31m 32m b" in out
        assert not set("\x1b\x9b\u202e") & set(out + err)
    assert "a [31m 32m b c\n" in out


def test_a_very_long_name_is_shortened_in_an_error(start: Start) -> None:
    for words in (["train", "9" * 100_000], ["show", "9" * 100_000], ["fields", "9" * 100_000]):
        _, err = start(*words).communicate(timeout=120)
        assert err.count("\n") == 1
        assert len(err) < 3_000
        assert "no " in err or "too long" in err


def test_training_stops_cleanly_when_its_reader_goes_away(tmp_path: Path, start: Start) -> None:
    training = start(*ENDLESS)
    run = until(training, "epoch")["run"]
    assert training.stdout is not None
    training.stdout.close()
    assert training.stderr is not None
    assert "Traceback" not in training.stderr.read()
    assert training.wait(timeout=120) == 141
    shown = kept(tmp_path, run)
    assert shown.status == "stopped"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("words", [("runs",), ("train", "bouncing-ball"), ("data", "weather")])
def test_a_burst_of_signals_during_the_imports_ends_a_command_without_a_traceback(
    start: Start, words: tuple[str, ...], number: int
) -> None:
    command = start(*words, fresh=True)
    while not int(_status_of(command.pid, "SigCgt"), 16) >> (signal.SIGTERM - 1) & 1:  # handled
        assert command.poll() is None
    for _ in range(8):
        command.send_signal(number)
    out, err = command.communicate(timeout=120)
    assert (command.returncode, out, err) == (128 + number, "", "")


def _status_of(pid: int, name: str) -> str:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(line.split()[1] for line in lines if line.startswith(f"{name}:"))


def test_a_burst_of_ctrl_c_aborts_a_run_that_keeps_what_was_printed(tmp_path: Path, start: Start) -> None:
    training = start(*ENDLESS)
    epoch = until(training, "epoch")
    for _ in range(8):
        training.send_signal(signal.SIGINT)
    _, err = training.communicate(timeout=120)
    assert (training.returncode, err) == (130, "")
    shown = kept(tmp_path, epoch["run"])
    assert shown.status == "stopped"
    assert shown.epoch >= epoch["epoch"]


def test_an_epoch_is_printed_after_it_is_stored(tmp_path: Path, start: Start) -> None:
    training = start(*ENDLESS)
    epoch = until(training, "epoch")
    training.kill()
    training.communicate()
    shown = kept(tmp_path, epoch["run"])
    assert shown.epoch >= epoch["epoch"]
    assert shown.status == "interrupted"
