#!/usr/bin/env bash
# Makes the stores of a version with that version's own daemons: tests/stores/<version>/<service>.db.gz, and answers.jsonl,
# what its daemons answered about them. Done once for each release; what is here is never made anew.
#
#   tests/stores/make.sh VERSION BIN
#
#   BIN   folder with the four daemons of that version; e2e_older_stores is that of build/asan
set -euo pipefail
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
[[ $# -eq 2 && -x $2/order-service ]] || {
  sed -n '2,7s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
  exit 2
}
folder=$ROOT/tests/stores/$1
mkdir "$folder"
TERN_SUITE_BIN=$(cd "$2" && pwd) "$ROOT/build/asan/bin/e2e_older_stores" make "$folder"
gzip -9 -n "$folder"/*.db
ls -l "$folder"
