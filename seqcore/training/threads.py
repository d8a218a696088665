"""The number of CPU threads of a run: those that its matrix products keep busy, of the cores that it may use."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the server, which starts workers, does without torch
    from torch import nn

__all__ = ["CORES_VARIABLE", "available_cores", "choose_threads", "cores_of_a_slot"]

CORES_VARIABLE = "SEQCORE_CORES"  # cores of one run in a worker; set by the launcher
_PRODUCTS = 4_000_000  # multiplications of one time step that occupy a thread: about 0.1 ms, ten times a barrier
_PRODUCTS_OF_REPLICAS = 500_000  # the same where threads meet once in a training step: several times Python's share


def choose_threads(model: nn.Module, batch_size: int, *, divided: bool = False) -> int:
    """Threads for a model that is trained on batches of `batch_size`; 1 for small models.

    `divided` says that threads share replicas (`DirectGradients`), not the operations.

    It depends on the model and on this machine, not on how busy the machine is: the same run on the same machine has
    the same number, and with it the same numbers to the bit. A time step multiplies each weight matrix with one row
    for each sequence of the batch. Where that is less work than `_PRODUCTS`, threads would wait for each other longer
    than they compute. Threads that share replicas meet only once in a training step, but hold Python's lock in turn
    between operations.
    """
    from torch import nn

    tables = {id(p) for m in model.modules() if isinstance(m, nn.Embedding) for p in m.parameters()}
    weights = sum(p.numel() for p in model.parameters() if p.dim() > 1 and id(p) not in tables)
    return max(1, min(_cores(), weights * batch_size // (_PRODUCTS_OF_REPLICAS if divided else _PRODUCTS)))


def available_cores() -> int:
    """Cores that this process may use: its affinity, limited by the quota of its control group."""
    try:
        cores = len(os.sched_getaffinity(0))
    except AttributeError:  # macOS and Windows have no affinity
        cores = os.cpu_count() or 1
    quota = _quota()
    return max(1, min(cores, math.ceil(quota) if quota is not None else cores))


def cores_of_a_slot(slots: int) -> int:
    """Cores of each of `slots` runs beside each other; at most OMP_NUM_THREADS where that is set."""
    given = os.environ.get("OMP_NUM_THREADS", "")
    cores = max(1, available_cores() // max(1, slots))
    return max(1, min(cores, int(given))) if given.isdigit() else cores


def _cores() -> int:
    given = os.environ.get(CORES_VARIABLE, "")
    return max(1, int(given)) if given.isdigit() else cores_of_a_slot(1)


def _quota(root: Path = Path("/sys/fs/cgroup")) -> float | None:
    """Processor time of the control group in cores; None where it is not limited."""
    try:
        if (root / "cpu.max").exists():  # version 2
            quota, period = (root / "cpu.max").read_text().split()
        else:
            quota, period = ((root / "cpu" / f"cpu.cfs_{name}_us").read_text().strip() for name in ("quota", "period"))
        return int(quota) / int(period) if quota.isdigit() and int(quota) > 0 else None
    except (OSError, ValueError):
        return None
