# cmake -DARRAY= -DOUTPUT= "-DFILES=a.sql;b.sql" -P: writes the C file described in TernMigrations.cmake.
cmake_minimum_required(VERSION 3.25)

list(SORT FILES COMPARE NATURAL)
set(texts "")
set(rows "")
set(count 0)
set(seen "")

foreach(file IN LISTS FILES)
  get_filename_component(stem "${file}" NAME_WE)
  if(NOT stem MATCHES "^0*([1-9][0-9]*)_([a-z0-9_]+)$")
    message(FATAL_ERROR "${file}: a migration is named NNN_name.sql, the number from 1, the name in a-z 0-9 _")
  endif()
  set(number ${CMAKE_MATCH_1})
  set(name ${CMAKE_MATCH_2})
  if(number IN_LIST seen)
    message(FATAL_ERROR "${file}: there is another migration with the number ${number}")
  endif()
  list(APPEND seen ${number})

  file(READ "${file}" hex HEX)
  if(hex MATCHES "^(..)*00")
    message(FATAL_ERROR "${file}: holds a NUL byte")
  endif()
  string(REGEX REPLACE "(..)" "'\\\\x\\1'," bytes "${hex}")
  string(REPLACE "'\\x0a'," "'\\x0a',\n    " bytes "${bytes}") # a line of SQL is a line of bytes
  string(APPEND texts "\nstatic const char sql_${number}[] = {\n    ${bytes}'\\0'};\n")
  string(APPEND rows "    {${number}, \"${name}\", sql_${number}},\n")
  math(EXPR count "${count} + 1")
endforeach()

file(WRITE "${OUTPUT}" "/* Written by the build from the .sql files. */
#include <stddef.h>

#include \"tern/db.h\"

extern const struct tern_migration ${ARRAY}[];
extern const size_t ${ARRAY}_count;
${texts}
const struct tern_migration ${ARRAY}[] = {
${rows}    {0, NULL, NULL},
};
const size_t ${ARRAY}_count = ${count};
")
