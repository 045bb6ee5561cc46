#!/usr/bin/env bash
# The layer checker sees every kind of breach, and lets a clean tree pass.
set -uo pipefail
# shellcheck source=tests/support/script_test.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/script_test.sh"

# tree FILE LINE...: a project of one clean file and FILE with these lines.
tree() {
  local file=$1
  shift
  rm -rf "$SCRATCH/tree"
  mkdir -p "$SCRATCH/tree/common/base" "$SCRATCH/tree/$(dirname "$file")"
  printf '#include <string.h>\n#include "tern/base.h"\n#include "json_validator.h"\n' >"$SCRATCH/tree/common/base/text.c"
  printf '%s\n' "$@" >"$SCRATCH/tree/$file"
}
check() { "$TERN_ROOT/scripts/check_includes.sh" "$SCRATCH/tree"; }
breach() {
  local title=$1 words=$2
  shift 2
  tree "$@"
  refuses "$title" "$words" check
}

tree services/order/main.c '#include "tern/service.h"' '#include "shop/catalogue.h"' '#include "saga.h"'
holds "a tree that keeps to its layers passes" check
tree common/amqp/amqp.c '#include <rabbitmq-c/amqp.h>' '#include "common/amqp/amqp.h"'
holds "a wrapper may name its library" check

breach "base must not include the store" "base includes upward" common/base/log.c '#include "tern/db.h"'
breach "http must not include event" "http includes upward" common/http/http.c '#include "tern/event.h"'
breach "the inbox must not include the service" "inbox includes upward" common/inbox/inbox.c '#include "tern/service.h"'
breach "the inbox must not know the shop" "inbox includes upward" common/inbox/inbox.c '#include "shop/catalogue.h"'
breach "the inbox and the jobs do not know each other" "do not know each other" common/inbox/deferred.c '#include "tern/jobs.h"'
breach "the outbox must not include the inbox" "outbox includes upward" common/outbox/publisher.c '#include "tern/inbox.h"'
breach "the store and the link do not know each other" "do not know each other" common/amqp/amqp.c '#include "tern/db.h"'
breach "the service and the shop do not know each other" "do not know each other" common/service/app.c '#include "shop/catalogue.h"'
breach "a public header keeps to its layer too" "base includes upward" include/tern/log.h '#include "tern/http.h"'
breach "a public header without a layer is a breach" "belongs to no layer" include/tern/novelty.h '#include <stddef.h>'
breach "a private header of a higher layer is a breach" "base includes upward" common/base/id.c '#include "common/store/sqlite/db_sqlite.h"'
breach "a service must not include another" "never include each other" services/order/saga.c '#include "services/payment/charge.h"'
breach "a service must not climb out of its folder" "goes up a folder" services/order/saga.c '#include "../payment/charge.h"'
breach "a service must not use private headers of common" "private header" services/order/saga.c '#include "common/store/sqlite/db_sqlite.h"'
breach "the catalogue must not use them either" "private header" services/catalogue/catalogue.c '#include "common/json/json_gate.h"'
breach "rabbitmq-c is named in its wrapper only" "rabbitmq-c is named outside" common/inbox/consumer.c '#include <amqp.h>'
breach "SQLite is named in its driver only" "SQLite is named outside" services/order/order_store.c '#include <sqlite3.h>'
breach "libmicrohttpd is named in the server only" "libmicrohttpd is named outside" common/service/app.c '#include <microhttpd.h>'
breach "cJSON is named in the codecs only" "cJSON is named outside" services/catalogue/catalogue.c '#include <cjson/cJSON.h>'
breach "libuuid is named in id only" "libuuid is named outside" common/base/text.c '#include <uuid/uuid.h>'
breach "the getter that ignores case is refused" "ignores case" common/json/json.c 'x = cJSON_GetObjectItem(y, "z");'

# A second file of the tree, which defines what the first one declares.
declares() {
  local file=$1 declaration=$2 other=$3
  shift 3
  tree "$file" "$declaration"
  mkdir -p "$SCRATCH/tree/$(dirname "$other")"
  printf '%s\n' "$@" >"$SCRATCH/tree/$other"
}
declares include/tern/jobs.h 'int tern_job_add(int kind);' common/jobs/jobs_store.c 'int tern_job_add(int kind)' '{' '}'
holds "a header declares what its own room defines" check
declares common/jobs/worker.h 'struct tern_work;' common/work/work.h 'struct tern_work {' '};'
holds "a header names a struct of a lower room" check
declares include/tern/jobs.h '/* struct tern_app knows it */' common/service/app.h 'struct tern_app {' '};'
holds "a comment names what it likes" check
declares include/tern/jobs.h 'struct tern_app;' common/service/app.h 'struct tern_app {' '};'
refuses "a header must not declare a struct of a higher room" "jobs declares what service defines: struct tern_app" check
declares include/tern/context.h 'int tern_emit(int type);' common/outbox/emit.c 'int tern_emit(int type)' '{' '}'
refuses "a header must not declare a function of a higher room" "work declares what outbox defines: tern_emit" check

rm -rf "$SCRATCH/tree" && mkdir "$SCRATCH/tree"
refuses "a tree without any C file is no success" "no C file" check
report
