#!/usr/bin/env bash
# The private RabbitMQ of scripts/broker.sh: apart from every other, keeps its data, leaves nothing behind.
set -uo pipefail
# shellcheck source=tests/support/script_test.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/script_test.sh"
needs erl epmd setpriv
broker() { "$TERN_ROOT/scripts/broker.sh" "$@"; }
trap 'broker kill "$SCRATCH/a"; broker kill "$SCRATCH/b"; rm -rf "$SCRATCH"' EXIT

# Processes that were started with the folder of a broker in their environment.
processes_of() { grep -l -a -F "$1/" /proc/[0-9]*/environ 2>/dev/null | wc -l; }
nothing_left() { [[ $(processes_of "$1") -eq 0 ]]; }

queue='rabbit_amqqueue:declare(rabbit_misc:r(<<"/">>, queue, <<"kept">>), true, false, [{<<"x-queue-type">>, longstr, <<"quorum">>}], none, <<"test">>).'
has_queue() { broker ctl "$1" -q list_queues name type | grep -q "^kept.*quorum"; }
listens_on_loopback_only() {
  local port ports
  mapfile -t ports < <(sed -n 's/^BROKER_.*PORT=\([0-9]\)/\1/p' "$1/settings")
  for port in "${ports[@]}"; do
    ! ss -Hltn "sport = :$port" | grep -vE '127\.0\.0\.1:|\[::1\]:' || return 1
  done
}
same_url() { [[ $(broker url "$SCRATCH/a") == "$url" ]]; }

sleep 600 &
owner=$!
disown

holds "it starts" broker start "$SCRATCH/a" --owner "$owner"
url=$(broker url "$SCRATCH/a")
holds "a second one runs beside it" broker start "$SCRATCH/b"
refuses "their addresses differ" "" test "$url" == "$(broker url "$SCRATCH/b")"
if have ss; then holds "nothing of it can be reached from outside" listens_on_loopback_only "$SCRATCH/a"; fi
broker ctl "$SCRATCH/a" -q eval "$queue" >/dev/null
holds "it has quorum queues" has_queue "$SCRATCH/a"
holds "it can be killed with -9" broker kill "$SCRATCH/a"
refuses "then its status is stopped" "stopped" broker status "$SCRATCH/a"
holds "no process of it is left, epmd neither" wait_for 5 nothing_left "$SCRATCH/a"
holds "it starts again on the same data" broker start "$SCRATCH/a" --owner "$owner"
holds "with the same address" same_url
holds "and with the queue it had" has_queue "$SCRATCH/a"
kill -KILL "$owner"
holds "it ends when its owner was killed with -9" wait_for 15 nothing_left "$SCRATCH/a"
holds "the other one runs on" broker status "$SCRATCH/b"
holds "an orderly stop" broker stop "$SCRATCH/b"
holds "leaves no process either" wait_for 5 nothing_left "$SCRATCH/b"
report
