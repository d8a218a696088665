"""Where each of several replicas is in its training: its losses, its best epoch, and whether it has ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["ReplicaProgress"]

Numbers = NDArray[np.float64]
Counts = NDArray[np.int64]


@dataclass
class ReplicaProgress:
    """Where each replica is, [K]; a step or epoch of 0 means none. Kept in every checkpoint."""

    loss_sum: Numbers  # over the current epoch, each window counted once
    windows: Counts
    best_loss: Numbers
    best_epoch: Counts
    best_step: Counts
    waited: Counts  # epochs since the best one
    drops: Counts  # times that a plateau schedule has lowered the learning rate
    plateau_best: Numbers
    plateau_waited: Counts
    ended: Counts  # step after which it was no longer trained
    diverged: NDArray[np.bool_]
    last_losses: list[list[float]] = field(default_factory=list)  # of the last 20 steps
    best_metrics: dict[str, list[float]] = field(default_factory=dict)  # at the end of each one's best epoch

    @classmethod
    def start(cls, count: int) -> ReplicaProgress:
        """Before the first step."""

        def zeros() -> Counts:
            return np.zeros(count, dtype=np.int64)

        return cls(
            loss_sum=np.zeros(count), windows=zeros(), best_loss=np.full(count, np.inf), best_epoch=zeros(),
            best_step=zeros(), waited=zeros(), drops=zeros(), plateau_best=np.full(count, np.inf),
            plateau_waited=zeros(), ended=zeros(), diverged=np.zeros(count, dtype=bool),
        )  # fmt: skip

    @property
    def active(self) -> NDArray[np.bool_]:
        """Which are still trained."""
        active: NDArray[np.bool_] = self.ended == 0
        return active

    def to_dict(self) -> dict[str, Any]:
        """Plain values by name."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        return {name: v.tolist() if isinstance(v, np.ndarray) else v for name, v in values.items()}

    @classmethod
    def from_dict(cls, d: Mapping[str, Any], count: int) -> ReplicaProgress:
        """The inverse of `to_dict`. ValueError or TypeError where the values do not fit so many replicas."""
        found = cls.start(count)
        for name, default in vars(found).items():
            if isinstance(default, np.ndarray):
                value = np.array(d[name], dtype=default.dtype)
                if value.shape != default.shape or (value.dtype.kind == "i" and value.min() < 0):
                    raise ValueError(f"{name} does not fit {count} replicas")
                setattr(found, name, value)
        found.last_losses = np.array(d["last_losses"], dtype=np.float64).reshape(-1, count).tolist()
        found.best_metrics = {
            str(name): np.array(values, dtype=np.float64).reshape(count).tolist()
            for name, values in d["best_metrics"].items()
        }
        return found
