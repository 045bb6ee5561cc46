#!/usr/bin/env bash
# Proves that each script runs on a bare Debian, alone: no package installed before it, no other script run before it.
#
#   scripts/bare_check.sh [--debian bookworm|trixie] [--jobs N] [--in-turn] [name...]
#
#   name       demo, bench, sim and so on, see --help; without one, all of them
#   --in-turn  afterwards all of them once more in one container, one after the other, in an order drawn by chance
#
# Each runs in a container of its own from the bare image (debootstrap's minimum), in a fresh copy of the sources without
# build/, in the shortest mode that does what the script is for. Containers share nothing but what apt has downloaded.
# Exit 0 only if all of them did what they should.
set -euo pipefail
# shellcheck source=scripts/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"
# shellcheck source=scripts/lib/docker.sh
. "$TERN_ROOT/scripts/lib/docker.sh"

# What is run, and a regular expression for what it must say. The longest come first.
NAMES=(test chaos recovery mutate fuzz lint bench demo sim plain broker)
declare -A RUNS=(
  [test]="./scripts/test.sh -R '^(unit_text|e2e_demo)$'"
  [chaos]="./scripts/chaos.sh --only P2,N2 --minutes 1 --orders 200 --seed 7"
  [recovery]="./scripts/chaos.sh --recovery --orders 200"
  [mutate]="./scripts/mutate.sh --seeds 25 --chaos none stock_unguarded"
  [fuzz]="./scripts/fuzz.sh --seconds 1 config"
  [lint]="./scripts/lint.sh shell spell cppcheck && ./scripts/format.sh check"
  [bench]="./scripts/bench.sh --rounds 1 --orders 200 --connections 8"
  [demo]="./scripts/demo.sh --once"
  [sim]="./scripts/sim.sh --seeds 2"
  [plain]="./scripts/install.sh && cmake -B build && cmake --build build -j2 && build/bin/order-service --version"
  [broker]="./scripts/broker.sh start /tmp/broker && ./scripts/broker.sh status /tmp/broker && ./scripts/broker.sh stop /tmp/broker"
)
declare -A SAYS=(
  [test]='^[1-9][0-9]* passed, 0 failed$'
  [chaos]='^PASSED in'
  [recovery]='^notification-service +ready again after'
  [mutate]='together 1 of 1'
  [fuzz]='^config +[1-9][0-9]* executions'
  [lint]='files are well shaped'
  [bench]='^medians of 1 rounds'
  [demo]='orders ended as they should'
  [sim]='^count orders +[1-9]'
  [plain]='^order-service '
  [broker]='^running'
)
MOST_S=900 # for one of them
DEBIAN=bookworm
JOBS=$(nproc)
IN_TURN=
WORK=

usage() {
  sed -n '2,12s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
  for name in "${NAMES[@]}"; do printf '\n  %-9s  %s' "$name" "${RUNS[$name]}"; done
  say
}

# ---- what the containers get ---------------------------------------------------------------------------------

copy_sources() {
  mkdir "$WORK/sources"
  tar -C "$TERN_ROOT" --exclude=./build --exclude=./.git --exclude=./var -c . | tar -C "$WORK/sources" -x
  # As a clone is, with a repository that knows the files; git itself is not in the container.
  if have git; then
    git -C "$WORK/sources" init -q && git -C "$WORK/sources" add -A
    git -C "$WORK/sources" -c user.name=bare -c user.email=bare@localhost commit -qm "bare check"
  else
    mkdir "$WORK/sources/.git"
  fi
}

# bare NAME COMMAND: runs it in a container of its own.
bare() {
  timeout --foreground --kill-after=10 "$MOST_S" docker run --rm --init --name "tern-bare-$$-$1" --label "tern-bare=$$" \
    -v "$WORK/sources:/fresh:ro" -v "$CACHE/archives:/debs" -v "$CACHE/lists:/lists" \
    -v "$WORK/apt.conf:/etc/apt/apt.conf.d/docker-clean:ro" -v "$WORK/dpkg.cfg:/etc/dpkg/dpkg.cfg.d/bare-check:ro" \
    "debian:$DEBIAN-slim" bash -c "$2"
}

# download_packages NAME...: most of what these will ask for, once, and kept for the next run; the rest they fetch themselves.
download_packages() {
  local name packages lists=(build broker demo bench)
  for name in "$@"; do [[ ! -e $TERN_ROOT/scripts/packages/$name.txt ]] || lists+=("$name"); done
  packages=$(for name in "${lists[@]}"; do grep -v '^ *\(#\|$\)' "$TERN_ROOT/scripts/packages/$name.txt"; done | sort -u | xargs)
  CACHE=${TERN_BARE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/tern/bare-$DEBIAN}
  mkdir -p "$CACHE"/{archives,lists}/partial
  printf '%s\n' 'Dir::Cache::archives "/debs";' 'Debug::NoLocking "true";' 'Acquire::Languages "none";' \
    'APT::Keep-Downloaded-Packages "true";' >"$WORK/apt.conf"
  printf 'force-unsafe-io\n' >"$WORK/dpkg.cfg" # after a crash nobody needs the container
  bare packages "apt-get -q update -o Dir::State::lists=/lists &&
    apt-get -y -q install --no-install-recommends --download-only -o Dir::State::lists=/lists $packages" \
    >"$WORK/packages.log" 2>&1 </dev/null || { tail -n 20 "$WORK/packages.log" >&2 && die "the packages cannot be downloaded"; }
}

# ---- the checks ----------------------------------------------------------------------------------------------

BEGIN='cp -r /lists/. /var/lib/apt/lists/ && cp -r /fresh /tern && cd /tern'
END='&& times >/tmp/times && sed -n "2s/^/bare-check /p" /tmp/times' # of its children, user and system

# check NAME COMMAND REGEX: a line when it did what it should; else the end of what it said, and false.
check() {
  local start=$SECONDS status=0 cost
  bare "$1" "$BEGIN && $2 $END" >"$WORK/$1.log" 2>&1 </dev/null || status=$?
  if [[ $status -eq 0 ]] && grep -qE -e "$3" "$WORK/$1.log"; then
    cost=$(sed -n 's/^bare-check //p' "$WORK/$1.log")
    say "  $(paint 32 ok)  $1 ($((SECONDS - start)) s, processor $cost): $2"
    return
  fi
  tail -n 60 "$WORK/$1.log" | sed 's/^/    /' >&2
  warn "$1 ended with $status, and should say '$3': $2"
  return 1
}

# Several at once: while one installs, which the disk does, another compiles.
check_all() {
  local name running=0 failed=0
  for name in "$@"; do
    if [[ $running -ge $JOBS ]]; then
      wait -n || failed=1
      running=$((running - 1))
    fi
    check "$name" "${RUNS[$name]}" "${SAYS[$name]}" &
    running=$((running + 1))
  done
  for ((; running > 0; running--)); do wait -n || failed=1; done
  return "$failed"
}

check_in_turn() {
  local name order commands=''
  mapfile -t order < <(printf '%s\n' "$@" | shuf)
  for name in "${order[@]}"; do commands+="{ ${RUNS[$name]}; } && "; done
  say "      in turn: ${order[*]}"
  check in-turn "${commands}echo all of them" '^all of them$'
}

finish() {
  local code=$?
  trap - EXIT INT TERM
  docker ps -aq --filter "label=tern-bare=$$" 2>/dev/null | xargs -r docker rm -f >/dev/null
  docker_engine_stop
  [[ -z $WORK ]] || rm -rf "$WORK"
  exit "$code"
}

main() {
  local names=() failed=0
  while [[ $# -gt 0 ]]; do
    case $1 in
    --debian) DEBIAN=${2:?} && shift ;;
    --jobs) JOBS=${2:?} && shift ;;
    --in-turn) IN_TURN=1 ;;
    -h | --help) usage && return 0 ;;
    -*) usage >&2 && return 2 ;;
    *)
      [[ -n ${RUNS[$1]:-} ]] || die "there is no check '$1'; there are: ${NAMES[*]}"
      names+=("$1")
      ;;
    esac
    shift
  done
  [[ $DEBIAN =~ ^(bookworm|trixie)$ && $JOBS =~ ^[1-9][0-9]*$ ]] || { usage >&2 && return 2; }
  [[ ${#names[@]} -gt 0 ]] || names=("${NAMES[@]}")

  trap finish EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM
  docker_engine_start || die "no Docker engine to check with"
  WORK=$(mktemp -d)
  docker_base_image "$DEBIAN"
  step "${#names[@]} scripts, each alone on a bare Debian ($DEBIAN)"
  copy_sources
  download_packages "${names[@]}"
  check_all "${names[@]}" || failed=1
  [[ -z $IN_TURN ]] || check_in_turn "${names[@]}" || failed=1
  [[ $failed -eq 0 ]] || die "not each of them runs on a bare Debian"
  say "bare check: ${#names[@]} scripts run alone"
}

main "$@"
