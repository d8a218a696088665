"""Out of memory in training: told in one line with advice. The run keeps its last checkpoint."""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator
from typing import TypeVar

import torch

from seqcore.errors import DeviceError
from seqcore.experiment.experiment import Experiment

__all__ = ["explained", "is_out_of_memory"]

T = TypeVar("T")

_MESSAGES = re.compile(
    r"out of memory|can't allocate memory|not enough memory|CUDNN_STATUS_ALLOC_FAILED", re.IGNORECASE
)
_AMOUNT = re.compile(r"[Tt]ried to allocate ([\d.]+ [KMGT]i?B|\d+ bytes)")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error is a refused allocation, of Python, of torch on a CPU, or on a GPU."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and bool(_MESSAGES.search(str(error)))


def explained(events: Generator[T, None, None], experiment: Experiment, device: torch.device) -> Iterator[T]:
    """The events of a run; DeviceError with advice where memory runs out."""
    try:
        yield from events
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        line = _advice(error, experiment, device)
    else:
        return
    if device.type == "cuda":
        torch.cuda.empty_cache()  # other runs of this process may need it
    raise DeviceError(line)  # outside of the handler, whose traceback holds the tensors


def _advice(error: BaseException, experiment: Experiment, device: torch.device) -> str:
    training, model = experiment.training, experiment.model
    found = _AMOUNT.search(str(error))
    amount = f" for {_readable(found[1])} more" if found else ""
    lower = ", or training.precision = bf16" if device.type == "cuda" and training.precision == "float32" else ""
    several = f", fewer training.replicas ({training.replicas})" if training.replicas > 1 else ""
    return (
        f"out of memory on {device}{amount}: use a smaller training.batch_size ({training.batch_size}), "
        f"data.window ({experiment.data.window}) or model.hidden_size ({model.hidden_size}){several}{lower}; "
        "what was stored until then is kept"
    )


def _readable(amount: str) -> str:
    number, unit = amount.split()
    return f"{int(number) / 1e9:.2f} GB" if unit == "bytes" else amount
