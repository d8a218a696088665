"""Validation of what a checkpoint holds: it may come from anyone, and a checksum does not make its values possible.

A codec declares the types of its JSON values as a `Stored` model and checks its arrays with `array`. Every fault is a
ValueError, which `decoding` turns into one line.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, StrictInt, StrictStr, ValidationError

from seqcore.errors import CorruptError

__all__ = ["MOST", "Count", "Names", "Size", "Stored", "array", "decoding", "indices"]

MOST = 2**53

Count = Annotated[StrictInt, Field(ge=0, le=MOST)]
Size = Annotated[StrictInt, Field(ge=1, le=2**31)]
Names = tuple[StrictStr, ...]
Arrays = Mapping[str, NDArray[Any]]

_FAULTS = (
    *(KeyError, TypeError, ValueError, IndexError, AttributeError, OverflowError, AssertionError),
    *(
        RuntimeError,
        NotImplementedError,
        MemoryError,
        StopIteration,
    ),  # of torch and deep nesting
)


class Stored(BaseModel):
    """JSON values of a checkpoint. Names that older or newer versions store are ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore")


@contextlib.contextmanager
def decoding(what: str) -> Iterator[None]:
    """CorruptError "WHAT is damaged: ..." in place of the errors that impossible values cause.

    It can be the decorator of a function that uses arrays whose shapes can be checked only with data.
    """
    try:
        yield
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "its values"
        raise CorruptError(f"{what} is damaged: {where}: {_line(first['msg'])}") from None
    except KeyError as error:
        raise CorruptError(f"{what} is damaged: {_line(error.args[0] if error.args else '')} is missing") from None
    except _FAULTS as error:
        raise CorruptError(f"{what} is damaged: {_line(error) or type(error).__name__}") from error


def array(
    arrays: Arrays, name: str, shape: tuple[int, ...], *, least: float = -np.inf, most: float = np.inf
) -> NDArray[Any]:
    """A finite array in `least` to `most`, reshaped to `shape` (-1: any length). KeyError or ValueError."""
    found = arrays[name]
    if found.dtype.kind not in "iuf":
        raise ValueError(f"{name} has the type {found.dtype}")
    if found.size and not (np.isfinite(found).all() and found.min() >= least and found.max() <= most):
        raise ValueError(f"{name} has values that are not possible")
    return found.reshape(shape)


def indices(arrays: Arrays, name: str, shape: tuple[int, ...], *, below: int = MOST) -> NDArray[Any]:
    """An array of whole numbers from 0 to `below` - 1. KeyError or ValueError."""
    found = array(arrays, name, shape, least=0, most=below - 1)
    if found.dtype.kind not in "iu":
        raise ValueError(f"{name} has the type {found.dtype}")
    return found


def _line(error: object) -> str:
    return " ".join(str(error).split())[:200]
