#!/usr/bin/env bash
# The one truth about the shape of the C sources: .clang-format, as clang-format 14 reads it.
#
#   scripts/format.sh check [file...]   exit 1 and show what would change
#   scripts/format.sh fix [file...]     change it
#
# Without files: every .c and .h of the project. Exit 77 (not checked) where clang-format 14 is not to be had,
# because other versions shape the same file differently.
set -euo pipefail
# shellcheck source=scripts/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"

find_clang_format() {
  local candidate
  for candidate in clang-format-14 clang-format; do
    if have "$candidate" && "$candidate" --version | grep -q 'version 14\.'; then
      printf '%s\n' "$candidate"
      return 0
    fi
  done
  return 1
}

c_files() {
  (cd "$TERN_ROOT" && find include common services tests -name '*.[ch]' -type f 2>/dev/null | sort)
}

mode=${1:-}
[[ $mode == check || $mode == fix ]] || {
  sed -n '2,8s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2
  exit 2
}
shift
clang_format=$(find_clang_format) || {
  say "clang-format 14 is not here: nothing checked"
  exit 77
}

if [[ $# -gt 0 ]]; then
  files=("$@")
else
  cd "$TERN_ROOT"
  mapfile -t files < <(c_files)
fi
[[ ${#files[@]} -gt 0 ]] || die "there is no C file to look at"

if [[ $mode == fix ]]; then
  "$clang_format" --style="file:$TERN_ROOT/.clang-format" -i "${files[@]}"
  exit 0
fi

# All at once to know, one by one to show.
if ! printf '%s\0' "${files[@]}" |
  xargs -0 -n 8 -P "$(nproc)" "$clang_format" --style="file:$TERN_ROOT/.clang-format" --dry-run -Werror >/dev/null 2>&1; then
  for file in "${files[@]}"; do
    "$clang_format" --style="file:$TERN_ROOT/.clang-format" "$file" |
      diff -u --label "$file" --label "$file (formatted)" "$file" -
  done
  die "not everything is formatted: scripts/format.sh fix"
fi
say "format: ${#files[@]} files are well shaped"
