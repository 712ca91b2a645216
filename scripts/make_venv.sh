#!/usr/bin/env bash
# Make the virtual environment DIRECTORY with the newest Python here and install the project's tools into it.
#
# Usage: scripts/make_venv.sh DIRECTORY
# PYTHON=/path/to/python chooses another interpreter.
set -euo pipefail
cd "$(dirname "$0")/.."
readonly directory="$1"

newest_python() { scripts/find_pythons.sh | sed -n 1p; }

if [ ! -x "$directory/bin/python" ]; then
  python="${PYTHON:-$(newest_python)}"
  if [ -z "$python" ]; then
    # Debian's python3 comes without the module that fills a virtual environment with pip.
    scripts/install_system_packages.sh python3 python3-venv
    python="$(newest_python)"
  fi
  if [ -z "$python" ]; then
    echo "No Python 3.10 or newer with the modules venv, ensurepip and sqlite3 was found." >&2
    exit 1
  fi
  echo "Virtual environment in $directory with $("$python" --version) ($python)"
  "$python" -m venv --clear "$directory"
  "$directory/bin/python" -m pip install --quiet --upgrade pip
fi

echo "Installing the project's tools into $directory"
"$directory/bin/python" -m pip install --quiet ".[dev]"
