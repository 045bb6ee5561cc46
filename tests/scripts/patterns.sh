#!/usr/bin/env bash
# The pages for learners agree with the code, and the checker of that sees each kind of damage.
# shellcheck disable=SC2016 # the backticks are those of Markdown
set -uo pipefail
# shellcheck source=tests/support/script_test.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/script_test.sh"

tree() {
  rm -rf "$SCRATCH/tree"
  mkdir -p "$SCRATCH/tree"
  (cd "$TERN_ROOT" && cp -r --parents docs include services common scripts tests "$SCRATCH/tree")
}
check() { "$TERN_ROOT/scripts/check_patterns.sh" "$SCRATCH/tree"; }
# damage TITLE WORDS FILE SED: the checker says WORDS about a tree with one file changed.
damage() {
  tree
  sed -i -E "$4" "$SCRATCH/tree/$3"
  ! cmp -s "$TERN_ROOT/$3" "$SCRATCH/tree/$3" || die "nothing was damaged for: $1"
  refuses "$1" "$2" check
}

tree
holds "the pages say what the code has" check
damage "a function that was renamed is found" "services/order/order.c does not define order_apply" services/order/order.c 's/\border_apply\(/order_fold(/'
damage "a prototype is no definition" "common/outbox/emit.c does not define tern_emit" common/outbox/emit.c '/^int tern_emit\(/{N;N;s/.*/int tern_emit(void);/}'
damage "a file that is named and gone is found" "there is no services/order/sagas.c" docs/patterns/saga.md 's/services\/order\/saga\.c/services\/order\/sagas.c/'
damage "a page without a section is found" 'inbox.md has no section "When not to use it"' docs/patterns/inbox.md '/^## When not/d'
damage "a page that the index leaves out is found" "does not name outbox.md" docs/patterns/README.md '/outbox\.md/d'
damage "a page that names no code is found" "cqrs.md names 0 functions" docs/patterns/cqrs.md '/^- `/d'
damage "an event that the board leaves out is found" "< PaymentVoided payment order" docs/event-storming.md '/`PaymentVoided`/d'
damage "an event that nobody publishes is found" "> OrderShipped order notification" docs/event-storming.md 's/^(\| [0-9]+ \| )`OrderUpdated`/\1`OrderShipped`/'
damage "another producer is found" "> PaymentFailed order" docs/event-storming.md '/`PaymentFailed`/s/payment/order/'
damage "a consumer that the catalogue does not have is found" "> PaymentVoided payment order,inventory" docs/event-storming.md '/`PaymentVoided`/s/\| order \|/| order, inventory |/'
damage "a consumer that the catalogue has got is found" "< NotificationSent notification order" include/shop/catalogue.h '/"NotificationSent"/s/SHOP_NOBODY/SHOP_CONSUMED_BY_1(ORDER)/'
damage "an event that the picture leaves out is found" "< InventoryReleased" docs/event-storming.svg '/InventoryReleased/d'
damage "a catalogue in which nothing is found is no success" "nothing was found in the catalogue" include/shop/catalogue.h '/^ *E\(/d'
report
