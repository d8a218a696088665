"""Find or install Chromium for the browser tests: from the PATH, from Playwright, or from system packages.

python tools/ensure_chromium.py      prints the path of the browser
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
PLACES = (
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
)
INSTALLERS = {  # package manager -> its arguments
    "apt-get": (("update",), ("install", "-y", "--no-install-recommends", "chromium", "fonts-dejavu-core")),
    "dnf": (("install", "-y", "chromium"),),
    "zypper": (("--non-interactive", "install", "chromium"),),
    "pacman": (("-Sy", "--noconfirm", "chromium"),),
    "apk": (("add", "chromium"),),
    "brew": (("install", "--cask", "chromium"),),
}
WITHOUT_ROOT = ("brew",)
ADVICE = """No Chromium was found, and none could be installed. The browser tests need one. Do one of these:
  - install Chromium or Google Chrome, so that `chromium` or `google-chrome` is on the PATH
  - .venv/bin/python -m playwright install --with-deps chromium
  - as root on Debian or Ubuntu: apt-get install chromium
  - set CHROMIUM to the path of an installed one"""


def find() -> Path | None:
    """The path of the browser, or None. The environment variable `CHROMIUM` has priority."""
    return next((path for path in _candidates() if _works(path)), None)


def ensure() -> Path | None:
    """The path of the browser, installed if necessary and permitted."""
    return find() or _from_playwright() or _from_system()


def _candidates() -> Iterator[Path]:
    named = os.environ.get("CHROMIUM")
    if named:
        yield Path(named)
    for name in NAMES:
        path = shutil.which(name)
        if path:
            yield Path(path)
    yield from (Path(place) for place in PLACES if Path(place).exists())
    own = _playwright_path()
    if own:
        yield own


def _works(path: Path) -> bool:
    """Whether it is a working browser: some systems have a stub of that name on the PATH."""
    try:
        return subprocess.run([path, "--version"], capture_output=True, timeout=60, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def _playwright_path() -> Path | None:
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        return None
    with sync_playwright() as playwright:
        path = Path(playwright.chromium.executable_path)
    return path if path.exists() else None


def _from_playwright() -> Path | None:
    print("No Chromium on the PATH: installing the one of Playwright", flush=True)
    _run([sys.executable, "-m", "playwright", "install", "chromium"])
    path = find()
    if path is None and _playwright_path() and _as_root() == []:
        # installed but not working: system libraries are missing
        _run([sys.executable, "-m", "playwright", "install-deps", "chromium"])
        path = find()
    return path


def _from_system() -> Path | None:
    for name, requests in INSTALLERS.items():
        if shutil.which(name) is None:
            continue
        prefix = [] if name in WITHOUT_ROOT else _as_root()
        if prefix is None:
            continue
        print(f"Installing Chromium with {name}", flush=True)
        for request in requests:
            _run([*prefix, name, *request])
        path = find()
        if path:
            return path
    return None


def _as_root() -> list[str] | None:
    """The prefix of a command that needs root, or None if root is not available."""
    if os.name == "posix" and os.geteuid() == 0:
        return []
    if (
        shutil.which("sudo")
        and subprocess.run(["sudo", "-n", "true"], capture_output=True, check=False).returncode == 0
    ):
        return ["sudo", "-n"]
    return None


def _run(command: list[str]) -> None:
    """Run a command non-interactively with its output shown. Failures are detected by `find` afterwards."""
    try:
        subprocess.run(
            command,
            check=False,
            stdin=subprocess.DEVNULL,
            timeout=900,
            env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        print(f"  {error}", flush=True)


def main() -> int:
    path = ensure()
    if path is None:
        print(ADVICE, file=sys.stderr)
        return 1
    print(f"Chromium: {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
