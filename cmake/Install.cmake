# What `cmake --install` puts where, by component:
#   server       token-server, its man page, docs/, the dashboard and the alerts
#   client       token-client and its man page
#   development  the C++ client library with its CMake package and pkg-config file, and the protos
#   sandbox      ticket-api-sandbox
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

install(TARGETS token-server RUNTIME COMPONENT server)
install(TARGETS token-client RUNTIME COMPONENT client)
if(TARGET ticket-api-sandbox)
  install(TARGETS ticket-api-sandbox RUNTIME COMPONENT sandbox)
endif()

# At install time: not every build makes both programs.
foreach(program server client)
  set(page token-${program}.1)
  install(CODE "
    execute_process(COMMAND \"${CMAKE_COMMAND}\" -DPROGRAM=$<TARGET_FILE:token-${program}> -DVERSION=${PROJECT_VERSION}
      -DTEMPLATE=${PROJECT_SOURCE_DIR}/deploy/man/${page}.in -DOUTPUT=${PROJECT_BINARY_DIR}/${page}.gz
      -P ${PROJECT_SOURCE_DIR}/cmake/ManPage.cmake COMMAND_ERROR_IS_FATAL ANY)" COMPONENT ${program})
  install(FILES ${PROJECT_BINARY_DIR}/${page}.gz DESTINATION ${CMAKE_INSTALL_MANDIR}/man1 COMPONENT ${program})
endforeach()
install(DIRECTORY docs/ DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/token-server COMPONENT server
        FILES_MATCHING PATTERN *.md PATTERN adr EXCLUDE)
install(FILES deploy/grafana/token-service.json DESTINATION ${CMAKE_INSTALL_DATADIR}/token-service/grafana COMPONENT server)
install(FILES deploy/prometheus/alerts.yaml DESTINATION ${CMAKE_INSTALL_DATADIR}/token-service/prometheus COMPONENT server)

# For stubs in other languages: docs/clients.md.
set(TOKEN_SERVICE_PROTO_DIR ${CMAKE_INSTALL_DATADIR}/token-service/proto)
install(DIRECTORY proto/token proto/google DESTINATION ${TOKEN_SERVICE_PROTO_DIR} COMPONENT development FILES_MATCHING PATTERN *.proto)

# The generated code of google.rpc is linked, but its headers stay here: /usr/include/google is not ours.
set_target_properties(ts_client PROPERTIES EXPORT_NAME client OUTPUT_NAME token_service_client)
set_target_properties(ts_client_core PROPERTIES EXPORT_NAME client_core OUTPUT_NAME token_service_client_core)
set_target_properties(token_proto PROPERTIES EXPORT_NAME proto OUTPUT_NAME token_service_proto)
set_target_properties(google_rpc_proto PROPERTIES EXPORT_NAME google_rpc OUTPUT_NAME token_service_google_rpc)
install(TARGETS ts_client ts_client_core token_proto google_rpc_proto EXPORT TokenService
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
