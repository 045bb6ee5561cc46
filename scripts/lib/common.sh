# shellcheck shell=bash
# scripts/lib/common.sh - what every script here shares: where the project is, how to speak, how to fail.
# Sourced, never run. Sets TERN_ROOT; changes nothing else.

TERN_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

# FORCE_COLOR decides (0: none), then NO_COLOR and TERM=dumb forbid, then a terminal has colours: as in the daemons' logs.
TERN_COLOR=
if [[ -n ${FORCE_COLOR:-} ]]; then
  [[ $FORCE_COLOR == 0 || $FORCE_COLOR == false ]] || TERN_COLOR=1
elif [[ -z ${NO_COLOR:-} && ${TERM:-dumb} != dumb && -t 1 ]]; then
  TERN_COLOR=1
fi

# paint CODE TEXT: TEXT in an ANSI colour when somebody can see it.
paint() {
  if [[ -n $TERN_COLOR ]]; then printf '\033[%sm%s\033[0m' "$1" "$2"; else printf '%s' "$2"; fi
}

say() { printf '%s\n' "$*"; }
step() { printf '%s %s\n' "$(paint '1;36' '==>')" "$(paint 1 "$*")"; }
warn() { printf '%s %s\n' "$(paint '1;33' 'warning:')" "$*" >&2; }

die() {
  printf '%s %s\n' "$(paint '1;31' 'error:')" "$*" >&2
  exit 1
}

have() { command -v "$1" >/dev/null 2>&1; }

# True when something accepts connections on 127.0.0.1:PORT.
port_busy() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# free_port: prints a loopback port that nothing listens on, below the range that the kernel hands out itself.
free_port() {
  local port try
  for ((try = 0; try < 200; try++)); do
    port=$((15000 + (RANDOM * 32768 + RANDOM) % 17000))
    if ! port_busy "$port"; then
      printf '%s\n' "$port"
      return 0
    fi
  done
  die "found no free port on 127.0.0.1"
}

# wait_for SECONDS COMMAND...: true as soon as COMMAND succeeds, false when the time is over.
wait_for() {
  local deadline=$((SECONDS + $1))
  shift
  until "$@"; do
    ((SECONDS < deadline)) || return 1
    sleep 0.05
  done
}

# build_preset PRESET [TARGET...]: configures when needed and builds, quietly; the compiler's words only when it fails.
build_preset() {
  local preset=$1 log
  shift
  log=$(mktemp)
  if ! { cmake -S "$TERN_ROOT" --preset "$preset" >"$log" 2>&1 &&
    cmake --build "$TERN_ROOT/build/$preset" ${1:+--target "$@"} >>"$log" 2>&1; }; then
    cat "$log" >&2
    rm -f "$log"
    die "the build of preset '$preset' failed; its output is above"
  fi
  rm -f "$log"
}

# store_url PATH: the DATABASE_URL of a store there, whatever its name holds.
store_url() {
  local path=${1//%/%25}
  path=${path//\?/%3F}
  printf 'sqlite:%s' "${path//#/%23}"
}
