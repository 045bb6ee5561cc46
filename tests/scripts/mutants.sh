#!/usr/bin/env bash
# The planted bugs: each patch says what it breaks, and applies to the sources as they are.
set -uo pipefail
# shellcheck source=tests/support/script_test.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/script_test.sh"
needs git

# apply_all FOLDER: every patch there applies, names a file of the product only, and opens with a sentence.
apply_all() {
  local patch status=0
  compgen -G "$1/*.patch" >/dev/null || {
    say "there is no patch in $1"
    return 1
  }
  for patch in "$1"/*.patch; do
    head -n 1 "$patch" | grep -qE '^[a-z].{20,}' || { say "$patch says in its first line what is wrong then" && status=1; }
    ! sed -n 's|^+++ b/||p' "$patch" | grep -vE '^(common|services)/' || { say "$patch changes no product" && status=1; }
    (cd "$TERN_ROOT" && git apply --check "$patch") || { say "$patch does not apply" && status=1; }
  done
  return "$status"
}

holds "every planted bug applies, and says what it breaks" apply_all "$TERN_ROOT/tests/mutants"
mkdir "$SCRATCH/damaged" "$SCRATCH/silent" "$SCRATCH/empty"
sed 's/TERN_RETRY/TERN_LATER/' "$TERN_ROOT/tests/mutants/no_inbox.patch" >"$SCRATCH/damaged/no_inbox.patch"
refuses "one that does not apply is found" "does not apply" apply_all "$SCRATCH/damaged"
sed 1d "$TERN_ROOT/tests/mutants/no_inbox.patch" >"$SCRATCH/silent/no_inbox.patch"
refuses "one that says nothing is found" "says in its first line" apply_all "$SCRATCH/silent"
refuses "no patch at all is no success" "no patch" apply_all "$SCRATCH/empty"

report
