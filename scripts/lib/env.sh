# shellcheck shell=bash
# scripts/lib/env.sh - the file that README's calls begin with (`. run/env`): addresses, tokens, logs, broker of a suite.
# Sourced by bash. The file that it writes is for any shell. What reads the terminal would swallow what is pasted behind it.

# write_env FILE RUN BROKER ORDER_PORT PAYMENT_PORT INVENTORY_PORT NOTIFICATION_PORT
#   RUN      the folder with suite.log, the stores <service>.db and, when the broker is private, broker/
#   BROKER   address of the broker's management API with user and password; "" when there is none
write_env() {
  local file=$1 run broker
  printf -v run '%q' "$2"
  printf -v broker '%q' "$TERN_ROOT/scripts/broker.sh"
  (
    umask 077 # it holds tokens
    cat >"$file" <<TEXT
# Of the suite in $run: written when it started, removed when it ends.
ORDER_API=http://127.0.0.1:$4
PAYMENT_API=http://127.0.0.1:$5
INVENTORY_API=http://127.0.0.1:$6
NOTIFICATION_API=http://127.0.0.1:$7
ORDER_TOKEN=\$(cat $run/order.db.token)
INVENTORY_TOKEN=\$(cat $run/inventory.db.token)
BROKER=$3
logs() { cat $run/suite.log; }
stop_broker() { $broker ctl $run/broker -q stop_app </dev/null; }
start_broker() { $broker ctl $run/broker -q start_app </dev/null; }
TEXT
  )
}
