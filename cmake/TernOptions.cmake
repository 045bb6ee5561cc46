# What a builder may choose. The defaults are what is run: a release, hardened, without anything that only tests need.
# The presets set what they need otherwise.

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Release: -O2 -g, asserts stay on; or Debug" FORCE)
endif()

option(TERN_WERROR "Warnings are errors" ON)
option(TERN_COVERAGE "Count executed lines (gcov)" OFF)
option(TERN_CHAOS "Compile in the kill points of common/base/chaos.h (tests only)" OFF)
set(TERN_SANITIZE "" CACHE STRING "Sanitizers, separated by commas: address,undefined or thread")
set(hardening_default ON)
if(TERN_SANITIZE OR TERN_COVERAGE)
  set(hardening_default OFF) # fortified calls pass by the sanitizers' own; gcov counts unoptimised code
endif()
option(TERN_HARDENING "Compile and link with the hardening flags of the OpenSSF guide" ${hardening_default})
option(TERN_FUZZ "Build the fuzz targets with libFuzzer (clang only)" OFF)
set(TERN_TESTS AUTO CACHE STRING "Build the tests: ON, OFF, or AUTO (when cmocka is installed)")
set(TERN_REVISION "" CACHE STRING "Revision to show instead of asking git (for builds from an archive)")

include(FindPkgConfig)
if(TERN_TESTS STREQUAL "AUTO")
  pkg_check_modules(CMOCKA IMPORTED_TARGET cmocka)
  if(NOT CMOCKA_FOUND)
    message(STATUS "No cmocka here: the tests are left out")
    set(TERN_TESTS OFF)
  endif()
elseif(TERN_TESTS)
  pkg_check_modules(CMOCKA REQUIRED IMPORTED_TARGET cmocka)
endif()
