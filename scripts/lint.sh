#!/usr/bin/env bash
# Static analysis: clang-tidy and cppcheck for the C sources, shellcheck and pyflakes for the scripts, codespell for the words.
#
#   scripts/lint.sh [tidy|cppcheck|shell|python|spell]...   default: all of them
#   scripts/lint.sh tidy FILE.c...                   clang-tidy on these files only
#
# Installs the packages that are missing, but for another folder. Prints findings only, and one line per tool that found nothing.
# TERN_LINT_ROOT: another folder to look at, TERN_BUILD_DIR: a configured build to take the flags from (for its test).
set -uo pipefail
# shellcheck source=scripts/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"
cd "${TERN_LINT_ROOT:-$TERN_ROOT}" || exit 1

failures=0
found() {
  warn "$1 has findings"
  failures=$((failures + 1))
}
need() { have "$1" || die "$1 is missing: scripts/install.sh lint"; }

sources() { find common services tests -name '*.c' -type f 2>/dev/null | sort; }

shell_scripts() {
  find scripts tests .ci -type f 2>/dev/null | while IFS= read -r file; do
    [[ $file == *.sh ]] || head -n 1 "$file" | grep -q '^#!.*sh$' && printf '%s\n' "$file"
  done | sort
}

# Each file as the build compiles it: the dev preset's compile commands.
lint_tidy() {
  need clang-tidy
  local log build=${TERN_BUILD_DIR:-$TERN_ROOT/build/dev} files=("$@")
  log=$(mktemp)
  [[ -n ${TERN_BUILD_DIR:-} ]] || cmake -S "$TERN_ROOT" --preset dev >"$log" 2>&1 || {
    cat "$log" >&2
    found "the configuration"
    return
  }
  [[ ${#files[@]} -gt 0 ]] || mapfile -t files < <(sources)
  [[ ${#files[@]} -gt 0 ]] || die "clang-tidy has no file to look at"
  # "N warnings generated" counts what is suppressed in the headers of others; it says nothing.
  if printf '%s\0' "${files[@]}" | xargs -0 -n 1 -P "$(nproc)" clang-tidy --quiet -p "$build" >"$log" 2>/dev/null; then
    say "clang-tidy: ${#files[@]} files, nothing found"
  else
    cat "$log"
    found clang-tidy
  fi
  rm -f "$log"
}

# uninitvar: it does not look into the headers of others, so a uuid_t is no array to it; the compilers and clang-tidy see
# what is really uninitialised. arrayIndexThenCheck: takes a loop whose limit comes first for one whose limit comes last.
lint_cppcheck() {
  need cppcheck
  local folders=()
  for folder in common services; do [[ ! -d $folder ]] || folders+=("$folder"); done
  if cppcheck --quiet -j "$(nproc)" --std=c11 --enable=warning,performance,portability --inline-suppr --error-exitcode=1 \
    --suppress=uninitvar --suppress=arrayIndexThenCheck --suppress=missingIncludeSystem --suppress=unknownMacro --suppress=preprocessorErrorDirective \
    -D_GNU_SOURCE -I include -I . --template='{file}:{line}: {severity}: {message} [{id}]' "${folders[@]}"; then
    say "cppcheck: nothing found"
  else
    found cppcheck
  fi
}

lint_shell() {
  need shellcheck
  local files
  mapfile -t files < <(shell_scripts)
  if shellcheck -x -P "$TERN_ROOT" "${files[@]}"; then
    say "shellcheck: ${#files[@]} scripts, nothing found"
  else
    found shellcheck
  fi
}

# A name that is not defined shows itself only when its line runs, in a fault that seldom happens. Modules that are imported
# for what they register are meant.
lint_python() {
  need pyflakes3
  local files findings
  mapfile -t files < <(find scripts tests -name '*.py' -type f 2>/dev/null | sort)
  [[ ${#files[@]} -gt 0 ]] || die "pyflakes has no file to look at"
  findings=$(pyflakes3 "${files[@]}" 2>&1 | grep -v 'imported but unused$')
  if [[ -z $findings ]]; then
    say "pyflakes: ${#files[@]} files, nothing found"
  else
    say "$findings"
    found pyflakes
  fi
}

lint_spell() {
  need codespell
  if git ls-files -z --cached --others --exclude-standard -- . ':!LICENSE' ':!tests/json_suite/test_parsing' ':!*package-lock.json' |
    xargs -0 codespell --ignore-words "$TERN_ROOT/scripts/lib/words.txt"; then
    say "codespell: nothing found"
  else
    found codespell
  fi
}

case ${1:-} in
-h | --help)
  sed -n '2,8s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
  exit 0
  ;;
tidy)
  if [[ ${2:-} == *.c ]]; then
    lint_tidy "${@:2}"
    exit $((failures > 0))
  fi
  ;;
esac

[[ -n ${TERN_LINT_ROOT:-} ]] || "$TERN_ROOT/scripts/install.sh" build test lint || exit 1
[[ $# -gt 0 ]] || set -- shell python spell cppcheck tidy
for tool in "$@"; do
  case $tool in
  tidy | cppcheck | shell | python | spell) "lint_$tool" ;;
  *) die "lint.sh knows no '$tool'" ;;
  esac
done
[[ $failures -eq 0 ]] || die "$failures of $# tools have findings"
