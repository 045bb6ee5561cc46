# shellcheck shell=bash
# scripts/lib/docker.sh - a Docker engine for scripts: the one that answers, or a private one of our own.
#
# Sourced after common.sh. A machine whose engine answers uses that one, and its images are pulled from where it pulls them.
# Elsewhere (a bare Debian, as root) docker_engine_start starts a private dockerd: own socket, own data, stopped by the
# last script that uses it. Its images are kept between runs in ${TERN_DOCKER_ROOT:-<cache>/tern/docker}.
# The private engine never pulls: base images come from debootstrap, the broker is a stand-in made of Debian's
# rabbitmq-server (docker/broker-standin). So a check in containers needs nothing but Debian's packages.
# TERN_DOCKER=private starts one even where an engine answers.
# Packages: scripts/packages/container.txt, installed by scripts/install.sh container.

DOCKER_PRIVATE=no

docker_have() {
  local command
  for command in "$@"; do have "$command" || return 1; done
}

# docker_install COMMAND...: installs the groups of packages when one of the commands is missing.
docker_install() {
  docker_have "$@" || "$TERN_ROOT/scripts/install.sh" container || return 1
  docker_have "$@" || "$TERN_ROOT/scripts/install.sh" container-cli || return 1
  docker_have "$@" || { warn "of the commands $* one is missing after the packages were installed"; return 1; }
}

docker_answers() { timeout 10 docker version --format '{{.Server.Version}}' >/dev/null 2>&1; }

# ---- the private engine ------------------------------------------------------------------------------------

docker_private_paths() {
  DOCKER_ROOT=${TERN_DOCKER_ROOT:-${XDG_CACHE_HOME:-$HOME/.cache}/tern/docker}
  # Sockets have short paths and do not belong into a cache; one folder for each data root.
  DOCKER_RUN=/run/tern-docker-$(printf '%s' "$DOCKER_ROOT" | cksum | cut -d ' ' -f 1)
  mkdir -p "$DOCKER_ROOT" "$DOCKER_RUN"
}

# What dockerd changes on the machine and leaves behind: noted here, put back by docker_network_restore.
docker_network_note() {
  [ ! -e "$DOCKER_RUN/ip_forward" ] || return 0  # noted before an engine that did not end well
  cat /proc/sys/net/ipv4/ip_forward >"$DOCKER_RUN/ip_forward"
  iptables -S FORWARD 2>/dev/null | sed -n 's/^-P FORWARD //p' >"$DOCKER_RUN/forward_policy"
}

docker_network_restore() {
  pgrep -x dockerd >/dev/null && return 0  # somebody else's: the rules are shared
  local table policy
  for table in nat filter; do
    iptables-save -t "$table" | grep -vE 'DOCKER|docker0' | iptables-restore -T "$table" || true
  done
  read -r policy <"$DOCKER_RUN/forward_policy" && iptables -P FORWARD "$policy"
  ip link delete docker0 2>/dev/null || true
  cat "$DOCKER_RUN/ip_forward" >/proc/sys/net/ipv4/ip_forward
  rm -f "$DOCKER_RUN/ip_forward" "$DOCKER_RUN/forward_policy"
}

# The mtu of the way out: a tunnel may carry less than the 1500 that dockerd takes for granted.
docker_mtu() {
  local device
  device=$(ip -o route show default | sed -n 's/.* dev \([^ ]*\).*/\1/p' | head -n 1)
  cat "/sys/class/net/$device/mtu" 2>/dev/null || echo 1500
}

# A run that was killed leaves its containers to be started again with the engine; nobody else can own any here.
docker_private_sweep() {
  docker ps -aq | xargs -r docker rm -f -v >/dev/null
  docker network prune -f >/dev/null
  docker volume ls -q | xargs -r docker volume rm >/dev/null
}

docker_private_launch() {
  local pid deadline=$((SECONDS + 60))
  docker_network_note
  # A session of its own: Ctrl-C ends the script, which then takes its containers down and stops the engine itself.
  setsid dockerd --host "$DOCKER_HOST" --data-root "$DOCKER_ROOT/data" --exec-root "$DOCKER_RUN/exec" \
    --pidfile "$DOCKER_RUN/dockerd.pid" --mtu "$(docker_mtu)" --group root \
    <&- >"$DOCKER_RUN/dockerd.log" 2>&1 8>&- 9>&- &
  pid=$!
  while kill -0 "$pid" 2>/dev/null && ((SECONDS < deadline)); do
    if docker_answers; then
      docker_private_sweep
      return 0
    fi
    sleep 0.2
  done
  kill "$pid" 2>/dev/null || true
  warn "the private engine does not start; the end of its log:"
  tail -n 15 "$DOCKER_RUN/dockerd.log" >&2
  return 1
}

# Everybody who uses the private engine holds descriptor 9 as a shared lock; descriptor 8 keeps starts and stops apart.
docker_private_start() {
  [ "$(id -u)" = 0 ] || { warn "no engine answers, and only root can start one"; return 1; }
  docker_install dockerd docker containerd iptables ip debootstrap || return 1
  docker_private_paths
  export DOCKER_HOST=unix://$DOCKER_RUN/docker.sock
  unset DOCKER_CONTEXT DOCKER_TLS_VERIFY
  exec 9>"$DOCKER_RUN/users.lock" 8>"$DOCKER_RUN/start.lock"
  flock 8
  flock -s 9
  DOCKER_PRIVATE=yes
  if ! docker_answers; then
    say "No Docker engine answers: starting a private one (images in $DOCKER_ROOT)"
    docker_private_launch || return 1
  fi
  flock -u 8
}

docker_private_stop() {
  local pid
  flock 8
  if flock -n -x 9 && pid=$(cat "$DOCKER_RUN/dockerd.pid" 2>/dev/null); then
    kill "$pid" 2>/dev/null || true
    timeout 60 tail --pid="$pid" -f /dev/null || warn "the private engine (process $pid) does not stop"
    docker_network_restore
  fi
  exec 8>&- 9>&-
}

# ---- what scripts call -------------------------------------------------------------------------------------

# compose ARG...: docker-compose 1.29, or version 2 under either name.
compose() {
  if have docker-compose; then docker-compose "$@"; else docker compose "$@"; fi
}

# Makes an engine answer on DOCKER_HOST, with compose, curl and jq to talk to it and to what it runs.
docker_engine_start() {
  docker_install curl jq || return 1
  docker compose version >/dev/null 2>&1 || docker_install docker-compose || return 1
  if [ "${TERN_DOCKER:-}" != private ] && have docker && docker_answers; then
    return 0
  fi
  docker_private_start
}

docker_engine_stop() {
  [ "$DOCKER_PRIVATE" = yes ] || return 0
  docker_private_stop
  DOCKER_PRIVATE=no
}

# docker_base_image SUITE: makes debian:SUITE-slim be there. Built from Debian's packages in the private engine only;
# any other engine pulls the official one when it needs it.
docker_base_image() {
  local suite=$1 folder
  docker image inspect "debian:$suite-slim" >/dev/null 2>&1 && return 0
  [ "$DOCKER_PRIVATE" = yes ] || return 0
  say "Making debian:$suite-slim with debootstrap"
  folder=$(mktemp -d)
  if debootstrap --variant=minbase "$suite" "$folder/root" >"$folder/log" 2>&1; then
    rm -rf "$folder"/root/var/cache/apt/*.bin "$folder"/root/var/cache/apt/archives/*.deb "$folder"/root/var/lib/apt/lists/*
    # Languages of package descriptions are of no use in an image, and the largest download of apt-get update.
    echo 'Acquire::Languages "none";' >"$folder/root/etc/apt/apt.conf.d/docker-no-languages"
    tar -C "$folder/root" --numeric-owner -c . | docker import - "debian:$suite-slim" >/dev/null
    rm -rf "$folder"
  else
    tail -n 5 "$folder/log" >&2
    rm -rf "$folder"
    return 1
  fi
}

# docker_classic_build ARG...: docker build without BuildKit, which needs no plugin; quiet unless it fails.
docker_classic_build() {
  local words
  words=$(DOCKER_BUILDKIT=0 docker build --quiet "$@" 2>&1) || { printf '%s\n' "$words" >&2; return 1; }
}

# docker_broker_image TAG: makes the broker image TAG be there, rabbitmq:3.10-management or rabbitmq:4.0-management.
docker_broker_image() {
  local image=$1 suite
  docker image inspect "$image" >/dev/null 2>&1 && return 0
  [ "$DOCKER_PRIVATE" = yes ] || return 0
  case $image in
    rabbitmq:3.10-management) suite=bookworm ;;
    rabbitmq:4.0-management) suite=trixie ;;
    *) warn "Debian has no RabbitMQ that could stand in for $image"; return 1 ;;
  esac
  docker_base_image "$suite" || return 1
  say "Making a stand-in for $image from Debian's rabbitmq-server ($suite)"
  docker_classic_build --build-arg "DEBIAN=$suite" -t "$image" "$TERN_ROOT/docker/broker-standin"
}
