# What `cmake --install` lays down besides the daemons: libtern for programs that want to stand on it.

include(CMakePackageConfigHelpers)

file(GLOB public_headers CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/include/*/*.h")
if(public_headers)
  install(DIRECTORY "${PROJECT_SOURCE_DIR}/include/" DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}" FILES_MATCHING PATTERN "*.h")
endif()
install(FILES "${TERN_GENERATED_INCLUDE}/tern/version.h" DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}/tern")

install(TARGETS tern shop EXPORT ternTargets ARCHIVE)
install(EXPORT ternTargets NAMESPACE tern:: DESTINATION "${CMAKE_INSTALL_LIBDIR}/cmake/tern")

configure_package_config_file("${PROJECT_SOURCE_DIR}/cmake/ternConfig.cmake.in" "${PROJECT_BINARY_DIR}/ternConfig.cmake"
  INSTALL_DESTINATION "${CMAKE_INSTALL_LIBDIR}/cmake/tern")
write_basic_package_version_file("${PROJECT_BINARY_DIR}/ternConfigVersion.cmake" COMPATIBILITY SameMinorVersion)
install(FILES "${PROJECT_BINARY_DIR}/ternConfig.cmake" "${PROJECT_BINARY_DIR}/ternConfigVersion.cmake"
              "${PROJECT_SOURCE_DIR}/cmake/TernLibraries.cmake"
        DESTINATION "${CMAKE_INSTALL_LIBDIR}/cmake/tern")

# Relative to where the .pc file lies, so that `cmake --install --prefix` and a moved tree both hold.
file(RELATIVE_PATH TERN_PC_PREFIX "/p/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/p")
configure_file("${PROJECT_SOURCE_DIR}/cmake/tern.pc.in" "${PROJECT_BINARY_DIR}/tern.pc" @ONLY)
install(FILES "${PROJECT_BINARY_DIR}/tern.pc" DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig")
