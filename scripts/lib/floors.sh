# shellcheck shell=bash
# scripts/lib/floors.sh - whether a proof did as much as it has to. Sourced by .ci/run; needs scripts/lib/common.sh.

# count_of PATTERN FILE: the number in the last line of FILE that matches; nothing when there is none.
count_of() {
  local line count=
  while IFS= read -r line; do
    [[ ! $line =~ $1 ]] || count=${BASH_REMATCH[1]}
  done <"$2"
  printf '%s' "$count"
}

# has_floor STEP FLOORS: the table has a floor for it.
has_floor() { grep -q "^$1 " "$2"; }

# reaches_floors STEP OUTPUT FLOORS: every floor of STEP in the table FLOORS is reached in the file OUTPUT; says so of each.
reaches_floors() {
  local step least pattern count status=0
  while read -r step least pattern; do
    [[ $step == "$1" ]] || continue
    count=$(count_of "$pattern" "$2")
    if [[ -z $count ]]; then
      warn "$1: no line says \"$pattern\", which has to be $least at least"
      status=1
    elif ((10#$count < least)); then
      warn "$1: $count is less than the $least of \"$pattern\""
      status=1
    else
      say "$1: $count of at least $least ($pattern)"
    fi
  done < <(grep -v '^#' "$3")
  return "$status"
}
