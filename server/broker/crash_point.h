#pragma once

// A named moment of a refresh at which the torture test (tests/torture) kills the process. Only
// that test's build of refresher.cc and refresh_scheduler.cc defines TOKEN_SERVICE_CRASH_POINTS;
// everywhere else a point is nothing at all.

#ifdef TOKEN_SERVICE_CRASH_POINTS

#include <cstdint>
#include <string_view>

namespace token_service::testing {
// `value` is for the record: the generation, or what an exchange came to.
void AtCrashPoint(std::string_view point, std::string_view credential, uint64_t value);
}  // namespace token_service::testing

#define TS_CRASH_POINT(point, credential, value) \
  ::token_service::testing::AtCrashPoint(point, credential, value)

#else
#define TS_CRASH_POINT(point, credential, value) static_cast<void>(0)
#endif
