# cmake -DSOURCE_DIR= -DVERSION= -DREVISION= -DOUTPUT= -P: see TernRevision.cmake.
cmake_minimum_required(VERSION 3.25)

if(NOT REVISION AND EXISTS "${SOURCE_DIR}/.git")
  execute_process(COMMAND git -c "safe.directory=${SOURCE_DIR}" -C "${SOURCE_DIR}" rev-parse --short=12 HEAD
    OUTPUT_VARIABLE REVISION OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE failed)
  if(failed)
    set(REVISION "")
  endif()
endif()
if(NOT REVISION)
  set(REVISION "unknown")
endif()

set(text "/* tern/version.h - which build this is. Written by the build. */
#ifndef TERN_VERSION_H
#define TERN_VERSION_H

#define TERN_VERSION \"${VERSION}\"
#define TERN_REVISION \"${REVISION}\"

#endif
")
set(old "")
if(EXISTS "${OUTPUT}")
  file(READ "${OUTPUT}" old)
endif()
if(NOT old STREQUAL text)
  file(WRITE "${OUTPUT}" "${text}")
endif()
