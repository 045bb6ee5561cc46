#!/usr/bin/env bash
# Feeds broken input to everything that reads what others send: libFuzzer with AddressSanitizer and UBSan.
#
#   scripts/fuzz.sh [--seconds N] [target...]     N seconds for each target, 20 unless said, as many at once as there
#                                                 are cores; default: all targets
#
# Targets: tests/fuzz/fuzz_<target>.c, begun from tests/fuzz/corpus/<target>; json and event from tests/json_suite too.
# What reaches new code is kept, minimised, in build/fuzz/corpus/<target> and used the next time. A finding ends with 1 and
# the path of its input, in build/fuzz/findings; to see it again: build/fuzz/bin/fuzz_<target> PATH. Exit 77 where there
# is no libFuzzer.
set -euo pipefail
# shellcheck source=scripts/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"

BUILD=$TERN_ROOT/build/fuzz
SEEDS=$TERN_ROOT/tests/fuzz/corpus
JSON_SUITE=$TERN_ROOT/tests/json_suite/test_parsing
INPUT_MAX=8192

usage() { sed -n '2,10s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; }

seconds=20 targets=()
while [[ $# -gt 0 ]]; do
  case $1 in
  -h | --help)
    usage
    exit 0
    ;;
  --seconds)
    [[ ${2:-} =~ ^[1-9][0-9]*$ ]] || die "--seconds needs a whole number"
    seconds=$2
    shift
    ;;
  -*)
    usage >&2
    exit 2
    ;;
  *) targets+=("$1") ;;
  esac
  shift
done

all_targets() {
  local source
  for source in "$TERN_ROOT"/tests/fuzz/fuzz_*.c; do
    source=${source##*/fuzz_}
    printf '%s\n' "${source%.c}"
  done
}

# Whether clang is here and has a libFuzzer to link with.
has_libfuzzer() {
  local probe status=0
  have clang || return 1
  probe=$(mktemp)
  printf 'int LLVMFuzzerTestOneInput(const char *d, unsigned long n); int LLVMFuzzerTestOneInput(const char *d, unsigned long n) { return d == 0 && n == 1; }' |
    clang -fsanitize=fuzzer,address -x c - -o "$probe" >/dev/null 2>&1 || status=1
  rm -f "$probe"
  return "$status"
}

# seeds_of TARGET: the folders that it begins from.
seeds_of() {
  printf '%s\n' "$SEEDS/$1"
  case $1 in json | event) printf '%s\n' "$JSON_SUITE" ;; esac
}

# fuzz TARGET: runs one target; false on a finding. A run that executed nothing is one too.
fuzz() {
  local target=$1 status=0 executions coverage seeds
  local program=$BUILD/bin/fuzz_$target kept=$BUILD/corpus/$target findings=$BUILD/findings/$target log=$BUILD/fuzz_$target.log
  mkdir -p "$kept" "$findings"
  mapfile -t seeds < <(seeds_of "$target")
  "$program" "-max_total_time=$seconds" "-max_len=$INPUT_MAX" -timeout=10 -rss_limit_mb=1024 -use_value_profile=1 \
    -print_final_stats=1 "-artifact_prefix=$findings/" "$kept" "${seeds[@]}" >"$log" 2>&1 || status=$?
  executions=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
  coverage=$(grep -Eo 'cov: [0-9]+' "$log" | tail -n 1) || coverage='cov: 0'
  if [[ $status -ne 0 || ${executions:-0} -eq 0 ]]; then
    tail -n 40 "$log" >&2
    warn "$target: found something; input: $(grep -Eo "$findings/[^ ]+" "$log" | tail -n 1), log: $log"
    return 1
  fi
  minimise "$target" || return 1
  printf '%-12s %9d executions, %5s edges covered, %4d inputs kept\n' "$target" "$executions" "${coverage#cov: }" \
    "$(find "$kept" -type f | wc -l)"
}

# Keeps of what was found only what covers something that the seeds do not.
minimise() {
  local target=$1 kept=$BUILD/corpus/$1 fewer seeds folder
  fewer=$(mktemp -d "$BUILD/corpus/fewer.XXXXXX")
  mapfile -t seeds < <(seeds_of "$target")
  for folder in "${seeds[@]}"; do find "$folder" -type f -size "-${INPUT_MAX}c" -exec cp -t "$fewer" {} +; done
  "$BUILD/bin/fuzz_$target" -merge=1 "-max_len=$INPUT_MAX" "$fewer" "$kept" >"$BUILD/fuzz_$target.merge.log" 2>&1 || {
    warn "$target: the corpus could not be minimised, see $BUILD/fuzz_$target.merge.log"
    return 1
  }
  for folder in "${seeds[@]}"; do (cd "$folder" && for seed in *; do rm -f "$fewer/$seed"; done); done
  rm -rf "$kept"
  mv "$fewer" "$kept"
}

"$TERN_ROOT/scripts/install.sh" build fuzz
has_libfuzzer || {
  say "there is no clang with libFuzzer here: nothing fuzzed"
  exit 77
}
[[ ${#targets[@]} -gt 0 ]] || mapfile -t targets < <(all_targets)
for target in "${targets[@]}"; do
  [[ -f $TERN_ROOT/tests/fuzz/fuzz_$target.c ]] || die "there is no target '$target'; there are: $(all_targets | xargs)"
done
build_preset fuzz fuzz_targets

export ASAN_OPTIONS=detect_leaks=1:strict_string_checks=1 UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1
# One target keeps one core busy; they share nothing.
failures=0 running=0
for target in "${targets[@]}"; do
  if [[ $running -ge $(nproc) ]]; then
    wait -n || failures=$((failures + 1))
    running=$((running - 1))
  fi
  fuzz "$target" &
  running=$((running + 1))
done
for ((; running > 0; running--)); do wait -n || failures=$((failures + 1)); done
[[ $failures -eq 0 ]] || die "$failures of ${#targets[@]} targets have findings"
