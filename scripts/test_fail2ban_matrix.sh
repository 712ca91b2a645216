#!/usr/bin/env bash
# Run the tests of the real Fail2ban against the versions that people run, each in a minimal root of its own.
#
# Usage: sudo scripts/test_fail2ban_matrix.sh PYTEST [SUITE ...]
#        sudo scripts/test_fail2ban_matrix.sh --make-roots [SUITE ...]
#
# PYTEST is the pytest to use; a SUITE is a release of Debian or Ubuntu. Without SUITE: all of them.
# --make-roots only makes the roots, a minute each, 250 to 450 MB each; they are made once and kept.
#
#   DEBIAN_MIRROR   where Debian's packages are; the default is what this machine's apt uses
#   UBUNTU_MIRROR   where Ubuntu's are; the default is what apt uses, else https://archive.ubuntu.com/ubuntu
#   ROOTS           where the roots are kept (default /var/cache/django-security-logging)
#   JOBS            how many suites run at once (default 1)
#   LONG            empty: without the property test of 100,000 events, which takes some minutes
#   TESTS           what pytest runs (default tests/real_fail2ban), with further arguments
#
# What this machine cannot do - no root rights, no mounts, no debootstrap, a mirror out of reach - is a skip that says
# so. A root that could be made and was not is a failure where CI=true, else a skip. The exit status is 1 if a test or
# such a root failed, or, outside of CI, if nothing ran.
set -euo pipefail
cd "$(dirname "$0")/.."

readonly ROOTS="${ROOTS:-/var/cache/django-security-logging}" JOBS="${JOBS:-1}"
readonly TESTS="${TESTS:-tests/real_fail2ban}"
readonly PACKAGES=fail2ban,python3-pyinotify,python3-systemd,nftables,iptables,iproute2,nginx
# Suite and its version of Fail2ban: 0.11.2, 1.0.2, 1.1.0, 1.1.1; 0.11.2, 1.0.2.
readonly DEBIAN=(bullseye bookworm trixie sid) UBUNTU=(jammy noble)
readonly UBUNTU_KEYS=/usr/share/keyrings/ubuntu-archive-keyring.gpg
# What make_root returns.
readonly CANNOT=3 FAILED=4

pytest=
[ "${1:-}" = --make-roots ] || pytest="${1:?the pytest to use, or --make-roots}"
shift
export LONG="${LONG-1}"
results="$(mktemp -d)"
trap 'rm -rf "$results"' EXIT

# note SUITE OUTCOME WORDS: what the summary at the end says of it.
note() { printf '%-10s %-8s %s\n' "$1" "$2" "$3" >"$results/$1"; }

is_ubuntu() { case " ${UBUNTU[*]} " in *" $1 "*) ;; *) return 1 ;; esac; }

# configured NAME: the mirror of debian or ubuntu in apt's configuration, in the one-line and in the deb822 form.
configured() {
  grep -rhoE "https?://[^ ]+/$1/?( |\$)" /etc/apt/sources.list /etc/apt/sources.list.d 2>/dev/null | head -n 1 | tr -d ' '
}

mirror_of() {
  local found
  if is_ubuntu "$1"; then
    found="$(configured ubuntu)"
    echo "${UBUNTU_MIRROR:-${found:-https://archive.ubuntu.com/ubuntu}}"
  else
    found="$(configured debian)"
    echo "${DEBIAN_MIRROR:-${found:-http://deb.debian.org/debian}}"
  fi
}

version_in() { chroot "$1" fail2ban-client --version | head -n 1; }

may_mount() { unshare --mount mount -t tmpfs tmpfs "$1" 2>/dev/null; }

# debootstrap fetches with wget, which does not know apt's proxy.
use_proxy_of_apt() {
  local http=
  eval "$(apt-config shell http Acquire::http::Proxy)"
  [ -z "$http" ] || [ -n "${http_proxy:-}" ] || export http_proxy="$http" https_proxy="${https_proxy:-$http}"
}

# why_not SUITE: say on standard output why this machine cannot make the root; nothing where it can.
why_not() {
  local mirror; mirror="$(mirror_of "$1")"
  if ! command -v debootstrap >/dev/null; then echo "debootstrap is missing: apt-get install debootstrap"
  elif ! mkdir -p "$ROOTS" 2>/dev/null || ! may_mount "$ROOTS"; then echo "no mounts here, as in a container without privileges"
  elif is_ubuntu "$1" && [ ! -e "$UBUNTU_KEYS" ] && [ "${mirror#https:}" = "$mirror" ]; then
    echo "$mirror proves nothing without $UBUNTU_KEYS: set UBUNTU_MIRROR to a mirror with https"
  elif ! wget --quiet --timeout=20 --tries=2 --output-document=/dev/null "$mirror/dists/$1/Release"; then
    echo "$mirror/dists/$1 is out of reach: set $(is_ubuntu "$1" && echo UBUNTU_MIRROR || echo DEBIAN_MIRROR)"
  fi
}

make_root() {
  local suite="$1" new="$ROOTS/$1.new" mirror components=main script=()
  [ -x "$ROOTS/$suite/usr/bin/fail2ban-client" ] && return
  use_proxy_of_apt
  why="$(why_not "$suite")"
  [ -z "$why" ] || return "$CANNOT"
  mirror="$(mirror_of "$suite")"
  if is_ubuntu "$suite"; then
    components=main,universe
    [ -e "/usr/share/debootstrap/scripts/$suite" ] || script=(/usr/share/debootstrap/scripts/gutsy)
  fi
  why="debootstrap failed, see $ROOTS/$suite.log"
  local bootstrap=(debootstrap --variant=minbase --components="$components" --include="$PACKAGES")
  bootstrap+=("$suite" "$new" "$mirror" "${script[@]}")
  rm -rf --one-file-system "$new"
  if ! "${bootstrap[@]}" >"$ROOTS/$suite.log" 2>&1; then  # once more: a mirror in the middle of its update
    rm -rf --one-file-system "$new"
    "${bootstrap[@]}" >>"$ROOTS/$suite.log" 2>&1 || return "$FAILED"
  fi
  if [ "$suite" = noble ]; then  # the released package does not start with Python 3.12, its update does
    # The new root has Ubuntu's keys, but no certificates.
    echo "deb ${mirror/https:/http:} noble-updates main universe" >"$new/etc/apt/sources.list.d/updates.list"
    sed -i 's/https:/http:/' "$new/etc/apt/sources.list"
    cp /etc/resolv.conf "$new/etc/resolv.conf"
    chroot "$new" sh -c 'apt-get update && apt-get install --yes fail2ban' >>"$ROOTS/$suite.log" 2>&1 || return "$FAILED"
  fi
  mv "$new" "$ROOTS/$suite"
}

# Two runs must not make the same root. Tests in one root do not disturb each other.
make_root_once() {
  local status=0
  mkdir -p "$ROOTS" 2>/dev/null && exec 9>"$ROOTS/.$1.lock" && flock 9
  make_root "$1" || status="$?"
  exec 9>&-
  return "$status"
}

# The mounts are in a namespace of their own, so that nothing of them is left, whatever happens.
run_in() {
  # shellcheck disable=SC2086 - TESTS are words
  unshare --mount sh -c '
    root="$1"; shift
    mount --bind /tmp "$root/tmp" && mount --bind /dev "$root/dev" && mount -t proc proc "$root/proc" || exit 1
    FAIL2BAN_ROOT="$root" exec "$@"
  ' sh "$1" "$pytest" -p no:cacheprovider -m real_fail2ban $TESTS
}

# run_suite SUITE: make its root, run the tests in it, leave a note.
run_suite() {
  local suite="$1" status=0 started="$SECONDS" version
  make_root_once "$suite" || status="$?"
  if [ "$status" != 0 ]; then
    [ "$status" = "$FAILED" ] && [ "${CI:-}" = true ] || { note "$suite" skipped "$why"; return; }
    note "$suite" FAILED "$why"
    return
  fi
  version="$(version_in "$ROOTS/$suite")"
  [ -n "$pytest" ] || { note "$suite" made "$version, $((SECONDS - started)) s"; return; }
  echo "=== $suite: $version"
  run_in "$ROOTS/$suite" >"$results/$suite.output" 2>&1 || status="$?"
  cat "$results/$suite.output"
  note "$suite" "$([ "$status" = 0 ] && echo passed || echo FAILED)" \
    "$version, $((SECONDS - started)) s: $(grep -aE '(passed|failed|error).* in [0-9.]+s' "$results/$suite.output" | tail -n 1 | tr -d =)"
}

if [ "$(id -u)" != 0 ]; then
  echo "The other versions of Fail2ban need root, for chroot: run this with sudo." >&2
  [ "${CI:-}" = true ] && exit 0
  exit 1
fi
[ $# -gt 0 ] || set -- "${DEBIAN[@]}" "${UBUNTU[@]}"
for suite in "$@"; do
  while [ "$(jobs -rp | wc -l)" -ge "$JOBS" ]; do wait -n || true; done
  run_suite "$suite" &
done
wait

echo
for suite in "$@"; do cat "$results/$suite"; done
grep -qsw FAILED "${@/#/$results/}" && exit 1
[ "${CI:-}" = true ] || grep -qswE 'passed|made' "${@/#/$results/}"
