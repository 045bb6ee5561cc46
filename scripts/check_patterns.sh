#!/usr/bin/env bash
# scripts/check_patterns.sh [ROOT] - the pages for learners agree with the code: every page of docs/patterns has its
# sections and an entry in the index, and names only files and functions that there are; docs/event-storming.md has every
# event of include/shop/catalogue.h and no other, with its producer and its consumers; so has its picture.
# shellcheck disable=SC2016 # the backticks are those of Markdown
set -uo pipefail
# shellcheck source=scripts/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"
ROOT=${1:-$TERN_ROOT}
PAGES=$ROOT/docs/patterns
BOARD=$ROOT/docs/event-storming.md
PICTURE=$ROOT/docs/event-storming.svg
SECTIONS=("What it is" "When not to use it" "Where it lives" "See it happen" "What goes wrong without it" "Try it")
failures=0

fault() {
  say "$1"
  failures=$((failures + 1))
}

# ---- the pages -----------------------------------------------------------------------------------------------

# Whether FILE defines NAME: a line at the margin that has it as a whole word and is no declaration.
defines() { grep -E "^[a-z].*\b$2(\(|\[)" "$1" | grep -qvE ';$'; }

check_code() { # PAGE FILE NAME
  if [[ ! -f $ROOT/$2 ]]; then
    fault "$1: there is no $2"
  elif ! defines "$ROOT/$2" "$3"; then
    fault "$1: $2 does not define $3"
  fi
}

check_page() {
  local page=$1 name file function number=0
  name=${page##*/}
  for section in "${SECTIONS[@]}"; do
    grep -qxF "## $section" "$page" || fault "$name has no section \"$section\""
  done
  grep -qF "($name)" "$PAGES/README.md" || fault "docs/patterns/README.md does not name $name"
  while read -r file function; do
    number=$((number + 1))
    check_code "$name" "$file" "$function"
  done < <(sed -nE 's/^- `([^`]+)` `([^`]+)`: .*/\1 \2/p' "$page")
  [[ $number -ge 2 ]] || fault "$name names $number functions"
  # In running text too, wherever a path is followed by a name.
  while read -r file function; do check_code "$name" "$file" "$function"; done < <(
    tr '\n' ' ' <"$page" | grep -oE '`[a-z_/]+\.c` `[a-z_0-9]+`' | tr -d '`')
  while read -r file; do
    [[ -e $ROOT/$file ]] || fault "$name: there is no $file"
  done < <(grep -oE '`(common|services|include|tests|scripts|docs)/[^` ]+`' "$page" | tr -d '`')
}

# ---- the board: "type producer consumers" --------------------------------------------------------------------

events_of_catalogue() {
  sed -nE 's/^ *E\([A-Z_]+, +[a-z_]+, +"([A-Za-z]+)", +"[0-9.]+", +([A-Z]+), +[a-z_]+, +SHOP_(NOBODY|CONSUMED_BY_[0-9]\(([A-Z, ]+)\))\).*/\1 \2 \4/p' \
    "$ROOT/include/shop/catalogue.h" | sed -E 's/ $/ -/; s/, /,/g' | while read -r type rest; do printf '%s %s\n' "$type" "${rest,,}"; done
}

events_of_board() {
  sed -nE 's/^\| [0-9]+ \| `([A-Za-z]+)` \| ([a-z]+) \| ([a-z, -]+) \|.*/\1 \2 \3/p' "$BOARD" | sed -E 's/, /,/g'
}

check_board() {
  local code
  code=$(events_of_catalogue | sort)
  [[ -n $code ]] || die "nothing was found in the catalogue"
  diff <(printf '%s\n' "$code") <(events_of_board | sort) || fault "docs/event-storming.md is not the catalogue (< code, > page)"
  diff <(cut -d ' ' -f 1 <<<"$code") <(sed -nE 's/.*class="event">([A-Za-z]+)<.*/\1/p' "$PICTURE" | sort -u) ||
    fault "docs/event-storming.svg has other events than the catalogue (< code, > picture)"
}

pages=0
for page in "$PAGES"/*.md; do
  [[ ${page##*/} != README.md ]] || continue
  pages=$((pages + 1))
  check_page "$page"
done
[[ $pages -ge 12 ]] || fault "docs/patterns has $pages pages"
check_board
[[ $failures -eq 0 ]]
