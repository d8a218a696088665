"""Commands and status changes of runs, and the errors for those that are not allowed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from seqcore.errors import ExperimentError, StoreError
from seqcore.events import Changed, Epoch, Finished, Started, Steps
from seqcore.experiment.experiment import Experiment
from seqcore.runs.store import Lease, Store


@pytest.fixture
def run_in(
    store: Store,
    experiment: Experiment,
    started: Callable[..., Started],
    epoch: Callable[..., Epoch],
    finished: Callable[..., Finished],
) -> Callable[[str], Lease]:
    """A run in a state, after 12 of its 30 epochs (or all of them)."""

    def make(status: str) -> Lease:
        if status == "queued":
            run = store.submit(experiment)
            return Lease(run.id, run.attempt, lambda: None)
        lease = store.start(experiment)
        store.append(lease, [started(), epoch(12, 84, 0.5, True)])
        match status:
            case "paused":
                store.pause(lease, True)
            case "completed":
                store.append(lease, [finished(210)])
            case "stopped":
                store.append(lease, [finished(86, "stopped", 12)])
            case "failed":
                store.fail(lease, ["it broke"])
            case "left":
                store.interrupt(lease, "left at step 84")
        if status not in ("running", "paused"):
            lease.release()
        return lease

    return make


ALLOWED = {
    "queued": {"stop", "change", "slow"},
    "running": {"pause", "stop", "change", "slow"},
    "paused": {"continue", "stop", "change", "slow", "advance"},
    "completed": set(),
    "stopped": set(),
    "failed": set(),
    "killed": set(),
    "left": set(),
}


ARGUMENTS = {"change": {"training.learning_rate": 0.5}, "slow": {"steps_per_second": 2.0}, "advance": {"steps": 3}}


@pytest.mark.parametrize("kind", ["pause", "continue", "stop", *ARGUMENTS])
@pytest.mark.parametrize("status", ALLOWED)
def test_commands_go_where_the_status_allows_them(
    store: Store, run_in: Callable[[str], Lease], status: str, kind: str
) -> None:
    lease = run_in(status)
    arguments = ARGUMENTS.get(kind)
    if kind not in ALLOWED[status]:
        with pytest.raises(StoreError, match=lease.run) as caught:
            store.command(lease.run, kind, arguments)
        assert len(caught.value.lines) == 1
        assert store.take_commands(lease) == []
        return
    store.command(lease.run, kind, arguments)
    if status == "queued" and kind == "change":
        assert store.claim(lease.run) is not None
        assert store.pending(lease) == arguments
        return
    if status == "queued" and kind == "stop":
        assert store.run(lease.run).status == "stopped"
        assert store.queue() == []
        assert store.claim(lease.run) is None
        return
    [command] = store.take_commands(lease)
    assert (command.kind, command.arguments) == (kind, arguments or {})
    assert store.take_commands(lease) == []


def test_an_unknown_command_is_refused_with_a_hint(store: Store, run_in: Callable[[str], Lease]) -> None:
    with pytest.raises(StoreError, match="no command 'paus'; did you mean pause"):
        store.command(run_in("running").run, "paus")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "needs a field"),
        ({"model.hidden_size": 3}, "can't change after the start of a run"),
        ({"training.learning_rat": 3}, "did you mean training.learning_rate"),
        ({"training.learning_rate": -1.0}, "training.learning_rate"),
        ({"training.epochs": 10**9}, "training.epochs"),
    ],
)
def test_a_change_that_is_not_allowed_is_refused(
    store: Store, run_in: Callable[[str], Lease], changes: dict[str, Any], said: str
) -> None:
    lease = run_in("running")
    with pytest.raises(ExperimentError, match=said):
        store.command(lease.run, "change", changes)
    assert store.take_commands(lease) == []


def test_continue_is_accepted_before_the_worker_took_the_pause(store: Store, run_in: Callable[[str], Lease]) -> None:
    lease = run_in("running")
    store.command(lease.run, "pause")
    with pytest.raises(StoreError, match="is already paused"):
        store.command(lease.run, "pause")
    store.command(lease.run, "continue")
    assert [c.kind for c in store.take_commands(lease)] == ["pause", "continue"]


def test_a_run_is_stopping_from_the_moment_that_it_is_asked_until_it_has_stopped(
    store: Store, run_in: Callable[[str], Lease], finished: Callable[..., Finished]
) -> None:
    other = run_in("running")
    lease = run_in("running")
    assert not store.run(lease.run).stopping
    store.command(lease.run, "stop")
    assert store.run(lease.run).stopping
    store.take_commands(lease)
    assert [run.id for run in store.runs() if run.stopping] == [lease.run]
    assert not store.run(other.run).stopping
    store.append(lease, [finished(86, "stopped", 12)])
    lease.release()
    assert not store.run(lease.run).stopping
    store.resume(lease.run)
    assert not store.run(lease.run).stopping


@pytest.mark.parametrize("status", ["stopped", "failed", "killed", "left"])
def test_a_run_that_ended_early_resumes_as_a_new_attempt(
    store: Store, run_in: Callable[[str], Lease], status: str
) -> None:
    lease = run_in(status)
    run = store.resume(lease.run)
    assert (run.status, run.attempt, run.error, run.reason, run.finished) == ("queued", 2, None, "", None)
    assert run.epoch == 12
    with pytest.raises(StoreError, match="is already queued"):
        store.resume(lease.run)
    claimed = store.claim()
    assert claimed is not None
    assert (claimed.run, claimed.attempt) == (lease.run, 2)
    claimed.release()


@pytest.mark.parametrize("status", ["running", "paused"])
def test_a_live_run_is_not_resumed(store: Store, run_in: Callable[[str], Lease], status: str) -> None:
    lease = run_in(status)
    with pytest.raises(StoreError, match=f"is already {status}"):
        store.resume(lease.run)
    assert store.run(lease.run).attempt == 1


def test_a_completed_run_is_not_resumed(store: Store, run_in: Callable[[str], Lease]) -> None:
    lease = run_in("completed")
    with pytest.raises(StoreError, match="is completed; add epochs"):
        store.resume(lease.run)


@pytest.mark.parametrize(
    ("status", "planned"), [("completed", 32), ("stopped", 14), ("failed", 32), ("killed", 32), ("left", 32)]
)
def test_more_epochs_after_the_end_queue_the_run_with_its_change(
    store: Store, run_in: Callable[[str], Lease], status: str, planned: int
) -> None:
    lease = run_in(status)
    run = store.more_epochs(lease.run, 2)
    assert (run.status, run.attempt, run.epochs) == ("queued", 2, planned)
    again = store.claim()
    assert again is not None
    assert store.pending(again) == {"training.epochs": planned}
    store.append(again, [Changed(84, {"training.epochs": planned})])
    assert store.pending(again) == {}
    assert store.run(lease.run).epochs == planned
    again.release()
    assert store.resume(lease.run).status == "queued"


@pytest.mark.parametrize("status", ["running", "paused"])
def test_more_epochs_of_a_live_run_are_a_command_and_add_up(
    store: Store, run_in: Callable[[str], Lease], status: str
) -> None:
    lease = run_in(status)
    store.more_epochs(lease.run, 1)
    assert store.more_epochs(lease.run, 2).epochs == 33
    assert [c.arguments for c in store.take_commands(lease)] == [{"training.epochs": 31}, {"training.epochs": 33}]


def test_more_epochs_of_a_queued_run_are_pending(store: Store, run_in: Callable[[str], Lease]) -> None:
    run = store.more_epochs(run_in("queued").run, 5)
    assert (run.status, run.attempt, run.epochs) == ("queued", 1, 35)
    lease = store.claim()
    assert lease is not None
    assert store.pending(lease) == {"training.epochs": 35}


@pytest.mark.parametrize("n", [0, -1, 1.5, True])
def test_more_epochs_must_be_a_number_of_epochs(store: Store, run_in: Callable[[str], Lease], n: Any) -> None:
    with pytest.raises(StoreError, match="more epochs are not allowed"):
        store.more_epochs(run_in("running").run, n)


def test_more_epochs_asked_for_in_the_last_moment_open_a_next_attempt(
    store: Store, run_in: Callable[[str], Lease], finished: Callable[..., Finished]
) -> None:
    lease = run_in("running")
    store.more_epochs(lease.run, 1)
    store.append(lease, [finished(210)])
    again = store.next_attempt(lease)
    assert again is not None
    assert again.attempt == 2
    assert store.pending(again) == {"training.epochs": 31}
    assert store.run(lease.run).status == "running"
    store.append(again, [Changed(210, {"training.epochs": 31}), finished(217)])
    assert store.next_attempt(again) is None
    assert store.run(lease.run).status == "completed"


def test_resuming_with_changes_keeps_them_for_the_next_attempt(store: Store, run_in: Callable[[str], Lease]) -> None:
    changes = {"training.learning_rate": "0.25", "training.epochs": 40}
    run = store.resume(run_in("stopped").run, changes)
    assert (run.status, run.epochs) == ("queued", 40)
    lease = store.claim(run.id)
    assert lease is not None
    assert store.pending(lease) == {"training.learning_rate": 0.25, "training.epochs": 40}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"model.hidden_size": 16}, "model.hidden_size: can't change after the start of a run"),
        ({"training.patience": -1}, "training.patience"),
    ],
)
def test_resuming_with_any_other_change_is_refused(
    store: Store, run_in: Callable[[str], Lease], changes: dict[str, Any], said: str
) -> None:
    lease = run_in("stopped")
    with pytest.raises(ExperimentError, match=said):
        store.resume(lease.run, changes)
    assert store.run(lease.run).status == "stopped"


def test_changes_are_replayed_in_order_from_the_checkpoint_on(
    store: Store, run_in: Callable[[str], Lease], steps: Callable[..., Steps]
) -> None:
    lease = run_in("running")
    changes = [Changed(step, {"training.learning_rate": rate}) for step, rate in ((5, 0.1), (90, 0.2), (95, 0.3))]
    store.append(lease, changes)
    lease.release()
    store.resume(lease.run)
    again = store.claim()
    assert again is not None
    back = [Changed(90, {"training.learning_rate": rate}) for rate in (0.4, 0.2)]
    store.append(again, [Changed(92, {"training.clip_norm": 0.5}), *back])
    replayed = store.changes(lease.run, step=90)
    assert replayed == [changes[1], *back, Changed(92, {"training.clip_norm": 0.5}), changes[2]]
