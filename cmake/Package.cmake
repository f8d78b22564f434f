# `cpack --config build/release/CPackConfig.cmake` makes three Debian packages: token-server, token-client and
# libtoken-service-dev. What only they hold is in the components *-debian, left out of `cmake --install`.
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_VENDOR "Token Service maintainers")
set(CPACK_PACKAGE_CONTACT "Token Service maintainers <maintainers@token-service.example>")
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
# Each package has one of its own.
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "")
set(CPACK_PACKAGE_DIRECTORY ${PROJECT_BINARY_DIR}/packages)
set(CPACK_STRIP_FILES ON)
# With DESTDIR, so that /etc is the package's.
set(CPACK_SET_DESTDIR ON)
set(CPACK_INSTALL_PREFIX /usr)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
    OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_COMPONENTS_GROUPING ONE_PER_GROUP)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_RELEASE 1)
set(CPACK_DEBIAN_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_PACKAGE_SOURCE token-service)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_DEBUGINFO_PACKAGE OFF)

# Copyright, changelog and the component's own, for the package `name`.
function(ts_debian_documents name component)
  set(compressed ${PROJECT_BINARY_DIR}/debian/changelog.Debian.gz)
  install(CODE "file(MAKE_DIRECTORY ${PROJECT_BINARY_DIR}/debian)
                execute_process(COMMAND gzip -9nc ${PROJECT_SOURCE_DIR}/deploy/debian/changelog
                                OUTPUT_FILE ${compressed} COMMAND_ERROR_IS_FATAL ANY)"
          COMPONENT ${component} EXCLUDE_FROM_ALL)
  install(FILES deploy/debian/copyright ${compressed} DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/${name}
          COMPONENT ${component} EXCLUDE_FROM_ALL)
endfunction()

ts_debian_documents(token-server server-debian)
ts_debian_documents(token-client client-debian)
ts_debian_documents(libtoken-service-dev development-debian)
install(FILES deploy/token-server.yaml DESTINATION /etc/token-server COMPONENT server-debian EXCLUDE_FROM_ALL)
install(FILES deploy/logrotate/token-server DESTINATION /etc/logrotate.d COMPONENT server-debian EXCLUDE_FROM_ALL)
install(FILES deploy/systemd/token-server.service DESTINATION /lib/systemd/system
        COMPONENT server-debian EXCLUDE_FROM_ALL)
# Secrets, for LoadCredential= of the unit.
install(DIRECTORY DESTINATION /etc/token-server/refresh-tokens COMPONENT server-debian EXCLUDE_FROM_ALL
        DIRECTORY_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE)
install(DIRECTORY DESTINATION /etc/token-server/keys COMPONENT server-debian EXCLUDE_FROM_ALL
        DIRECTORY_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE)

set(CPACK_COMPONENTS_ALL server server-debian client client-debian development development-debian)
foreach(name server client development)
  string(TOUPPER ${name} group)
  set(CPACK_COMPONENT_${group}_GROUP ${name})
  set(CPACK_COMPONENT_${group}-DEBIAN_GROUP ${name})
endforeach()

set(CPACK_DEBIAN_SERVER_PACKAGE_NAME token-server)
set(CPACK_DEBIAN_SERVER_DESCRIPTION "custodian of OAuth 2.0 refresh tokens, behind gRPC
Keeps refresh tokens sealed on disk, exchanges them at the provider as rarely
as possible and never twice at once, and gives microservices the current
access token over gRPC. Made for providers that replace the refresh token at
each use.")
set(CPACK_DEBIAN_SERVER_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_SERVER_PACKAGE_DEPENDS "adduser, ca-certificates")
set(CPACK_DEBIAN_SERVER_PACKAGE_RECOMMENDS "token-client")
set(CPACK_DEBIAN_SERVER_PACKAGE_CONTROL_EXTRA
    ${PROJECT_SOURCE_DIR}/deploy/debian/conffiles ${PROJECT_SOURCE_DIR}/deploy/debian/postinst
    ${PROJECT_SOURCE_DIR}/deploy/debian/prerm ${PROJECT_SOURCE_DIR}/deploy/debian/postrm)

set(CPACK_DEBIAN_CLIENT_PACKAGE_NAME token-client)
set(CPACK_DEBIAN_CLIENT_DESCRIPTION "command for getting access tokens from token-server
Prints the current access token as a token, as a header for curl or as JSON,
and lets operators keep the credentials of a token-server.")
set(CPACK_DEBIAN_CLIENT_PACKAGE_SHLIBDEPS ON)

set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_NAME libtoken-service-dev)
set(CPACK_DEBIAN_DEVELOPMENT_DESCRIPTION "C++ client library of token-server
The static library with its headers, the generated stubs, a CMake package, a
pkg-config file, and the proto files for other languages.")
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_DEPENDS "libgrpc++-dev (>= 1.51), libprotobuf-dev (>= 3.21), libabsl-dev")

include(CPack)
