#include "server/app/library_logs.h"

#include <gmock/gmock.h>
#include <google/protobuf/stubs/logging.h>
#include <grpc/support/log.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "server/telemetry/log.h"

namespace token_service::app {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

template <typename Speak>
std::string Logged(telemetry::Level level, Speak speak) {
  TakeOverLibraryLogs();
  telemetry::ConfigureLog(level, telemetry::Format::kJson);
  ::testing::internal::CaptureStderr();
  speak();
  telemetry::FlushLog();
  return ::testing::internal::GetCapturedStderr();
}

TEST(LibraryLogsTest, AnErrorOfGrpcIsOneLineOfOurs) {
  const std::string logged = Logged(telemetry::Level::kInfo, [] {
    gpr_log("/src/core/x.cc", 7, GPR_LOG_SEVERITY_ERROR, "bad \"peer\"\n\x1b[2J%s",
            std::string(5000, 'y').c_str());
  });
  EXPECT_THAT(logged,
              HasSubstr(R"("level":"warning","event":"grpc","text":"bad \"peer\"\n\u001b[2Jy)"));
  EXPECT_THAT(logged, EndsWith("y\",\"file\":\"x.cc\",\"line\":7}\n"));
  EXPECT_LT(logged.size(), 1200u);
}

TEST(LibraryLogsTest, APlaceThatSpeaksAllTheTimeIsCutShort) {
  const std::string logged = Logged(telemetry::Level::kInfo, [] {
    for (int i = 0; i < 1000; ++i) {
      gpr_log("/src/core/flood.cc", 8, GPR_LOG_SEVERITY_ERROR, "peer %d", i);
    }
  });
  EXPECT_EQ(std::count(logged.begin(), logged.end(), '\n'), 5);
}

TEST(LibraryLogsTest, WhatGrpcTracesIsNotLogged) {
  const std::string logged = Logged(telemetry::Level::kDebug, [] {
    gpr_set_log_verbosity(GPR_LOG_SEVERITY_DEBUG);
    gpr_log("/src/core/x.cc", 7, GPR_LOG_SEVERITY_INFO, "READ: sentinel");
    gpr_log("/src/core/x.cc", 7, GPR_LOG_SEVERITY_DEBUG, "READ: sentinel");
  });
  EXPECT_THAT(logged, IsEmpty());
}

TEST(LibraryLogsTest, OfProtobufOnlyThePlaceIsLogged) {
  const auto speak = [] { GOOGLE_LOG(ERROR) << "cannot parse sentinel"; };
  EXPECT_THAT(Logged(telemetry::Level::kInfo, speak), IsEmpty());
  const std::string logged = Logged(telemetry::Level::kDebug, speak);
  EXPECT_THAT(logged, HasSubstr(R"("event":"protobuf","file":"library_logs_test.cc","line":)"));
  EXPECT_THAT(logged, Not(HasSubstr("sentinel")));
}

}  // namespace
}  // namespace token_service::app
