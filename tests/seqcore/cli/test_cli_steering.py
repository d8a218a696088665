"""Steering in the shell: a run is changed while it is queued and paused, slowed, and taken step by step."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from seqcore.cli import main
from seqcore.experiment.experiment import Experiment
from seqcore.runs.execution import execute
from seqcore.runs.store import Run, Store

PLAN = Experiment.make(
    {"data": {"options": {"samples": 150}, "window": 8}, "model": {"hidden_size": 4}, "training": {"epochs": 100_000}}
)


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    monkeypatch.setenv("SEQCORE_STORE", str(tmp_path))
    monkeypatch.setenv("SEQCORE_USER", "ann")
    opened = Store(tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def ask(store: Store, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    def run(*words: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main(words)
        return (code, *capsys.readouterr())

    return run


def until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + 60.0
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.fixture
def paused(store: Store, ask: Any) -> Iterator[Run]:
    """A run that was paused before or soon after its first step."""
    lease = store.start(PLAN)
    store.command(lease.run, "pause")
    thread = threading.Thread(target=execute, args=(store, lease))
    thread.start()
    until(lambda: store.run(lease.run).status == "paused")
    yield store.run(lease.run)
    store.command(lease.run, "stop")
    thread.join()


def test_a_paused_run_is_changed_and_takes_steps(store: Store, ask: Any, paused: Run) -> None:
    code, out, _ = ask("set", "latest", "training.learning_rate=0.003", "model.dropout=0.1")
    assert code == 0
    assert out.strip() == (
        f"{paused.id[:8]} gets training.learning_rate = 0.003, model.dropout = 0.1 after step {paused.step}"
    )
    code, out, _ = ask("step", paused.id, "2")
    assert (code, out.strip()) == (0, f"{paused.id[:8]} takes 2 steps from step {paused.step} on")
    until(lambda: store.run(paused.id).step == paused.step + 2)
    assert store.curve(paused.id, "learning_rate", None).values[-2:].tolist() == [0.003, 0.003]
    _, out, _ = ask("show", paused.id)
    assert f"changed after step {paused.step}: learning rate 0.01 → 0.003, dropout 0 → 0.1 (ann)" in out
    _, out, _ = ask("set", paused.id, "training.learning_rate=0.003", "--json")
    assert json.loads(out)["changes"] == {}
    _, out, _ = ask("set", paused.id, "training.learning_rate=0.003", "model.dropout=0.2")
    assert f"gets model.dropout = 0.2 after step {paused.step + 2}" in out
    _, out, _ = ask("set", paused.id, "training.learning_rate=0.003")
    assert out.strip() == f"{paused.id[:8]} has training.learning_rate = 0.003 already"
    _, out, _ = ask("slow", paused.id, "5", "--json")
    assert json.loads(out) == {"run": paused.id, "status": "paused", "steps_per_second": 5.0}
    assert store.run(paused.id).steps_per_second == 5.0
    _, out, _ = ask("slow", paused.id, "off")
    assert out.strip() == f"{paused.id[:8]} continues at full speed"
    assert store.run(paused.id).steps_per_second is None


def test_a_queued_run_is_changed_before_its_first_step(store: Store, ask: Any) -> None:
    run = store.submit(PLAN)
    code, out, _ = ask("set", run.id, "training.batch_size=64", "--json")
    assert code == 0
    assert json.loads(out) == {
        "run": run.id, "status": "queued", "changes": {"training.batch_size": 64}, "requested_at_step": 0,
        "step": None,
    }  # fmt: skip
    _, out, _ = ask("set", run.id, "training.epochs=3")
    assert out.strip().endswith("gets training.epochs = 3 before its first step")
    code, _, err = ask("step", run.id)
    assert (code, len(err.splitlines())) == (1, 1)
    assert "is queued; step needs a paused one" in err


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        (("set", "latest", "training.learning_rate=-1"), "use a number above 0 and up to 100"),
        (("set", "latest", "training.learning_rte=1"), "did you mean training.learning_rate?"),
        (("set", "latest", "training.foo=3"), "training.foo: unknown field"),
        (("set", "latest", "model.hidden_size=3"), "can't change after the start of a run"),
        (("set", "latest", "training.teacher_forcing=0.5"), "has no effect on this run: it is for translation"),
        (("slow", "latest", "0"), "use a number from 0.01 to 1000, or off"),
        (("slow", "latest", "quick"), "use a number from 0.01 to 1000, or off"),
        (("set", "nope", "training.epochs=1"), "nope"),
    ],
)
def test_what_is_not_allowed_is_one_line(store: Store, ask: Any, words: tuple[str, ...], fault: str) -> None:
    store.submit(PLAN)
    code, out, err = ask(*words)
    assert (code, out, len(err.splitlines())) == (1, "", 1)
    assert fault in err


def test_a_run_that_has_ended_is_not_steered(store: Store, ask: Any) -> None:
    run = store.submit(PLAN)
    store.command(run.id, "stop")
    for words in (("set", run.id, "training.epochs=3"), ("slow", run.id, "2"), ("step", run.id)):
        code, _, err = ask(*words)
        assert (code, len(err.splitlines())) == (1, 1)
        assert f"is stopped; {words[0]} needs a" in err


def test_a_rate_with_a_schedule_is_shown_with_it(store: Store, ask: Any) -> None:
    short = {"training.epochs": 2, "training.schedule": "cosine"}
    done = execute(store, store.start(PLAN.with_changes(short)))
    _, out, _ = ask("show", done.id)
    assert f"in force at step {done.step}: 0.0001 (base 0.01, cosine schedule)" in out
    _, out, _ = ask("show", done.id, "--json")
    assert json.loads(out)["learning_rate"] == pytest.approx(0.0001)
    fork = store.fork(done.id, 2, {"training.learning_rate": 0.05})
    _, out, _ = ask("show", fork.id)
    assert "learning rate 0.01 → 0.05. The cosine schedule multiplies this rate." in out
    assert "(base 0.05, cosine schedule)" in out
    _, out, _ = ask("set", fork.id, "training.learning_rate=0.07")
    assert out.strip().endswith("The cosine schedule multiplies this rate.")
    _, out, _ = ask("show", store.submit(PLAN).id)
    assert "schedule" not in out
    longer = store.submit(PLAN.with_changes({**short, "training.epochs": 4}))
    _, out, _ = ask("compare", done.id, longer.id)
    assert "the rates differ at the same step" in out
