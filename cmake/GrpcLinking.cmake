# ts_grpc and ts_grpc_reflection: link these, not gRPC::grpc++. Programs get Debian's shared gRPC, but those with the
# property TS_STATIC_GRPC its static one: no jumps through tables between gRPC's own libraries, 9 % of the instructions of
# a cached call (docs/adr/0012-answers-as-bytes.md).
option(TOKEN_SERVICE_STATIC_GRPC "Link token-server with gRPC's static libraries, where they are installed" ON)
set(TOKEN_SERVICE_ALLOCATOR "auto" CACHE STRING
    "token-server's malloc: tcmalloc, system, or auto (tcmalloc, but system with a sanitizer)")
set_property(CACHE TOKEN_SERVICE_ALLOCATOR PROPERTY STRINGS auto tcmalloc system)

add_library(ts_grpc INTERFACE)
add_library(ts_grpc_reflection INTERFACE)

set(archives)
# Later ones need archives that CMake is told of by nobody.
if(TOKEN_SERVICE_STATIC_GRPC AND NOT TOKEN_SERVICE_SANITIZE AND gRPC_VERSION VERSION_LESS 1.53)
  get_target_property(shared gRPC::grpc++ LOCATION)
  get_filename_component(directory ${shared} DIRECTORY)
  # In the order in which each needs the next.
  foreach(name grpc++_reflection grpc++ grpc address_sorting upb gpr)
    find_library(TS_ARCHIVE_${name} lib${name}.a PATHS ${directory} NO_DEFAULT_PATH)
    mark_as_advanced(TS_ARCHIVE_${name})
    list(APPEND archives ${TS_ARCHIVE_${name}})
  endforeach()
endif()
if(archives AND NOT archives MATCHES NOTFOUND)
  # What the archives need besides each other is what the shared libraries need.
  add_library(ts_grpc_archives INTERFACE)
  set(others)
  foreach(target gRPC::grpc++ gRPC::grpc gRPC::gpr)
    get_target_property(needs ${target} INTERFACE_LINK_LIBRARIES)
    list(APPEND others ${needs})
  endforeach()
  list(FILTER others EXCLUDE REGEX "^gRPC::")
  list(REMOVE_DUPLICATES others)
  target_link_libraries(ts_grpc_archives INTERFACE ${archives} ${others})
  set(static "$<BOOL:$<TARGET_PROPERTY:TS_STATIC_GRPC>>")
  target_link_libraries(ts_grpc INTERFACE "$<IF:${static},ts_grpc_archives,gRPC::grpc++>")
  target_link_libraries(ts_grpc_reflection INTERFACE "$<IF:${static},ts_grpc_archives,gRPC::grpc++_reflection>")
else()
  target_link_libraries(ts_grpc INTERFACE gRPC::grpc++)
  target_link_libraries(ts_grpc_reflection INTERFACE gRPC::grpc++_reflection)
endif()
unset(archives)

# ts_use_allocator(<program>): the one of TOKEN_SERVICE_ALLOCATOR. A cached call allocates some fifty times, all but one
# of them gRPC; tcmalloc makes that 6 % fewer instructions (mimalloc and jemalloc 1 %).
function(ts_use_allocator program)
  set(allocator ${TOKEN_SERVICE_ALLOCATOR})
  if(allocator STREQUAL "auto")
    set(allocator tcmalloc)
    if(TOKEN_SERVICE_SANITIZE)
      set(allocator system)
    endif()
  endif()
  if(allocator STREQUAL "tcmalloc")
    find_library(TS_TCMALLOC tcmalloc_minimal REQUIRED)
    mark_as_advanced(TS_TCMALLOC)
    # Nothing refers to it by name.
    target_link_libraries(${program} PRIVATE -Wl,--push-state,--no-as-needed,${TS_TCMALLOC},--pop-state)
  elseif(NOT allocator STREQUAL "system")
    message(FATAL_ERROR "TOKEN_SERVICE_ALLOCATOR: tcmalloc, system or auto, not ${allocator}")
  endif()
endfunction()
