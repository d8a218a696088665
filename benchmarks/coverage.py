"""Empirical coverage of prediction intervals: on exchangeable targets, and on eight cases of daily weather.

python benchmarks/coverage.py
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np

from seqcore.data.table import Table
from seqcore.events import Finished
from seqcore.experiment.experiment import Experiment
from seqcore.training.fit import fit

COVERAGE = 0.9
MODEL = {"architecture": "gru", "hidden_size": 16}
DAILY = [
    (column, {"source": "weather", "target": [column], "window": 14, "horizon": horizon})
    for column in ("temp_max", "temp_min", "wind", "precipitation")
    for horizon in (1, 7)
]


def covered(data: dict[str, Any], table: Table | None = None, **training: Any) -> float:
    """Empirical coverage on the test split."""
    experiment = Experiment.make(
        {"data": data, "model": MODEL, "training": {"interval_coverage": COVERAGE, **training}}
    )
    end = list(fit(experiment, data=table))[-1]
    assert isinstance(end, Finished)
    return end.metrics["test_coverage"]


def main() -> int:
    noise = np.random.default_rng(1).standard_t(3, size=40_000)
    exchangeable = Table(values=noise[:, None], columns=("value",))
    parts = {"window": 5, "test_fraction": 0.25, "validation_fraction": 0.1}
    failed = 0
    cases = [("10,000 exchangeable targets", (0.88, 0.92), parts, exchangeable, {"epochs": 1, "batch_size": 256})]
    cases += [
        (f"{column}, {data['horizon']} day{'s' * (data['horizon'] > 1)}", (0.86, 0.94), data, None, {"epochs": 8})
        for column, data in DAILY
    ]
    for name, (low, high), data, table, training in cases:
        begin = time.process_time()
        share = covered(data, table, learning_rate=0.005, **training)
        held = low <= share <= high
        failed += not held
        seconds = time.process_time() - begin
        print(
            f"{'ok    ' if held else 'FAILED'} {name}: {share:.1%} (nominal {COVERAGE:.0%}), {seconds:.1f} s",
            flush=True,
        )
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
