#!/usr/bin/env bash
# Run the tests of the real Fail2ban against the versions that people run, each in a minimal root of its own.
#
# Usage: sudo scripts/test_fail2ban_matrix.sh PYTEST [SUITE ...]
#
# PYTEST is the pytest to use; a SUITE is a release of Debian or Ubuntu. Without SUITE: all of them.
#
#   DEBIAN_MIRROR   where Debian's packages are; the default is what this machine's apt uses
#   UBUNTU_MIRROR   where Ubuntu's are; without it the Ubuntu suites are skipped
#   ROOTS           where the roots are kept; made once, about 400 MB each (default /var/cache/django-security-logging)
#
# A root that cannot be made is a skip that says why; the exit status is 1 if a test failed, or if nothing ran.
set -euo pipefail
cd "$(dirname "$0")/.."

readonly PYTEST="${1:?the pytest to use}"
shift
readonly ROOTS="${ROOTS:-/var/cache/django-security-logging}"
readonly PACKAGES=fail2ban,python3-pyinotify,python3-systemd,nftables,iptables,iproute2,nginx
# Suite and its version of Fail2ban: 0.11.2, 1.0.2, 1.1.0, 1.1.1; 0.11.2, 1.0.2.
readonly DEBIAN=(bullseye bookworm trixie sid) UBUNTU=(jammy noble)

summary=()
failed=0
ran=0

note() {
  printf -v line '%-10s %-8s %s' "$1" "$2" "$3"
  summary+=("$line")
}

debian_mirror() {
  local found
  found="$(grep -rhoE 'https?://[^ ]+/debian/?( |$)' /etc/apt/sources.list /etc/apt/sources.list.d 2>/dev/null | head -n 1)"
  echo "${DEBIAN_MIRROR:-${found:-http://deb.debian.org/debian}}" | tr -d ' '
}

make_root() {
  local suite="$1" new="$ROOTS/$1.new" mirror components=main script=()
  [ -x "$ROOTS/$suite/usr/bin/fail2ban-client" ] && return
  command -v debootstrap >/dev/null || { why="debootstrap is missing: apt-get install debootstrap"; return 1; }
  case " ${UBUNTU[*]} " in
    *" $suite "*)
      mirror="${UBUNTU_MIRROR:-}" components=main,universe
      [ -n "$mirror" ] || { why="set UBUNTU_MIRROR, e.g. http://archive.ubuntu.com/ubuntu"; return 1; }
      [ -e "/usr/share/debootstrap/scripts/$suite" ] || script=(/usr/share/debootstrap/scripts/gutsy)
      ;;
    *) mirror="$(debian_mirror)" ;;
  esac
  mkdir -p "$ROOTS"
  rm -rf --one-file-system "$new"
  debootstrap --variant=minbase --components="$components" --include="$PACKAGES" \
    "$suite" "$new" "$mirror" "${script[@]}" >"$ROOTS/$suite.log" 2>&1 ||
    { why="debootstrap failed, see $ROOTS/$suite.log"; return 1; }
  if [ "$suite" = noble ]; then  # the released package does not start with Python 3.12, its update does
    echo "deb $mirror noble-updates main universe" >"$new/etc/apt/sources.list.d/updates.list"
    chroot "$new" sh -c 'apt-get update && apt-get install --yes fail2ban' >>"$ROOTS/$suite.log" 2>&1 ||
      { why="the update of fail2ban failed, see $ROOTS/$suite.log"; return 1; }
  fi
  mv "$new" "$ROOTS/$suite"
}

# The mounts are in a namespace of their own, so that nothing of them is left, whatever happens.
run_in() {
  unshare --mount sh -c '
    root="$1"; shift
    mount --bind /tmp "$root/tmp" && mount --bind /dev "$root/dev" && mount -t proc proc "$root/proc" || exit 1
    FAIL2BAN_ROOT="$root" exec "$@"
  ' sh "$1" "$PYTEST" -m real_fail2ban tests/real_fail2ban
}

[ "$(id -u)" = 0 ] || { echo "The matrix needs root, for chroot: run it with sudo." >&2; exit 1; }
[ $# -gt 0 ] || set -- "${DEBIAN[@]}" "${UBUNTU[@]}"
for suite in "$@"; do
  why=
  if ! make_root "$suite"; then
    note "$suite" skipped "$why"
    continue
  fi
  echo "=== $suite: $(chroot "$ROOTS/$suite" fail2ban-client --version | head -n 1)"
  ran=$((ran + 1)) started="$SECONDS" version="$(chroot "$ROOTS/$suite" fail2ban-client --version | head -n 1)"
  if run_in "$ROOTS/$suite"; then
    note "$suite" passed "$version, $((SECONDS - started)) s"
  else
    failed=1
    note "$suite" FAILED "$version, $((SECONDS - started)) s"
  fi
done

echo
printf '%s\n' "${summary[@]}"
[ "$failed" = 0 ] && [ "$ran" -gt 0 ]
