# shellcheck shell=bash
# tests/support/page_test.sh - runs the commands of a page against a suite, and compares what they print with the page.
# Sourced after script_test.sh, by e2e/readme.sh and e2e/patterns.sh. It starts a broker and the four services.
#
# Blocks marked `sh` are commands, run in order with the variables and functions of those before, as somebody who pastes them
# has; one marked `text` or `json` is the answer. Times, UUIDs, trace contexts and references are only compared by their form.
# An order's id may be any, but where the page has the same one twice, so must the answers. JSON may be broken into lines
# between members; the order of header lines, and of log lines, does not count. A block that only reads is run again until
# it answers as printed, since the services work on meanwhile; one that changes something is run once.
#
# Set before: SECTIONS, the headings whose blocks count, as a regular expression of awk. It may set PROGRAMS, too: daemons
# to be run instead of those of the build, by service.

# shellcheck source=scripts/lib/broker.sh
. "$TERN_ROOT/scripts/lib/broker.sh"
# shellcheck source=scripts/lib/env.sh
. "$TERN_ROOT/scripts/lib/env.sh"
needs curl jq erl
PATIENCE=${PATIENCE:-40}

# ---- reading a page ------------------------------------------------------------------------------------------

LINES_OF=() COMMANDS=() ANSWERS=()

# Lines of blocks as NUMBER:KIND:TEXT; a block's first line has the kind "new sh" or "new answer".
lines_of_blocks() {
  awk -v sections="$SECTIONS" '/^## / { here = $0 ~ "^## (" sections ")" }
    /^```/ { if (inside) { inside = 0; next }
             kind = /^```sh/ ? "sh" : "answer"; inside = here; if (inside) print NR + 1 ":new:" kind; next }
    inside { print NR ":" kind ":" $0 }' "$1"
}

read_page() {
  local number kind text
  LINES_OF=() COMMANDS=() ANSWERS=()
  while IFS=: read -r number kind text; do
    if [[ $kind:$text == new:sh ]]; then
      LINES_OF+=("$number") COMMANDS+=("") ANSWERS+=("")
    elif [[ ${#COMMANDS[@]} -eq 0 ]]; then
      die "line $number answers no command"
    elif [[ $kind == sh ]]; then
      COMMANDS[-1]+=$text$'\n'
    elif [[ $kind == answer ]]; then
      ANSWERS[-1]+=$text$'\n'
    fi
  done < <(lines_of_blocks "$1")
}

# ---- comparing -----------------------------------------------------------------------------------------------

forms='
s/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/<uuid>/g
s/[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z/<time>/g
s/^[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z/<time>/
s/^Date: .* GMT/Date: <time>/
s/00-[0-9a-f]{32}-[0-9a-f]{16}-01/<trace>/g
s/"traceId":"[0-9a-f]{32}"/"traceId":<trace>/g
s/"nextCursor":"[^"]*"/"nextCursor":<cursor>/g
s/(TXN|REF)-[0-9a-f]{24}/\1-<reference>/g'

# normalise COMMAND <ANSWER: what is compared.
normalise() {
  if [[ $1 == *'logs |'* ]]; then
    sed -E "$forms" | sort
  else
    tr -d '\r' | sed -E "$forms" | awk '
      /^HTTP\/1/ { head = 1; print; next }
      head && $0 == "" {
        for (i = 2; i <= n; i++) for (k = i; k > 1 && line[k - 1] > line[k]; k--) { t = line[k]; line[k] = line[k - 1]; line[k - 1] = t }
        for (i = 1; i <= n; i++) print line[i]
        head = 0
        next
      }
      head { line[++n] = $0; next }
      { sub(/^ +/, ""); printf "%s", $0 }
      END { print "" }'
  fi
}

# The real id of each order id of the page, by the order in which they come in an answer.
declare -A REAL=()

learn_ids() {
  local here there i
  mapfile -t here < <(grep -oE 'ORD-[0-9A-Z]{26}' <<<"$1")
  mapfile -t there < <(grep -oE 'ORD-[0-9A-Z]{26}' <<<"$2")
  [[ ${#here[@]} -eq ${#there[@]} ]] || return 0
  for i in "${!here[@]}"; do
    [[ -n ${REAL[${here[i]}]:-} || " ${REAL[*]} " == *" ${there[i]} "* ]] || REAL[${here[i]}]=${there[i]}
  done
}

with_real_ids() {
  local text=$1 id
  for id in "${!REAL[@]}"; do text=${text//$id/${REAL[$id]}}; done
  printf '%s' "$text"
}

# ---- one step ------------------------------------------------------------------------------------------------

only_reads() { [[ $1 != *' -X '* && $1 != *' -d '* && $1 != *_broker* ]]; }

# What a block has set is there for the next one.
run_block() {
  (cd "$TERN_ROOT" && bash -c "set -a
    . '$SCRATCH/state'
    ${1//run\/env/"$SCRATCH/env"}
    { export -p && declare -f; } >'$SCRATCH/state'" 2>"$SCRATCH/errors")
}

try_step() {
  local wanted=$2 answer
  answer=$(run_block "$1")
  learn_ids "$wanted" "$answer"
  diff <(with_real_ids "$wanted" | normalise "$1") <(normalise "$1" <<<"$answer") >"$SCRATCH/differs"
}

# run_step COMMAND ANSWER: true when it answers so.
run_step() {
  if only_reads "$1"; then wait_for "$PATIENCE" try_step "$1" "$2"; else try_step "$1" "$2"; fi
}

# check_page FILE: stops at the first step that answers otherwise.
check_page() {
  local i
  read_page "$1"
  [[ ${#COMMANDS[@]} -gt 0 ]] || die "$1 has no command"
  for i in "${!COMMANDS[@]}"; do
    run_step "${COMMANDS[i]}" "${ANSWERS[i]}" || {
      cat "$SCRATCH/differs"
      say "differs from what is printed: ${COMMANDS[i]}"
      return 1
    }
  done
}

# play_page FILE NAME: every step of a page is a case.
play_page() {
  local i title
  read_page "$1"
  for i in "${!COMMANDS[@]}"; do
    title="$2line ${LINES_OF[i]}: ${COMMANDS[i]%%$'\n'*}"
    printf '[ RUN      ] %s\n' "$title"
    if run_step "${COMMANDS[i]}" "${ANSWERS[i]}"; then passed "$title"; else
      failed "$title" "$(cat "$SCRATCH/differs" "$SCRATCH/errors")"
    fi
  done
}

# ---- the suite -----------------------------------------------------------------------------------------------

SERVICES=(order payment inventory notification)
declare -A LISTEN=() DAEMON=()
declare -A PROGRAMS # keeps what is there

clean_up() {
  local service
  for service in "${!DAEMON[@]}"; do kill -KILL "${DAEMON[$service]}" 2>/dev/null; done
  [[ ! -e $SCRATCH/run/broker/settings ]] || broker_kill "$SCRATCH/run/broker" 2>/dev/null
  rm -rf "$SCRATCH"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

ready() { curl -sf --noproxy '*' -o "$SCRATCH/answer" "http://127.0.0.1:${LISTEN[$1]}/readyz"; }

start_suite() {
  local service
  for service in "${SERVICES[@]}"; do
    LISTEN[$service]=$(free_port)
    env AMQP_URL="$(broker_url "$RUN/broker")" DATABASE_URL="$(store_url "$RUN/$service.db")" PORT="${LISTEN[$service]}" \
      HTTP_ADDR=127.0.0.1 LOG_FORMAT=pretty FORCE_COLOR=0 PAYMENT_DELAY_MS=100 \
      "${PROGRAMS[$service]:-$TERN_BUILD_DIR/bin/$service-service}" </dev/null >>"$RUN/suite.log" 2>&1 &
    DAEMON[$service]=$!
    disown
  done
  for service in "${SERVICES[@]}"; do
    wait_for 60 ready "$service" || die "$service-service is not ready: $(tail -n 5 "$RUN/suite.log")"
  done
}

# The suite drains as it should. Call it last.
gone() { ! kill -0 "${DAEMON[$1]}" 2>/dev/null; }
end_suite() {
  local service
  for service in "${SERVICES[@]}"; do kill -TERM "${DAEMON[$service]}"; done
  for service in "${SERVICES[@]}"; do holds "$service-service ends when asked" wait_for 20 gone "$service"; done
  refuses "no sanitizer had anything to say" "" grep -E 'ERROR: |runtime error:' "$RUN/suite.log"
}

for service in "${SERVICES[@]}"; do
  [[ -x $TERN_BUILD_DIR/bin/$service-service ]] || {
    say "no daemons in this build: skipped"
    exit 77
  }
done
unset ADMIN_TOKEN LOG_LEVEL PREFETCH BATCH_MAX RETRY_MAX_ATTEMPTS RETRY_BACKOFF_MS PAYMENT_SUCCESS_RATE INVENTORY_FILE ADMIN_EMAIL
export no_proxy='*' RUN=$SCRATCH/run
mkdir "$RUN"
broker_start "$RUN/broker" management
broker_guard "$RUN/broker" $$
start_suite
write_env "$SCRATCH/env" "$RUN" "http://guest:guest@127.0.0.1:$BROKER_MANAGEMENT_PORT" \
  "${LISTEN[order]}" "${LISTEN[payment]}" "${LISTEN[inventory]}" "${LISTEN[notification]}"
: >"$SCRATCH/state"
