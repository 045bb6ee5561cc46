#!/usr/bin/env bash
# Installs the Debian packages that are missing, and only those.
#
#   scripts/install.sh [group...]     groups: the files of scripts/packages; default: build broker demo
#
# Quiet when everything is there. Needs root or sudo otherwise. No service is started by it; RabbitMQ does not start at
# the next boot either, and one that was installed before is not touched.
set -euo pipefail
# shellcheck source=scripts/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"

POLICY=/usr/sbin/policy-rc.d
POLICY_SAVED=/usr/sbin/policy-rc.d.before-tern

usage() { sed -n '2,7s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; }

# packages_of GROUP...: the packages of the groups, each once.
packages_of() {
  local group
  for group in "$@"; do
    [[ -r $TERN_ROOT/scripts/packages/$group.txt ]] || die "no such group of packages: $group"
    grep -v '^ *\(#\|$\)' "$TERN_ROOT/scripts/packages/$group.txt"
  done | sort -u
}

missing_packages() {
  local installed package
  installed=" $(dpkg-query -W -f='${db:Status-Status}=${Package} ' "$@" 2>/dev/null || true)"
  for package in "$@"; do
    [[ $installed == *" installed=$package "* ]] || printf '%s\n' "$package"
  done
}

# Packages bring services along: RabbitMQ, epmd, and what they recommend to the system (cron, by way of logrotate). While
# we install, none is started, and RabbitMQ and epmd are not touched at all; the policy that was there decides the rest.
hold_services() {
  [[ -e $POLICY_SAVED ]] || [[ ! -e $POLICY ]] || mv "$POLICY" "$POLICY_SAVED"
  cat >"$POLICY" <<END
#!/bin/sh
# Put here for a moment by scripts/install.sh of Tern, which installs packages and starts nothing.
case " \$* " in *" start "* | *"(start)"* | *" rabbitmq-server"* | *" epmd"*) exit 101 ;; esac
[ ! -x "$POLICY_SAVED" ] || exec "$POLICY_SAVED" "\$@"
exit 0
END
  chmod 755 "$POLICY"
}

release_services() {
  rm -f "$POLICY"
  [[ ! -e $POLICY_SAVED ]] || mv "$POLICY_SAVED" "$POLICY"
}

# Debian enables what it installs; a broker that nobody asked for must not appear after the next boot either.
disable_broker() {
  have systemctl || return 0
  systemctl disable rabbitmq-server.service epmd.service epmd.socket >/dev/null 2>&1 || true
}

install_packages() {
  local log
  log=$(mktemp)
  say "Installing $# packages: $*"
  export DEBIAN_FRONTEND=noninteractive
  local options=(-y -q -o DPkg::Lock::Timeout=600)
  # A list that cannot be refreshed is no reason to stop: what is asked for may be known, or lie on a disk.
  apt-get "${options[@]}" update >"$log" 2>&1 </dev/null || true
  if ! apt-get "${options[@]}" install --no-install-recommends "$@" >>"$log" 2>&1 </dev/null; then
    tail -n 25 "$log" >&2
    rm -f "$log"
    die "apt-get could not install: $*"
  fi
  rm -f "$log"
}

main() {
  case ${1:-} in
  -h | --help)
    usage
    return 0
    ;;
  -*)
    usage >&2
    return 2
    ;;
  esac
  [[ $# -gt 0 ]] || set -- build broker demo
  { have dpkg-query && have apt-get; } || die "this is no Debian-like system; install by hand what scripts/packages lists: $*"

  local wanted missing
  wanted=$(packages_of "$@")
  mapfile -t wanted <<<"$wanted"
  mapfile -t missing < <(missing_packages "${wanted[@]}")
  [[ ${#missing[@]} -gt 0 ]] || return 0

  if [[ $EUID -ne 0 ]]; then
    have sudo || die "root or sudo is needed to install: ${missing[*]}"
    exec sudo -- bash "$TERN_ROOT/scripts/install.sh" "$@"
  fi
  trap release_services EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM
  hold_services
  install_packages "${missing[@]}"
  [[ " ${missing[*]} " != *" rabbitmq-server "* ]] || disable_broker
}

main "$@"
