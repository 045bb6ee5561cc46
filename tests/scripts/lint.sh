#!/usr/bin/env bash
# Each analyser that scripts/lint.sh runs finds the fault that it is there for.
set -uo pipefail
# shellcheck source=tests/support/script_test.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/script_test.sh"
needs clang-tidy cppcheck shellcheck pyflakes3 codespell git

export TERN_LINT_ROOT=$SCRATCH/tree
mkdir -p "$TERN_LINT_ROOT"/{common/base,scripts,tests,.ci}
cp "$TERN_ROOT/.clang-tidy" "$TERN_LINT_ROOT"
lint() { "$TERN_ROOT/scripts/lint.sh" "$@"; }
source_file() { printf '%s\n' "$@" >"$TERN_LINT_ROOT/common/base/sample.c"; }

source_file '#include <stdlib.h>' 'int *sample(void);' 'int *sample(void)' '{' '    int *p = calloc(1, sizeof *p);' '    return p;' '}'
holds "clang-tidy passes a clean file" lint tidy common/base/sample.c
holds "cppcheck passes a clean file" lint cppcheck
source_file '#include <stdlib.h>' 'int sample(void);' 'int sample(void)' '{' '    int *p = malloc(sizeof *p);' '    free(p);' '    return *p;' '}'
refuses "clang-tidy finds a use after free" "after it is freed" lint tidy common/base/sample.c
source_file 'int sample(void);' 'int sample(void)' '{' '    int a[2] = {1, 2};' '    return a[2];' '}'
refuses "cppcheck finds an index out of bounds" "arrayIndexOutOfBounds" lint cppcheck
source_file '#include <string.h>' 'int sample(const char *p);' 'int sample(const char *p)' '{' '    if (!strcmp(p, "x")) {}' '    return sizeof(p) / sizeof(p[0]) > 1;' '}'
refuses "clang-tidy finds a size of a pointer" "sizeof" lint tidy common/base/sample.c

printf '#!/bin/sh\necho "fine"\n' >"$TERN_LINT_ROOT/scripts/sample.sh"
holds "shellcheck passes a clean script" lint shell
# shellcheck disable=SC2016
printf '#!/bin/sh\nrm -rf $1/x\n' >"$TERN_LINT_ROOT/scripts/sample"
refuses "shellcheck finds an unquoted variable in a script without a suffix" "SC2086" lint shell

printf 'import os\n\n\ndef name():\n    return 1\n' >"$TERN_LINT_ROOT/tests/sample.py"
holds "pyflakes passes a clean file, and an import for its effects" lint python
printf 'def name():\n    return 1 or NotThere\n' >"$TERN_LINT_ROOT/tests/sample.py"
refuses "pyflakes finds a name that nobody defined" "undefined name" lint python
rm "$TERN_LINT_ROOT/tests/sample.py"

git -C "$TERN_LINT_ROOT" init -q
holds "codespell passes right words" lint spell
printf 'a re%s letter\n' 'cieve' >"$TERN_LINT_ROOT/README.md"
refuses "codespell finds a wrong word" "receive" lint spell
report
