#!/usr/bin/env bash
# The format check sees a badly shaped file and mends it.
set -uo pipefail
# shellcheck source=tests/support/script_test.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/script_test.sh"
format() { "$TERN_ROOT/scripts/format.sh" "$@"; }

printf 'int main(void)\n{\n    return 0;\n}\n' >"$SCRATCH/good.c"
printf 'int main(void) {\n  return 0; }\n' >"$SCRATCH/bad.c"

format check "$SCRATCH/good.c" >/dev/null 2>&1
[[ $? -ne 77 ]] || needs clang-format-14
holds "a well shaped file passes" format check "$SCRATCH/good.c"
refuses "a badly shaped file is shown and refused" "+    return 0;" format check "$SCRATCH/good.c" "$SCRATCH/bad.c"
format fix "$SCRATCH/bad.c"
holds "fix gives the file the shape that check wants" cmp "$SCRATCH/good.c" "$SCRATCH/bad.c"
report
