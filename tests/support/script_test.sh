# shellcheck shell=bash
# tests/support/script_test.sh - for tests that are scripts: cases with a sentence each, reported like cmocka's.
# Sourced. A case is `holds "sentence" command...` or `refuses "sentence" "words it must say" command...`; the
# script ends with `report`. SCRATCH is a folder of this run's own.

# shellcheck source=scripts/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/lib/common.sh"
blank=.
[[ $0 != */tests/scripts/* && $0 != tests/scripts/* ]] || blank=' ' # every checker has to bear folders with blanks
SCRATCH=$(mktemp -d "${TMPDIR:-/tmp}/tern${blank}test.XXXXXX")
trap 'rm -rf "$SCRATCH"' EXIT
PASSED=0
FAILED=0

passed() { PASSED=$((PASSED + 1)) && printf '[       OK ] %s\n' "$1"; }
failed() {
  FAILED=$((FAILED + 1))
  printf '%s\n[  FAILED  ] %s\n' "$2" "$1"
}

# needs COMMAND...: without it the whole script is skipped.
needs() {
  local tool
  for tool in "$@"; do
    have "$tool" || {
      say "$tool is not here: skipped"
      exit 77
    }
  done
}

holds() {
  local title=$1 output status=0
  shift
  printf '[ RUN      ] %s\n' "$title"
  output=$("$@" 2>&1) || status=$?
  if [[ $status -eq 0 ]]; then passed "$title"; else failed "$title" "$output"$'\n'"exit $status from: $*"; fi
}

refuses() {
  local title=$1 words=$2 output status=0
  shift 2
  printf '[ RUN      ] %s\n' "$title"
  output=$("$@" 2>&1) || status=$?
  if [[ $status -ne 0 && $output == *"$words"* ]]; then
    passed "$title"
  else
    failed "$title" "$output"$'\n'"exit $status, wanted another one and the words '$words', from: $*"
  fi
}

report() {
  printf '[==========] %d test(s) run.\n' $((PASSED + FAILED))
  [[ $FAILED -eq 0 ]]
}
