#!/usr/bin/env bash
# A private RabbitMQ on loopback; all of it, its state too, lives in the folder DIR.
#
#   scripts/broker.sh start DIR [--owner PID] [--management]   start it and wait until it serves; prints its URL.
#                                   With --owner it is killed when the process PID is gone, whatever way it went.
#                                   Started again on the same DIR it has the same address and the same data.
#   scripts/broker.sh stop DIR      orderly stop; the data stays
#   scripts/broker.sh kill DIR      kill -9; the data stays
#   scripts/broker.sh ctl DIR ...   rabbitmqctl: list_queues, stop_app, start_app, close_all_connections ...
#   scripts/broker.sh url DIR       its AMQP address
#   scripts/broker.sh status DIR    "running" and exit 0, or "stopped" and exit 1
set -euo pipefail
# shellcheck source=scripts/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"
# shellcheck source=scripts/lib/broker.sh
. "$TERN_ROOT/scripts/lib/broker.sh"

usage() { sed -n '2,11s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; }

start() {
  local dir=$1 owner='' management=''
  shift
  while [[ $# -gt 0 ]]; do
    case $1 in
    --owner) owner=${2:?--owner needs a process id} && shift 2 ;;
    --management) management=1 && shift ;;
    *) die "start knows no '$1'" ;;
    esac
  done
  broker_installed || "$TERN_ROOT/scripts/install.sh" broker >&2
  mkdir -p "$dir"
  broker_start "$dir" "$management"
  [[ -z $owner ]] || broker_guard "$dir" "$owner"
  broker_url "$dir"
}

# Runs apart until the owner is gone. The guard's own pid file goes first: it must not end itself.
guard() {
  tail --pid="$2" -s 0.2 -f /dev/null
  rm -f "$1/guard.pid"
  broker_kill "$1"
}

status() {
  if broker_running "$1"; then
    say running
  else
    say stopped
    return 1
  fi
}

case ${1:-} in
-h | --help) usage ;;
start | guard | status) "$1" "${@:2}" ;;
stop | kill | ctl | url)
  [[ -n ${2:-} ]] || die "$1 needs the folder of the broker"
  "broker_$1" "${@:2}"
  ;;
*)
  usage >&2
  exit 2
  ;;
esac
