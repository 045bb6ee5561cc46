#!/usr/bin/env bash
# Tests the tests: runs them against planted bugs (tests/mutants.txt) and shows which of them caught which.
#
#   scripts/mutate.sh [--seeds N] [--chaos missed|all|none] [name...]
#
#   --seeds   most seeds of the simulation for each bug, 400 unless said; it stops at the first that breaks a rule
#   --chaos   missed: chaos gets the bugs that the simulation let through (usual); all: every bug; none
#
# First of all both must find nothing where nothing is planted. Exit 0 only if every bug was caught by one of them.
set -euo pipefail
# shellcheck source=scripts/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"

MUTANTS=$TERN_ROOT/tests/mutants.txt
SIM=$TERN_ROOT/build/mutants/bin/sim
BATCH=25
SEEDS=400
CHAOS=missed

usage() { sed -n '2,10s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; }

# simulate NAME: prints what the simulation found, nothing when it found nothing. NAME may be "".
simulate() {
  local from status words
  for ((from = 1; from <= SEEDS; from += BATCH)); do
    status=0
    TERN_BUG=$1 timeout 600 "$SIM" --seeds "$BATCH" --from "$from" >"$RUN/sim-$1" 2>&1 || status=$?
    [[ $status -ne 0 ]] || continue
    words=$(grep -m 1 -oE 'broke a rule: [IS][0-9]+: .*|an invariant does not hold.*|NOT REPEATABLE.*' "$RUN/sim-$1" || true)
    [[ $status -ne 124 ]] || words='it never came to rest'
    say "${words:-ended with $status: $(tail -n 1 "$RUN/sim-$1")}"
    return 0
  done
}

# torment NAME: the same with chaos: the invariants that were broken and how often, else what the run failed for.
torment() {
  local status=0 words
  TERN_BUG=$1 timeout 900 "$TERN_ROOT/scripts/chaos.sh" --mutants --short >"$RUN/chaos-$1" 2>&1 || status=$?
  [[ $status -ne 0 ]] || return 0
  words=$(sed -nE 's/^(I[0-9]+) .*; ([1-9][0-9]*) violations$/\1 (\2 times)/p' "$RUN/chaos-$1" | paste -sd, | sed 's/,/, /g')
  [[ -n $words ]] || words=$(sed -n '/^FAILED/,$p' "$RUN/chaos-$1" | sed -n '2s/^ *//p')
  say "${words:-ended with $status: $(tail -n 1 "$RUN/chaos-$1")}"
}

# judge NAME: one line for the table, and a file of its own when it was caught.
judge() {
  local by_simulation by_chaos='-'
  by_simulation=$(simulate "$1")
  if [[ $CHAOS == all || ($CHAOS == missed && -z $by_simulation) ]]; then by_chaos=$(torment "$1"); fi
  printf '%-24s simulation: %s\n' "$1" "${by_simulation:-NOTHING}" | cut -c 1-180
  [[ $by_chaos == - ]] || printf '%-24s chaos:      %s\n' '' "${by_chaos:-NOTHING}" | cut -c 1-180
  [[ -n $by_simulation || (-n $by_chaos && $by_chaos != -) ]] && touch "$RUN/caught-$1"
  [[ -z $by_simulation ]] || touch "$RUN/by-simulation-$1"
  [[ -z $by_chaos || $by_chaos == - ]] || touch "$RUN/by-chaos-$1"
}

nothing_found() {
  local found
  found=$(simulate "")
  [[ -z $found ]] || die "the simulation finds something where nothing is planted: $found"
  [[ $CHAOS != all ]] || found=$(torment "")
  [[ -z $found ]] || die "chaos finds something where nothing is planted: $found"
}

names=()
while [[ $# -gt 0 ]]; do
  case $1 in
  --seeds) SEEDS=${2:?} && shift ;;
  --chaos) CHAOS=${2:?} && shift ;;
  -h | --help) usage && exit 0 ;;
  -*) usage >&2 && exit 2 ;;
  *) names+=("$1") ;;
  esac
  shift
done
[[ $CHAOS =~ ^(missed|all|none)$ ]] || { usage >&2 && exit 2; }
[[ ${#names[@]} -gt 0 ]] || mapfile -t names < <(sed -n 's/^\([a-z][a-z_]*\) .*/\1/p' "$MUTANTS")

groups=(build)
[[ $CHAOS == none ]] || groups+=(broker chaos)
"$TERN_ROOT/scripts/install.sh" "${groups[@]}"
build_preset mutants sim daemons
RUN=$(mktemp -d "${TMPDIR:-/tmp}/tern-mutate.XXXXXX")
trap 'rm -rf "$RUN"' EXIT
step "Where nothing is planted"
nothing_found
say "nothing found in $SEEDS seeds"
step "${#names[@]} planted bugs"
for name in "${names[@]}"; do
  grep -q "^$name " "$MUTANTS" || die "no such bug: $name"
  judge "$name"
done

count() { find "$RUN" -name "$1-*" | wc -l; }
say "simulation caught $(count by-simulation), chaos $(count by-chaos), together $(count caught) of ${#names[@]}"
[[ $(count caught) -eq ${#names[@]} ]]
