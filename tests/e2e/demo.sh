#!/usr/bin/env bash
# scripts/demo.sh on the build under test: every sample order ends as it should, and no process stays behind.
set -uo pipefail
# shellcheck source=tests/support/script_test.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/script_test.sh"
needs curl jq setpriv erl
preset=${TERN_BUILD_DIR##*/}
[[ -n $preset && $TERN_BUILD_DIR == "$TERN_ROOT/build/$preset" ]] || {
  say "no preset's build to show: skipped"
  exit 77
}

# Whatever the demo starts has its folder, which lies below TMPDIR, in its environment or its command line.
export TMPDIR=$SCRATCH NO_COLOR=1
unset AMQP_URL
demo() { "$TERN_ROOT/scripts/demo.sh" --preset "$preset" "$@"; }
processes() { grep -l -a -E "$SCRATCH/[t]ern-demo" /proc/[0-9]*/{environ,cmdline} 2>/dev/null | wc -l; }
nothing_left() { [[ $(processes) -eq 0 ]]; }
no_folder_left() { ! compgen -G "$SCRATCH/tern-demo.*" >/dev/null; }
shows() { grep -q -e "$1" "$SCRATCH/out"; }
demo_gone() { ! kill -0 "$demo" 2>/dev/null; }
trap 'kill -KILL "${demo:-0}" 2>/dev/null; wait_for 15 nothing_left; rm -rf "$SCRATCH"' EXIT

once() { demo --once >"$SCRATCH/out" 2>&1; }
holds "every sample order reaches the status it should" once
cat "$SCRATCH/out"
holds "the stories name what happened" shows 'payment-service .*PaymentRefunded'
holds "no process is left" nothing_left
holds "nor any file" no_folder_left

# The way of a person: look, have an accident, press Ctrl-C.
start_demo() {
  setsid env --default-signal=INT "$TERN_ROOT/scripts/demo.sh" --preset "$preset" </dev/null >"$SCRATCH/out" 2>&1 &
  demo=$!
  disown
}
follows() { wait_for 180 shows 'Ctrl-C ends everything'; }
service_pid() { pgrep -f "^$TERN_BUILD_DIR/bin/$1-service" | while read -r pid; do
  grep -q -a "$SCRATCH" "/proc/$pid/environ" 2>/dev/null && printf '%s\n' "$pid"
done; }

calls_work() {
  (
    cd "$TERN_ROOT" || exit
    # shellcheck source=/dev/null
    . run/env
    [[ -n $ORDER_TOKEN && $(stat -c %a run/env) == 600 ]] &&
      curl -sf --noproxy '*' -H "Authorization: Bearer $ORDER_TOKEN" "$ORDER_API/admin/parked" &&
      curl -sf --noproxy '*' "$BROKER/api/overview" >/dev/null && logs | grep 'order placed'
  )
}
# The shell reads its commands where those of run/env would read too, as in a terminal.
pasted() { (cd "$TERN_ROOT" && printf '. run/env\nstop_broker\nstart_broker\necho all of it ran\n' | bash --noprofile --norc); }
no_paste_is_swallowed() { pasted | grep -x 'all of it ran'; }
no_env_left() { [[ ! -e $TERN_ROOT/run ]]; }
start_demo
holds "without --once it goes on to the logs" follows
holds "the README's calls find its addresses, tokens and logs in run/env" calls_work
holds "a call of run/env swallows nothing that was pasted behind it" no_paste_is_swallowed
at_once() { # more clients of this machine than a daemon takes from one address unless it is told otherwise
  local port fd line clients=()
  port=$(sed -nE 's|.*http://127.0.0.1:([0-9]+)/orders$|\1|p' "$SCRATCH/out" | head -n 1)
  for _ in {1..100}; do
    exec {fd}<>"/dev/tcp/127.0.0.1/$port" || return 1
    clients+=("$fd")
  done
  for fd in "${clients[@]}"; do
    printf 'GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n' >&"$fd" || return 1
  done
  for fd in "${clients[@]}"; do
    read -r -t 30 line <&"$fd" && [[ $line == "HTTP/1.1 200 OK"* ]] || return 1
    exec {fd}>&-
  done
}
holds "a hundred clients at once are answered" at_once
kill -KILL "$(service_pid payment)"
holds "a service that was killed is started again" wait_for 60 shows 'payment-service ended with 137: starting it again'
kill -INT "$demo"
holds "Ctrl-C ends it" wait_for 60 demo_gone
holds "and no process is left" nothing_left
holds "nor any file, then" no_folder_left
holds "nor run/env" no_env_left

start_demo
holds "it starts again" follows
kill -KILL "$demo"
holds "even after kill -9 of the demo no process is left" wait_for 30 nothing_left

# Two demos on one broker: the second has other stores, and would take half of the first one's events.
AMQP_URL=$("$TERN_ROOT/scripts/broker.sh" start "$SCRATCH/shared" --owner $$ 2>/dev/null)
export AMQP_URL
refused() { ! once && shows 'belongs to another store.*--adopt-queue' && shows 'start this with --adopt'; }
adopt() { demo --once --adopt >"$SCRATCH/out" 2>&1; }
start_demo
holds "a broker of one's own is used" follows
mv "$SCRATCH/out" "$SCRATCH/first"
holds "a second demo on it stops with a sentence" refused
kill -INT "$demo"
holds "the first one ends" wait_for 60 demo_gone
holds "its queues stay its stores'" refused
holds "--adopt gives them to new stores" adopt
"$TERN_ROOT/scripts/broker.sh" kill "$SCRATCH/shared"
report
