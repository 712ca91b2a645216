#!/usr/bin/env bash
# Install the Debian or Ubuntu packages that the tests and the demo drive, and start none of their services.
#
# Usage: scripts/install_system_packages.sh [--optional] [--for-tests] [PACKAGE ...]
#
# Without PACKAGE: everything that `make test` and `make demo` need. Does nothing where all are installed.
# --for-tests: a browser, a brute-force tool and so on too, 350 MB that only the tests need.
# --optional: where they cannot be installed (no apt, no root), say what is missing and succeed all the same.
set -euo pipefail

readonly DEFAULT_PACKAGES=(
  fail2ban nginx               # what the site is protected by, and what stands in front of it
  python3-pyinotify            # Fail2ban notices new lines at once
  python3-systemd              # Fail2ban reads the journal
  nftables iptables iproute2   # bans that really cut traffic, in network namespaces of the tests' own
  logrotate                    # the log is renamed under running workers
  rsyslog                      # reads our syslog messages; only started by the tests, on ports of their own
)
readonly TEST_PACKAGES=(
  hydra                        # guesses passwords, and knows nothing of CSRF
  chromium                     # visits a hostile page
  debootstrap                  # roots with other versions of Fail2ban
  systemd-journal-remote       # writes a journal without a running systemd
  postgresql redis-server memcached  # what a site keeps its users and its cache in; started by the tests alone
)
# Package scripts ask this program before they start a service; 101 means no. See invoke-rc.d(8).
readonly POLICY=/usr/sbin/policy-rc.d
readonly SAVED_POLICY="$POLICY.saved-by-security-logging"
readonly LOCK=/run/lock/security-logging-packages

optional=false
[ "${1:-}" = "--optional" ] && { optional=true; shift; }
for_tests=false
[ "${1:-}" = "--for-tests" ] && { for_tests=true; shift; }

is_installed() {
  [ "$(dpkg-query -W -f='${db:Status-Abbrev}' "$1" 2>/dev/null)" = "ii " ]
}

missing_packages() {
  local package
  for package in "$@"; do
    is_installed "$package" || printf '%s ' "$package"
  done
}

give_up() {
  printf '%s\nInstall these yourself: %s\n' "$1" "$2" >&2
  if "$optional"; then
    echo "Going on without them; tests that need them will be skipped." >&2
    exit 0
  fi
  exit 1
}

# Where someone can type a password sudo may ask for it; elsewhere it must not wait for one.
as_root() {
  if [ "$(id -u)" -eq 0 ]; then "$@"
  elif [ -t 0 ]; then sudo "$@"
  else sudo -n "$@"
  fi
}

can_be_root() {
  [ "$(id -u)" -eq 0 ] || { command -v sudo >/dev/null && as_root true; }
}

# Everything between forbidding services and allowing them again, in one root shell with one trap: an interrupted
# installation must not leave a machine on which no service ever starts. A copy that an earlier, killed run left
# behind is the true policy, so it is not overwritten.
readonly INSTALL='
set -eu
policy=$1 saved=$2 lock=$3; shift 3
exec 9>"$lock"; flock 9
restore() { rm -f "$policy"; if [ -e "$saved" ]; then mv -f "$saved" "$policy"; fi; }
trap restore EXIT
trap "exit 130" HUP INT TERM
if [ -e "$policy" ] && [ ! -e "$saved" ]; then mv "$policy" "$saved"; fi
printf "#!/bin/sh\nexit 101\n" >"$policy"
chmod 755 "$policy"
export DEBIAN_FRONTEND=noninteractive
apt-get -q -o DPkg::Lock::Timeout=300 update
apt-get -q -y -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 --no-install-recommends install "$@"
'

# Ubuntu has no chromium but a snap, which does not run everywhere.
test_packages() {
  if grep -qx 'ID=debian' /etc/os-release 2>/dev/null; then echo "${TEST_PACKAGES[@]}"; else echo "${TEST_PACKAGES[@]/chromium/}"; fi
}

main() {
  [ "$#" -gt 0 ] || set -- "${DEFAULT_PACKAGES[@]}"
  if "$for_tests"; then
    local wanted
    read -ra wanted <<<"$(test_packages)"
    set -- "$@" "${wanted[@]}"
  fi
  command -v apt-get >/dev/null || give_up "This is not Debian or Ubuntu." "$*"
  local missing
  read -ra missing <<<"$(missing_packages "$@")"
  if [ "${#missing[@]}" -eq 0 ]; then
    echo "System packages: all here."
    return
  fi
  echo "Installing system packages: ${missing[*]}"
  can_be_root || give_up "Neither root nor sudo." "${missing[*]}"
  as_root bash -c "$INSTALL" bash "$POLICY" "$SAVED_POLICY" "$LOCK" "${missing[@]}" </dev/null ||
    give_up "apt-get failed." "${missing[*]}"
  echo "Installed: ${missing[*]}. Services were not started; at the next boot they start as their packages wish."
}

main "$@"
