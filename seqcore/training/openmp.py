"""The OpenMP wait policy of torch's threads, which can only be set before torch is imported."""

from __future__ import annotations

import os

__all__ = ["set_passive_wait_policy"]


def set_passive_wait_policy() -> None:
    """Set `OMP_WAIT_POLICY=PASSIVE` for torch in this process, unless the user has set it.

    torch's threads wait for each other after every operation. By default they spin, and where another process needs
    the core that a thread spins on, two threads become slower than one. Passive threads sleep. OpenMP reads the
    variable when torch is imported; after that, this function changes nothing in this process. A notebook that imports
    torch first sets the variable itself, before that import. `benchmarks/threads.py` measures both policies.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
