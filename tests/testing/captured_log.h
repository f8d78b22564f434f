#pragma once

#include <gtest/gtest.h>

#include <string>

#include "server/telemetry/log.h"

namespace token_service::testing {

// What `work` writes to the log.
template <typename Work>
std::string CapturedLog(Work work) {
  telemetry::FlushLog();  // What came before is not `work`'s.
  ::testing::internal::CaptureStderr();
  work();
  telemetry::FlushLog();
  return ::testing::internal::GetCapturedStderr();
}

}  // namespace token_service::testing
