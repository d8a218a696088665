"""The launcher's setting of the C library's allocator."""

from __future__ import annotations

import platform
import subprocess
import sys
from pathlib import Path

import pytest

COUNT = """
import app, ctypes, threading
libc = ctypes.CDLL(None)
together = threading.Barrier(8)
def allocate():
    together.wait()
    kept = [libc.malloc(1000) for _ in range(10)]
    together.wait()
threads = [threading.Thread(target=allocate) for _ in range(8)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
libc.malloc_info(0, ctypes.c_void_p.in_dll(libc, "stdout"))
libc.fflush(None)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries have no arenas")
def test_the_threads_of_a_server_share_one_arena(root: Path) -> None:
    done = subprocess.run([sys.executable, "-c", COUNT], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.count("<heap nr=") == 1
