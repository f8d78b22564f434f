# Everything comes from the packages of Debian 12 or 13; docs/dependencies.md says why each.
find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
# Module mode: Debian's protobuf has no CMake config file. Before gRPC, which looks for it.
find_package(Protobuf 3.21 REQUIRED MODULE)
if(NOT TOKEN_SERVICE_WITHOUT_GRPC)
  find_package(gRPC 1.51 CONFIG REQUIRED)
  include(GrpcLinking)
  find_package(CLI11 2.1 CONFIG REQUIRED)
endif()
find_package(absl CONFIG REQUIRED)
find_package(CURL 7.88 REQUIRED)
find_package(OpenSSL 3 REQUIRED)
find_package(yaml-cpp CONFIG REQUIRED)
find_package(spdlog CONFIG REQUIRED)
find_package(prometheus-cpp CONFIG REQUIRED)
pkg_check_modules(SQLITE3 REQUIRED IMPORTED_TARGET sqlite3)
pkg_check_modules(SODIUM REQUIRED IMPORTED_TARGET libsodium)
pkg_check_modules(URCU REQUIRED IMPORTED_TARGET liburcu-bp liburcu-cds)
if(TOKEN_SERVICE_BUILD_TESTS)
  find_package(GTest 1.12 CONFIG REQUIRED)
endif()

if(TOKEN_SERVICE_SANITIZE STREQUAL "thread")
  # Debian's Abseil is not instrumented: without this every correctly locked line is reported as a race. Calls of
  # absl::Mutex and its kin go through wrappers that tell the sanitizer; nothing is suppressed.
  add_library(ts_tsan STATIC ${PROJECT_SOURCE_DIR}/cmake/tsan/absl_mutex.cc)
  target_link_libraries(ts_tsan PUBLIC absl::synchronization)
  file(STRINGS ${PROJECT_SOURCE_DIR}/cmake/tsan/wrapped_symbols wrapped)
  list(TRANSFORM wrapped PREPEND "-Wl,--wrap=")
  # Programs whose only caller of Abseil's mutexes is another shared library need the wrappers too.
  add_link_options(${wrapped} -Wl,--undefined=__wrap__ZN4absl7debian35Mutex4LockEv)
  link_libraries(ts_tsan)
endif()
