#!/usr/bin/env bash
# A suite is rolled from another version to this one under load, one service at a time, in the order of docs/OPERATIONS.md.
#
#   tests/e2e/upgrade.sh [REVISION]...     default: the version of tests/stores, and the parent of HEAD
#
# Builds the daemons of each revision, starts them, places orders all the time (again until they are taken), and replaces
# service after service. Then: every order that was taken has ended, nothing is parked, nobody was charged twice. And back:
# where the store's schema is the same, the older daemons take over again, under load too; where it is newer, each refuses
# its store with a sentence.
set -uo pipefail
# shellcheck source=tests/support/script_test.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/script_test.sh"
# shellcheck source=scripts/lib/broker.sh
. "$TERN_ROOT/scripts/lib/broker.sh"
needs curl jq erl git sqlite3

ORDER=(notification inventory payment order) # docs/OPERATIONS.md, "Upgrade"
NEW=$TERN_BUILD_DIR/bin
ITEMS='[{"productId":"PROD-102","quantity":1,"price":19.99}]'
declare -A PORT=() # of each service
for service in "${ORDER[@]}"; do PORT[$service]=$(free_port); done
RUNS=$SCRATCH/runs # <service>: the process that runs; each check is a subshell

stop_all() {
  local run
  rm -f "$SCRATCH"/*/placing
  for run in "$RUNS"/*; do [[ ! -e $run ]] || kill -KILL "$(<"$run")" 2>/dev/null; done
  broker_stop "$SCRATCH/broker" >/dev/null 2>&1
  git -C "$TERN_ROOT" worktree remove --force "$SCRATCH/tree" 2>/dev/null
  rm -rf "$SCRATCH"
}
trap stop_all EXIT

# build REVISION: its daemons in $SCRATCH/REVISION/bin.
build() {
  git -C "$TERN_ROOT" worktree add -q --detach --force "$SCRATCH/tree" "$1" || return 1
  { cmake -S "$SCRATCH/tree" -B "$SCRATCH/$1" -DCMAKE_BUILD_TYPE=Release -DCMAKE_C_FLAGS=-O1 &&
    cmake --build "$SCRATCH/$1" --target daemons -j "$(nproc)"; } >"$SCRATCH/built" 2>&1 || tail -n 5 "$SCRATCH/built"
  git -C "$TERN_ROOT" worktree remove --force "$SCRATCH/tree"
  [[ -x $SCRATCH/$1/bin/order-service ]]
}

answers() { curl -s --noproxy '*' --max-time 5 "${@:2}" "http://127.0.0.1:$1"; }
ready() { answers "${PORT[$1]}/readyz" | jq -e '.status == "pass"' >/dev/null 2>&1; }

# start SERVICE BIN
start() {
  env AMQP_URL="$AMQP_URL" DATABASE_URL="sqlite:$STORES/$1.db" PORT="${PORT[$1]}" LOG_LEVEL=warn LOG_FORMAT=logfmt \
    PAYMENT_DELAY_MS=0 PAYMENT_SUCCESS_RATE=1 ORDER_NUDGE_S=2 "$2/$1-service" >>"$STORES/$1.log" 2>&1 &
  echo $! >"$RUNS/$1"
  wait_for 40 ready "$1" || { tail -n 5 "$STORES/$1.log" && return 1; }
}
gone() { ! kill -0 "$1" 2>/dev/null; }
stop() {
  [[ -e $RUNS/$1 ]] || return 0
  kill -TERM "$(<"$RUNS/$1")"
  wait_for 20 gone "$(<"$RUNS/$1")" || { echo "$1-service does not stop" && return 1; }
  rm "$RUNS/$1"
}

# Until the file `placing` is gone: one order after the other, each asked for until it is taken.
place_orders() {
  local number=0
  while [[ -e $STORES/placing ]]; do
    number=$((number + 1))
    until answers "${PORT[order]}/orders" -o "$STORES/answer" -f -H 'Content-Type: application/json' -H "Idempotency-Key: $BASHPID-$number" \
      -d "{\"customerId\":\"C-$number\",\"items\":$ITEMS}"; do
      [[ -e $STORES ]] || return
    done
    jq -r .orderId "$STORES/answer" >>"$STORES/taken"
  done
}

number() { sqlite3 "file:$STORES/$1.db?mode=ro" "$2"; }
# shows SERVICE METRIC VALUE
shows() { [[ $'\n'$(answers "${PORT[$1]}/metrics")$'\n' == *$'\n'"$2 $3"$'\n'* ]]; }
at_rest() {
  local service
  [[ $(number order "SELECT count(*) FROM orders WHERE status <> 'READY_FOR_SHIPMENT'") == 0 ]] || return 1
  for service in "${ORDER[@]}"; do
    shows "$service" tern_outbox_pending 0 || return 1
  done
}

# What holds after a roll: all that was taken is there and ready, charged once, reserved once; nothing is parked.
nothing_is_lost() {
  local service taken
  taken=$(grep -c ORD- "$STORES/taken")
  wait_for 60 at_rest || { echo "the suite does not come to rest" && return 1; }
  [[ $taken -ge 20 ]] || { echo "only $taken orders" && return 1; }
  [[ $(number order 'SELECT count(*) FROM orders') == "$taken" ]] || { echo "$taken orders were taken" && return 1; }
  [[ $(number payment 'SELECT count(*) FROM payment WHERE refund_id IS NULL AND transaction_id IS NOT NULL') == "$taken" ]] ||
    { echo "not one charge for each order" && return 1; }
  [[ $(number inventory "SELECT sum(reserved) FROM product") == "$taken" ]] || { echo "not one unit for each order" && return 1; }
  for service in "${ORDER[@]}"; do
    if ! shows "$service" tern_parked_messages 0; then
      echo "$service-service has parked: $(answers "${PORT[$service]}/admin/parked" -H "Authorization: Bearer $(<"$STORES/$service.db.token")")"
      return 1
    fi
  done
}

# roll TO: replaces service after service while orders come.
roll() {
  local service
  local loader
  touch "$STORES/placing"
  place_orders 2>/dev/null &
  loader=$!
  for service in "${ORDER[@]}"; do stop "$service" && start "$service" "$1" || return 1; done
  rm "$STORES/placing"
  wait "$loader"
  nothing_is_lost
}

schemas() { for service in "${ORDER[@]}"; do number "$service" "SELECT family, max(number) FROM schema_migration GROUP BY family"; done; }

begin() {
  local service
  for service in "${ORDER[@]}"; do start "$service" "$SCRATCH/$1/bin" || return 1; done
  answers "${PORT[inventory]}/inventory/PROD-102" -f -X PUT -H 'Content-Type: application/json' \
    -H "Authorization: Bearer $(<"$STORES/inventory.db.token")" -d '{"quantity":100000}' >/dev/null
}

# Each of the older daemons refuses its store.
all_refuse() {
  local service
  for service in "${ORDER[@]}"; do
    stop "$service" || return 1
    if DATABASE_URL="sqlite:$STORES/$service.db" PORT="${PORT[$service]}" AMQP_URL="$AMQP_URL" \
      "$SCRATCH/$1/bin/$service-service" >"$STORES/refused" 2>&1; then
      return 1
    fi
    grep -q 'a newer program has used it' "$STORES/refused" || { cat "$STORES/refused" && return 1; }
  done
}

check_revision() {
  local revision=$1 before after name service
  STORES=$SCRATCH/stores-$1
  mkdir -p "$STORES" "$RUNS"
  name=$(git -C "$TERN_ROOT" rev-parse --short "$revision")
  holds "the daemons of $name can be built and started" eval "build $revision && begin $revision"
  before=$(schemas)
  holds "rolled from $name to this version under load, nothing is lost and nothing is parked" roll "$NEW"
  after=$(schemas)
  if [[ $before == "$after" ]]; then
    holds "and back, since the stores have the same schema" roll "$SCRATCH/$revision/bin"
  else
    holds "the older daemons refuse the stores of a newer schema with a sentence" all_refuse "$revision"
  fi
  for service in "${ORDER[@]}"; do stop "$service" >/dev/null; done
}

broker_installed || { echo "skipped: RabbitMQ is not installed" && exit 77; }
mkdir "$SCRATCH/broker"
broker_start "$SCRATCH/broker" >/dev/null 2>&1
broker_guard "$SCRATCH/broker" $$
AMQP_URL=$(broker_url "$SCRATCH/broker")

# Each version of tests/stores, and what this one follows.
revisions=("$@")
if [[ ${#revisions[@]} -eq 0 ]]; then
  for folder in "$TERN_ROOT"/tests/stores/*/; do revisions+=("$(basename "$folder")"); done
  revisions+=("$(git -C "$TERN_ROOT" rev-parse -q --verify HEAD^)")
fi
for revision in "${revisions[@]}"; do
  if ! git -C "$TERN_ROOT" rev-parse -q --verify "$revision^{commit}" >/dev/null; then
    echo "skipped: this clone does not have the revision $revision"
    exit 77
  fi
  check_revision "$revision"
  broker_ctl "$SCRATCH/broker" -q stop_app >/dev/null && broker_ctl "$SCRATCH/broker" -q reset >/dev/null && broker_ctl "$SCRATCH/broker" -q start_app >/dev/null
done
report
