#!/usr/bin/env bash
# Each floor of .ci/floors, red once: a proof that did one less than it has to, and one that says nothing of it.
set -uo pipefail
# shellcheck source=tests/support/script_test.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/script_test.sh"
# shellcheck source=scripts/lib/floors.sh
. "$TERN_ROOT/scripts/lib/floors.sh"
FLOORS=$TERN_ROOT/.ci/floors
RUN=$TERN_ROOT/.ci/run

# The lines that are counted, as each step prints them; %d: what it did.
lines_of() {
  case $1 in
  tests) printf '%s\n' '%d passed, 0 failed, 2 skipped' ;;
  fuzz) for target in "$TERN_ROOT"/tests/fuzz/fuzz_*.c; do
    target=${target##*/fuzz_} && printf '%-12s %s executions,   469 edges covered,   90 inputs kept\n' "${target%.c}" %9d
  done ;;
  simulation | small-worlds) printf '%s\n' 'count seeds        %20d' 'count orders       %20d' ;;
  chaos) printf '%s\n' 'I1   no lost order: %d accepted orders, each fetched and placed once; 0 violations' \
    '%d kinds of faults, %d kills, %d broker restarts, 1 of them with a wiped disk' ;;
  esac
}
# output NUMBER: what the step prints that did so much of everything.
output() {
  local line
  while IFS= read -r line; do
    # shellcheck disable=SC2059 # the line is the format
    printf "$line\n" "$1" "$1" "$1"
  done < <(lines_of "$step") >"$SCRATCH/output"
}
floors() { grep -v '^#' "$FLOORS"; }
reaches() { reaches_floors "$step" "$SCRATCH/output" "$1"; }

while read -r step least pattern; do
  printf '%s %s %s\n' "$step" "$least" "$pattern" >"$SCRATCH/one"
  output "$least"
  holds "$step reaches $least of $pattern" reaches "$SCRATCH/one"
  output $((least - 1))
  refuses "$step with one less than $least of $pattern fails" "is less than" reaches "$SCRATCH/one"
  : >"$SCRATCH/output"
  refuses "$step that says nothing of $pattern fails" "no line says" reaches "$SCRATCH/one"
done < <(floors)

# run_steps FLOORS STEP...: .ci/run with these lines as its steps.
run_steps() {
  mkdir -p "$SCRATCH/tree/.ci" && cp -r "$TERN_ROOT/scripts" "$SCRATCH/tree" && cp "$1" "$SCRATCH/tree/.ci/floors"
  { sed '/^run "/,$d' "$RUN" && printf '%s\n' "${@:2}" && sed -n '/^step "Summary"/,$p' "$RUN"; } >"$SCRATCH/tree/.ci/run"
  bash "$SCRATCH/tree/.ci/run"
}
run_of() { run_steps "$1" "run \"tests\" ${*:2}"; }
run_beside() { run_steps "$1" "beside \"tests\" ${*:2}" 'run "other" true' 'await "tests"'; }
echo 'tests 5 ^([0-9]+) passed, [0-9]+ failed' >"$SCRATCH/five"
holds ".ci/run passes a step that reached its floor" run_of "$SCRATCH/five" echo "5 passed, 0 failed"
refuses ".ci/run fails for a step that did less than its floor" "did less than .ci/floors says" \
  run_of "$SCRATCH/five" echo "4 passed, 0 failed"
refuses ".ci/run fails for a step with a floor that could not be made" "not checked here, and .ci/floors wants it" \
  run_of "$SCRATCH/five" "sh -c 'exit 77'"
holds ".ci/run passes a step beside others that reached its floor" run_beside "$SCRATCH/five" echo "5 passed, 0 failed"
refuses ".ci/run fails for a step beside others that did less" "did less than .ci/floors says" \
  run_beside "$SCRATCH/five" echo "4 passed, 0 failed"
refuses ".ci/run fails for a step beside others that failed, and shows what it said" "no such number" \
  run_beside "$SCRATCH/five" "sh -c 'echo no such number; exit 3'"

steps_of() { sed -nE 's/^run "([^"]+)".*/\1/p' "$RUN" | sort -u; }
no_stray_floor() { [[ -z $(comm -23 <(floors | cut -d' ' -f1 | sort -u) <(steps_of)) ]]; }
holds "every floor is of a step that .ci/run makes" no_stray_floor
each_target() {
  diff <(floors | sed -nE 's/^fuzz +[0-9]+ +\^([a-z_]+) .*/\1/p' | sort) \
    <(for target in "$TERN_ROOT"/tests/fuzz/fuzz_*.c; do target=${target##*/fuzz_} && say "${target%.c}"; done | sort)
}
holds "every target of the fuzzer has a floor" each_target
report
