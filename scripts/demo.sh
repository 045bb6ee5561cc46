#!/usr/bin/env bash
# Shows the whole suite at work: four services, a private RabbitMQ, and orders that take every path.
#
#   scripts/demo.sh            installs what is missing, builds, places sample orders, tells their stories, then shows
#                              the merged logs until Ctrl-C; leaves no process behind
#   scripts/demo.sh --once     the same, but ends by itself: exit 0 only if every order reached the status it should
#
#   --preset NAME              another build than release (dev, asan ...)
#   --adopt                    take the queues of AMQP_URL even when the services of another suite have claimed them
#
# AMQP_URL                   use this broker instead of a private one; the demo's stores are new, so it stops when the
#                            queues there belong to the stores of another suite
# ORDER_PORT PAYMENT_PORT INVENTORY_PORT NOTIFICATION_PORT      instead of 3001 to 3004
# PAYMENT_DELAY_MS           how long a payment takes (here 300-900 unless you say otherwise)
# HTTP_CONNECTIONS_PER_ADDRESS      here 512 unless you say otherwise, since all clients come from this machine;
#                            the other settings of the daemons are taken from the environment too
set -uo pipefail
# shellcheck source=scripts/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"
# shellcheck source=scripts/lib/broker.sh
. "$TERN_ROOT/scripts/lib/broker.sh"
# shellcheck source=scripts/lib/env.sh
. "$TERN_ROOT/scripts/lib/env.sh"

SERVICES=(order payment inventory notification)
declare -A LISTEN=([order]=3001 [payment]=3002 [inventory]=3003 [notification]=3004)
declare -A DAEMON=() STARTS=()
PRESET=release
ONCE=
ADOPT=
RUN=
ENDING=
SETTLE_SECONDS=60

usage() { sed -n '2,17s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; }

# ---- starting and ending -------------------------------------------------------------------------------------

# Every way out leads through here once. A second Ctrl-C does not wait for the services to drain.
clean_up() {
  local status=$? service
  [[ -z $ENDING ]] || return
  ENDING=1
  trap 'ENDING=now' INT TERM HUP
  trap '' PIPE
  for service in "${!DAEMON[@]}"; do kill -TERM "${DAEMON[$service]}" 2>/dev/null; done
  for service in "${!DAEMON[@]}"; do wait_for 12 daemon_gone_or_hurry "$service"; done
  for service in "${!DAEMON[@]}"; do kill -KILL "${DAEMON[$service]}" 2>/dev/null; done
  [[ -z ${FOLLOWER:-} ]] || kill "$FOLLOWER" 2>/dev/null # only now: it shows how they drain
  if [[ -n $RUN ]]; then
    ! grep -qsF "$RUN" "$TERN_ROOT/run/env" || rm -rf "$TERN_ROOT/run" # unless a later demo has written it
    [[ ! -e $RUN/broker/settings ]] || broker_kill "$RUN/broker" >/dev/null 2>&1
    if [[ $status -ne 0 && $status -lt 128 && -s $RUN/suite.log ]]; then
      warn "the logs of this run: $RUN/suite.log"
      rm -rf "$RUN"/{broker,*.db,*.db-*,*.db.*}
    else
      rm -rf "$RUN"
    fi
  fi
  exit "$status"
}

daemon_lives() { kill -0 "${DAEMON[$1]}" 2>/dev/null; }
daemon_gone_or_hurry() { ! daemon_lives "$1" || [[ $ENDING == now ]]; }

# choose_port SERVICE: its port from the environment, or its usual one, or a free one when that is taken.
choose_port() {
  local service=$1 name=${1^^}_PORT free
  local wanted=${!name:-}
  if [[ -n $wanted ]]; then
    [[ $wanted =~ ^[0-9]+$ ]] || die "$name=$wanted is no port"
    ! port_busy "$wanted" || die "$name=$wanted: something listens on that port already"
    LISTEN[$service]=$wanted
  elif port_busy "${LISTEN[$service]}"; then
    free=$(free_port)
    say "Port ${LISTEN[$service]} is busy, so $service-service listens on $free ($name chooses another)."
    LISTEN[$service]=$free
  fi
}

# The service as a child that ends when this script does, even by kill -9, and outside the reach of its Ctrl-C.
start_service() {
  local service=$1 flags=()
  [[ -z $ADOPT || -n ${STARTS[$service]:-} ]] || flags=(--adopt-queue) # for its first start only
  setsid setpriv --pdeathsig TERM env AMQP_URL="$AMQP_URL" DATABASE_URL="$(store_url "$RUN/$service.db")" \
    PORT="${LISTEN[$service]}" HTTP_ADDR=127.0.0.1 LOG_FORMAT=pretty FORCE_COLOR=0 \
    PAYMENT_DELAY_MS="${PAYMENT_DELAY_MS:-300-900}" \
    HTTP_CONNECTIONS_PER_ADDRESS="${HTTP_CONNECTIONS_PER_ADDRESS:-512}" \
    "$TERN_ROOT/build/$PRESET/bin/$service-service" "${flags[@]}" </dev/null >>"$RUN/suite.log" 2>&1 &
  DAEMON[$service]=$!
  STARTS[$service]=$((${STARTS[$service]:-0} + 1))
}

# A service that was killed comes back, as it would under systemd or docker; one that refuses to run does not.
keep_running() {
  local service status
  for service in "${SERVICES[@]}"; do
    daemon_lives "$service" && continue
    status=0
    wait "${DAEMON[$service]}" || status=$?
    if [[ ${STARTS[$service]} -gt 5 || $status -eq 2 || $status -eq 74 || $status -eq 78 ]]; then
      tail -n 15 "$RUN/suite.log" >&2
      die "$service-service ended with $status; the last lines of the logs are above"
    fi
    say "$(paint 33 "$service-service ended with $status: starting it again")"
    start_service "$service"
  done
  [[ ! -e $RUN/broker/settings ]] || broker_running "$RUN/broker" || {
    say "$(paint 33 "RabbitMQ ended: starting it again")"
    broker_start "$RUN/broker"
  }
}

prepare() {
  local groups=(build demo)
  [[ -n ${AMQP_URL:-} ]] || groups+=(broker)
  "$TERN_ROOT/scripts/install.sh" "${groups[@]}" || exit 1
  step "Building ($PRESET)"
  build_preset "$PRESET" daemons
}

start_broker() {
  if [[ -n ${AMQP_URL:-} ]]; then
    step "Using the broker of AMQP_URL"
    return
  fi
  step "Starting a private RabbitMQ"
  broker_start "$RUN/broker" "$([[ -n $ONCE ]] || say management)"
  broker_guard "$RUN/broker" $$
  AMQP_URL=$(broker_url "$RUN/broker")
}

start_services() {
  local service
  step "Starting the services"
  for service in "${SERVICES[@]}"; do choose_port "$service"; done
  for service in "${SERVICES[@]}"; do start_service "$service"; done
  for service in "${SERVICES[@]}"; do
    wait_for 30 ready_or_hopeless "$service"
    ready "$service" || {
      [[ -z $(not_owner "$service") ]] || die "$(not_owner "$service"). Stop the other suite, name another vhost in" \
        "AMQP_URL, or start this with --adopt: then these new stores get what is in the queues"
      tail -n 15 "$RUN/suite.log" >&2
      die "$service-service did not become ready; the last lines of the logs are above"
    }
  done
}

# ---- asking the services -------------------------------------------------------------------------------------

http() { curl -sS --noproxy '*' --max-time 10 "$@"; }
address() { printf 'http://127.0.0.1:%s' "${LISTEN[$1]}"; }
ready() { http -f -o "$RUN/answer" "$(address "$1")/readyz" 2>/dev/null; }
# Why its queue is not this demo's, if somebody else has it.
not_owner() { http "$(address "$1")/readyz" 2>/dev/null | jq -r '.checks.owner.output // empty' 2>/dev/null; }
# With --adopt the end of the others may be a moment away.
ready_or_hopeless() { ready "$1" || ! daemon_lives "$1" || [[ -z $ADOPT && $(not_owner "$1") == *--adopt-queue ]]; }

# Sample orders, by number: what they show, the status each should end in, their ids.
TITLES=() WANTED=() IDS=()

# place TITLE WANTED TOKEN PRODUCT:QUANTITY:PRICE...
place() {
  local title=$1 wanted=$2 token=$3 items id
  shift 3
  items=$(printf '%s\n' "$@" | jq -R 'split(":") | {productId: .[0], quantity: (.[1] | tonumber), price: (.[2] | tonumber)}' | jq -s .)
  id=$(jq -n --argjson items "$items" --arg token "$token" --arg customer "CUST-$((1001 + ${#IDS[@]}))" \
    '{customerId: $customer, items: $items, paymentToken: $token}' |
    http -f -H 'Content-Type: application/json' --data-binary @- "$(address order)/orders" | jq -r '.orderId // empty')
  [[ -n $id ]] || die "order-service did not take the order \"$title\""
  TITLES+=("$title") WANTED+=("$wanted") IDS+=("$id")
}

status_of() { http -f "$(address order)/orders/$1" 2>/dev/null | jq -r .status 2>/dev/null; }
has_status() { [[ $(status_of "$1") == "$2" ]]; }

cancel() {
  http -f -o "$RUN/answer" -X POST -H 'Content-Type: application/json' --data '{}' "$(address order)/orders/$1/cancel" ||
    die "order-service did not take the cancellation of $1"
}

place_orders() {
  step "Placing orders"
  place "Paid, and in stock" READY_FOR_SHIPMENT tok_ok PROD-101:1:149.95 PROD-103:2:9.90
  place "The card is declined" PAYMENT_FAILED tok_declined PROD-102:1:19.99
  place "More wanted than there is: the money goes back" CANCELLED tok_ok PROD-105:9999:1.50
  place "The customer cancels when all was ready" CANCELLED tok_ok PROD-104:1:79.00
  place "The customer cancels while the card is being charged" CANCELLED tok_slow PROD-102:3:19.99
  cancel "${IDS[4]}"
  wait_for "$SETTLE_SECONDS" has_status "${IDS[3]}" READY_FOR_SHIPMENT
  cancel "${IDS[3]}"
  say "${#IDS[@]} orders are on their way."
}

# True when every order stands where it should.
orders_arrived() {
  local i
  for i in "${!IDS[@]}"; do has_status "${IDS[i]}" "${WANTED[i]}" || return 1; done
}

# ---- telling the story ---------------------------------------------------------------------------------------

colour_of() {
  case $1 in order*) say 96 ;; payment*) say 35 ;; inventory*) say 33 ;; *) say 94 ;; esac
}

tell() {
  local i=$1 status mark time offset who event what
  status=$(status_of "${IDS[i]}")
  if [[ $status == "${WANTED[i]}" ]]; then mark=$(paint '1;32' "$status"); else
    mark=$(paint '1;31' "${status:-no answer}, should be ${WANTED[i]}")
  fi
  printf '\n%s  %s  %s\n' "$(paint 1 "${TITLES[i]}")" "$(paint 2 "${IDS[i]}")" "$mark"
  http -f "$(address order)/orders/${IDS[i]}/events" | jq -r -f "$TERN_ROOT/scripts/lib/timeline.jq" |
    while IFS=$'\t' read -r time offset who event what; do
      printf '  %s  %s  %s  %-18s %s\n' "$time" "$(paint 2 "$(printf '%7s' "$offset s")")" \
        "$(paint "$(colour_of "$who")" "$(printf '%-18s' "$who")")" "$event" "$what"
    done
  http -f "$(address notification)/notifications?orderId=${IDS[i]}" |
    jq -r '[.notifications[] | "\(.notificationType) (\(.methods | join(", ")))"] | group_by(.)
      | map(if length > 1 then "\(length) x \(.[0])" else .[0] end) | join(", ")' |
    while IFS= read -r what; do
      printf '  %-24s%s  %s\n' '' "$(paint "$(colour_of notification)" notification-service)" "sent $what"
    done
}

addresses() {
  step "Where to look"
  printf '  %-21s %s\n' \
    order-service "$(address order)/orders" \
    payment-service "$(address payment)/payments/${IDS[0]}" \
    inventory-service "$(address inventory)/inventory" \
    notification-service "$(address notification)/notifications?orderId=${IDS[0]}" \
    'each of them' '/healthz  /metrics  /version'
  if [[ -n ${BROKER_MANAGEMENT_PORT:-} ]]; then
    printf '  %-21s %s\n' RabbitMQ "http://127.0.0.1:$BROKER_MANAGEMENT_PORT  (guest, guest)"
  fi
  printf '  %-21s %s\n' 'the broker' "${AMQP_URL/\/\/*@///***@}" 'stores and logs' "$RUN"
  printf '\n  For the calls of README.md, in another terminal in this folder:\n    . run/env\n'
  printf '\n  An order of your own:\n    curl -H "Content-Type: application/json" -d %s %s\n' \
    "'{\"customerId\":\"me\",\"items\":[{\"productId\":\"PROD-103\",\"quantity\":1,\"price\":9.90}]}'" "$(address order)/orders"
}

# Ports, tokens and folders of this run, for the calls of README.md.
publish_env() {
  mkdir -p "$TERN_ROOT/run"
  write_env "$TERN_ROOT/run/env" "$RUN" \
    "${BROKER_MANAGEMENT_PORT:+http://guest:guest@127.0.0.1:$BROKER_MANAGEMENT_PORT}" \
    "${LISTEN[order]}" "${LISTEN[payment]}" "${LISTEN[inventory]}" "${LISTEN[notification]}"
}

# The file itself has no colours, so that it can be searched.
coloured() {
  local service program=''
  if [[ -z $TERN_COLOR ]]; then exec cat; fi
  for service in "${SERVICES[@]}"; do
    program+="s/ ($service-service) / \x1b[$(colour_of "$service")m\1\x1b[0m /;"
  done
  exec sed -u -E "$program"'s/ (WARN ) / \x1b[33m\1\x1b[0m /;s/ (ERROR) / \x1b[1;31m\1\x1b[0m /'
}

# Begins with the last lines: those before belong to the orders that were told above.
follow() {
  step "The logs of all services; Ctrl-C ends everything"
  tail --pid=$$ -n 5 -f "$RUN/suite.log" > >(coloured) &
  FOLLOWER=$!
  while true; do
    keep_running
    sleep 0.5
  done
}

# ---- the demo ------------------------------------------------------------------------------------------------

while [[ $# -gt 0 ]]; do
  case $1 in
  -h | --help) usage && exit 0 ;;
  --once) ONCE=1 ;;
  --adopt) ADOPT=1 ;;
  --preset) PRESET=${2:?--preset needs a name} && shift ;;
  *)
    usage >&2
    exit 2
    ;;
  esac
  shift
done

trap clean_up EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 141' PIPE
trap 'exit 143' TERM

prepare
RUN=$(mktemp -d "${TMPDIR:-/tmp}/tern-demo.XXXXXX")
start_broker
start_services
place_orders
wait_for "$SETTLE_SECONDS" orders_arrived
step "What became of them"
for i in "${!IDS[@]}"; do tell "$i"; done
say

if orders_arrived; then
  say "$(paint '1;32' "All ${#IDS[@]} orders ended as they should.")"
else
  say "$(paint '1;31' 'Not every order ended as it should.')"
  [[ -z $ONCE ]] || exit 1
fi
[[ -z $ONCE ]] || exit 0
publish_env
addresses
trap 'exit 0' INT # the usual end
follow
