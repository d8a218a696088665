"""A short version of `kill_commands.py`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.timeout(600)  # twelve trainings; the moments of the kills follow the time of the first one
def test_killed_commands_lose_nothing_and_leave_nothing(root: Path) -> None:
    script = root / "tests" / "seqcore" / "runs" / "kill_commands.py"
    done = subprocess.run([sys.executable, script, "12"], capture_output=True, text=True, timeout=540, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "nothing lost" in done.stdout
