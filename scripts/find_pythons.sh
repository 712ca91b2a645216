#!/usr/bin/env bash
# Print the path of each Python here that can run the project, newest version first, one per line.
#
# Looks in PATH and in pyenv's versions, for which PATH has only a stub that fails unless that version is chosen.
set -euo pipefail

readonly PROBE='
import sys
assert sys.version_info >= (3, 10) and sys.version_info.releaselevel == "final"
import ensurepip, sqlite3, venv
print(*("%03d" % part for part in sys.version_info[:3]), sys.executable)
'

candidates() {
  local minor
  for minor in 10 11 12 13 14 15 16; do
    type -aP "python3.$minor" || true
  done
  type -aP python3 || true
  printf '%s\n' "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.*/bin/python3
}

# One interpreter per minor version is enough: the newest patch release.
candidates | while read -r python; do
  { [ -x "$python" ] && "$python" -I -c "$PROBE" 2>/dev/null; } || true
done | sort -r | awk '!seen[$2]++' | cut -d ' ' -f 4-
