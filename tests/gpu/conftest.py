"""Tests that need an NVIDIA GPU; skipped without one. `make gpu` runs them."""

from __future__ import annotations

import os

os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # deterministic products; read when CUDA starts

import pytest
import torch


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = os.path.dirname(__file__)
    if not torch.cuda.is_available():
        for item in items:
            if str(item.path).startswith(here):
                item.add_marker(pytest.mark.skip(reason="no NVIDIA GPU here"))
