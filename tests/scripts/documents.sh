#!/usr/bin/env bash
# What order-service serves for machines is what their own validators take.
set -uo pipefail
# shellcheck source=tests/support/script_test.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/script_test.sh"
needs node npm curl jq

# The modules of tests/documents, kept in the build folder until the list changes.
MODULES=$TERN_BUILD_DIR/documents
if ! cmp -s "$TERN_ROOT/tests/documents/package-lock.json" "$MODULES/package-lock.json"; then
  rm -rf "$MODULES" && mkdir -p "$MODULES"
  cp "$TERN_ROOT"/tests/documents/package*.json "$MODULES"
  (cd "$MODULES" && npm ci --ignore-scripts --no-audit --no-fund) >"$SCRATCH/npm" 2>&1 || {
    rm -rf "$MODULES"
    echo "skipped: npm cannot get what tests/documents/package.json names: $(tail -n 1 "$SCRATCH/npm")"
    exit 77
  }
fi
cp "$TERN_ROOT"/tests/documents/*.mjs "$MODULES"

PORT=$(free_port)
DATABASE_URL="sqlite:$SCRATCH/order.db" PORT=$PORT AMQP_URL=amqp://127.0.0.1:1/ \
  "$TERN_BUILD_DIR/bin/order-service" >"$SCRATCH/log" 2>&1 &
DAEMON=$!
trap 'kill "$DAEMON" 2>/dev/null; wait "$DAEMON" 2>/dev/null; rm -rf "$SCRATCH"' EXIT
served() { curl -s --noproxy '*' -f -o "$SCRATCH/$1" "http://127.0.0.1:$PORT/$1"; }
wait_for 30 served livez || die "order-service does not answer: $(tail -n 3 "$SCRATCH/log")"

takes_asyncapi() { served asyncapi.json && (cd "$MODULES" && node asyncapi.mjs "$SCRATCH/asyncapi.json" "$@"); }
broken_asyncapi() { jq "$1" "$SCRATCH/asyncapi.json" >"$SCRATCH/broken.json" && (cd "$MODULES" && node asyncapi.mjs "$SCRATCH/broken.json"); }
holds "the AsyncAPI document is one, and has who sends and who receives" takes_asyncapi \
  order-service.sends.OrderPlaced payment-service.receives.OrderPlaced inventory-service.receives.OrderPlaced \
  notification-service.sends.NotificationSent order-service.receives.InventoryUpdated
# shellcheck disable=SC2016 # a name of JSON, no variable
refuses "an operation without its channel is found" "" broken_asyncapi '.operations[].channel."$ref" = "#/channels/nothing"'
refuses "a message that is no schema is found" "" broken_asyncapi '.components.messages.OrderPlaced.payload.type = "thing"'
refuses "a document without a version is found" "" broken_asyncapi 'del(.asyncapi)'
report
