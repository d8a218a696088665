"""`python -m seqcore`: the command line.

Signals end the process at once, from before the first import that takes time to after the last line of output:
everything stored is safe at any moment, and an exception might be raised where it is lost or printed, as in an import
of a C extension. `train` and its kin handle them themselves while a run is executed.
"""

from __future__ import annotations

import os
import signal
import sys


def _exit_at_once(number: int, frame: object) -> None:
    if os.isatty(2):
        os.write(2, b"\x1b[?25h")  # a progress bar hides the cursor
    os._exit(128 + number)


def _open_streams() -> None:
    """Give a process that was started without standard streams (`>&-`) ones that discard: its next files must not take
    their numbers."""
    while (handle := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(handle)
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(number, "w" if number else "r", encoding="utf-8", closefd=False))


def _run() -> int:
    _open_streams()
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        if hasattr(signal, name) and signal.getsignal(getattr(signal, name)) is not signal.SIG_IGN:
            signal.signal(getattr(signal, name), _exit_at_once)
    from seqcore.cli import main
    from seqcore.cli.output import close_streams

    try:
        code = main()
    except SystemExit as error:  # of argparse, which has printed the reason
        code = error.code if isinstance(error.code, int) else 1
    return close_streams(code)


if __name__ == "__main__":
    os._exit(_run())  # everything is stored, and unloading torch would only take time
