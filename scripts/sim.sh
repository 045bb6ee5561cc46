#!/usr/bin/env bash
# Runs the simulation (tests/sim): the real services on a clock, a broker and a gateway that are drawn from seeds.
#
#   scripts/sim.sh [--seeds N] [--from S] [--minutes M] [--jobs J]   random worlds: N seeds from S on, or as many as M minutes hold
#   scripts/sim.sh --exhaustive [--faults F] [--minutes M]           small worlds, walked: every run that leaves the usual
#                                                                    way once, twice...; or F times, by faults alone
#   scripts/sim.sh --seed S                                          one seed with its whole trace
#
# Default: 1000 seeds from 1 on, one process for each core. Builds the release, asserts on. Prints how many seeds, orders,
# events and faults there were, and how often each rule was checked. A broken rule ends with 1, the story of the order
# it is about, and the command that shows all of it; so does a fault that never happened in 100 seeds or more, a layer
# that never healed, a rule that was never checked.
set -euo pipefail
# shellcheck source=scripts/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"

usage() { sed -n '2,12s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; }

seeds='' from=1 minutes='' jobs=$(nproc) exhaustive='' seed='' faults=''
while [[ $# -gt 0 ]]; do
  case $1 in
  -h | --help)
    usage
    exit 0
    ;;
  --exhaustive) exhaustive=1 ;;
  --seeds | --from | --minutes | --jobs | --seed | --faults)
    [[ ${2:-} =~ ^[1-9][0-9]*$ ]] || die "$1 needs a whole number"
    printf -v "${1#--}" '%s' "$2"
    shift
    ;;
  *)
    usage >&2
    exit 2
    ;;
  esac
  shift
done

"$TERN_ROOT/scripts/install.sh" build
build_preset release sim
SIM=$TERN_ROOT/build/release/bin/sim
[[ -z $seed ]] || exec "$SIM" --seed "$seed" --trace

scratch=$(mktemp -d "${TMPDIR:-/tmp}/tern-sim.XXXXXX")
pids=()
clean_up() {
  local pid
  for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
  rm -rf "$scratch"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# run N OPTIONS...: starts the N-th process.
run() {
  local number=$1
  shift
  "$SIM" "$@" >"$scratch/$number" 2>&1 &
  pids+=($!)
}

time_limit=()
[[ -z $minutes ]] || time_limit=(--seconds $((minutes * 60)))
if [[ -n $exhaustive ]]; then
  [[ -z $faults ]] || time_limit+=(--faults "$faults")
  for ((i = 0; i < jobs; i++)); do run "$i" --explore --part "$i" --parts "$jobs" "${time_limit[@]}"; done
else
  [[ -n $seeds || -n $minutes ]] || seeds=1000
  for ((i = 0; i < jobs; i++)); do
    share=()
    [[ -z $seeds ]] || share=(--seeds $(((seeds - i + jobs - 1) / jobs)))
    [[ ${share[1]:-1} -gt 0 ]] || continue
    run "$i" --from $((from + i)) --step "$jobs" "${share[@]}" "${time_limit[@]}"
  done
fi

failed=0
for pid in "${pids[@]}"; do wait "$pid" || failed=1; done
pids=()

# What every process says by itself, then the sum of their counts.
grep -hEv '^(count|fault|heal|off|rule) ' "$scratch"/* || true
awk -v walked="$exhaustive" '
  $1 ~ /^(count|fault|heal|off|rule)$/ {
    key = $1 " " $2
    if (!(key in sum)) order[++keys] = key
    sum[key] += $3
  }
  END {
    for (i = 1; i <= keys; i++) printf "%-26s %14d\n", order[i], sum[order[i]]
    for (i = 1; i <= keys; i++) if (!walked && order[i] !~ /^count / && sum[order[i]] == 0) missing = missing ", " order[i]
    if (missing != "") print "never happened:" substr(missing, 2)
    exit missing != "" && sum["count seeds"] >= 100
  }
' "$scratch"/* >"$scratch.sums" || failed=1
cat "$scratch.sums"
rm -f "$scratch.sums"
[[ $failed -eq 0 ]] || die "the simulation found something"
