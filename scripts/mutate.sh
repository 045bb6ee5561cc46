#!/usr/bin/env bash
# Tests the tests: runs them against planted bugs (tests/mutants/*.patch) and shows which of them caught which.
#
#   scripts/mutate.sh [--seeds N] [--chaos missed|all|none] [name...]
#
#   --seeds   most seeds of the simulation for each bug, 400 unless said; it stops at the first that breaks a rule
#   --chaos   missed: chaos gets the bugs that the simulation let through (usual); all: every bug; none
#
# Each bug is applied to a copy of the sources, built there, and taken away again. First of all both must find nothing where
# nothing is planted. Exit 0 only if every bug was caught by one of them.
set -euo pipefail
# shellcheck source=scripts/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"

MUTANTS=$TERN_ROOT/tests/mutants
BATCH=25
SEEDS=400
CHAOS=missed

usage() { sed -n '2,11s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; }

# ---- the copy ------------------------------------------------------------------------------------------------

copy_sources() {
  mkdir "$COPY"
  git -C "$TERN_ROOT" ls-files -z --cached --others --exclude-standard |
    tar -C "$TERN_ROOT" --ignore-failed-read --null -T - -c 2>/dev/null | tar -C "$COPY" -x
}

build_copy() { (TERN_ROOT=$COPY build_preset chaos sim daemons); }

plant() { (cd "$COPY" && git apply "tests/mutants/$1.patch") && build_copy; }
unplant() { (cd "$COPY" && git apply -R "tests/mutants/$1.patch"); }

# ---- the two nets --------------------------------------------------------------------------------------------

# simulate NAME: prints what the simulation found, nothing when it found nothing.
simulate() {
  local from status words
  for ((from = 1; from <= SEEDS; from += BATCH)); do
    status=0
    timeout 600 "$COPY/build/chaos/bin/sim" --seeds "$BATCH" --from "$from" >"$RUN/sim-$1" 2>&1 || status=$?
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
  timeout 900 "$COPY/scripts/chaos.sh" --short >"$RUN/chaos-$1" 2>&1 || status=$?
  [[ $status -ne 0 ]] || return 0
  words=$(sed -nE 's/^(I[0-9]+) .*; ([1-9][0-9]*) violations$/\1 (\2 times)/p' "$RUN/chaos-$1" | paste -sd, | sed 's/,/, /g')
  [[ -n $words ]] || words=$(sed -n '/^FAILED/,$p' "$RUN/chaos-$1" | sed -n '2s/^ *//p')
  say "${words:-ended with $status: $(tail -n 1 "$RUN/chaos-$1")}"
}

# judge NAME: one line for the table, and a file of its own when it was caught.
judge() {
  local by_simulation by_chaos='-'
  plant "$1" || die "$1 does not apply or does not build: write its patch anew"
  by_simulation=$(simulate "$1")
  if [[ $CHAOS == all || ($CHAOS == missed && -z $by_simulation) ]]; then by_chaos=$(torment "$1"); fi
  unplant "$1"
  printf '%-24s simulation: %s\n' "$1" "${by_simulation:-NOTHING}" | cut -c 1-180
  [[ $by_chaos == - ]] || printf '%-24s chaos:      %s\n' '' "${by_chaos:-NOTHING}" | cut -c 1-180
  [[ -n $by_simulation || (-n $by_chaos && $by_chaos != -) ]] && touch "$RUN/caught-$1"
  [[ -z $by_simulation ]] || touch "$RUN/by-simulation-$1"
  [[ -z $by_chaos || $by_chaos == - ]] || touch "$RUN/by-chaos-$1"
}

nothing_found() {
  local found
  build_copy
  found=$(simulate nothing)
  [[ -z $found ]] || die "the simulation finds something where nothing is planted: $found"
  [[ $CHAOS != all ]] || found=$(torment nothing)
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
[[ ${#names[@]} -gt 0 ]] || mapfile -t names < <(basename -s .patch "$MUTANTS"/*.patch)
for name in "${names[@]}"; do [[ -f $MUTANTS/$name.patch ]] || die "no such bug: $name"; done

groups=(build)
[[ $CHAOS == none ]] || groups+=(broker chaos)
"$TERN_ROOT/scripts/install.sh" "${groups[@]}"
RUN=$(mktemp -d "${TMPDIR:-/tmp}/tern-mutate.XXXXXX")
COPY=$RUN/tree
trap 'rm -rf "$RUN"' EXIT
copy_sources
step "Where nothing is planted"
nothing_found
say "nothing found in $SEEDS seeds"
step "${#names[@]} planted bugs"
for name in "${names[@]}"; do judge "$name"; done

count() { find "$RUN" -maxdepth 1 -name "$1-*" | wc -l; }
say "simulation caught $(count by-simulation), chaos $(count by-chaos), together $(count caught) of ${#names[@]}"
[[ $(count caught) -eq ${#names[@]} ]]
