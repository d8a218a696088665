#!/bin/sh
# Creates an environment and installs a requirements file into it, once for each content of that file.
# Usage: tools/install.sh requirements.txt [environment, .venv by default]
set -eu

wanted=$1
venv=${2:-.venv}
installed=$venv/.installed-$(basename "$wanted")  # a copy of what was last installed

# requirements-dev.txt includes the others, so all are compared. Another environment has its own file alone.
contents() {
    if [ "$venv" = .venv ]; then cat requirements.txt requirements-login.txt "$wanted"; else cat "$wanted"; fi
}

works() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }

best_python() {
    # A name on the PATH may be a broken shim, and some systems ship Python without venv: try each.
    for name in python3 python3.14 python3.13 python3.12 python3.11 python; do
        if works "$name" && "$name" -c 'import ensurepip, venv' >/dev/null 2>&1; then
            echo "$name"
            return
        fi
    done
    echo "Sequence Lab needs Python 3.11 or newer, with its venv module; none was found on the PATH." >&2
    echo "Debian and Ubuntu: apt-get install python3 python3-venv.  macOS: brew install python@3.13." >&2
    exit 1
}

if works "$venv/bin/python" && contents | cmp -s - "$installed"; then
    exit 0
fi

if ! works "$venv/bin/python" || ! "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
    python=$(best_python)
    echo "Creating $venv with $("$python" --version)"
    rm -rf "$venv"
    "$python" -m venv "$venv"
fi

echo "Installing $wanted (the first time takes a few minutes)"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check -r "$wanted"
contents >"$installed"
# The development requirements include the runtime requirements.
if [ "$venv" = .venv ] && [ "$wanted" != requirements.txt ]; then
    wanted=requirements.txt
    contents >"$venv/.installed-requirements.txt"
fi
