#!/usr/bin/env bash
# The build embeds SQL byte by byte and refuses what could not be applied in one clear order.
set -uo pipefail
# shellcheck source=tests/support/script_test.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/script_test.sh"
needs cmake cc

embed() {
  local IFS=';'
  cmake "-DARRAY=x_migrations" "-DOUTPUT=$SCRATCH/x.c" "-DFILES=$*" -P "$TERN_ROOT/cmake/embed_migrations.cmake"
}
# Prints what a program sees of the embedded rows.
dump() {
  printf '#include <stdio.h>\n#include "tern/db.h"\nextern const struct tern_migration x_migrations[];\nint main(void)\n%s\n' \
    '{ for (const struct tern_migration *m = x_migrations; m->sql; m++) printf("%d %s\n%s", m->number, m->name, m->sql); }' \
    >"$SCRATCH/main.c"
  cc -Wall -Wextra -Wpedantic -Wconversion -Werror -I "$TERN_ROOT/include" -o "$SCRATCH/x" "$SCRATCH/x.c" "$SCRATCH/main.c" &&
    "$SCRATCH/x"
}
same() { embed "$SCRATCH/010_more.sql" "$SCRATCH/002_first.sql" && diff "$SCRATCH/wanted" <(dump); }

# More than the 4,095 characters that C promises for a literal, and all that could upset an embedding.
{
  # shellcheck disable=SC2016
  printf -- '-- "quotes" \\ ??/ ; [brackets] $x @y@ \303\244\n'
  for ((i = 0; i < 300; i++)); do printf 'INSERT INTO a VALUES (%d);\n' "$i"; done
} >"$SCRATCH/002_first.sql"
printf 'SELECT 2;\n' >"$SCRATCH/010_more.sql"
{
  printf '2 first\n' && cat "$SCRATCH/002_first.sql"
  printf '10 more\n' && cat "$SCRATCH/010_more.sql"
} >"$SCRATCH/wanted"
holds "every byte of the .sql files arrives, in the order of their numbers" same

cp "$SCRATCH/010_more.sql" "$SCRATCH/10_again.sql"
refuses "two files with one number are refused" "another migration" embed "$SCRATCH/010_more.sql" "$SCRATCH/10_again.sql"
cp "$SCRATCH/010_more.sql" "$SCRATCH/more.sql"
refuses "a file without a number is refused" "NNN_name.sql" embed "$SCRATCH/more.sql"
printf 'SELECT\0 1;\n' >"$SCRATCH/003_nul.sql"
refuses "a file with a NUL byte is refused" "NUL byte" embed "$SCRATCH/003_nul.sql"
report
