#!/usr/bin/env bash
# The solutions of docs/exercises.md apply to this version, and what they change compiles without a warning.
set -uo pipefail
# shellcheck source=tests/support/script_test.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/script_test.sh"
needs patch

tree() {
  rm -rf "$SCRATCH/tree"
  mkdir -p "$SCRATCH/tree"
  (cd "$TERN_ROOT" && cp -r --parents docs/exercises.md include services common "$SCRATCH/tree")
}
# solution N: the diff of exercise N.
solution() {
  awk -v wanted="## $1." '/^## / { here = index($0, wanted) == 1 } /^```/ { inside = here && /^```diff$/; next } inside' \
    "$SCRATCH/tree/docs/exercises.md"
}
apply() {
  solution "$1" >"$SCRATCH/diff"
  [[ -s $SCRATCH/diff ]] || die "exercise $1 has no solution"
  patch -s -p1 --fuzz=0 --no-backup-if-mismatch -d "$SCRATCH/tree" <"$SCRATCH/diff"
}
compiles() { # the changed sources, and those of the catalogue, which has to fit
  local file files
  mapfile -t files < <(sed -nE 's/^\+\+\+ b\/(.*\.c)$/\1/p' "$SCRATCH/diff")
  for file in services/catalogue/catalogue.c "${files[@]}"; do
    cc -std=c11 -D_GNU_SOURCE -Wall -Wextra -Wpedantic -Wconversion -Wmissing-prototypes -Werror -fsyntax-only \
      -I "$SCRATCH/tree/include" -I "$SCRATCH/tree" "$SCRATCH/tree/$file" || return 1
  done
}
solves() { apply "$1" && compiles; }

for exercise in 1 2 3 4; do
  tree
  holds "the solution of exercise $exercise applies and compiles" solves "$exercise"
done
tree
sed -i '/^ .*SHOP_TYPE(PRODUCT_OUT_OF_STOCK)/s/on_product_out_of_stock/on_another/' "$SCRATCH/tree/docs/exercises.md"
refuses "a solution that fits no more is found" "FAILED" solves 1
tree
sed -i 's/^+    int64_t added;/+    int32_t added;/' "$SCRATCH/tree/docs/exercises.md"
refuses "a solution that does not compile is found" "is not that of its row" solves 2
refuses "an exercise without a solution is no success" "exercise 9 has no solution" solves 9
report
