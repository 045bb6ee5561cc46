#!/usr/bin/env bash
# What `cmake -B build` gives to somebody who says nothing else: a release, hardened, that no variable of a test can end.
#
# Order-service is really built so and really run; the build under test, which has the kill points, shows each check red.
set -uo pipefail
# shellcheck source=tests/support/script_test.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/script_test.sh"
needs cmake curl readelf strings
chaotic=$TERN_BUILD_DIR/bin/order-service
plain=$SCRATCH/build/bin/order-service
daemon=''
clean_up() {
  [[ -z $daemon ]] || kill -KILL "$daemon" 2>/dev/null
  rm -rf "$SCRATCH"
}
trap clean_up EXIT

build() {
  local generator=()
  ! have ninja || generator=(-G Ninja)
  cmake -S "$TERN_ROOT" -B "$SCRATCH/build" "${generator[@]}" && cmake --build "$SCRATCH/build" --target order-service
}

cached() { grep -qx "$1" "$SCRATCH/build/CMakeCache.txt"; }
no_kill_points() { ! strings "$1" | grep TERN_CHAOS; }

# Linked, it would take 1.8 MiB of each daemon (common/http/http_probe.c).
without_libcurl() { ! readelf -dW "$1" | grep 'NEEDED.*libcurl'; }

# hardened PROGRAM: by what its headers and symbols say, as checksec reads them.
hardened() {
  local head dynamic symbols
  head=$(readelf -hlW "$1") dynamic=$(readelf -dW "$1") symbols=$(readelf --dyn-syms -W "$1")
  shows "$head" 'Type: *DYN' || wrong "it has a fixed place in memory" || return
  shows "$dynamic" 'FLAGS_1.*PIE' || wrong "it has a fixed place in memory" || return
  shows "$head" GNU_RELRO || wrong "its table of functions can be written" || return
  shows "$dynamic" 'FLAGS.*NOW' || wrong "its table of functions can be written" || return
  shows "$head" 'GNU_STACK.* RW ' || wrong "its stack can be executed" || return
  shows "$symbols" __stack_chk_fail || wrong "its stack has no guard" || return
  shows "$symbols" '_chk@' || wrong "its calls are not fortified"
}
shows() { grep -q -e "$2" <<<"$1"; }
wrong() {
  say "$1"
  return 1
}

start() { # start PROGRAM VARIABLE=VALUE...: with no broker to talk to; it need not be there
  local program=$1
  shift
  port=$(free_port)
  env -i PATH="$PATH" AMQP_URL="amqp://guest:guest@127.0.0.1:$(free_port)/%2f" DATABASE_URL="$(store_url "$SCRATCH/order-$port.db")" \
    PORT="$port" ASAN_OPTIONS="${ASAN_OPTIONS:-}" "$@" "$program" </dev/null >"$SCRATCH/log" 2>&1 &
  daemon=$!
  disown
}
answers() { curl -sf --noproxy '*' -o "$SCRATCH/answer" "http://127.0.0.1:$port/livez"; }
gone() { ! kill -0 "$daemon" 2>/dev/null; }
answers_or_gone() { answers || gone; }

# survives PROGRAM: it starts although the environment names a kill point that each start passes.
survives() {
  start "$1" TERN_CHAOS_KILL=start.after_open:1
  wait_for 60 answers_or_gone
  answers || wrong "it ended: $(cat "$SCRATCH/log")"
}

ends() {
  kill -TERM "$daemon"
  wait_for 30 gone
}

holds "order-service is built from a plain configuration" build
holds "it is a release" cached 'CMAKE_BUILD_TYPE:STRING=Release'
holds "it has no kill points" no_kill_points "$plain"
holds "it is hardened" hardened "$plain"
holds "it is not linked with libcurl, which it never calls" without_libcurl "$plain"
holds "an environment that names a kill point does not end it" survives "$plain"
holds "it ends when it is asked to" ends

if [[ ! -x $chaotic ]] || no_kill_points "$chaotic" >/dev/null; then
  report
  exit
fi
refuses "a build with kill points is found by its words" TERN_CHAOS no_kill_points "$chaotic"
refuses "and by what it does" "it ended" survives "$chaotic"
refuses "a daemon that is linked with libcurl is found" libcurl without_libcurl "$TERN_BUILD_DIR/bin/payment-service"
printf 'int main(void) { return 0; }\n' >"$SCRATCH/bare.c"
cc -no-pie -o "$SCRATCH/bare" "$SCRATCH/bare.c"
refuses "a program with a fixed place is found" "fixed place" hardened "$SCRATCH/bare"
cc -pie -fPIE -Wl,-z,lazy -o "$SCRATCH/bare" "$SCRATCH/bare.c"
refuses "so is one whose functions can be put elsewhere" "can be written" hardened "$SCRATCH/bare"
cc -pie -fPIE -Wl,-z,now,-z,relro -fno-stack-protector -o "$SCRATCH/bare" "$SCRATCH/bare.c"
refuses "so is one without guards" "no guard" hardened "$SCRATCH/bare"
report
