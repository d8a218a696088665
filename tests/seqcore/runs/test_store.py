"""The contract of the store, on every database that is available."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import update

from seqcore.errors import CorruptError, LostLease, NotFoundError, StoreError
from seqcore.events import Changed, CheckpointReady, Epoch, Finding, Finished, Preparing, Preview, Started, Steps
from seqcore.experiment.experiment import Experiment
from seqcore.results import SeriesView
from seqcore.runs import schema
from seqcore.runs.store import Store

MakeSteps = Callable[[int, object], Steps]


def test_a_submitted_run_is_queued_with_its_experiment(store: Store, experiment: Experiment) -> None:
    run = store.submit(experiment, recipe="bouncing-ball", group="race")
    assert (run.status, run.recipe, run.group, run.attempt, run.queue_position) == (
        "queued",
        "bouncing-ball",
        "race",
        1,
        1,
    )
    assert run.experiment == experiment
    assert run.epochs == 30
    assert abs((datetime.now(UTC) - run.created).total_seconds()) < 60
    assert store.run(run.id) == run


def test_runs_are_found_by_id_beginning_and_latest(store: Store, experiment: Experiment) -> None:
    first, second = store.submit(experiment), store.submit(experiment)
    assert store.run(first.id[:13]).id == first.id
    assert store.run(first.id.upper()[:13]).id == first.id
    assert store.run("latest").id == second.id
    assert [run.id for run in store.runs()] == [second.id, first.id]
    assert [run.id for run in store.runs(limit=1)] == [second.id]
    assert [store.run(run.id).queue_position for run in (first, second)] == [1, 2]


@pytest.mark.parametrize("name", ["", "nonsense", "ffffffff-ffff", "%", "../../etc", "latest"])
def test_a_run_that_does_not_exist_is_named(store: Store, name: str) -> None:
    with pytest.raises(NotFoundError, match="there is no run"):
        store.run(name)


def test_a_beginning_of_several_runs_is_refused_with_their_names(store: Store, experiment: Experiment) -> None:
    ids = {store.submit(experiment).id for _ in range(17)}
    shared = next(i[0] for i in ids if sum(other[0] == i[0] for other in ids) > 1)
    with pytest.raises(NotFoundError, match="several runs"):
        store.run(shared)


def test_a_run_is_claimed_once_and_in_order(store: Store, experiment: Experiment) -> None:
    waiting = [store.submit(experiment).id for _ in range(12)]
    claimed: list[str] = []

    def claim() -> None:
        while (lease := store.claim()) is not None:
            claimed.append(lease.run)

    threads = [threading.Thread(target=claim) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(claimed) == sorted(waiting)
    one = store.submit(experiment)
    two = store.submit(experiment)
    lease = store.claim()
    assert lease is not None
    assert lease.run == one.id
    assert store.claim(one.id) is None
    assert store.run(one.id).status == "running"
    assert store.run(two.id).queue_position == 1


def test_a_run_whose_worker_is_gone_is_interrupted_at_once(store: Store, experiment: Experiment) -> None:
    lease = store.start(experiment)
    before = store.version(lease.run)
    assert store.run(lease.run).status == "running"
    lease.release()
    lease.release()
    run = store.run(lease.run)
    assert run.status == "interrupted"
    assert "resume" in run.reason
    assert [r.status for r in store.runs()] == ["interrupted"]
    assert store.version(lease.run) != before


def test_readers_do_not_keep_a_claimer_out(store: Store, experiment: Experiment) -> None:
    lease = store.start(experiment)
    lease.release()
    stop = threading.Event()

    def read() -> None:
        while not stop.is_set():
            store.locks.held(lease.run)

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    try:
        for _ in range(20):
            store.resume(lease.run)
            again = store.claim(lease.run)
            assert again is not None
            again.release()
    finally:
        stop.set()
        for reader in readers:
            reader.join()


def test_a_run_s_row_follows_its_events(
    store: Store,
    experiment: Experiment,
    steps: MakeSteps,
    started: Callable[..., Started],
    epoch: Callable[..., Epoch],
    finished: Callable[..., Finished],
) -> None:
    lease = store.start(experiment)
    store.append(lease, [started(), steps(1, [3.0, 2.0]), epoch(1, 2, 2.0, True), steps(3, [1.0]), epoch(2, 3, 9.0)])
    run = store.run(lease.run)
    assert (run.step, run.epoch, run.parameters, run.reference_baseline, run.metric) == (3, 2, 417, "last_value", "mae")
    assert run.metrics["val_loss"] == 2.0
    assert run.last_metrics["val_loss"] == 9.0
    assert run.best_epoch == 1
    assert math.isnan(run.baselines["last_value"]["val_mape"])
    store.append(lease, [finished(3)])
    lease.release()
    run = store.run(lease.run)
    assert (run.status, run.reason, run.seconds, run.epoch) == ("completed", "all epochs done", 1.5, 30)
    assert run.finished is not None
    assert math.isnan(run.metrics["test_mape"])
    assert run.ended


def test_events_come_back_as_they_were_in_order_and_from_where_one_was(
    store: Store, experiment: Experiment, steps: MakeSteps, started: Callable[..., Started], epoch: Callable[..., Epoch]
) -> None:
    lease = store.start(experiment)
    view = SeriesView(x=np.arange(3.0), prediction=np.array([[1.0], [np.nan], [3.0]]), truth=np.zeros((3, 1)))
    told = [started(), Preview(5, "val", view), epoch(1, 7, float("nan")), Changed(7, {"training.epochs": 40})]
    store.append(lease, [told[0], steps(1, [1.0]), *told[1:]])
    store.append(lease, [Finding("note", "a ball", step=7)])
    stored = store.events(lease.run)
    assert [s.event.name for s in stored] == ["started", "preview", "epoch", "changed", "finding"]
    assert stored[3].event == told[3]
    assert isinstance(stored[2].event, Epoch)
    assert math.isnan(stored[2].event.metrics["val_loss"])
    assert isinstance(stored[1].event, Preview)
    assert np.array_equal(stored[1].event.view.prediction, view.prediction, equal_nan=True)
    assert [s.event.name for s in store.events(lease.run, after=stored[3].seq)] == ["finding"]
    assert [s.event.name for s in store.events(lease.run, kinds=["epoch", "changed"])] == ["epoch", "changed"]
    assert len(store.events(lease.run, limit=2)) == 2
    assert {s.attempt for s in stored} == {1}


def test_every_write_changes_the_version_and_reading_does_not(
    store: Store, experiment: Experiment, steps: MakeSteps
) -> None:
    lease = store.start(experiment)
    seen = [store.version(lease.run)]
    for write in (
        lambda: store.append(lease, [steps(1, [1.0])]),
        lambda: store.put_checkpoint(lease, CheckpointReady(1, 0, b"weights")),
        lambda: store.pause(lease, True),
        lambda: store.command(lease.run, "stop"),
    ):
        write()
        seen.append(store.version(lease.run))
        store.run(lease.run)
        store.curve(lease.run)
        assert store.version(lease.run) == seen[-1]
    assert len(set(seen)) == len(seen)


def test_a_stale_attempt_writes_nothing(store: Store, experiment: Experiment, steps: MakeSteps) -> None:
    old = store.start(experiment)
    store.append(old, [steps(1, [1.0])])
    old.release()
    store.resume(old.run)
    for write in (
        lambda: store.append(old, [steps(2, [2.0])]),
        lambda: store.put_checkpoint(old, CheckpointReady(2, 0, b"weights")),
        lambda: store.pause(old, True),
        lambda: store.fail(old, ["no"]),
        lambda: store.interrupt(old, "no"),
        lambda: store.stop(old, "no"),
    ):
        with pytest.raises(LostLease):
            write()
    new = store.claim(old.run)
    assert new is not None
    assert new.attempt == 2
    with pytest.raises(LostLease):
        store.append(old, [steps(2, [2.0])])
    store.append(new, [steps(2, [5.0])])
    assert store.curve(old.run, max_points=None).values.tolist() == [1.0, 5.0]
    assert store.checkpoint(old.run) is None
    assert not list((store.folder / "checkpoints").rglob("*.*"))


def test_a_run_that_ended_takes_no_more_events(
    store: Store, experiment: Experiment, steps: MakeSteps, finished: Callable[..., Finished]
) -> None:
    lease = store.start(experiment)
    store.append(lease, [steps(1, [1.0]), finished(1)])
    with pytest.raises(LostLease):
        store.append(lease, [steps(2, [1.0])])
    assert store.run(lease.run).step == 1


def test_a_long_curve_is_small_to_read_and_complete_when_asked(
    store: Store, experiment: Experiment, steps: MakeSteps
) -> None:
    lease = store.start(experiment)
    values = np.random.default_rng(0).normal(size=30_000)
    values[[7, 12_345]] = np.nan
    values[20_000], values[20_001], values[25_000] = 99.0, -99.0, np.inf
    for first in range(0, 30_000, 500):
        store.append(lease, [steps(first + 1 + i, values[first + i : first + i + 100]) for i in range(0, 500, 100)])
    shown = store.curve(lease.run)
    assert 200 < len(shown) <= 600
    assert np.nanmax(shown.values) == 99.0
    assert np.nanmin(shown.values) == -99.0
    assert np.isnan(shown.values).any()
    assert not np.isinf(shown.values).any()
    assert shown.steps[-1] == 30_000
    everything = store.curve(lease.run, max_points=None)
    assert np.array_equal(everything.steps, np.arange(1, 30_001))
    assert np.array_equal(everything.values, np.where(np.isinf(values), np.nan, values), equal_nan=True)
    assert np.array_equal(store.curve(lease.run, "gradient_norm", None).values, everything.values * 2, equal_nan=True)
    other = Store(store.url)
    assert np.array_equal(other.curve(lease.run).values, shown.values, equal_nan=True)
    with pytest.raises(StoreError, match="there is no curve 'lost'"):
        store.curve(lease.run, "lost")


def test_no_point_is_lost_when_an_attempt_repeats_a_stretch(
    store: Store, experiment: Experiment, steps: MakeSteps
) -> None:
    lease = store.start(experiment)
    store.append(lease, [steps(1, np.arange(1.0, 101.0))])
    lease.release()
    store.resume(lease.run)
    again = store.claim(lease.run)
    assert again is not None
    store.append(again, [steps(51, np.arange(51.0, 61.0))])
    for points in (None, 600):
        assert store.curve(lease.run, max_points=points).values.tolist() == list(np.arange(1.0, 101.0))
    store.append(again, [steps(61, np.full(60, -1.0))])
    expected = [*np.arange(1.0, 61.0), *[-1.0] * 60]
    for points in (None, 600):
        assert store.curve(lease.run, max_points=points).values.tolist() == expected
        assert Store(store.url).curve(lease.run, max_points=points).values.tolist() == expected


def test_what_a_change_made_untrue_leaves_the_curve(store: Store, experiment: Experiment, steps: MakeSteps) -> None:
    lease = store.start(experiment)
    store.append(lease, [steps(1, np.ones(100))])
    lease.release()
    store.resume(lease.run)
    again = store.claim(lease.run)
    assert again is not None
    store.append(again, [Changed(50, {"training.learning_rate": 1.0}), steps(51, np.full(5, 2.0))])
    for points in (None, 600):
        assert store.curve(lease.run, max_points=points).values.tolist() == [1.0] * 50 + [2.0] * 5


def test_a_run_that_was_stopped_early_ends_its_curve_there(
    store: Store, experiment: Experiment, steps: MakeSteps, finished: Callable[..., Finished]
) -> None:
    lease = store.start(experiment)
    store.append(lease, [steps(1, np.ones(100))])
    lease.release()
    store.resume(lease.run)
    again = store.claim(lease.run)
    assert again is not None
    store.append(again, [finished(40, "stopped")])
    assert store.curve(lease.run).steps[-1] == 40
    assert len(store.curve(lease.run, max_points=None)) == 40
    assert store.run(lease.run).status == "stopped"


def test_the_last_two_checkpoints_are_kept(store: Store, experiment: Experiment) -> None:
    lease = store.start(experiment)
    assert store.checkpoint(lease.run) is None
    for step in (10, 20, 30):
        store.put_checkpoint(lease, CheckpointReady(step, 1, b"weights at %d" % step, best_step=10))
    assert store.checkpoint(lease.run) == b"weights at 30"
    assert store.checkpoint(lease.run, at="best") == b"weights at 30"
    assert store.checkpoint(lease.run, at=20) == b"weights at 20"
    assert store.checkpoint_step(lease.run) == 30
    with pytest.raises(NotFoundError, match="at step 10; the steps kept are: 20, 30"):
        store.checkpoint(lease.run, at=10)
    assert len(list((store.folder / "checkpoints" / lease.run).iterdir())) == 2


@pytest.mark.parametrize("damage", ["truncated", "changed", "emptied"])
def test_a_damaged_checkpoint_is_refused_with_what_can_be_done(
    store: Store, experiment: Experiment, damage: str
) -> None:
    lease = store.start(experiment)
    store.put_checkpoint(lease, CheckpointReady(10, 1, b"first weights"))
    store.put_checkpoint(lease, CheckpointReady(20, 2, b"second weights"))
    [newest] = (store.folder / "checkpoints" / lease.run).glob("1-20-*")
    newest.write_bytes({"truncated": b"second", "changed": b"Second weights", "emptied": b""}[damage])
    with pytest.raises(CorruptError, match=r"step 20 is damaged .* delete it to resume from step 10") as caught:
        store.checkpoint(lease.run)
    assert len(caught.value.lines) == 1
    newest.unlink()
    assert store.checkpoint(lease.run) == b"first weights"
    assert store.checkpoint_step(lease.run) == 10
    for file in (store.folder / "checkpoints" / lease.run).iterdir():
        file.unlink()
    with pytest.raises(CorruptError, match="are missing from"):
        store.checkpoint(lease.run)


def test_files_are_kept_once_by_their_content(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "passengers.csv"
    path.write_bytes(b"a,b\n1,2\n")
    one = store.put_file(path, "passengers.csv")
    two = store.put_file(b"a,b\n1,2\n", "../../other.csv")
    assert one.hash == two.hash
    assert two.name == "other.csv"
    assert store.file(one.hash).read_bytes() == b"a,b\n1,2\n"
    assert [file.hash for file in store.files()] == [one.hash]
    for nonsense in ("0" * 64, "../seqcore.db", "", str(path)):
        with pytest.raises(NotFoundError, match="there is no file"):
            store.file(nonsense)


def test_a_run_on_a_kept_file_finds_its_values(store: Store) -> None:
    kept = store.put_file(b"date,height\n2024-01-01,1\n2024-01-02,2\n2024-01-03,3.5\n", "heights.csv")
    experiment = Experiment.make({"data": {"source": "file", "options": {"hash": kept.hash, "name": kept.name}}})
    table = store.table(store.submit(experiment).id)
    assert table.values[:, 0].tolist() == [1.0, 2.0, 3.5]
    assert table.times is not None
    store.file(kept.hash).write_bytes(b"date,height\n2024-01-01,7\n")
    with pytest.raises(CorruptError, match=r"not the file that was stored \(heights.csv\)"):
        store.table(experiment)


def test_a_deleted_run_leaves_nothing(store: Store, experiment: Experiment, steps: MakeSteps) -> None:
    lease = store.start(experiment)
    store.append(lease, [steps(1, [1.0]), Finding("note", "a ball", step=1)])
    store.put_checkpoint(lease, CheckpointReady(1, 0, b"weights"))
    with pytest.raises(StoreError, match="is running; stop it first"):
        store.delete(lease.run)
    store.fail(lease, ["it broke"])
    lease.release()
    store.log_path(lease.run).parent.mkdir(exist_ok=True)
    store.log_path(lease.run).write_text("Traceback")
    assert store.log(lease.run) == "Traceback"
    store.delete(lease.run)
    assert store.runs() == []
    assert not [path for path in store.folder.rglob("*") if lease.run in str(path)]
    with pytest.raises(LostLease):
        store.append(lease, [steps(2, [1.0])])


def test_a_failed_run_keeps_its_reason(store: Store, experiment: Experiment) -> None:
    lease = store.start(experiment)
    store.fail(lease, ["data.window: too long", "data.target: there is none"])
    lease.release()
    run = store.run(lease.run)
    assert run.status == "failed"
    assert run.reason == "data.window: too long"
    assert run.error == "data.window: too long\ndata.target: there is none"


def test_a_predictor_needs_a_checkpoint(store: Store, experiment: Experiment) -> None:
    run = store.submit(experiment)
    with pytest.raises(NotFoundError, match="no checkpoint yet"):
        store.predictor(run.id)


def test_what_a_run_prepares_is_kept_only_while_it_holds(
    store: Store, experiment: Experiment, steps: MakeSteps, started: Callable[..., Started]
) -> None:
    def kept() -> list[str]:
        return [s.event.sentence if isinstance(s.event, Preparing) else s.event.name for s in store.events(run)]

    lease = store.start(experiment)
    run = lease.run
    store.append(lease, [Preparing(0, "Scaling search", n, 7) for n in (1, 2)])
    before = store.version(run)
    assert kept() == ["Scaling search: 2 of 7"]
    store.append(lease, [Preparing(0, "Scaling search", 3, 7)])
    assert kept() == ["Scaling search: 3 of 7"]
    assert store.version(run) != before
    store.append(lease, [started()])
    assert kept() == ["started"]
    store.append(lease, [Preparing(0, "Scoring"), steps(1, [1.0])])
    assert kept() == ["started"]


def test_what_a_dead_attempt_was_preparing_goes_when_the_next_one_starts(
    store: Store, experiment: Experiment, started: Callable[..., Started]
) -> None:
    lease = store.start(experiment)
    store.append(lease, [Preparing(0, "Scaling search", 3, 7)])
    with closing(Store(store.url)) as another:  # knows nothing of what this one has written
        another.append(lease, [started()])
    assert [s.event.name for s in store.events(lease.run)] == ["started"]


def test_a_curve_of_replicas_has_median_and_extremes_and_survives_a_resume(
    store: Store, experiment: Experiment
) -> None:
    rng = np.random.default_rng(1)
    first, second = rng.lognormal(size=(5000, 4)), rng.lognormal(size=(3000, 4))
    first[1234, 2] = 1e6
    first[4000:, 1] = np.nan  # one replica has ended
    lease = store.start(experiment)
    for begin in range(0, 5000, 500):
        part = first[begin : begin + 500]
        store.append(lease, [Steps(begin + 1, part, 2 * part, np.full(part.shape, 0.01))])
    lease.release()
    run = lease.run
    whole = store.curve(run, "loss", None)
    assert whole.replicas is not None
    assert np.array_equal(whole.replicas, first, equal_nan=True)
    np.testing.assert_allclose(whole.values, np.nanmedian(first, axis=1), rtol=1e-15)
    thinned = store.curve(run, "loss", 200)
    assert len(thinned) <= 200
    assert thinned.replicas is None
    assert thinned.low is not None
    assert thinned.high is not None
    assert thinned.high.max() == 1e6
    assert thinned.low.min() == np.nanmin(first)
    again = store.restart(run)
    assert again is not None
    store.append(again, [Steps(3001, second, second, second)])
    again.release()
    reader = Store(store.url)
    expected = np.concatenate([first[:3000], second])
    assert np.array_equal(reader.curve(run, "loss", None).replicas, expected)
    high = reader.curve(run, "loss", 300).high
    assert high is not None
    assert high.max() == expected.max()
    reader.close()


def test_another_number_of_replicas_than_was_stored_is_noticed(store: Store, experiment: Experiment) -> None:
    lease = store.start(experiment)
    store.append(lease, [Steps(1, *np.ones((3, 100)))])
    lease.release()
    with store.database.writing() as connection:
        connection.execute(update(schema.blocks).values(last_step=50))
    with pytest.raises(CorruptError, match=f"run {lease.run}"):
        store.curve(lease.run, "loss", None)
