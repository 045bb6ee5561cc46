#!/usr/bin/env bash
# Every public header compiles alone, as C11 and as C++17; the library exports names of its own only.
set -uo pipefail
# shellcheck source=tests/support/script_test.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/script_test.sh"
needs cc c++ nm

# compile LANGUAGE STANDARD HEADER...: each header in a file of its own.
compile() {
  local language=$1 compiler=cc header status=0
  [[ $language == c ]] || compiler=c++
  local flags=(-x "$language" "-std=$2" -D_GNU_SOURCE -Wall -Wextra -Werror -fsyntax-only)
  shift 2
  for header in "$@"; do
    "$compiler" "${flags[@]}" -I "$TERN_ROOT/include" -I "$TERN_BUILD_DIR/generated/include" -include "$header" /dev/null ||
      status=1
  done
  return "$status"
}

headers=("$TERN_ROOT"/include/tern/*.h "$TERN_ROOT"/include/shop/*.h)
holds "every public header is C11 by itself" compile c c11 "${headers[@]}"
holds "every public header is C++17 by itself" compile c++ c++17 "${headers[@]}"
printf '#include <stdbool.h>\nstruct tern_log *f(struct tern_clock clock);\n_Noreturn void g(void);\n' >"$SCRATCH/bad.h"
refuses "one that needs another is found" "struct tern_clock" compile c c11 "$SCRATCH/bad.h"
refuses "one that C++ does not read is found" "_Noreturn" compile c++ c++17 "$SCRATCH/bad.h"

# own_names FILE: what it exports begins with tern_ or TERN_. The sanitizers' names begin with an underscore.
own_names() {
  nm -g --defined-only "$1" | awk 'NF == 3 && $2 ~ /[TDBRVWC]/ && $3 !~ /^(tern_|TERN_|_)/ { print "exported: " $3; found = 1 }
    END { exit found }'
}
holds "the library exports no name without tern_" own_names "$TERN_BUILD_DIR/lib/libtern.a"
printf 'void helper(void);\nvoid helper(void) {}\n' | cc -x c -c -o "$SCRATCH/bad.o" -
refuses "one that it does export is found" "exported: helper" own_names "$SCRATCH/bad.o"

report
