#!/usr/bin/env bash
# The layers: a file includes its own layer or a lower one, and each outside library is named in its wrapper only.
#
#   scripts/check_includes.sh [ROOT]     exit 1 and one line per breach
#
#   base <- json <- store, amqp, http <- event <- work <- outbox <- inbox, jobs, projection <- service, catalogue <- services
#
# A header declares no function and names no struct that a higher room defines.
# Rooms of one floor do not know each other. catalogue is services/catalogue with include/shop, the first user of the library.
#
# Services never include each other, nor the private headers of common/. cJSON_GetObjectItem, which ignores case, is
# used nowhere. Tests may include what they like.
set -euo pipefail
# shellcheck source=scripts/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"
cd "${1:-$TERN_ROOT}"

# Where each public header of include/tern belongs. A header that is missing here is a breach: add it.
HEADERS="
  base     backoff base clock config error id log metrics money text version
  json     json mask schema
  store    db
     
  http     http http_client
  event    catalogue event
  work     context
  outbox   event_log outbox
  inbox    inbox
  jobs     jobs timers
  projection projection
  service  service
"

# Who may name an outside library: header (a pattern), the files that may include it (a pattern), its name.
LIBRARIES="
  ^(rabbitmq-c/|amqp|rabbitmq)    ^common/amqp/                                                  rabbitmq-c
  ^sqlite3                        ^common/store/sqlite/                                          SQLite
  ^microhttpd                     ^common/http/                                                  libmicrohttpd
  ^cjson/|^cJSON                  ^common/(json/|event/event[.]c)                                cJSON
  ^uuid/                          ^common/base/id[.]c$                                           libuuid
  ^openssl/                       ^common/                                                       OpenSSL
  ^curl/                          ^common/http/http_(client|probe)[.]c$                          libcurl
"

mapfile -t files < <(find include common services -name '*.[ch]' -type f 2>/dev/null | sort)
[[ ${#files[@]} -gt 0 ]] || die "there is no C file to look at"

awk -v headers="$HEADERS" -v libraries="$LIBRARIES" '
  BEGIN {
    floors = split("base json store,amqp,http event work outbox inbox,jobs,projection service,catalogue services", floor, " ")
    for (i = 1; i <= floors; i++) {
      rooms = split(floor[i], room, ",")
      for (j = 1; j <= rooms; j++) rank[room[j]] = i
    }
    rows = split(headers, row, "\n")
    for (i = 1; i <= rows; i++) {
      words = split(row[i], word, " ")
      for (j = 2; j <= words; j++) layer_of_header[word[j]] = word[1]
    }
    rows = split(libraries, row, "\n")
    for (i = 1; i <= rows; i++)
      if (split(row[i], word, " ") == 3) { library[++n] = word[3]; library_header[n] = word[1]; library_user[n] = word[2] }
  }

  function breach(text) { print FILENAME ":" FNR ": " text; breaches++ }

  # The layer of a file, or of what an #include names; "" for what is not ours.
  function layer_of(path,   part) {
    split(path, part, "/")
    if (part[1] == "include") { sub(/^include\//, "", path); return layer_of(path) }
    if (part[1] == "tern") { sub(/^tern\//, "", path); sub(/\.h$/, "", path); return layer_of_header[path] }
    if (part[1] == "shop") return "catalogue"
    if (part[1] == "common") return part[2]
    if (part[1] == "services") return part[2] == "catalogue" ? "catalogue" : "services"
    return ""
  }

  FNR == 1 {
    here = layer_of(FILENAME)
    split(FILENAME, at, "/")
    if (!(here in rank)) breach("belongs to no layer: put it into the table of scripts/check_includes.sh")
  }

  tolower($0) ~ /cjson_getobjectitem[ \t]*\(/ { breach("cJSON_GetObjectItem ignores case: use cJSON_GetObjectItemCaseSensitive") }

  /^[ \t]*#[ \t]*include[ \t]*[<"]/ {
    name = $0
    sub(/^[^<"]*[<"]/, "", name); sub(/[>"].*$/, "", name)

    for (i = 1; i <= n; i++)
      if (name ~ library_header[i] && FILENAME !~ library_user[i] && $0 ~ /</) breach(library[i] " is named outside its wrapper: " name)

    if (name ~ /\.\./) breach("an include goes up a folder: " name)
    if (name !~ /\//) next      # a system header, or one of the same folder
    there = layer_of(name)
    if (name ~ /^tern\// && there == "") { breach("no such public header in the table: " name); next }
    if (there == "") next

    if (rank[there] > rank[here]) breach(here " includes upward: " name)
    else if (there != here && rank[there] == rank[here]) breach(here " and " there " do not know each other: " name)
    if ((here == "services" || here == "catalogue") && name ~ /^common\//) breach("a service uses a private header of common: " name)
    if (here == "services" && name ~ /^services\//) {
      split(name, other, "/")
      if (other[2] != at[2]) breach("services never include each other: " name)
    }
  }

  # ---- what headers declare, and where it is defined ----

  # A line of code without its comments; "" inside one.
  function code_of(line) {
    gsub(/\/\*[^*]*\*\//, "", line)
    sub(/\/\*.*/, "", line)
    return line ~ /^[ \t]*\*/ ? "" : line
  }

  # The name of the function whose head begins in column 0; "" for anything else.
  function function_of(line) {
    if (line !~ /^[a-z]/ || line ~ /^(static|typedef|extern|return|else)/ || line !~ /[a-z0-9_]+\(/) return ""
    match(line, /[a-z0-9_]+\(/)
    return substr(line, RSTART, RLENGTH - 1)
  }

  { code = code_of($0) }

  code ~ /^struct [a-z0-9_]+ \{/ { split(code, word, " "); defined["struct " word[2]] = here }

  FILENAME ~ /[.]c$/ && code !~ /;/ && (name = function_of(code)) != "" { defined[name] = here }

  FILENAME ~ /[.]h$/ {
    name = function_of(code)
    if (name != "") declared[FILENAME ":" FNR, name] = here
    while (match(code, /struct [a-z0-9_]+/)) {
      declared[FILENAME ":" FNR, substr(code, RSTART, RLENGTH)] = here
      code = substr(code, RSTART + RLENGTH)
    }
  }

  END {
    for (key in declared) {
      split(key, place, SUBSEP)
      there = defined[place[2]]
      if (there != "" && rank[there] > rank[declared[key]]) {
        print place[1] ": " declared[key] " declares what " there " defines: " place[2]
        breaches++
      }
    }
    exit breaches > 0
  }
' "${files[@]}" || die "the layers are broken; the rules stand in scripts/check_includes.sh"
say "includes: ${#files[@]} files keep to their layers"
