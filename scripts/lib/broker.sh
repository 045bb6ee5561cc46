# shellcheck shell=bash
# scripts/lib/broker.sh - a private RabbitMQ on loopback, with everything it needs below one folder.
# Sourced after common.sh; scripts/broker.sh is the same as a command.
#
# Own node name, cookie, home, data, log, configuration and free ports (AMQP, epmd, distribution, management), so that
# it meets no other broker of the machine and any number of them run side by side. Works as root and as anybody else:
# Debian's wrapper, which insists on the user rabbitmq, is passed by. The folder keeps the state:
#
#   DIR/settings   ports and node name, made once: a broker started again has the same address and the same data
#   DIR/pid        the Erlang process itself; DIR/epmd.pid its port mapper; DIR/guard.pid see broker_guard

RABBITMQ_BIN=/usr/lib/rabbitmq/bin
BROKER_START_SECONDS=${BROKER_START_SECONDS:-90}

broker_installed() { [[ -x $RABBITMQ_BIN/rabbitmq-server ]] && have epmd && have erl; }

# broker_load DIR: the settings of its broker as BROKER_* variables, and its whole environment as BROKER_ENV.
broker_load() {
  [[ -r $1/settings ]] || return 1
  BROKER_DIR=$(cd "$1" && pwd)
  # shellcheck source=/dev/null
  . "$BROKER_DIR/settings"
  # A node named by its address ("long" name): nothing here depends on what a resolver says of localhost.
  local loopback='-kernel inet_dist_use_interface {127,0,0,1}' conf=$BROKER_DIR/config
  BROKER_ENV=(env -i PATH="$PATH" HOME="$BROKER_DIR/home" LANG=C.UTF-8 RUNNING_UNDER_SYSTEMD=true
    ERL_EPMD_ADDRESS=127.0.0.1 ERL_EPMD_PORT="$BROKER_EPMD_PORT" ERL_CRASH_DUMP="$BROKER_DIR/log/erl_crash.dump"
    RABBITMQ_NODENAME="$BROKER_NODE" RABBITMQ_USE_LONGNAME=true RABBITMQ_DIST_PORT="$BROKER_DIST_PORT"
    RABBITMQ_CONF_ENV_FILE="$conf/rabbitmq-env.conf" RABBITMQ_CONFIG_FILE="$conf/rabbitmq"
    RABBITMQ_ADVANCED_CONFIG_FILE="$conf/advanced" RABBITMQ_ENABLED_PLUGINS_FILE="$conf/enabled_plugins"
    RABBITMQ_GENERATED_CONFIG_DIR="$conf/generated" RABBITMQ_SCHEMA_DIR="$conf/schema"
    RABBITMQ_MNESIA_BASE="$BROKER_DIR/data" RABBITMQ_LOG_BASE="$BROKER_DIR/log"
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS="$loopback" RABBITMQ_CTL_ERL_ARGS="$loopback"
    RABBITMQ_CTL_DIST_PORT_MIN=15000 RABBITMQ_CTL_DIST_PORT_MAX=31999)
  [[ ! -d $BROKER_DIR/server ]] || BROKER_ENV+=(RABBITMQ_SCRIPTS_DIR="$BROKER_DIR/server/sbin")
}

# broker_slim DIR: the server again, as links, without the plugins that nobody enables and what only they need. Erlang
# looks for each of its modules in every folder of every plugin: a start takes 3 s of processor time instead of 5.
broker_slim() {
  local server plugin
  server=$(cd "$(dirname "$(readlink -f "$RABBITMQ_BIN/rabbitmq-server")")/.." && pwd)
  rm -rf "$1/server"
  mkdir -p "$1/server/plugins"
  ln -s "$server/sbin" "$server/escript" "$1/server/"
  for plugin in "$server"/plugins/*; do
    case ${plugin##*/} in
    rabbitmq_prelaunch*) ;;
    rabbitmq_* | amqp_client-* | amqp10_client-* | cowboy-* | cowlib-* | eetcd-* | gun-* | jose-* | prometheus-*) continue ;;
    esac
    ln -s "$plugin" "$1/server/plugins/"
  done
}

# broker_create DIR [management]: chooses the ports and writes the configuration; starts nothing.
broker_create() {
  local dir=$1 management=${2:-}
  mkdir -p "$dir/log" "$dir/data" "$dir/home" "$dir/config"
  chmod 700 "$dir/home"
  printf 'BROKER_NODE=tern-%s-%s@127.0.0.1\nBROKER_PORT=%s\nBROKER_EPMD_PORT=%s\nBROKER_DIST_PORT=%s\n%s\n' \
    "$BASHPID" "$RANDOM" "$(free_port)" "$(free_port)" "$(free_port)" \
    "BROKER_MANAGEMENT_PORT=${management:+$(free_port)}" >"$dir/settings"
  [[ -n $management || -e $dir/log.1 ]] || broker_slim "$dir"
  broker_load "$dir"
  rm -f "$dir/home/.erlang.cookie"
  (umask 277 && printf '%s-%s-%s' "$RANDOM$RANDOM" "$RANDOM$RANDOM" "$RANDOM$RANDOM" >"$dir/home/.erlang.cookie")
  : >"$dir/config/rabbitmq-env.conf"
  printf '[%s].\n' "${management:+rabbitmq_management}" >"$dir/config/enabled_plugins"
  {
    printf 'listeners.tcp.1 = 127.0.0.1:%s\n' "$BROKER_PORT"
    printf 'log.console = false\nlog.file.level = info\ndisk_free_limit.absolute = 50MB\n'
    [[ -z $management ]] || printf 'management.tcp.ip = 127.0.0.1\nmanagement.tcp.port = %s\n' "$BROKER_MANAGEMENT_PORT"
  } >"$dir/config/rabbitmq.conf"
}

# broker_start DIR [management]: starts the broker of DIR, new or with the data that it has, and waits until it serves.
broker_start() {
  local dir=$1 management=${2:-} try
  broker_installed || die "RabbitMQ is not installed: scripts/install.sh broker"
  for try in 1 2 3; do
    [[ -r $dir/settings ]] || broker_create "$dir" "$management"
    broker_load "$dir"
    ! broker_running "$dir" || return 0
    if broker_launch; then
      : >"$dir/served"
      return 0
    fi
    broker_kill "$dir"
    # A broker with data keeps its address. A new one may have lost a port to somebody, or miss something in the slim
    # server: try again with other ports and the whole of it.
    [[ ! -e $dir/served ]] || break
    [[ $try -lt 3 ]] || break
    mv "$dir/log" "$dir/log.$try"
    rm -rf "${dir:?}"/{settings,data,home,server}
  done
  tail -n 25 "$dir/log/console.log" >&2 2>/dev/null || true
  die "the private RabbitMQ in $dir did not start; the end of its logs is above"
}

# Starts the loaded broker, each process apart from our terminal and process group; true when it serves.
broker_launch() {
  if ! broker_process_lives "$BROKER_DIR/epmd.pid"; then
    setsid "${BROKER_ENV[@]}" epmd -address 127.0.0.1 -port "$BROKER_EPMD_PORT" \
      </dev/null >>"$BROKER_DIR/log/epmd.log" 2>&1 3>&- &
    printf '%s\n' $! >"$BROKER_DIR/epmd.pid"
    disown # no "Killed" from the shell when it ends
  fi
  setsid "${BROKER_ENV[@]}" "$RABBITMQ_BIN/rabbitmq-server" \
    </dev/null >>"$BROKER_DIR/log/console.log" 2>&1 3>&- &
  printf '%s\n' $! >"$BROKER_DIR/pid"
  disown
  wait_for "$BROKER_START_SECONDS" broker_greets_or_dead && broker_greets
}

# True when the broker greets an AMQP client. Its listeners open last, so then it serves.
broker_greets() {
  (
    exec 3<>"/dev/tcp/127.0.0.1/$BROKER_PORT"
    printf 'AMQP\0\0\11\1' >&3
    IFS= read -r -N 1 -t 5 byte <&3
    [[ $byte == $'\1' ]]
  ) 2>/dev/null
}

broker_greets_or_dead() { broker_greets || ! broker_running "$BROKER_DIR"; }

# broker_process_lives FILE: the process whose pid stands in FILE runs (and is not just waiting to be collected).
broker_process_lives() {
  local pid stat
  pid=$(cat "$1" 2>/dev/null) && [[ -n $pid ]] || return 1
  stat=$(cat "/proc/$pid/stat" 2>/dev/null) || return 1
  stat=${stat##*) }
  [[ ${stat%% *} != Z ]]
}

broker_process_gone() { ! broker_process_lives "$1"; }
broker_running() { broker_process_lives "$1/pid"; }

# broker_end FILE SIGNAL SECONDS: ends the process whose pid stands in FILE; with SIGKILL when it takes longer.
broker_end() {
  local pid
  if broker_process_lives "$1"; then
    pid=$(cat "$1")
    kill "-$2" -- "-$pid" 2>/dev/null || true
    wait_for "$3" broker_process_gone "$1" || kill -KILL -- "-$pid" 2>/dev/null || true
    wait_for 10 broker_process_gone "$1" || warn "process $pid of the private RabbitMQ does not end"
  fi
  rm -f "$1"
}

# broker_stop DIR: an orderly stop. broker_kill DIR: kill -9. Both take the port mapper along; the data stays.
broker_stop() { broker_down "$1" TERM 30; }
broker_kill() { broker_down "$1" KILL 5; }

broker_down() {
  broker_end "$1/guard.pid" KILL 5
  broker_end "$1/pid" "$2" "$3"
  broker_end "$1/epmd.pid" KILL 5
}

# broker_ctl DIR ARGUMENT...: rabbitmqctl for the broker of DIR.
broker_ctl() {
  broker_load "$1" || die "no broker in $1"
  shift
  "${BROKER_ENV[@]}" "$RABBITMQ_BIN/rabbitmqctl" "$@"
}

broker_url() {
  broker_load "$1" || die "no broker in $1"
  printf 'amqp://guest:guest@127.0.0.1:%s/%%2f\n' "$BROKER_PORT"
}

# broker_guard DIR PID: kills the broker as soon as process PID is gone, whatever way it went.
broker_guard() {
  broker_end "$1/guard.pid" KILL 5
  setsid bash "$TERN_ROOT/scripts/broker.sh" guard "$1" "$2" </dev/null >/dev/null 2>&1 3>&- &
  printf '%s\n' $! >"$1/guard.pid"
  disown
}
