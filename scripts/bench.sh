#!/usr/bin/env bash
# Measures the suite beside the broker's own ceiling, in one run, on this machine; figures are medians of the rounds.
#
#   scripts/bench.sh [--rounds N] [--orders N] [--connections N] [--against BIN]
#                                                                        usual: 3 rounds, 10000 orders, 64 connections
#   scripts/bench.sh --replay [--rounds N] ...    instead: orders per second with and without a replay beside them
#
# Release build, payments approved at once, stock plenty, LOG_LEVEL=warn, every queue a quorum queue, every commit flushed.
#   the door      order-service alone takes orders with the broker out of reach: durable POST /orders per second
#   through       four daemons and a broker: orders per second from the first POST to the last READY_FOR_SHIPMENT
#   ceiling       the same messages (number, sizes, routing) through the same broker with windowed confirms and batched
#                 acknowledgements, and no logic in between
#   ratio         through : ceiling, round by round
#   memory        resident set of each daemon at the end of a round
#   processor     processor time of the four daemons for each order that went through; with --against BIN also that of
#                 the daemons in BIN (another version), by turns
#   replay        orders through four daemons, by turns alone and while order-service replays its log to a queue of its own
set -euo pipefail
# shellcheck source=scripts/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"
# shellcheck source=scripts/lib/broker.sh
. "$TERN_ROOT/scripts/lib/broker.sh"

SERVICES=(order payment inventory notification)
BIN=$TERN_ROOT/build/release/bin
DAEMONS=$BIN
AGAINST=
REPLAY=
ROUNDS=3
ORDERS=10000
CONNECTIONS=64
RUN=
declare -A DAEMON=() LISTEN=()

usage() { sed -n '2,18s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; }

clean_up() {
  stop_daemons KILL
  [[ -z $RUN ]] || { broker_stop "$RUN/broker" >/dev/null 2>&1 || true; rm -rf "$RUN"; }
}

stop_daemons() {
  local service
  for service in "${!DAEMON[@]}"; do kill "-$1" "${DAEMON[$service]}" 2>/dev/null || true; done
  for service in "${!DAEMON[@]}"; do wait "${DAEMON[$service]}" 2>/dev/null || true; done
  DAEMON=()
}

# start_daemon SERVICE FOLDER: each round has stores of its own, which take over the queues of those before.
start_daemon() {
  LISTEN[$1]=$(free_port)
  env AMQP_URL="$AMQP_URL" DATABASE_URL="$(store_url "$2/$1.db")" PORT="${LISTEN[$1]}" LOG_LEVEL=warn LOG_FORMAT=logfmt \
    INVENTORY_FILE="$RUN/stock.json" PAYMENT_DELAY_MS=0 PAYMENT_SUCCESS_RATE=1 HTTP_CONNECTIONS_PER_ADDRESS=512 \
    "$DAEMONS/$1-service" --adopt-queue >>"$RUN/daemons.log" 2>&1 &
  DAEMON[$1]=$!
}

answers() { curl -s --noproxy '*' --max-time 2 -o "$RUN/answer" "http://127.0.0.1:$1/$2"; }
ready() { answers "$1" readyz && jq -e '.status == "pass"' "$RUN/answer" >/dev/null; }
value() { sed -n "s/.*\\b$1=\\([0-9.]*\\).*/\\1/p" <<<"$2"; }
median() { printf '%s\n' "$@" | sort -g | sed -n "$((($# + 1) / 2))p"; }
resident_kib() { awk '/^VmRSS/ {print $2}' "/proc/$1/status"; }

# Clock ticks of user and system time so far.
ticks() { sed 's/.*) //' "/proc/$1/stat" | awk '{print $12 + $13}'; }

# start_ready SERVICE... FOLDER: an order is taken when order-service knows that its queue is its own.
start_ready() {
  local service folder=${*: -1}
  for service in "${@:1:$#-1}"; do start_daemon "$service" "$folder"; done
  for service in "${@:1:$#-1}"; do
    wait_for 30 ready "${LISTEN[$service]}" || die "$service-service is not ready: $(tail -n 3 "$RUN/daemons.log")"
  done
}

# The door alone: the broker goes away as soon as order-service has its queue.
measure_door() {
  local folder=$RUN/door-$1 line
  mkdir "$folder"
  start_ready order "$folder"
  broker_ctl "$RUN/broker" -q stop_app >/dev/null
  line=$("$BIN/load" "${LISTEN[order]}" $((3 * ORDERS)) "$CONNECTIONS" door) || die "not each order was taken: $line"
  stop_daemons TERM
  broker_ctl "$RUN/broker" -q start_app >/dev/null
  rm -rf "$folder"
  DOOR+=("$(value door_per_s "$line")") P50+=("$(value p50_ms "$line")") P99+=("$(value p99_ms "$line")")
  say "  door      $(value door_per_s "$line") POST/s, p50 $(value p50_ms "$line") ms, p99 $(value p99_ms "$line") ms"
}

measure_through() {
  local folder=$1 service line used=0
  mkdir "$folder"
  start_ready "${SERVICES[@]}" "$folder"
  for service in "${SERVICES[@]}"; do used=$((used - $(ticks "${DAEMON[$service]}"))); done
  line=$("$BIN/load" "${LISTEN[order]}" "$ORDERS" "$CONNECTIONS") || die "not each order came through: $line"
  wait_for 60 idle || die "the services did not come to rest"
  MEMORY=()
  for service in "${SERVICES[@]}"; do
    MEMORY+=("$(resident_kib "${DAEMON[$service]}")")
    used=$((used + $(ticks "${DAEMON[$service]}")))
  done
  stop_daemons TERM
  COST=$((used * 1000000 / $(getconf CLK_TCK) / ORDERS)) LINE=$line
  say "  through   $(value through_per_s "$line") orders/s (POST/s meanwhile: $(value door_per_s "$line")), $COST us of" \
    "processor time for each order"
}

# The same with the daemons of another version, on the same broker.
measure_against() {
  DAEMONS=$AGAINST
  say "  and $AGAINST:"
  measure_through "$1"
  THERE+=("$COST")
  say "  memory    $(printf '%s\n' "${MEMORY[@]}" | awk '{sum += $1} END {printf "%.1f", sum / 1024}') MiB"
  DAEMONS=$BIN
  rm -rf "$1"
}

# Everything said is confirmed, and every queue is empty.
idle() {
  local service
  for service in "${SERVICES[@]}"; do
    answers "${LISTEN[$service]}" metrics && grep -q '^tern_outbox_pending 0$' "$RUN/answer" || return 1
  done
  [[ $(broker_ctl "$RUN/broker" -q list_queues messages | awk '$1 != "messages" {sum += $1} END {print sum + 0}') == 0 ]]
}

measure_ceiling() {
  local line seconds rate
  line=$("$BIN/ceiling" "$AMQP_URL" "sqlite:$1/order.db" "sqlite:$1/payment.db" "sqlite:$1/inventory.db" \
    "sqlite:$1/notification.db")
  seconds=$(value seconds "$line")
  rate=$(awk -v n="$ORDERS" -v s="$seconds" 'BEGIN {printf "%.0f", n / s}')
  CEILING+=("$rate")
  say "  ceiling   $rate orders/s ($(value messages "$line") messages, $(value deliveries "$line") deliveries in $seconds s)"
  rm -rf "$1"
}

measure_round() {
  local ratio
  say "round $1"
  measure_door "$1"
  [[ -z $AGAINST || $(($1 % 2)) -eq 1 ]] || measure_against "$RUN/against-$1"
  measure_through "$RUN/through-$1"
  THROUGH+=("$(value through_per_s "$LINE")") BUSY+=("$(value door_per_s "$LINE")") HERE+=("$COST")
  measure_ceiling "$RUN/through-$1"
  ratio=$(awk -v a="${THROUGH[-1]}" -v b="${CEILING[-1]}" 'BEGIN {printf "%.2f", a / b}')
  RATIO+=("$ratio")
  TOTAL+=("$(printf '%s\n' "${MEMORY[@]}" | awk '{sum += $1} END {printf "%.1f", sum / 1024}')")
  say "  ratio     $ratio"
  say "  memory    $(printf '%s ' "${MEMORY[@]}")KiB (${SERVICES[*]}), together ${TOTAL[-1]} MiB"
  [[ -z $AGAINST || $(($1 % 2)) -eq 0 ]] || measure_against "$RUN/against-$1"
}

# replay METHOD [BODY]: the admin call of order-service.
replay() {
  curl -sS --noproxy '*' -o "$RUN/answer" -w '%{http_code}' -X "$1" -H "Authorization: Bearer $(<"$RUN/replay/order.db.token")" \
    -H 'Content-Type: application/json' ${2:+-d "$2"} "http://127.0.0.1:${LISTEN[order]}/admin/replay"
}

load_through() {
  local line
  line=$("$BIN/load" "${LISTEN[order]}" "$ORDERS" "$CONNECTIONS") || die "not each order came through: $line"
  value through_per_s "$line"
}

measure_replay() {
  local alone=() beside=() round
  mkdir "$RUN/replay"
  start_ready "${SERVICES[@]}" "$RUN/replay"
  broker_ctl "$RUN/broker" -q eval 'rabbit_amqqueue:declare(rabbit_misc:r(<<"/">>, queue, <<"replayed">>), true, false,
    [{<<"x-max-length">>, long, 1000}], none, <<"bench">>).' >/dev/null
  load_through >/dev/null # the history
  for ((round = 1; round <= ROUNDS; round++)); do
    alone+=("$(load_through)")
    [[ $(replay POST '{"queue":"replayed","from":1}') == 202 ]] || die "no replay: $(<"$RUN/answer")"
    beside+=("$(load_through)")
    [[ $(replay DELETE) == 200 ]] || die "the replay did not end: $(<"$RUN/answer")"
    say "round $round: ${alone[-1]} orders/s alone, ${beside[-1]} beside a replay of $(jq .published "$RUN/answer") events" \
      "($(jq -r .state "$RUN/answer"))"
  done
  stop_daemons TERM
  say
  say "medians of $ROUNDS rounds: $(median "${alone[@]}") orders/s alone, $(median "${beside[@]}") beside a replay at the usual rate," \
    "$(awk -v a="$(median "${beside[@]}")" -v b="$(median "${alone[@]}")" 'BEGIN {printf "%.2f", a / b}')"
}

while [[ $# -gt 0 ]]; do
  case $1 in
  --rounds | --orders | --connections)
    [[ ${2:-} =~ ^[1-9][0-9]*$ ]] || die "$1 needs a number; see --help"
    setting=${1#--}
    declare "${setting^^}=$2"
    shift 2
    ;;
  --replay) REPLAY=yes && shift ;;
  --against)
    [[ -x ${2:-}/order-service ]] || die "--against needs a folder with daemons, not '${2:-}'"
    AGAINST=$(cd "$2" && pwd)
    shift 2
    ;;
  -h | --help) usage && exit 0 ;;
  *) die "unknown argument '$1'; see --help" ;;
  esac
done

"$TERN_ROOT/scripts/install.sh" build broker bench
build_preset release daemons bench_tools
RUN=$(mktemp -d "${TMPDIR:-/tmp}/tern-bench.XXXXXX")
trap clean_up EXIT
trap 'exit 130' INT TERM
printf '[{"productId":"PROD-101","name":"Wireless Headphones","quantity":1000000000},' >"$RUN/stock.json"
printf '{"productId":"PROD-103","name":"USB-C Cable","quantity":1000000000}]\n' >>"$RUN/stock.json"
mkdir "$RUN/broker"
broker_start "$RUN/broker"
broker_guard "$RUN/broker" $$
AMQP_URL=$(broker_url "$RUN/broker")

if [[ -n $REPLAY ]]; then
  measure_replay
  exit 0
fi
DOOR=() P50=() P99=() THROUGH=() BUSY=() CEILING=() RATIO=() TOTAL=() MEMORY=() HERE=() THERE=()
for ((round = 1; round <= ROUNDS; round++)); do measure_round "$round"; done
say
say "medians of $ROUNDS rounds, $ORDERS orders of two lines, $CONNECTIONS connections, $(nproc) processors"
say "  durable POST /orders at the door   $(median "${DOOR[@]}") /s, p50 $(median "${P50[@]}") ms, p99 $(median "${P99[@]}") ms"
say "  POST /orders while all are busy    $(median "${BUSY[@]}") /s"
say "  orders end to end                  $(median "${THROUGH[@]}") /s"
say "  the broker's own ceiling           $(median "${CEILING[@]}") /s"
say "  ratio                              $(median "${RATIO[@]}")"
say "  processor time for each order      $(median "${HERE[@]}") us${AGAINST:+, against $(median "${THERE[@]}") us of $AGAINST}"
say "  four daemons together              $(median "${TOTAL[@]}") MiB resident"
