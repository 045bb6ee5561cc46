# Embeds numbered .sql files: tern_embed_migrations(<target> <array> <folder>).
#
# <folder>/NNN_name.sql become rows of `const struct tern_migration <array>[]`, in the order of their numbers, closed by a
# row {0, NULL, NULL}; `<array>_count` is the number of rows before that. The texts are written as bytes, because a
# C compiler need not take string literals over 4,095 characters. Without .sql files nothing is added.

set(TERN_EMBED_SCRIPT "${CMAKE_CURRENT_LIST_DIR}/embed_migrations.cmake")

function(tern_embed_migrations target array folder)
  file(GLOB files CONFIGURE_DEPENDS "${folder}/*.sql")
  if(NOT files)
    return()
  endif()
  set(output "${PROJECT_BINARY_DIR}/generated/${array}.c")
  add_custom_command(
    OUTPUT "${output}"
    COMMAND ${CMAKE_COMMAND} "-DARRAY=${array}" "-DOUTPUT=${output}" "-DFILES=${files}" -P "${TERN_EMBED_SCRIPT}"
    DEPENDS ${files} "${TERN_EMBED_SCRIPT}"
    COMMENT "Embedding ${array}" VERBATIM)
  target_sources(${target} PRIVATE "${output}")
endfunction()
