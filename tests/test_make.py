"""What `make` does beside running tools: it ends as its user ends it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent

pytestmark = pytest.mark.skipif(
    sys.platform == "win32" or shutil.which("make") is None, reason="make is for systems with a shell"
)


def start(server: Path, ending: str) -> subprocess.Popen[str]:
    """`make run` with a small program in the place of Python."""
    server.write_text(f"import sys, time\nprint('ready', flush=True)\n{ending}\n")
    words = ["make", "-o", "install", "run", f"PY={sys.executable} {server}"]
    # The tests may themselves be run by make, which must not be heard by the one that is tested.
    alone = {name: value for name, value in os.environ.items() if not name.startswith("MAKE") and name != "MFLAGS"}
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    return subprocess.Popen(words, cwd=ROOT, env=alone, start_new_session=True, **pipes)


@pytest.mark.parametrize("ending", ["time.sleep(60)", "try: time.sleep(60)\nexcept KeyboardInterrupt: sys.exit(130)"])
def test_ctrl_c_ends_the_dashboard_without_an_error(tmp_path: Path, ending: str) -> None:
    make = start(tmp_path / "server.py", ending)
    assert make.stdout is not None
    assert make.stdout.readline() == "ready\n"
    os.killpg(make.pid, signal.SIGINT)  # as a terminal does: to make, its shell and the server at once
    said, _ = make.communicate(timeout=120)
    assert "*** [" not in said  # a rule that failed; "*** wait: No child processes" is make, interrupted while it waits


def test_a_dashboard_that_fails_is_an_error(tmp_path: Path) -> None:
    make = start(tmp_path / "server.py", "sys.exit(3)")
    said, _ = make.communicate(timeout=120)
    assert make.returncode != 0
    assert "Error" in said


def test_what_the_development_requirements_include_is_not_installed_again(tmp_path: Path) -> None:
    for name in ("requirements.txt", "requirements-login.txt", "requirements-dev.txt"):
        shutil.copy(ROOT / name, tmp_path)
    python = tmp_path / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text("#!/bin/sh\nexit 0\n")
    python.chmod(0o755)
    script = ["sh", str(ROOT / "tools" / "install.sh")]
    said = [
        subprocess.run([*script, name], cwd=tmp_path, capture_output=True, text=True, check=True).stdout
        for name in ("requirements-dev.txt", "requirements-dev.txt", "requirements.txt")
    ]
    assert [text.partition(" (")[0] for text in said] == ["Installing requirements-dev.txt", "", ""]


def test_another_environment_has_its_own_requirements_alone(tmp_path: Path) -> None:
    (tmp_path / "others.txt").write_text("one==1\n")
    python = tmp_path / ".venv-others" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text("#!/bin/sh\nexit 0\n")
    python.chmod(0o755)
    script = ["sh", str(ROOT / "tools" / "install.sh"), "others.txt", ".venv-others"]
    said = [subprocess.run(script, cwd=tmp_path, capture_output=True, text=True, check=True).stdout for _ in range(2)]
    assert [text.partition(" (")[0] for text in said] == ["Installing others.txt", ""]
    assert not (tmp_path / ".venv").exists()
