#!/usr/bin/env bash
# Runs every test: installs what is missing, builds with AddressSanitizer and UBSan; each test starts the RabbitMQ it needs.
#
#   scripts/test.sh [-L label] [-R regex] [other options of ctest]
#
# Labels: unit integration e2e checkers. Shows the output of what fails. Counts single test cases, not executables, and
# closes with one line "N passed, N failed"; exit 0 only when nothing failed and something ran.
set -euo pipefail
# shellcheck source=scripts/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"

PRESET=asan
BUILD=$TERN_ROOT/build/$PRESET

case ${1:-} in
-h | --help)
  sed -n '2,7s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
  exit 0
  ;;
esac

scratch=$(mktemp -d "${TMPDIR:-/tmp}/tern-test.XXXXXX")
trap 'rm -rf "$scratch"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# What somebody has set for daemons of his own must not reach the tests.
unset AMQP_URL RABBITMQ_URL CLOUDAMQP_URL AMQP_CA_FILE DATABASE_URL PORT HTTP_ADDR LOG_LEVEL LOG_FORMAT ADMIN_TOKEN

# Reads a JUnit file of ctest; prints "passed failed skipped". A test that reports its cases as cmocka does counts with each
# of them; one that ends badly without a failed case (a crash, a leak, a timeout) is one failure more.
count_cases() {
  awk '
    function close_test() {
      if (name == "") return
      if (status == "fail" && f == 0) f = 1
      if (status == "notrun") { if (skipped) s = 1; else f = 1 }
      if (p + f + s == 0) p = 1
      passed += p; failed += f; skips += s
      name = ""
    }
    /<testcase / {
      close_test()
      name = $0; sub(/.*<testcase name="/, "", name); sub(/".*/, "", name)
      status = $0; sub(/.* status="/, "", status); sub(/".*/, "", status)
      p = f = s = skipped = summing_up = 0
    }
    /<skipped message="SKIP_RETURN_CODE/ { skipped = 1 }
    /\[==========\] .*test\(s\) run/ { summing_up = 1 }
    /\[ RUN      \]/ { summing_up = 0 }
    /\[       OK \]/ { p++ }
    /\[  SKIPPED \]/ && !summing_up { s++ }
    /\[  FAILED  \]/ && !summing_up { f++ }
    END { close_test(); printf "%d %d %d\n", passed, failed, skips }
  ' "$1"
}

"$TERN_ROOT/scripts/install.sh" build broker test
step "Building with AddressSanitizer and UBSan"
build_preset "$PRESET"

step "Running the tests"
status=0
ctest --test-dir "$BUILD" --output-on-failure --no-tests=error -j "$(nproc)" --output-junit "$scratch/junit.xml" \
  --test-output-size-passed 10000000 --test-output-size-failed 10000000 "$@" </dev/null || status=$?

read -r passed failed skipped < <(count_cases "$scratch/junit.xml" 2>/dev/null || say "0 1 0")
[[ $status -eq 0 || $failed -gt 0 ]] || failed=1
[[ $((passed + failed)) -gt 0 ]] || failed=1
suffix=
[[ $skipped -eq 0 ]] || suffix=", $skipped skipped"
say "$passed passed, $failed failed$suffix"
[[ $failed -eq 0 ]]
