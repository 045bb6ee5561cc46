# Flags of every file of the project, as one interface target: tern_flags.

include(CheckCCompilerFlag)
include(CheckLinkerFlag)
include(CheckPIESupported)

set(CMAKE_C_STANDARD 11)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_C_FLAGS_DEBUG "-Og -g")
set(CMAKE_C_FLAGS_RELEASE "-O2 -g") # no NDEBUG: an assert guards an invariant in production too
set(CMAKE_C_FLAGS_RELWITHDEBINFO "-O2 -g")

check_pie_supported(LANGUAGES C)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

add_library(tern_flags INTERFACE)
target_compile_definitions(tern_flags INTERFACE _GNU_SOURCE
  $<$<BOOL:${TERN_CHAOS}>:TERN_CHAOS>)
target_include_directories(tern_flags INTERFACE "${PROJECT_SOURCE_DIR}") # for "common/amqp/amqp_link.h"
target_compile_options(tern_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wformat=2 -Wstrict-prototypes -Wmissing-prototypes
  $<$<BOOL:${TERN_WERROR}>:-Werror>)
target_link_options(tern_flags INTERFACE -Wl,--as-needed) # one daemon of four calls libcurl: the others do not load it

if(TERN_SANITIZE)
  set(sanitize "-fsanitize=${TERN_SANITIZE}")
  target_compile_options(tern_flags INTERFACE -O1 ${sanitize} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(tern_flags INTERFACE ${sanitize})
endif()

# All of our code reports to libFuzzer what it has run; only the targets of tests/fuzz get its main().
if(TERN_FUZZ)
  target_compile_options(tern_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()

if(TERN_COVERAGE)
  target_compile_options(tern_flags INTERFACE --coverage -O0 -fprofile-update=atomic)
  target_link_options(tern_flags INTERFACE --coverage)
endif()

# Each flag is used where the compiler knows it: gcc and clang, and their versions, differ.
function(tern_try_compile_flags)
  foreach(flag IN LISTS ARGN)
    string(MAKE_C_IDENTIFIER "TERN_HAS_${flag}" known)
    check_c_compiler_flag("${flag}" ${known})
    if(${known})
      target_compile_options(tern_flags INTERFACE "${flag}")
    endif()
  endforeach()
endfunction()

function(tern_try_link_flags)
  foreach(flag IN LISTS ARGN)
    string(MAKE_C_IDENTIFIER "TERN_HAS_${flag}" known)
    check_linker_flag(C "${flag}" ${known})
    if(${known})
      target_link_options(tern_flags INTERFACE "${flag}")
    endif()
  endforeach()
endfunction()

if(TERN_HARDENING)
  set(CMAKE_REQUIRED_FLAGS "-Werror")
  tern_try_compile_flags(-fstack-protector-strong -fstack-clash-protection -fcf-protection=full
    -ftrivial-auto-var-init=zero -fno-delete-null-pointer-checks -fno-strict-overflow -fno-strict-aliasing)
  unset(CMAKE_REQUIRED_FLAGS)
  target_compile_options(tern_flags INTERFACE -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3)
  tern_try_link_flags(-Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack -Wl,--as-needed)
endif()
