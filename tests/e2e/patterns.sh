#!/usr/bin/env bash
# The pages of docs/patterns are true: the calls under "See it happen" are run against a suite, and answer what is printed.
# How a page is read and compared: tests/support/page_test.sh.
set -uo pipefail
# shellcheck source=tests/support/script_test.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/script_test.sh"
# shellcheck disable=SC2034 # of page_test.sh
SECTIONS='See it happen'
# shellcheck source=tests/support/page_test.sh
. "$TERN_ROOT/tests/support/page_test.sh"

holds "the addresses of the suite can be read" run_block '. run/env'
for page in "$TERN_ROOT"/docs/patterns/*.md; do
  name=$(basename "$page" .md)
  [[ $name != README ]] || continue
  read_page "$page"
  holds "$name shows at least two calls" test "${#COMMANDS[@]}" -ge 2
  REAL=()
  play_page "$page" "$name, "
done
end_suite
report
