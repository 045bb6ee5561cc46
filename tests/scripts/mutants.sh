#!/usr/bin/env bash
# The list of planted bugs and the switches in the code name the same bugs.
set -uo pipefail
# shellcheck source=tests/support/script_test.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/script_test.sh"

listed() { sed -n 's/^\([a-z][a-z_]*\) .*/\1/p' "$1" | sort; }
planted() { grep -rhoE 'TERN_BUG\([a-z_]+\)' "$TERN_ROOT/common" "$TERN_ROOT/services" | sed 's/.*(\(.*\))/\1/' | sort -u; }
agree() { diff <(listed "$1") <(planted); }

holds "every bug of the list is planted, and every planted one is listed" agree "$TERN_ROOT/tests/mutants.txt"
sed '/^no_inbox /d' "$TERN_ROOT/tests/mutants.txt" >"$SCRATCH/short.txt"
refuses "a planted bug that is not listed is found" "no_inbox" agree "$SCRATCH/short.txt"
{ cat "$TERN_ROOT/tests/mutants.txt" && echo 'no_such_bug  does nothing'; } >"$SCRATCH/long.txt"
refuses "a listed bug that is not planted is found" "no_such_bug" agree "$SCRATCH/long.txt"

report
