#!/usr/bin/env bash
# The solution of exercise 1 in docs/exercises.md works: notification-service is built with it and run among the others, and
# a cancelled order gives the letter that the exercise asks for.
set -uo pipefail
# shellcheck source=tests/support/script_test.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/script_test.sh"
needs cmake curl jq patch erl

build_solution() {
  local generator=()
  ! have ninja || generator=(-G Ninja)
  mkdir "$SCRATCH/tree"
  (cd "$TERN_ROOT" && cp -r CMakeLists.txt CMakePresets.json LICENSE README.md cmake common include services tests scripts \
    docs "$SCRATCH/tree") || return
  awk '/^## / { here = /^## 1\./ } /^```/ { inside = here && /^```diff$/; next } inside' "$TERN_ROOT/docs/exercises.md" |
    patch -s -p1 --fuzz=0 -d "$SCRATCH/tree" || return
  cmake -S "$SCRATCH/tree" -B "$SCRATCH/build" "${generator[@]}" &&
    cmake --build "$SCRATCH/build" --target notification-service
}

holds "the suite builds with the solution" build_solution
[[ -x $SCRATCH/build/bin/notification-service ]] || {
  report
  exit 1
}
# shellcheck disable=SC2034 # of page_test.sh
SECTIONS='none'
# shellcheck disable=SC2034 # of page_test.sh
declare -A PROGRAMS=([notification]=$SCRATCH/build/bin/notification-service)
# shellcheck source=tests/support/page_test.sh
. "$TERN_ROOT/tests/support/page_test.sh"

ORDER=$(curl -s "http://127.0.0.1:${LISTEN[order]}/orders" -H 'Content-Type: application/json' -d '{"customerId": "CUST-1",
  "items": [{"productId": "PROD-101", "quantity": 1, "price": 149.95}], "paymentToken": "tok_ok"}' | jq -r .orderId)
status_is() { [[ $(curl -s "http://127.0.0.1:${LISTEN[order]}/orders/$ORDER" | jq -r .status) == "$1" ]]; }
letters() { curl -s "http://127.0.0.1:${LISTEN[notification]}/notifications?orderId=$ORDER" | jq -r '.notifications[].title'; }
letter_came() { letters | grep -qxF "Back in stock: order $ORDER"; }
holds "an order is packed" wait_for 40 status_is READY_FOR_SHIPMENT
refuses "nobody hears of free stock before it is free" "" letter_came
holds "it is cancelled" curl -sf -X POST "http://127.0.0.1:${LISTEN[order]}/orders/$ORDER/cancel"
holds "the administrator gets the letter of the exercise" wait_for 40 letter_came
end_suite
report
