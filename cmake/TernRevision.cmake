# Writes tern/version.h (TERN_VERSION, TERN_REVISION) before each build.
#
# A header instead of a -D flag: a new commit then rebuilds the few files that show the revision, not everything.
# The file is touched only when its content changes.

set(TERN_GENERATED_INCLUDE "${PROJECT_BINARY_DIR}/generated/include")

set(tern_write_revision ${CMAKE_COMMAND}
  "-DSOURCE_DIR=${PROJECT_SOURCE_DIR}" "-DVERSION=${PROJECT_VERSION}" "-DREVISION=${TERN_REVISION}"
  "-DOUTPUT=${TERN_GENERATED_INCLUDE}/tern/version.h"
  -P "${CMAKE_CURRENT_LIST_DIR}/write_revision.cmake")
execute_process(COMMAND ${tern_write_revision} COMMAND_ERROR_IS_FATAL ANY)

add_custom_target(tern_revision
  COMMAND ${tern_write_revision}
  BYPRODUCTS "${TERN_GENERATED_INCLUDE}/tern/version.h"
  COMMENT "" VERBATIM)
