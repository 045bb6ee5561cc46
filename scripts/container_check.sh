#!/usr/bin/env bash
# Proves docker-compose.yml with a real Docker engine: build, up, orders by HTTP to their last status, logs, down.
#
#   scripts/container_check.sh [--debian bookworm|trixie] [--broker 3.10|4.0]
#
#   --debian   what the image is built on          --broker   which RabbitMQ the suite talks to
#   Without options, two runs: bookworm with 3.10, then trixie with 4.0.
#
# Starts a private engine when none answers (scripts/lib/docker.sh). Uses a compose project and ports of its own, so it
# runs beside anything else, and leaves no container, volume, network or process behind.
set -euo pipefail
# shellcheck source=scripts/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"
# shellcheck source=scripts/lib/docker.sh
. "$TERN_ROOT/scripts/lib/docker.sh"

SERVICES=(order payment inventory notification)
USAGE_LINES='2,10'
CHECKS=0
NO_ENV=
UP=no
BASE_IMAGE=

usage() { sed -n "${USAGE_LINES}s/^# \{0,1\}//p" "${BASH_SOURCE[0]}"; }

# check SENTENCE COMMAND...: the command must succeed; the sentence says what then holds.
check() {
  local sentence=$1
  shift
  "$@" || fail "not so: $sentence"
  CHECKS=$((CHECKS + 1))
  say "  $(paint 32 ok)  $sentence"
}

# Shows the end of every log before giving up: the containers are gone a moment later.
fail() {
  if [[ $UP == yes ]]; then
    suite ps >&2 || true
    suite logs --no-color --tail=40 >&2 || true
  fi
  die "$*"
}

# ---- one run's place: project, ports, images ----------------------------------------------------------------

set_environment() {
  local debian=$1 broker=$2
  # What the caller's environment says about the suite must not decide what is proved here.
  unset COMPOSE_FILE COMPOSE_PROFILES PREFETCH BATCH_MAX RETRY_MAX_ATTEMPTS RETRY_BACKOFF_MS QUEUE_TYPE
  unset PUBLISH_WINDOW BACKLOG_MAX BACKLOG_MAX_AGE_S REPUBLISH_WINDOW_S HTTP_CONNECTIONS HTTP_CONNECTIONS_PER_ADDRESS ADMIN_EMAIL ADMIN_TOKEN LOG_LEVEL RABBITMQ_USER RABBITMQ_PASSWORD
  export COMPOSE_PROJECT_NAME="tern-check-$$" COMPOSE_DOCKER_CLI_BUILD=0
  export DEBIAN=$debian TERN_IMAGE="tern-check:$debian" RABBITMQ_IMAGE="rabbitmq:$broker-management"
  export LOG_FORMAT=logfmt PAYMENT_DELAY_MS=100-300 PAYMENT_SUCCESS_RATE=1
  REVISION=$(git -C "$TERN_ROOT" rev-parse --short=12 HEAD 2>/dev/null || true)
  export REVISION
  ORDER_PORT=$(free_port) PAYMENT_PORT=$(free_port) INVENTORY_PORT=$(free_port) NOTIFICATION_PORT=$(free_port)
  RABBITMQ_MANAGEMENT_PORT=$(free_port)
  export ORDER_PORT PAYMENT_PORT INVENTORY_PORT NOTIFICATION_PORT RABBITMQ_MANAGEMENT_PORT
  ORDERS=http://127.0.0.1:$ORDER_PORT/orders
}

port_of() {
  local variable=${1^^}_PORT
  printf '%s\n' "${!variable}"
}

prepare_images() {
  docker_base_image "$DEBIAN"
  docker_broker_image "$RABBITMQ_IMAGE"
}

# quietly COMMAND...: what it prints is shown only when it fails, but for the line in which ctest sums up.
quietly() {
  local log code=0
  log=$(mktemp)
  "$@" >"$log" 2>&1 || code=$?
  [[ $code == 0 ]] || tail -n 300 "$log" >&2
  [[ $code != 0 ]] || sed -n 's/.*\b\([0-9]\+% tests passed.*\)/      unit tests in the image: \1/p' "$log"
  rm -f "$log"
  return "$code"
}

# suite ARG...: compose, without what a file .env here may say.
suite() { compose --env-file "$NO_ENV" "$@"; }

# ---- what is looked at --------------------------------------------------------------------------------------

container_of() {
  docker ps -aq --filter "label=com.docker.compose.project=$COMPOSE_PROJECT_NAME" \
    --filter "label=com.docker.compose.service=$1"
}
health_of() { docker inspect --format '{{.State.Health.Status}}' "$(container_of "$1")"; }
is_healthy() { [[ $(health_of "$1") == healthy ]]; }

bring_up() {
  local service
  quietly suite up -d || fail "docker-compose up failed"
  for service in rabbitmq "${SERVICES[@]/%/-service}"; do
    wait_for 90 is_healthy "$service" || fail "$service is $(health_of "$service") after 90 seconds"
  done
}

ready() { curl -fsS -o /dev/null --max-time 5 "http://127.0.0.1:$(port_of "$1")/readyz"; }

# management PATH: a page of RabbitMQ's management, as the user that compose made.
management() { curl -fsS --max-time 10 -u tern:tern "http://127.0.0.1:$RABBITMQ_MANAGEMENT_PORT$1"; }
management_page() { management / | grep -i '<title>RabbitMQ' >/dev/null; }
management_version() { [[ $(management /api/overview | jq -r .rabbitmq_version) == "$1".* ]]; }
quorum_queues() {
  local name wanted found
  wanted=$(printf '%s-service\n' "${SERVICES[@]}" | sort)
  found=$(management /api/queues | jq -r '.[] | select(.type == "quorum" and .durable) | .name' | sort)
  for name in $wanted; do grep -qx "$name" <<<"$found" || return 1; done
}

version_told() {
  [[ $(curl -fsS --max-time 5 "http://127.0.0.1:$ORDER_PORT/version" | jq -r .revision) == "${REVISION:-unknown}" ]]
}

# The settings that the daemons know and those that docker-compose.yml hands on, but for those that name a file.
# A replay is asked for over HTTP here, not by settings.
settings_known() {
  local service
  for service in "${SERVICES[@]}"; do
    docker exec "$(container_of "$service-service")" "$service-service" --help
  done | sed -n 's/^  \([A-Z][A-Z_]*\) .*/\1/p' | grep -vx -e AMQP_CA_FILE -e INVENTORY_FILE -e PAYMENT_GATEWAY_CA_FILE -e 'REPLAY_.*' | sort -u
}
settings_handed_on() {
  sed -n 's/^ *\([A-Z][A-Z_]*\):.*/\1/p' "$TERN_ROOT/docker-compose.yml" |
    grep -vx -e DEBIAN -e REVISION -e SOURCE_DATE_EPOCH -e 'RABBITMQ_.*' | sort -u
}
settings_agree() { diff <(settings_known) <(settings_handed_on) >&2; }

hardened() {
  local container
  container=$(container_of order-service)
  [[ $(docker exec "$container" id -u) == 10001 ]] || return 1
  ! docker exec "$container" sh -c ': >/usr/local/bin/x' 2>/dev/null || return 1
  docker exec "$container" grep -q '^CapBnd:[[:space:]]*0*$' /proc/1/status || return 1
  docker exec "$container" grep -q '^NoNewPrivs:[[:space:]]*1$' /proc/1/status
}

# put_stock [CURL OPTION...]: sets a stock to 7; succeeds when the service takes it.
put_stock() {
  curl -fsS -o /dev/null --max-time 5 -X PUT -H 'Content-Type: application/json' -d '{"quantity": 7}' "$@" \
    "http://127.0.0.1:$INVENTORY_PORT/inventory/PROD-104" 2>/dev/null
}
# What inventory-service has made, read as the README says.
made_token() { suite exec -T inventory-service cat /var/lib/tern/inventory-service.db.token; }
stock_is_guarded() { ! put_stock && ! put_stock -H 'Authorization: Bearer wrong'; }

# place PRODUCT TOKEN: prints the new order's id.
place() {
  jq -n --arg product "$1" --arg token "$2" \
    '{customerId: "CUST-1", items: [{productId: $product, quantity: 2, price: 49.99}], paymentToken: $token}' |
    curl -fsS --max-time 10 -H 'Content-Type: application/json' --data-binary @- "$ORDERS" | jq -er .orderId ||
    fail "an order of $1 was not accepted"
}

status_of() { curl -fsS --max-time 5 "$ORDERS/$1" | jq -r .status; }
has_status() { [[ $(status_of "$1") == "$2" ]]; }

# ends_as ORDER STATUS WHAT
ends_as() {
  wait_for 90 has_status "$1" "$2" || fail "$3: $1 is $(status_of "$1"), not $2, after 90 seconds"
  CHECKS=$((CHECKS + 1))
  say "  $(paint 32 ok)  $3: $1 is $2"
}

# Version 2 starts each line with an escape sequence even without colours.
logs() { suite logs --no-color "${@/%/-service}" 2>/dev/null | sed 's/^\x1b\[[0-9]*K//'; }
log_tells() { logs "$1" | grep -F "$2" >/dev/null; }

# A log line may come a moment after the status that it tells of.
each_log_tells() {
  local service
  for service in "${SERVICES[@]}"; do
    wait_for 15 log_tells "$service" "$1" || fail "the log of $service-service does not mention $1"
  done
}

stops_cleanly() {
  local container
  container=$(container_of "$1-service")
  suite stop "$1-service" >/dev/null 2>&1
  [[ $(docker inspect --format '{{.State.ExitCode}}' "$container") == 0 ]]
}

starts_again() {
  suite start "$1-service" >/dev/null 2>&1
  wait_for 60 is_healthy "$1-service"
}

memory_of() {
  docker stats --no-stream --format '{{.Name}} {{.MemUsage}}' |
    sed -n "s/^${COMPOSE_PROJECT_NAME}[-_]\([a-z-]*\)[-_][0-9]* \([^ ]*\) .*/      \1 \2/p"
}

# As somebody has it who pastes README's calls.
# shellcheck disable=SC2153
env_file_works() {
  (
    cd "$TERN_ROOT" || exit
    # shellcheck source=/dev/null
    . docker/env
    curl -fsS --max-time 5 -H "Authorization: Bearer $ORDER_TOKEN" "$ORDER_API/admin/parked" &&
      curl -fsS --max-time 5 "$BROKER/api/overview" >/dev/null && logs | grep "^time=.*$PAID" >/dev/null
  )
}

nothing_left() {
  local label="label=com.docker.compose.project=$COMPOSE_PROJECT_NAME"
  [[ -z $(docker ps -aq --filter "$label")$(docker volume ls -q --filter "$label")$(docker network ls -q --filter "$label") ]]
}

# ---- the story ----------------------------------------------------------------------------------------------

story_of_orders() {
  local paid declined unknown cancelled
  paid=$(place PROD-101 tok_ok)
  declined=$(place PROD-102 tok_declined)
  unknown=$(place PROD-999 tok_ok)
  cancelled=$(place PROD-103 tok_slow)
  check "an order can be cancelled by its customer" curl -fsS -o /dev/null -X POST --max-time 10 "$ORDERS/$cancelled/cancel"
  ends_as "$paid" READY_FOR_SHIPMENT "paid and in stock"
  ends_as "$declined" PAYMENT_FAILED "card declined"
  ends_as "$unknown" CANCELLED "not in stock, money back"
  ends_as "$cancelled" CANCELLED "cancelled by the customer"
  local order
  for order in "$paid" "$declined" "$unknown" "$cancelled"; do
    check "each of the four logs tells of $order" each_log_tells "$order"
  done
  say "      the log of $paid:"
  logs "${SERVICES[@]}" | grep -F "$paid" | sort -t '|' -k 2 | sed 's/^/      /' | cut -c 1-200
  PAID=$paid
}

# An order is taken while the broker is away, and goes its way when it is back.
without_broker() {
  local order
  quietly suite stop rabbitmq || fail "the broker does not stop"
  order=$(place PROD-102 tok_ok)
  check "an order is accepted while the broker is away" has_status "$order" CREATED
  quietly suite start rabbitmq || fail "the broker does not start again"
  ends_as "$order" READY_FOR_SHIPMENT "when the broker is back"
}

check_pair() {
  local service started=$SECONDS
  step "image on Debian $1, suite on RabbitMQ $2"
  set_environment "$1" "$2"
  check "docker-compose accepts docker-compose.yml" suite config -q
  prepare_images
  quietly suite build order-service || fail "the image does not build on $DEBIAN"
  check "the image is there" docker image inspect --format '      {{.Size}} bytes with its base' "$TERN_IMAGE"
  UP=yes
  bring_up
  for service in "${SERVICES[@]}"; do
    check "$service-service is healthy and ready on its published port" ready "$service"
  done
  check "the management page answers" management_page
  check "the broker is RabbitMQ $2" management_version "$2"
  check "each service has its durable quorum queue" quorum_queues
  check "the daemons know the revision they were built from" version_told
  check "docker-compose.yml hands on each of their settings" settings_agree
  check "a daemon runs as 10001, without capabilities, on a read-only root" hardened
  check "nobody changes stock without the token" stock_is_guarded
  check "and with the token one does" put_stock -H "Authorization: Bearer $(made_token)"
  story_of_orders
  check "docker/env has the addresses, tokens and logs for README's calls" env_file_works
  say "      memory:" && memory_of
  check "order-service stops with exit code 0 when asked" stops_cleanly order
  check "and comes back healthy" starts_again order
  check "with the orders that it had" has_status "$PAID" READY_FOR_SHIPMENT
  without_broker
  take_down
  check "no container, volume or network is left behind" nothing_left
  say "  $(paint 32 "done") in $((SECONDS - started)) seconds"
}

take_down() {
  [[ $UP == yes ]] || return 0
  suite down -v --remove-orphans >/dev/null 2>&1 || warn "docker-compose down failed"
  UP=no
}

# The layers of the two stages of each image stay as cache; what older sources left of them goes.
keep_cache_small() {
  [[ $DOCKER_PRIVATE == yes ]] || return 0
  local suite
  for suite in "$@"; do
    [[ $(compose version --short) == 1.* ]] || break
    docker_classic_build --build-arg "DEBIAN=$suite" --build-arg "REVISION=$REVISION" --build-arg SOURCE_DATE_EPOCH= \
      --target build -t "tern-check-build:$suite" "$TERN_ROOT"
  done
  docker image prune -f >/dev/null
}

finish() {
  local code=$?
  trap - EXIT INT TERM
  take_down
  [[ -z $BASE_IMAGE ]] || wait "$BASE_IMAGE" 2>/dev/null || true # it has a folder to remove
  docker_engine_stop
  rm -f "$NO_ENV"
  exit "$code"
}

main() {
  local debian='' broker='' suites=(bookworm trixie)
  while [[ $# -gt 0 ]]; do
    case $1 in
    --debian) debian=${2:-} && shift ;;
    --broker) broker=${2:-} && shift ;;
    -h | --help) usage && return 0 ;;
    *) usage >&2 && return 2 ;;
    esac
    shift
  done
  [[ ${debian:-bookworm} =~ ^(bookworm|trixie)$ && ${broker:-3.10} =~ ^(3\.10|4\.0)$ ]] || { usage >&2 && return 2; }

  cd "$TERN_ROOT"
  NO_ENV=$(mktemp)
  trap finish EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM
  docker_engine_start || die "no Docker engine to check with"
  if [[ -n $debian$broker ]]; then
    suites=("${debian:-bookworm}")
    check_pair "${suites[0]}" "${broker:-3.10}"
  else
    docker_base_image trixie & # made while the first pair is checked
    BASE_IMAGE=$!
    check_pair bookworm 3.10
    wait "$BASE_IMAGE" || true # it is tried again
    check_pair trixie 4.0
  fi
  keep_cache_small "${suites[@]}"
  say "container check: all of its $CHECKS checks hold"
}

main "$@"
