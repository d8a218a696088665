"""Every way to train in a process of our own sets the wait policy before torch is imported."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

TRAIN = "import seqcore; seqcore.train(seqcore.recipe('bouncing-ball'), store=seqcore.open_store('runs'))"
PYTHON: dict[str, tuple[str, ...]] = {
    "command": ("-m", "seqcore", "--store", "runs", "train", "bouncing-ball"),
    "worker": ("-m", "seqcore.runs.worker", "--store", "runs"),
    "Python": ("-c", TRAIN),
}


@pytest.fixture
def environment(tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A `torch` whose import says which policy it finds, and ends the process."""
    (tmp_path / "torch").mkdir()
    says = "import os\nos.write(2, f\"policy {os.environ.get('OMP_WAIT_POLICY')}\\n\".encode())\nos._exit(7)\n"
    (tmp_path / "torch" / "__init__.py").write_text(says)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join((str(tmp_path), str(root))))
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize(
    ("way", "wanted", "found"), [*((way, None, "PASSIVE") for way in PYTHON), ("worker", "ACTIVE", "ACTIVE")]
)
def test_the_policy_is_passive_unless_the_user_set_it(
    way: str, wanted: str | None, found: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if wanted is not None:
        monkeypatch.setenv("OMP_WAIT_POLICY", wanted)
    with subprocess.Popen(
        [sys.executable, *PYTHON[way]],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        assert f"policy {found}\n" in process.stderr
        assert process.wait(60) == 7


def test_openmp_reads_what_is_set_before_torch_is_imported(root: Path) -> None:
    code = "from seqcore.training.openmp import *; set_passive_wait_policy(); import torch"
    variables = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**variables, "OMP_DISPLAY_ENV": "TRUE"},
        cwd=root,
        capture_output=True,
        text=True,
        check=True,
    )
    shown = [line for line in done.stderr.splitlines() if "OMP_WAIT_POLICY" in line]
    if not shown:
        pytest.skip("torch's OpenMP doesn't show its environment here")
    assert all("PASSIVE" in line for line in shown), shown
