# ts_room(<name> SOURCES <files…> [PUBLIC <targets…>] [PRIVATE <targets…>])
# One static library a room, named ts_<name>. PUBLIC is for what the room's headers need.
function(ts_room name)
  cmake_parse_arguments(ROOM "" "" "SOURCES;PUBLIC;PRIVATE" ${ARGN})
  add_library(ts_${name} STATIC ${ROOM_SOURCES})
  target_include_directories(ts_${name} PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}>)
  target_link_libraries(ts_${name} PUBLIC ${ROOM_PUBLIC} PRIVATE $<BUILD_INTERFACE:ts_warnings> ${ROOM_PRIVATE})
endfunction()

# ts_test(<name> SOURCES <files…> DEPS <targets…>): one GoogleTest program, each case known to ctest.
function(ts_test name)
  cmake_parse_arguments(TEST "" "" "SOURCES;DEPS" ${ARGN})
  add_executable(${name} ${TEST_SOURCES})
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR})
  target_link_libraries(${name} PRIVATE ts_warnings ${TEST_DEPS} GTest::gmock GTest::gtest_main)
  gtest_discover_tests(${name} DISCOVERY_TIMEOUT 60 PROPERTIES TIMEOUT 300)
endfunction()
