# Warnings for our own code only: targets opt in by linking ts_warnings (Room.cmake does).
add_library(ts_warnings INTERFACE)
target_compile_options(ts_warnings INTERFACE -Wall -Wextra -Wconversion -Werror
                       # Designated initialisers name what differs from the default.
                       -Wno-missing-field-initializers)
if(CMAKE_CXX_COMPILER_ID MATCHES Clang)
  target_compile_options(ts_warnings INTERFACE -Wthread-safety -Wthread-safety-beta)
endif()

# Abseil of 2026 has absl::MutexLock(mutex), and calls absl::MutexLock(&mutex) deprecated, which is all that Debian 12's has.
find_package(absl CONFIG REQUIRED)
if(absl_VERSION VERSION_GREATER_EQUAL 20250000)
  target_compile_options(ts_warnings INTERFACE -Wno-deprecated-declarations)
endif()

if(CMAKE_CXX_COMPILER_ID STREQUAL GNU)
  # GCC 12 sees uninitialised reads inside std::optional and std::variant that are not there.
  target_compile_options(ts_warnings INTERFACE -Wno-maybe-uninitialized)
endif()

if(TOKEN_SERVICE_SANITIZE)
  add_compile_options(-fsanitize=${TOKEN_SERVICE_SANITIZE} -fno-omit-frame-pointer
                      -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${TOKEN_SERVICE_SANITIZE})
endif()

# Nothing to overwrite where functions of shared libraries are called.
add_link_options(-Wl,-z,relro -Wl,-z,now)

# No path of this machine in what is built; and a checkout in another folder finds the first one's objects in the cache.
add_compile_options(-ffile-prefix-map=${PROJECT_SOURCE_DIR}=.)
find_program(CCACHE_PROGRAM ccache)
if(CCACHE_PROGRAM AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_C_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_BASEDIR=${PROJECT_SOURCE_DIR} CCACHE_NOHASHDIR=1
                                ${CCACHE_PROGRAM})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_C_COMPILER_LAUNCHER})
endif()
