# The libraries of others, by pkg-config: Debian ships a .pc file for each, and header places differ by release.
# ternConfig.cmake includes this file too, so that an installed tern::tern finds the same targets.

find_package(PkgConfig REQUIRED)
set(THREADS_PREFER_PTHREAD_FLAG ON)
find_package(Threads REQUIRED)

foreach(row IN ITEMS
    "RABBITMQ librabbitmq>=0.11" "MICROHTTPD libmicrohttpd>=0.9.75" "CJSON libcjson>=1.7.15" "UUID uuid"
    "SQLITE sqlite3>=3.40" "OPENSSL openssl>=3.0" "CURL libcurl>=7.88")
  string(REPLACE " " ";" row "${row}")
  list(GET row 0 prefix)
  list(GET row 1 module)
  if(NOT TARGET PkgConfig::${prefix})
    pkg_check_modules(${prefix} REQUIRED QUIET IMPORTED_TARGET GLOBAL "${module}")
  endif()
endforeach()
