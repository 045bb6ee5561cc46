#!/usr/bin/env bash
# What the pages say about settings, metrics and calls is what the code has; every relative link leads somewhere.
#
#   scripts/check_docs.sh [ROOT] [BIN]      the project's folder; the folder of the built daemons, whose --help is read
#                                           (TERN_BUILD_DIR/bin, or that of the release build)
#
# docs/CONFIGURATION.md   each setting with its daemons and its default; docker-compose.yml hands each one on
# docs/METRICS.md         each metric with its kind and its labels
# README.md               each call that a service answers
# Prints what differs ("<" only in the code, ">" only on the page); exit 1 when anything does.
# shellcheck disable=SC2016 # the backticks are those of Markdown
set -uo pipefail
# shellcheck source=scripts/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"

case ${1:-} in
-h | --help)
  sed -n '2,10s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
  exit 0
  ;;
esac
ROOT=${1:-$TERN_ROOT}
BIN=${2:-${TERN_BUILD_DIR:-$TERN_ROOT/build/release}/bin}
SERVICES=(order payment inventory notification)
# They name a file: in a container they need a volume as well, which nobody can guess.
NEED_A_FILE=(AMQP_CA_FILE INVENTORY_FILE PAYMENT_GATEWAY_CA_FILE)
failures=0

# agree WHAT CODE PAGE: two lists that must be the same, and not empty.
agree() {
  if [[ -z $2 ]]; then
    say "$1: nothing was found in the code"
  elif diff <(sort -u <<<"$2") <(sort -u <<<"$3") >"$LIST"; then
    return 0
  else
    say "$1 differ:"
    grep '^[<>]' "$LIST"
  fi
  failures=$((failures + 1))
}
LIST=$(mktemp)
trap 'rm -f "$LIST"' EXIT

# ---- settings: "service NAME default" ------------------------------------------------------------------------

settings_of_daemons() {
  local service
  for service in "${SERVICES[@]}"; do
    "$BIN/$service-service" --help | sed -nE \
      -e "s/^  ([A-Z][A-Z_]*) +.*\(not set by default.*/$service \1/p" \
      -e "s/^  ([A-Z][A-Z_]*) +.*default ([^;)]*).*/$service \1 \2/p"
  done
}

# The rows of the page, one for each daemon that they speak of.
settings_of_page() {
  local name daemons default service
  sed -nE '/^## All settings/,/^## In containers/s/^\| `([A-Z_]+)` \| ([a-z, ]+) \| *([^|]*) *\|.*/\1|\2|\3/p' \
    "$ROOT/docs/CONFIGURATION.md" | while IFS='|' read -r name daemons default; do
    default=${default//[\` ]/}
    [[ $daemons != all ]] || daemons=${SERVICES[*]}
    for service in ${daemons//,/}; do
      case $name in
      PORT) say "$service PORT $(cut -d , -f "$(place_of "$service")" <<<"$default")" ;;
      *) say "$service $name${default:+ ${default//<service>/$service-service}}" ;;
      esac
    done
  done
}

place_of() {
  local i
  for i in "${!SERVICES[@]}"; do [[ ${SERVICES[i]} != "$1" ]] || say $((i + 1)); done
}

# What a daemon gets in a container: the common names, and its own.
settings_of_compose() {
  local service
  for service in "${SERVICES[@]}"; do
    awk -v own="  $service-service:" '
      /^[^ #]/ { common = /^x-environment/; mine = 0 }
      /^  [^ #]/ { mine = ($0 == own) }
      /^    [^ #]/ { environment = /^    environment:/ }
      (common && /^  [A-Z]/) || (mine && environment && /^      [A-Z]/) { sub(/:.*/, ""); sub(/^ +/, ""); print }
    ' "$ROOT/docker-compose.yml" | sed "s/^/$service /"
  done
}

check_settings() {
  local code names
  code=$(settings_of_daemons)
  agree "the settings of --help and of docs/CONFIGURATION.md" "$code" "$(settings_of_page)"
  # A container runs its service: a replay is asked for over HTTP there.
  names=$(cut -d ' ' -f 1,2 <<<"$code" | grep -v -w -F "$(printf '%s\n' "${NEED_A_FILE[@]}")" | grep -v ' REPLAY_')
  agree "the settings of --help and of docker-compose.yml" "$names" "$(settings_of_compose)"
}

# ---- metrics: "name kind labels" -----------------------------------------------------------------------------

metrics_of_code() {
  {
    sed -nE 's/^ *M\(([a-z_]+), ([A-Z]+), "([a-z,]*)".*/\1 \2 \3/p' "$ROOT/include/tern/metrics.h"
    find "$ROOT/services" -name '*.c' -exec cat {} + | tr -s '\n ' ' ' |
      grep -oE 'struct tern_metric [a-z_]+ = \{ ?"[a-z_]+", TERN_[A-Z]+, "[a-z,]*"' |
      sed -E 's/.*"([a-z_]+)", TERN_([A-Z]+), "([a-z,]*)"/\1 \2 \3/'
    sed -nE 's/.*print_row\(out, "([a-z_]+)", "([a-z]+)".*/\1 \2 /p' "$ROOT/common/base/metrics_process.c"
  } | sed -E -e 's/^/tern_/' -e 's/^tern_(http_|process_)/\1/' -e 's/ ([A-Z]+) / \L\1 /' -e 's/ $//'
}

metrics_of_page() {
  sed -nE 's/^\| `([a-z_]+)` \| ([a-z]+) \| ([a-z, ]*)\|.*/\1 \2 \3/p' "$ROOT/docs/METRICS.md" |
    sed -E -e 's/, /,/g' -e 's/ +$//'
}

# ---- calls: "METHOD /path" -----------------------------------------------------------------------------------

calls_of_code() {
  cat "$ROOT"/services/*/*.c "$ROOT"/common/service/*.c |
    sed -nE 's/^ *\{"(GET|POST|PUT|DELETE|PATCH)", +"([^"]+)".*/\1 \2/p'
}

calls_of_page() { sed -nE 's/^\| `((GET|POST|PUT|DELETE|PATCH) [^`]+)` \|.*/\1/p' "$ROOT/README.md"; }

# ---- links ---------------------------------------------------------------------------------------------------

check_links() {
  local page target
  while IFS=: read -r page target; do
    target=${target#*](}
    target=${target%)}
    target=${target%%#*}
    [[ -z $target || $target == *://* || -e $(dirname "$page")/$target ]] || {
      say "${page#"$ROOT"/} leads to $target, which is not there"
      failures=$((failures + 1))
    }
  done < <(find "$ROOT" -name .git -prune -o -name build -prune -o -name '*.md' -print0 | xargs -0 grep -oHE '\]\([^)]+\)')
}

for service in "${SERVICES[@]}"; do
  [[ -x $BIN/$service-service ]] || die "$BIN has no $service-service: build the daemons first"
done
check_settings
agree "the metrics of the code and of docs/METRICS.md" "$(metrics_of_code)" "$(metrics_of_page)"
agree "the calls of the code and of README.md" "$(calls_of_code)" "$(calls_of_page)"
check_links
[[ $failures -eq 0 ]]
