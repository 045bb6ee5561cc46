#!/usr/bin/env bash
# Compares schemas/ with those of another revision: a change that readers would not survive needs a new major version.
#
#   scripts/check_schemas.sh [REVISION]     default: the last release (a tag v...), else the parent of HEAD
#
# Within a major version only optional members may come, with a new minor version (tests/schemas/compare.py has the rules).
set -euo pipefail
# shellcheck source=scripts/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"
cd "${TERN_SCHEMAS_ROOT:-$TERN_ROOT}"

case ${1:-} in
-h | --help)
  sed -n '2,6s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
  exit 0
  ;;
esac

revision=${1:-$(git describe --tags --abbrev=0 --match 'v*' 2>/dev/null || git rev-parse -q --verify HEAD^ || true)}
if [[ -z $revision ]]; then
  say "schemas: there is nothing to compare with: no release, and no parent"
  exit 0
fi
git rev-parse -q --verify "$revision^{commit}" >/dev/null || die "no such revision: $revision"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
git archive "$revision" -- schemas 2>/dev/null | tar -x -C "$scratch" 2>/dev/null || true
mkdir -p "$scratch/schemas"
/usr/bin/python3 "$TERN_ROOT/tests/schemas/compare.py" "$scratch/schemas" schemas
