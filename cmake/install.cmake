# What a C user gets: header, libraries, pkg-config file and CMake package.
install(FILES core/include/statekeep.h core/include/statekeep_ops.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(TARGETS statekeep_shared statekeep_static EXPORT statekeep
    LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
    ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(EXPORT statekeep NAMESPACE statekeep:: FILE statekeep-targets.cmake
    DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/statekeep)

configure_package_config_file(cmake/statekeep-config.cmake.in ${PROJECT_BINARY_DIR}/statekeep-config.cmake
    INSTALL_DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/statekeep)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/statekeep-config-version.cmake COMPATIBILITY SameMajorVersion)
install(FILES ${PROJECT_BINARY_DIR}/statekeep-config.cmake ${PROJECT_BINARY_DIR}/statekeep-config-version.cmake
    DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/statekeep)

configure_file(cmake/statekeep.pc.in ${PROJECT_BINARY_DIR}/statekeep.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/statekeep.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
