"""Commands: what they print for people and as JSON, and their exit codes."""

from __future__ import annotations

import contextlib
import json
import math
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file

from seqcore.cli import main
from seqcore.experiment.experiment import Experiment, settings_of
from seqcore.experiment.recipes import load_recipe, recipes
from seqcore.export import FORMATS
from seqcore.models import MODELS
from seqcore.runs.api import open_store

QUICK = ("--set", "training.epochs=2", "--set", "data.options.samples=200", "--set", "model.hidden_size=4")

ONE_EPOCH = ("--set", "training.epochs=1", "--set", "data.scaling=standard")  # of a file, without trials of scalings


@dataclass(frozen=True)
class Answer:
    """What one command did."""

    code: int
    out: str
    err: str

    @property
    def objects(self) -> list[dict[str, Any]]:
        """Standard output as JSON, a line at a time: fails where anything else was printed."""
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def faults(self) -> list[str]:
        return self.err.splitlines()


Ask = Callable[..., Answer]


@pytest.fixture
def store_url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    url = f"sqlite:///{tmp_path / 'store' / 'seqcore.db'}"
    monkeypatch.setenv("SEQCORE_STORE", url)
    monkeypatch.chdir(tmp_path)
    return url


@pytest.fixture
def ask(store_url: str, capsys: pytest.CaptureFixture[str]) -> Ask:
    def run(*words: str) -> Answer:
        capsys.readouterr()
        try:
            code = main(words)
        except SystemExit as end:  # argparse's own
            code = int(end.code or 0)
        out, err = capsys.readouterr()
        assert "Traceback" not in out + err
        return Answer(code, out, err)

    return run


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a store with a small finished run."""
    folder = tmp_path_factory.mktemp("trained")
    assert main(["train", "bouncing-ball", "--store", str(folder), *QUICK]) == 0
    return folder


@pytest.fixture
def ball(trained: Path, tmp_path: Path, store_url: str) -> str:
    """The id of a small finished run, in the store of the test."""
    shutil.copytree(trained, tmp_path / "store")
    with contextlib.closing(open_store(store_url)) as store:
        return store.run("latest").id


@pytest.fixture
def months(tmp_path: Path) -> Path:
    """Ten years of monthly values with a trend and a season."""
    n = np.arange(120)
    values = 100 + 2 * n + 30 * np.sin(2 * np.pi * n / 12)
    frame = pd.DataFrame({"Month": pd.date_range("1949-01-01", periods=120, freq="MS"), "Passengers": values.round(1)})
    path = tmp_path / "passengers.csv"
    frame.to_csv(path, index=False)
    return path


def test_recipes_are_listed_for_people_and_for_programs(ask: Ask) -> None:
    names = [recipe.name for recipe in recipes()]
    assert all(name in ask("recipes").out for name in names)
    listed = ask("recipes", "--json").objects
    assert [value["name"] for value in listed] == names
    assert Experiment.make(listed[0]["experiment"]) == load_recipe(names[0]).experiment


def test_fields_explains_every_field(ask: Ask) -> None:
    explained = {value["field"] for value in ask("fields", "--json").objects}
    assert {setting.path for setting in settings_of(Experiment())} <= explained
    assert "data.options.text" in explained
    assert "Learning rate of the optimizer." in ask("fields", "training.learning_rate").out
    described = ask("fields", "model.architecture").out
    assert all(entry.title in described and entry.help in described for entry in MODELS.values())


def test_fields_names_what_was_probably_meant(ask: Ask) -> None:
    answer = ask("fields", "modell")
    assert answer.code == 1
    assert "did you mean model?" in answer.err


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("dance",),
        ("train",),
        ("train", "bouncing-ball", "--set", "training.epochs"),
        ("more-epochs", "latest", "0"),
        ("runs", "--limit", "9" * 25),
        ("runs", "--offset", "9" * 5000),
        ("show", "latest", "--events", "9" * 25),
        ("fork", "latest", "--step", "9" * 5000),
        ("replica-cost", "bouncing-ball", "--counts", "1"),
        ("predict", "latest", "--input", "a", "--generate", "2", "--seed", "-5"),
        ("predict", "latest"),
        ("predict", "latest", "--input", "1", "--steps", "3"),
        ("predict", "latest", "--input", "1", "--refit"),
        ("predict", "latest", "--input", "a", "--temperature", "2"),
        ("export", "latest", "out"),
    ],
)
def test_wrong_usage_exits_with_2(ask: Ask, words: tuple[str, ...]) -> None:
    answer = ask(*words)
    assert answer.code == 2
    assert not answer.out
    assert "usage:" in answer.err


def test_train_prints_one_json_object_a_line_and_nothing_else(ask: Ask) -> None:
    answer = ask("train", "bouncing-ball", "--json", *QUICK)
    assert answer.code == 0
    events = answer.objects
    assert [event["event"] for event in events if event["event"] not in ("finding", "preparing")] == [
        "started",
        "epoch",
        "epoch",
        "finished",
    ]
    assert len({event["run"] for event in events}) == 1
    finished = events[-1]
    assert finished["status"] == "completed"
    assert finished["epochs"] == 2
    assert finished["seconds"] > 0
    assert finished["metrics"]["val_mae"] > 0
    assert finished["metrics"]["train_loss_last_20"] > 0
    assert finished["baselines"]["last_value"]["val_mae"] > 0


def test_train_shows_people_the_scores_beside_the_baselines(ask: Ask) -> None:
    answer = ask("train", "bouncing-ball", *QUICK)
    assert answer.code == 0
    assert "completed after 2 epochs" in answer.out
    assert "This model" in answer.out
    assert "Last value" in answer.out
    assert "parameters" in answer.err


def test_every_fault_in_what_was_set_is_a_line_and_no_run_is_made(ask: Ask) -> None:
    bad = ("model.hidden_size=0", "training.learning_rate=nan", "model.architecture=lstn", "data.windw=3")
    answer = ask("train", "bouncing-ball", *(word for change in bad for word in ("--set", change)))
    assert answer.code == 1
    assert not answer.out
    assert len(answer.faults) == 4
    assert "did you mean lstm?" in answer.err
    assert "did you mean window?" in answer.err
    assert ask("runs", "--json").objects == []


def test_a_field_that_is_given_two_values_is_refused(ask: Ask) -> None:
    answer = ask("train", "bouncing-ball", *QUICK, "--set", "training.epochs=3")
    assert (answer.code, answer.out) == (1, "")
    assert answer.faults == ["training.epochs: 2 values are given; give one"]
    assert ask("runs", "--json").objects == []
    assert ask("train", "bouncing-ball", *QUICK, *QUICK).code == 0


@pytest.mark.parametrize(
    "words",
    [
        ("show", "\udcff"), ("runs", "--search", "\udcff"), ("runs", "--owner", "\udcff"),
        ("train", "bouncing-ball", "--group", "\udcff"),
    ],
)  # fmt: skip
def test_bytes_that_are_no_text_are_one_line_and_damage_nothing(ask: Ask, words: tuple[str, ...]) -> None:
    answer = ask(*words)
    assert (answer.code, answer.out) == (1, "")
    assert answer.faults == ["'\\udcff' is not valid Unicode text; correct it"]
    assert ask("runs", "--json").objects == []


@pytest.mark.parametrize(
    ("what", "says"),
    [
        ("bouncing-bal", "did you mean bouncing-ball?"),
        ("weather", "recipe: 'weather' is not a recipe; it is a source: use --set data.source=weather with a recipe"),
        ("missing.csv", "no such file"),
        ("missing.toml", "no such file"),
        (".", "folder"),
    ],
)
def test_what_cannot_be_trained_is_one_line(ask: Ask, what: str, says: str) -> None:
    answer = ask("train", what)
    assert answer.code == 1
    assert not answer.out
    assert len(answer.faults) == 1
    assert says in answer.err


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x00\x01\x02\xff" * 50,
        b"a,b\n1,2\n3\n4,5,6\n",
        b"name,town\nAda,London\nAlan,Wilmslow\n",
        b"day\n2024-01-01\n",
    ],
    ids=["empty", "binary", "ragged", "all text", "only dates"],
)
def test_a_file_that_cannot_be_used_leaves_nothing_behind(ask: Ask, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "bad.csv"
    path.write_bytes(content)
    answer = ask("train", str(path))
    assert answer.code == 1
    assert not answer.out
    assert answer.faults
    assert "bad.csv" in answer.err or "data" in answer.err
    assert ask("runs", "--json").objects == []


def test_a_window_longer_than_the_data_is_refused(ask: Ask) -> None:
    answer = ask("train", "bouncing-ball", *QUICK, "--set", "data.window=500")
    assert answer.code == 1
    assert "window" in answer.err
    assert ask("runs", "--json").objects == []


def test_runs_and_show_tell_of_a_run(ask: Ask, ball: str) -> None:
    (listed,) = ask("runs", "--json").objects
    assert listed["run"] == ball
    assert listed["status"] == "completed"
    assert "bouncing-ball" in ask("runs").out
    (shown,) = ask("show", ball[:8], "--json").objects
    assert Experiment.make(shown["experiment"]).training.epochs == 2
    assert shown["baselines"]["last_value"]
    text = ask("show", "latest").out
    assert ball in text
    assert "model.hidden_size" in text


def test_runs_of_an_empty_store_says_how_to_make_one(ask: Ask) -> None:
    answer = ask("runs")
    assert answer.code == 0
    assert not answer.out
    assert "train bouncing-ball" in answer.err


@pytest.mark.parametrize(
    "words",
    [
        ("show", "nope"), ("resume", "nope"), ("pause", "nope"), ("continue", "nope"), ("stop", "nope"),
        ("delete", "nope"), ("more-epochs", "nope", "1"), ("predict", "nope", "--steps", "1"),
        ("export", "nope", "--format", "weights", "out"), ("fork", "nope"), ("snapshots", "nope"),
    ],
)  # fmt: skip
def test_a_run_that_does_not_exist_is_one_line(ask: Ask, words: tuple[str, ...]) -> None:
    answer = ask(*words)
    assert (answer.code, answer.out, len(answer.faults)) == (1, "", 1)
    assert "nope" in answer.err


@pytest.mark.parametrize("kind", ["pause", "continue", "stop"])
def test_a_run_that_has_ended_takes_no_commands(ask: Ask, ball: str, kind: str) -> None:
    answer = ask(kind, ball)
    assert (answer.code, answer.out, len(answer.faults)) == (1, "", 1)


def test_snapshots_lists_the_steps_at_which_predict_can_be_used(ask: Ask, ball: str) -> None:
    kept = ask("snapshots", ball, "--json").objects
    steps = [one["step"] for one in kept]
    assert steps[:8] == [0, 1, 2, 3, 4, 5, 6, 8]
    assert {one["reason"] for one in kept} == {"schedule"}
    table = ask("snapshots", ball).out.splitlines()
    assert len(table) == len(kept) + 1
    assert ask("predict", ball, "--input", "1 2 3", "--at", "6").code == 0
    refused = ask("predict", ball, "--input", "1 2 3", "--at", "7")
    assert (refused.code, refused.out) == (1, "")
    assert "the nearest are at 6 and 8" in refused.err
    for step in ("0", "6"):
        assert ask("export", ball, "--format", "weights", "--at", step, f"{step}.safetensors").code == 0
    early, late = (load_file(f"{step}.safetensors") for step in ("0", "6"))
    assert early.keys() == late.keys()
    assert any(not torch.equal(early[name], late[name]) for name in early)
    same = ask("export", ball, "--format", "history", "--at", "6", "history.csv")
    assert (same.code, same.out, len(same.faults)) == (1, "", 1)
    taken = ask("snapshots", ball, "--take")
    assert (taken.code, taken.out, len(taken.faults)) == (1, "", 1)


def test_a_fork_trains_in_the_shell_and_names_its_parent(ask: Ask, ball: str) -> None:
    changes = ("--set", "training.learning_rate=0.1", "--set", "training.epochs=3")
    events = ask("fork", ball, "--step", "7", *changes, "--json").objects
    assert events[0] == {"event": "forked", "run": events[0]["run"], "parent": ball, "parent_step": 7}
    assert (events[-1]["event"], events[-1]["status"], events[-1]["epochs"]) == ("finished", "completed", 3)
    shown = ask("show", events[0]["run"], "--json").objects[0]
    assert (shown["parent"], shown["parent_step"]) == (ball, 7)
    changed = [event for event in shown["events"] if event["event"] == "changed"]
    assert [(event["step"], event["changes"]) for event in changed] == [
        (7, {"training.learning_rate": 0.1, "training.epochs": 3})
    ]
    assert f"{ball} at step 7" in ask("show", events[0]["run"]).out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--step", "100000"), "can't be forked at step 100,000"),
        (("--step", "5", "--set", "model.hidden_size=9"), "model.hidden_size: can't change after the start of a run"),
        (("--step", "5", "--set", "training.learning_rate=-1"), "training.learning_rate"),
        ((), "no epochs left"),
    ],
)
def test_a_fork_that_is_not_possible_is_one_line(ask: Ask, ball: str, words: tuple[str, ...], message: str) -> None:
    answer = ask("fork", ball, *words)
    assert (answer.code, answer.out, len(answer.faults)) == (1, "", 1)
    assert message in answer.err


def test_resume_of_a_completed_run_says_so_and_succeeds(ask: Ask, ball: str) -> None:
    answer = ask("resume", ball)
    assert answer.code == 0
    assert "completed" in answer.out
    (value,) = ask("resume", ball, "--json").objects
    assert value["status"] == "completed"


def test_resume_records_a_change_that_is_allowed_and_refuses_any_other(ask: Ask, ball: str) -> None:
    refused = ask("resume", ball, "--set", "model.hidden_size=64")
    assert (refused.code, refused.out, len(refused.faults)) == (1, "", 1)
    assert "model.hidden_size: can't change after the start of a run" in refused.err
    resumed = ask("resume", ball, "--set", "training.epochs=4", "--set", "training.learning_rate=0.5", "--json").objects
    changed = [event["changes"] for event in resumed if event["event"] == "changed"]
    assert changed == [{"training.epochs": 4, "training.learning_rate": 0.5}]
    assert resumed[-1]["epochs"] == 4


def test_more_epochs_resumes_a_completed_run(ask: Ask, ball: str) -> None:
    events = ask("more-epochs", ball, "3", "--json").objects
    assert events[-1]["event"] == "finished"
    assert events[-1]["run"] == ball
    assert [event["epoch"] for event in events if event["event"] == "epoch"] == [3, 4, 5]
    (shown,) = ask("show", ball, "--json").objects
    assert (shown["epochs"], shown["epoch"], shown["status"]) == (5, 5, "completed")


def test_a_number_is_predicted_in_the_users_units(ask: Ask) -> None:
    assert ask("train", "ramp-next-value").code == 0
    answers = [ask("predict", "latest", "--input", text, "--json") for text in ("70 80 90", "70, 80, 90")]
    (value,) = answers[0].objects
    assert value["input"] == [70, 80, 90]
    assert value["prediction"] == [pytest.approx(100, abs=0.5)]
    assert answers[0].out == answers[1].out
    assert "70, 80, 90 -> " in ask("predict", "latest", "--input", "70 80 90").out


@pytest.mark.parametrize("text", ["", "seventy", "70 80 x"])
def test_an_input_that_cannot_be_read_is_one_line(ask: Ask, ball: str, text: str) -> None:
    answer = ask("predict", ball, "--input", text)
    assert (answer.code, answer.out, len(answer.faults)) == (1, "", 1)


def test_decimal_commas_are_read_as_such_and_shown(ask: Ask, ball: str) -> None:
    (value,) = ask("predict", ball, "--input", "0,5 0,6", "--json").objects
    assert value["input"] == [0.5, 0.6]
    assert "0.5, 0.6 -> " in ask("predict", ball, "--input", "0,5 0,6").out


def test_an_input_is_shown_as_it_was_read_where_the_model_does_not_predict_it(ask: Ask) -> None:
    assert ask("train", "sine-to-cosine", "--set", "training.epochs=1").code == 0
    (value,) = ask("predict", "latest", "--input", "0,5 0,6", "--json").objects
    assert value["input"] == [0.5, 0.6]


def test_the_weights_of_any_kept_step_can_be_used(ask: Ask, ball: str) -> None:
    (shown,) = ask("show", ball, "--json").objects
    last = ask("predict", ball, "--input", "0.5 0.6", "--at", "last", "--json").objects
    assert ask("predict", ball, "--input", "0.5 0.6", "--at", str(shown["step"]), "--json").objects == last
    early = ask("predict", ball, "--input", "0.5 0.6", "--at", "3", "--json").objects
    assert early[0]["prediction"] != last[0]["prediction"]
    missing = ask("predict", ball, "--input", "0.5 0.6", "--at", "7")
    assert (missing.code, len(missing.faults)) == (1, 1)
    assert "6" in missing.err
    assert "8" in missing.err
    assert ask("predict", ball, "--input", "0.5", "--at", "first").code == 2


def test_missing_months_are_reported_before_and_after_training(ask: Ask, months: Path, tmp_path: Path) -> None:
    lines = months.read_text().splitlines()
    holed = tmp_path / "holed.csv"
    holed.write_text("\n".join([*lines[:60], *lines[62:]]))
    note = "2 months are missing between 1953-11 and 1954-02"
    assert note in ask("train", str(holed), *ONE_EPOCH).err
    assert note in ask("predict", "latest", "--file", str(holed)).err
    (value,) = ask("predict", "latest", "--file", str(holed), "--json").objects
    assert value["notes"][0].startswith(note)


def test_old_names_of_fields_and_values_are_still_read(ask: Ask, months: Path) -> None:
    lines = months.read_text().splitlines()
    months.write_text("\n".join([*lines[:60], *lines[62:]]))
    (found,) = ask("data", str(months), "--set", "data.gaps=refuse", "--json").objects
    assert found["rows"] == 118
    old = ("--set", "data.gaps=interpolate", "--set", "data.scaling=relative")
    assert ask("train", str(months), *old, "--set", "training.epochs=1").code == 0
    (shown,) = ask("show", "latest", "--json").objects
    assert shown["experiment"]["data"]["missing"] == "interpolate"
    assert shown["experiment"]["data"]["scaling"] == "last-value"


def test_symbols_are_predicted_with_their_probabilities(ask: Ask) -> None:
    assert ask("train", "next-letter-of-four").code == 0
    (value,) = ask("predict", "latest", "--input", "abcd", "--json").objects
    assert (value["input"], value["prediction"]) == ("abcd", "e")
    assert next(iter(value["probabilities"])) == "e"
    assert math.isclose(sum(value["probabilities"].values()), 1, abs_tol=1e-5)
    generate = ("predict", "latest", "--input", "abcd", "--generate", "6", "--temperature", "0.1", "--json")
    (generated,) = ask(*generate).objects
    assert "efghij" in generated["generated"]
    assert ask(*generate).objects == [generated]


def test_own_data_are_trained_on_and_forecast_with_their_dates(ask: Ask, months: Path, tmp_path: Path) -> None:
    trained = ask("train", str(months), "--set", "data.target=Passengers", *ONE_EPOCH, "--json")
    assert trained.code == 0
    (shown,) = ask("show", "latest", "--json").objects
    assert shown["experiment"]["data"]["source"] == "file"
    assert str(months) not in json.dumps(shown)
    months.unlink()  # the store has its own copy
    out = tmp_path / "forecast.csv"
    (value,) = ask("predict", "latest", "--steps", "3", "--csv", str(out), "--json").objects
    assert [x[:10] for x in value["x"]] == ["1959-01-01", "1959-02-01", "1959-03-01"]
    assert value["columns"] == ["Passengers"]
    assert all(50 < y < 800 for y in value["prediction"])
    assert "1959-03-01" in out.read_text()
    assert "1959-03-01" in ask("predict", "latest", "--steps", "3").out


def test_intervals_and_error_by_horizon_are_printed(ask: Ask, tmp_path: Path) -> None:
    hours = np.datetime64("2024-01-01T00:00") + np.arange(300) * np.timedelta64(1, "h")
    rows = "".join(f"{hour},{np.sin(i / 4) + 3:.4f}\n" for i, hour in enumerate(np.datetime_as_string(hours, unit="m")))
    (tmp_path / "hours.csv").write_text("time,load\n" + rows)
    small = (
        "training.epochs=1",
        "training.interval_coverage=0.8",
        "data.scaling=standard",
        "data.horizon=14",
        "data.window=6",
    )
    few = [word for change in small for word in ("--set", change)]
    assert ask("train", str(tmp_path / "hours.csv"), *few).code == 0
    ahead = ask("predict", "latest", "--steps", "2").out.splitlines()
    assert ahead[0].split() == ["time", "load", "low", "high"]
    assert ahead[1].startswith("2024-01-13 12:00 ")
    middle, low, high = (float(figure) for figure in ahead[1].split()[2:])
    assert low < middle < high
    assert ahead[-1] == "low to high: 80% prediction interval"
    scored = ask("predict", "latest", "--split", "test").out.splitlines()
    assert scored[0].endswith(", epoch 1 of 1")
    start = next(i for i, line in enumerate(scored) if line.startswith("Error by horizon"))
    assert "Model" in scored[start + 1]
    listed = [int(line.split()[0]) for line in scored[start + 2 : start + 14]]
    assert (listed[0], listed[-1], len(listed)) == (1, 14, 12)


def test_refit_trains_on_all_of_the_data_once(ask: Ask, months: Path) -> None:
    ask("train", str(months), "--set", "training.epochs=2")
    scored = ask("runs", "--json").objects[0]["run"]
    first = ask("predict", scored, "--steps", "2", "--refit", "--json").objects
    again = ask("predict", scored, "--steps", "2", "--refit", "--json").objects
    assert len(first) == 1
    assert first == again
    assert first[0]["run"] != scored
    (shown,) = ask("show", first[0]["run"], "--json").objects
    assert shown["experiment"]["data"]["validation_fraction"] == shown["experiment"]["data"]["test_fraction"] == 0
    (tried,) = [
        v for v in ask("predict", scored, "--split", "test", "--json").objects[0]["more"] if v["view"] == "table"
    ]
    assert shown["experiment"]["data"]["scaling"] == tried["rows"][0][0]  # what was scored, and no new trial
    listed = ask("runs", "--json").objects
    assert [run["on_all_data"] for run in listed] == [True, False]
    assert [", on all data" in line for line in ask("runs").out.splitlines()[-2:]] == [True, False]


def test_new_data_are_scored_beside_the_baselines(ask: Ask, months: Path, tmp_path: Path) -> None:
    ask("train", str(months), *ONE_EPOCH)
    out = tmp_path / "scored.csv"
    (value,) = ask("predict", "latest", "--file", str(months), "--csv", str(out), "--json").objects
    assert value["metrics"]["mae"] > 0
    assert value["baselines"]["last_value"]["mae"] > 0
    assert value["windows"] > 50
    assert len(out.read_text().splitlines()) > 50
    missing = ask("predict", "latest", "--file", "missing.csv")
    assert (missing.code, len(missing.faults)) == (1, 1)


@pytest.mark.parametrize("format", FORMATS)
def test_every_export_writes_its_file(ask: Ask, ball: str, tmp_path: Path, format: str) -> None:
    path = tmp_path / f"out{FORMATS[format].suffix}"
    (value,) = ask("export", ball, "--format", format, str(path), "--json").objects
    assert value["bytes"] == path.stat().st_size > 0


def test_an_unknown_export_or_a_place_that_cannot_be_written_is_one_line(ask: Ask, ball: str) -> None:
    for words in (("--format", "wieghts", "x"), ("--format", "weights", "no/such/folder/x")):
        answer = ask("export", ball, *words)
        assert (answer.code, answer.out, len(answer.faults)) == (1, "", 1)


def test_an_exported_experiment_trains_the_same_again(ask: Ask, ball: str, tmp_path: Path) -> None:
    path = tmp_path / "again.toml"
    ask("export", ball, "--format", "experiment", str(path))
    again = ask("train", str(path), "--json").objects[-1]
    (first,) = ask("show", ball, "--json").objects
    assert again["metrics"] == first["metrics"]


def test_a_file_that_is_no_experiment_names_every_fault(ask: Ask, tmp_path: Path) -> None:
    path = tmp_path / "bad.toml"
    path.write_text("[model]\nhidden_size = 0\n[training]\nepoch = 3\n")
    answer = ask("train", str(path))
    assert (answer.code, answer.out, len(answer.faults)) == (1, "", 2)
    path.write_text("not toml at all")
    assert ask("train", str(path)).code == 1


def test_a_deleted_run_is_gone(ask: Ask, ball: str, store_url: str) -> None:
    assert ask("delete", ball, "--yes").code == 0
    assert open_store(store_url).runs() == []


def test_the_store_may_be_named_before_or_after_the_command(ask: Ask, tmp_path: Path) -> None:
    other = f"sqlite:///{tmp_path / 'other' / 'seqcore.db'}"
    ask("train", "bouncing-ball", "--store", other, *QUICK)
    assert len(ask("--store", other, "--json", "runs").objects) == 1
    assert len(ask("runs", "--store", other, "--json").objects) == 1
    assert ask("runs", "--json").objects == []


def test_a_damaged_store_is_one_line_and_stays_as_it_is(ask: Ask, tmp_path: Path) -> None:
    path = tmp_path / "damaged.db"
    path.write_bytes(b"this is no database" * 100)
    answer = ask("runs", "--store", f"sqlite:///{path}")
    assert (answer.code, answer.out, len(answer.faults)) == (1, "", 1)
    assert path.read_bytes() == b"this is no database" * 100


def test_a_defect_of_ours_is_one_line_too(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise ZeroDivisionError("one\ntwo")

    monkeypatch.setattr("seqcore.cli.catalog.all_recipes", broken)
    answer = ask("recipes")
    assert (answer.code, answer.out, len(answer.faults)) == (1, "", 1)
    assert "ZeroDivisionError: one two" in answer.err


def test_data_says_what_a_source_or_a_file_holds(ask: Ask, months: Path) -> None:
    (found,) = ask("data", "weather", "--json").objects
    assert found["frequency"] == "daily"
    assert found["rows"] == sum(part["rows"] for part in found["splits"])
    shown = ask("data", str(months))
    assert shown.code == 0
    assert "one series" in shown.out
    assert (
        ask("data", "weather", "--set", "model.architecture=rnn", "--set", "model.options.nonlinearity=relu").code == 0
    )
    assert ask("data", "weathr").faults == ["weathr: no such source or file; did you mean weather?"]
    assert ask("data", "weather", "--set", "data.window=0").code == 1


def test_data_uses_the_columns_that_are_named(ask: Ask, tmp_path: Path) -> None:
    load = np.sin(np.arange(200) / 3)
    rows = "".join(f"{now:.4f},{later:.4f},1\n" for now, later in pairwise(load))
    (tmp_path / "load.csv").write_text(f"load,tomorrow,wind\n{rows}")
    shown = ask("data", str(tmp_path / "load.csv"), "--set", "data.inputs=load,tomorrow")
    assert "Column 'tomorrow' leaks the target: it is load, 1 row later." in shown.out
    text = "Predicts load from load, tomorrow; not an input: wind (--set data.inputs=load,tomorrow,wind adds it)."
    assert text in shown.out
    assert "split sizes (in windows of " in shown.out
    wrong = ask("data", str(tmp_path / "load.csv"), "--set", "data.inputs=load,winds", "--set", "data.target=loads")
    assert wrong.faults == [
        "data.inputs: there is no column 'winds'; did you mean wind?",
        "data.target: there is no column 'loads'; did you mean load?",
    ]
