#!/usr/bin/env bash
# chaos_checker.sh - the checker of chaos runs, red on each thing that it is to see: tests/chaos/test_checker.py.
set -euo pipefail
python=/usr/bin/python3
[[ -x $python ]] || {
  echo "there is no $python here (scripts/install.sh chaos)"
  exit 77
}
exec "$python" "$(dirname "${BASH_SOURCE[0]}")/../chaos/test_checker.py"
