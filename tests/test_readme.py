"""The Python of the README, run as it stands there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

README = Path(__file__).parents[1] / "README.md"


def test_the_python_of_the_readme_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (block,) = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SEQCORE_STORE", f"sqlite:///{tmp_path / 'runs.db'}")
    names: dict[str, Any] = {"frame": pd.DataFrame({"sales": np.arange(60.0)})}
    exec(block, names)
    said = capsys.readouterr().out
    assert names["view"].prediction.item() == pytest.approx(100, abs=3)  # what follows 70, 80, 90
    assert re.search(r"\(\d+, 1, 64\)", said)
    assert (tmp_path / "model.safetensors").exists()
