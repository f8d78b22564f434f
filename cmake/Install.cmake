# What `cmake --install` puts where, by component:
#   server    token-server, its protos     client       token-client
#   sandbox   ticket-api-sandbox           development  the C++ client library with its CMake package and pkg-config file
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

install(TARGETS token-server RUNTIME COMPONENT server)
install(TARGETS token-client RUNTIME COMPONENT client)
if(TARGET ticket-api-sandbox)
  install(TARGETS ticket-api-sandbox RUNTIME COMPONENT sandbox)
endif()

# For stubs in other languages: docs/clients.md.
set(TOKEN_SERVICE_PROTO_DIR ${CMAKE_INSTALL_DATADIR}/token-service/proto)
install(DIRECTORY proto/token DESTINATION ${TOKEN_SERVICE_PROTO_DIR} COMPONENT development FILES_MATCHING PATTERN *.proto)

# The generated code of google.rpc is linked, but its headers stay here: /usr/include/google is not ours.
set_target_properties(ts_client PROPERTIES EXPORT_NAME client OUTPUT_NAME token_service_client)
set_target_properties(token_proto PROPERTIES EXPORT_NAME proto OUTPUT_NAME token_service_proto)
set_target_properties(google_rpc_proto PROPERTIES EXPORT_NAME google_rpc OUTPUT_NAME token_service_google_rpc)
install(TARGETS ts_client token_proto google_rpc_proto EXPORT TokenService
  ARCHIVE COMPONENT development
  FILE_SET HEADERS COMPONENT development
  INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(DIRECTORY ${PROJECT_BINARY_DIR}/proto/generated/token DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
  COMPONENT development FILES_MATCHING PATTERN *.pb.h)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/TokenService)
configure_package_config_file(cmake/TokenServiceConfig.cmake.in ${PROJECT_BINARY_DIR}/TokenServiceConfig.cmake
  INSTALL_DESTINATION ${package_dir} PATH_VARS TOKEN_SERVICE_PROTO_DIR)
# Before 1.0 each minor version may change the interface.
write_basic_package_version_file(${PROJECT_BINARY_DIR}/TokenServiceConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/TokenServiceConfig.cmake ${PROJECT_BINARY_DIR}/TokenServiceConfigVersion.cmake
  DESTINATION ${package_dir} COMPONENT development)
install(EXPORT TokenService NAMESPACE TokenService:: FILE TokenServiceTargets.cmake
  DESTINATION ${package_dir} COMPONENT development)

file(RELATIVE_PATH PC_TO_PREFIX /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
configure_file(cmake/token-service-client.pc.in ${PROJECT_BINARY_DIR}/token-service-client.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/token-service-client.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig
  COMPONENT development)
