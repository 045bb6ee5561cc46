#!/usr/bin/env bash
# The pages agree with the code, the checker of that sees every kind of damage, and the README's worked example compiles.
# shellcheck disable=SC2016 # the backticks are those of Markdown
set -uo pipefail
# shellcheck source=tests/support/script_test.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/script_test.sh"
BIN=$TERN_BUILD_DIR/bin
for service in order payment inventory notification; do
  [[ -x $BIN/$service-service ]] || {
    say "no daemons in this build: skipped"
    exit 77
  }
done

tree() {
  rm -rf "$SCRATCH/tree"
  mkdir -p "$SCRATCH/tree"
  (cd "$TERN_ROOT" && cp -r --parents README.md CONTRIBUTING.md CHANGELOG.md SECURITY.md LICENSE docker-compose.yml docs \
    tests/README.md include services common "$SCRATCH/tree")
}
check() { "$TERN_ROOT/scripts/check_docs.sh" "$SCRATCH/tree" "$BIN"; }
# damage TITLE WORDS FILE SED: the checker says WORDS about a tree with one file changed.
damage() {
  tree
  sed -i -E "$4" "$SCRATCH/tree/$3"
  ! cmp -s "$TERN_ROOT/$3" "$SCRATCH/tree/$3" || die "nothing was damaged for: $1"
  refuses "$1" "$2" check
}

tree
holds "the pages say what the code has" check
damage "a setting that the page leaves out is found" "< payment PAYMENT_DELAY_MS 1000-3000" docs/CONFIGURATION.md '/^\| `PAYMENT_DELAY_MS`/d'
damage "a setting that nobody has is found" "> order NONE_SUCH" docs/CONFIGURATION.md 's/^\| `PORT`.*/&\n| `NONE_SUCH` | order | 1 | none |/'
damage "another default is found" "> inventory PREFETCH 250" docs/CONFIGURATION.md '/^\| `PREFETCH`/s/256/250/'
damage "another port of one service is found" "> payment PORT 3007" docs/CONFIGURATION.md '/^\| `PORT`/s/3002/3007/'
damage "a setting of another daemon is found" "> order ADMIN_EMAIL admin@store.com" docs/CONFIGURATION.md '/^\| `ADMIN_EMAIL`/s/notification/order/'
damage "a setting that is not handed on to containers is found" "< order BATCH_MAX" docker-compose.yml '/^  BATCH_MAX:/d'
damage "a setting in containers that no daemon has is found" "> notification BATCH_MOST" docker-compose.yml 's/^  BATCH_MAX:/  BATCH_MOST:/'
damage "a metric that the page leaves out is found" "< tern_outbox_pending gauge" docs/METRICS.md '/^\| `tern_outbox_pending`/d'
damage "a metric that is gone from the code is found" "> tern_jobs_total counter kind,result" include/tern/metrics.h '/^ *M\(jobs_total/d'
damage "other labels are found" "< tern_orders_total counter status" docs/METRICS.md '/^\| `tern_orders_total`/s/status/state/'
damage "another kind is found" "> tern_payments_total gauge result" docs/METRICS.md '/^\| `tern_payments_total`/s/counter/gauge/'
damage "a call that the page leaves out is found" "< POST /orders/{orderId}/cancel" README.md '/^\| `POST \/orders\/\{orderId\}\/cancel`/d'
damage "a call that nobody answers is found" "> GET /livez" common/service/operations.c '/"\/livez"/d'
damage "a link that leads nowhere is found" "README.md leads to docs/EVENT.md" README.md 's/\]\(docs\/EVENTS\.md\)/](docs\/EVENT.md)/'
tree && : >"$SCRATCH/tree/include/tern/metrics.h" && rm -rf "$SCRATCH/tree/services" "$SCRATCH/tree/common/base/metrics_process.c" && mkdir "$SCRATCH/tree/services"
refuses "code in which nothing is found is no success" "nothing was found in the code" check
refuses "nor are daemons that are not built" "build the daemons first" "$TERN_ROOT/scripts/check_docs.sh" "$TERN_ROOT" "$SCRATCH"

# ---- the worked example of the README ------------------------------------------------------------------------

example() { # example N: its N-th piece of C, without the comment that says where it belongs
  awk -v wanted="$1" '/^```/ { inside = /^```c$/; if (inside) n++; next } inside && n == wanted && !/^\/\* (include|services)\// { print }' \
    "$SCRATCH/tree/README.md"
}
# insert FILE after|before REGEX N: the N-th piece beside the first line that matches.
insert() {
  example "$4" >"$SCRATCH/piece"
  [[ -s $SCRATCH/piece ]] || die "the page has no piece $4"
  awk -v where="$2" -v regex="$3" -v piece="$SCRATCH/piece" '
    function put(line) { while ((getline line < piece) > 0) print line; done = 1 }
    !done && $0 ~ regex { if (where == "before") { put(); print; next } print; put(); next }
    { print }
    END { exit !done }' "$SCRATCH/tree/$1" >"$SCRATCH/changed" || die "nothing in $1 is like $3"
  mv "$SCRATCH/changed" "$SCRATCH/tree/$1"
}
apply_example() {
  local inventory=services/inventory/inventory_handlers.c notification=services/notification
  insert include/shop/catalogue.h before '^#define SHOP_ORDER_PLACED_FIELDS' 1
  insert include/shop/catalogue.h after '^#define SHOP_EVENTS' 2
  insert include/shop/events.h before '^#endif' 3
  insert $inventory before '^/\* ---- moving stock' 4
  insert $inventory after '^        if \(inventory_emit_updated\(ctx, &stock' 5
  printf 'void message_stock_ran_low(const struct shop_stock_ran_low *low, struct message *ret_message);\n' >"$SCRATCH/piece"
  sed -i "/^void message_inventory_alert/r $SCRATCH/piece" "$SCRATCH/tree/$notification/message.h"
  example 6 >>"$SCRATCH/tree/$notification/message.c"
  insert $notification/notification_handlers.c before '^const struct tern_handler notification_handlers' 7
  insert $notification/notification_handlers.c after '^const struct tern_handler notification_handlers' 8
  sed -i 's/NOTIFICATION_HANDLERS = 7/NOTIFICATION_HANDLERS = 8/' "$SCRATCH/tree/$notification/notification.h"
}
compiles() {
  local file
  for file in services/catalogue/catalogue.c services/inventory/inventory_handlers.c services/notification/message.c \
    services/notification/notification_handlers.c; do
    cc -std=c11 -D_GNU_SOURCE -Wall -Wextra -Wpedantic -Wconversion -Wmissing-prototypes -Werror -fsyntax-only \
      -I "$SCRATCH/tree/include" "$SCRATCH/tree/$file" || return 1
  done
}

tree
apply_example
holds "the example of an event and a handler compiles" compiles
tree
sed -i 's/shop_emit_stock_ran_low(ctx, &low/shop_emit_stock_was_low(ctx, \&low/' "$SCRATCH/tree/README.md"
apply_example
refuses "an example that fits no more is found" "shop_emit_stock_was_low" compiles
tree
apply_example
sed -i 's/    int64_t left;/    int32_t left;/' "$SCRATCH/tree/include/shop/events.h"
refuses "a struct that is not that of its rows does not compile" "left of shop/events.h is not that of its row" compiles
sed -i 's/    int32_t left;/    int64_t left;\n    char more[64];/' "$SCRATCH/tree/include/shop/events.h"
refuses "nor does one with a member more" "has a member without a row" compiles
sed -i -e '/char more/d' -e 's/^int shop_emit_stock_ran_low/int shop_emit_stock_ran_out/' "$SCRATCH/tree/include/shop/events.h"
refuses "nor does a call that is not written out" "no previous prototype" compiles
report
