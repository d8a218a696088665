"""The worked examples of docs/architecture.md, added to a copy of the package as the page says, and used for real."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.copies import unfinished_bytecode

ROOT = Path(__file__).parents[1]
BLOCK = re.compile(r"```python\n# (\S+?)(?:, in (\w+))?\n(.*?)```", re.DOTALL)

USE = """
import contextlib, io, json, sys
import pytest
from seqcore.cli import main
from seqcore.evaluation.baselines import BASELINES
from seqcore.events import Finished, Preview, Started
from seqcore.experiment.experiment import Experiment
from seqcore.experiment.links import experiment_from_link, link_of
from seqcore.inference.predictor import Predictor
from seqcore.events import CheckpointReady
from seqcore.plots import plot_view
from seqcore.results import view_from_dict
from seqcore.tasks.model_summary import summarize
from seqcore.training.fit import fit, load_table

experiment = Experiment.make({
    "data": {"source": "logistic-map", "options": {"length": 400}, "task": "quantile", "window": 12},
    "model": {"architecture": "moving-average", "options": {"decay": 0.5}, "hidden_size": 16},
    "training": {"epochs": 3, "learning_rate": 0.01},
})
assert experiment_from_link(link_of(experiment, None))[0] == experiment
events = list(fit(experiment))
end = events[-1]
assert isinstance(end, Finished), end
checkpoint = [e for e in events if isinstance(e, CheckpointReady)][-1].content
predictor = Predictor.from_checkpoint(checkpoint)
forecast = predictor.forecast(3).prediction
evaluation = predictor.evaluate(load_table(experiment), split="test")
(histogram,) = [view for view in evaluation.more if view.kind == "histogram"]
again = view_from_dict(json.loads(json.dumps(histogram.to_dict())))
figure = plot_view(again)
with contextlib.redirect_stdout(io.StringIO()) as shown:
    assert main(["data", "logistic-map"]) in (0, None)
print(json.dumps({
    "shown": shown.getvalue(),
    "status": end.status,
    "metrics": {k: v for k, v in end.metrics.items() if k.endswith(("loss", "mae"))},
    "baselines": {name: found.get("test_mae") for name, found in end.baselines.items()},
    "title": BASELINES["window_median"].title,
    "parameters": next(e for e in events if isinstance(e, Started)).parameters,
    "forecast": forecast.tolist(),
    "bars": list(figure.data[0].y),
    "csv": histogram.to_csv().splitlines()[0],
    "refused": experiment.why_not("model.bidirectional", True),
}))
code = pytest.main(["-v", "-p", "no:cacheprovider", "-k", "moving-average or logistic-map", *sys.argv[1:]])
print("exit code", int(code))
"""
SUITES = {
    "models/test_architectures.py": "moving-average", "models/test_architectures_in_training.py": "moving-average",
    "training/test_fit.py": "moving-average", "training/test_replicas.py": "moving-average",
    "data/sources/test_sources.py": "logistic-map",
}  # fmt: skip


def blocks() -> list[tuple[str, str | None, str]]:
    """(path, name of the registry or None, code) of each block of the page."""
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    return [(path, registry or None, code) for path, registry, code in BLOCK.findall(page)]


@pytest.fixture(scope="module")
def extended(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the package with every example of the page in it."""
    folder = tmp_path_factory.mktemp("extended")
    shutil.copytree(ROOT / "seqcore", folder / "seqcore", ignore=unfinished_bytecode)
    for path, registry, code in blocks():
        file = folder / path
        if registry is None:
            assert not file.exists(), f"{path} is there already"
            file.write_text(code, encoding="utf-8")
            continue
        text, count = re.subn(
            rf"^({registry}: .* = {{\n)", lambda m, c=code: m[1] + c, file.read_text("utf-8"), flags=re.M
        )
        assert count == 1, f"{path} has no registry {registry}"
        file.write_text(text, encoding="utf-8")
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    for line, path in re.findall(r"add `(from .+? import .+?)` to the imports of\s+`(.+?)`", page):
        file = folder / path
        file.write_text(
            file.read_text("utf-8").replace("\nfrom seqcore.", f"\n{line}\nfrom seqcore.", 1), encoding="utf-8"
        )
    return folder


def run(folder: Path, *command: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(folder), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, *command], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def output(extended: Path) -> list[str]:
    """The lines that a run with all of the examples writes: its report, then the contract suites."""
    suites = [f"tests/seqcore/{suite}" for suite in SUITES]
    for file in ("tests/conftest.py", "tests/tables.py", *suites):
        (extended / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / file, extended / file)
    return run(extended, "-c", USE, *suites).splitlines()


@pytest.fixture(scope="module")
def used(output: list[str]) -> dict[str, Any]:
    """The report."""
    report: dict[str, Any] = json.loads(output[0])
    return report


def test_the_page_has_an_example_of_each_kind() -> None:
    assert {registry for _, registry, _ in blocks() if registry} == {
        "MODELS", "SOURCES", "BASELINES", "RESULT_TYPES", "TASKS",
    }  # fmt: skip


def test_a_run_with_all_examples_trains_and_predicts(used: dict[str, Any]) -> None:
    assert used["status"] == "completed"
    assert all(value is not None for value in used["metrics"].values())
    assert len(used["forecast"]) == 3
    assert used["parameters"] == (1 + 1) * 16 + 16 + 17
    assert "one direction" in used["refused"] or "bidirectional" in used["refused"]


def test_the_baseline_is_scored_beside_the_others(used: dict[str, Any]) -> None:
    assert used["title"] == "Median of the window"
    assert 0.0 < used["baselines"]["window_median"] < 1.0
    assert used["baselines"]["window_median"] != used["baselines"]["mean"]


def test_the_result_type_is_drawn_and_exported(used: dict[str, Any]) -> None:
    assert used["csv"] == "from,to,count"
    assert sum(used["bars"]) > 0


def test_the_command_line_shows_the_source(used: dict[str, Any]) -> None:
    assert "population" in used["shown"]


@pytest.mark.parametrize(("suite", "name"), SUITES.items())
def test_the_contract_suite_passes_with_the_example(output: list[str], suite: str, name: str) -> None:
    assert "exit code 0" in output, "\n".join(output)
    passed = [line for line in output if suite in line and name in line and " PASSED" in line]
    assert passed
