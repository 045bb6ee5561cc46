#!/usr/bin/env bash
# README.md is true: every block of commands between "Talking to it" and "Layout" is run against a suite, and answers what
# the block below it prints. How a page is read and compared: tests/support/page_test.sh.
set -uo pipefail
# shellcheck source=tests/support/script_test.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/script_test.sh"
# shellcheck disable=SC2034 # of page_test.sh
SECTIONS='Talking to it|Reading the logs|The patterns'
# shellcheck source=tests/support/page_test.sh
. "$TERN_ROOT/tests/support/page_test.sh"

# ---- the cases -----------------------------------------------------------------------------------------------

read_page "$TERN_ROOT/README.md"
holds "the page has commands to run" test "${#COMMANDS[@]}" -ge 40
with_literal_ids() { printf '%s\n' "${COMMANDS[@]}" | grep -nE 'ORD-|localhost|127\.0\.0\.1|/tmp/'; }
refuses "no block has to be edited before it is pasted" "" with_literal_ids
play_page "$TERN_ROOT/README.md" ""

# The checker itself, on damaged pages. page TEXT...: commands, and what begins with "> " answers them.
PATIENCE=2
fence=$'\x60\x60\x60'
page() {
  local text
  printf '## Talking to it\n'
  for text in "$@"; do
    if [[ $text == '> '* ]]; then
      printf '%sjson\n%s\n%s\n' "$fence" "${text:2}" "$fence"
    else
      printf '%ssh\n%s\n%s\n' "$fence" "$text" "$fence"
    fi
  done
} >"$SCRATCH/page.md"
first='ORD-00000000000000000000000001' other='ORD-00000000000000000000000002'
order='{"customerId":"C","items":[{"productId":"PROD-102","quantity":1,"price":1}],"paymentToken":"tok_ok"}'
place="curl -s \$ORDER_API/orders -H 'Content-Type: application/json' -H 'Idempotency-Key: checker' -d '$order' | jq -r .orderId"
alive="curl -s \$INVENTORY_API/livez"
page "$place" "> $first" "$place" "> $first" "$alive" '> {"status":"pass"}'
holds "a true page passes" check_page "$SCRATCH/page.md"
page "$alive" '> {"status":"fail"}'
refuses "another value is found" "differs" check_page "$SCRATCH/page.md"
page "$alive" $'> {"status":"pass",\n "more":1}'
refuses "a member too much is found" "differs" check_page "$SCRATCH/page.md"
page "$place" "> $first" "$place" "> $other"
refuses "one order shown under two ids is found" "differs" check_page "$SCRATCH/page.md"
page "$alive"
refuses "an answer that is not printed is found" "differs" check_page "$SCRATCH/page.md"
page
refuses "a page without commands is no success" "no command" check_page "$SCRATCH/page.md"

end_suite
report
