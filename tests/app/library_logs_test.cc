#include "server/app/library_logs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#if __has_include(<google/protobuf/stubs/logging.h>)
#include <google/protobuf/stubs/logging.h>
#include <grpc/support/log.h>
#else
#include "absl/log/log.h"
#endif

#include <algorithm>
#include <string>

#include "server/telemetry/log.h"

namespace token_service::app {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

// As the libraries themselves do.
#if __has_include(<google/protobuf/stubs/logging.h>)
void GrpcError(const char* file, const std::string& text) {
  gpr_log(file, 7, GPR_LOG_SEVERITY_ERROR, "%s", text.c_str());
}
void GrpcTraces(const char* text) {
  gpr_set_log_verbosity(GPR_LOG_SEVERITY_DEBUG);
  gpr_log("/src/core/x.cc", 7, GPR_LOG_SEVERITY_INFO, "%s", text);
  gpr_log("/src/core/x.cc", 7, GPR_LOG_SEVERITY_DEBUG, "%s", text);
}
void ProtobufError(const char* text) { GOOGLE_LOG(ERROR) << text; }
#else
void GrpcError(const char* file, const std::string& text) {
  LOG(ERROR).AtLocation(file, 7) << text;
}
void GrpcTraces(const char* text) {
  LOG(INFO).AtLocation("/src/core/x.cc", 7) << text;
  VLOG(2).AtLocation("/src/core/x.cc", 7) << text;
}
void ProtobufError(const char* text) {
  LOG(ERROR).AtLocation("/google/protobuf/library_logs_test.cc", 7) << text;
}
#endif

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
    GrpcError("/src/core/x.cc", "bad \"peer\"\n\x1b[2J" + std::string(5000, 'y'));
  });
  EXPECT_THAT(logged,
              HasSubstr(R"("level":"warning","event":"grpc","text":"bad \"peer\"\n\u001b[2Jy)"));
  EXPECT_THAT(logged, EndsWith("y\",\"file\":\"x.cc\",\"line\":7}\n"));
  EXPECT_LT(logged.size(), 1200u);
}

TEST(LibraryLogsTest, APlaceThatSpeaksAllTheTimeIsCutShort) {
  const std::string logged = Logged(telemetry::Level::kInfo, [] {
    for (int i = 0; i < 1000; ++i) {
      GrpcError("/src/core/flood.cc", "peer " + std::to_string(i));
    }
  });
  EXPECT_EQ(std::count(logged.begin(), logged.end(), '\n'), 5);
}

TEST(LibraryLogsTest, WhatGrpcTracesIsNotLogged) {
  const std::string logged = Logged(telemetry::Level::kDebug, [] { GrpcTraces("READ: sentinel"); });
  EXPECT_THAT(logged, IsEmpty());
}

TEST(LibraryLogsTest, OfProtobufOnlyThePlaceIsLogged) {
  const auto speak = [] { ProtobufError("cannot parse sentinel"); };
  EXPECT_THAT(Logged(telemetry::Level::kInfo, speak), IsEmpty());
  const std::string logged = Logged(telemetry::Level::kDebug, speak);
  EXPECT_THAT(logged, HasSubstr(R"("event":"protobuf","file":"library_logs_test.cc","line":)"));
  EXPECT_THAT(logged, Not(HasSubstr("sentinel")));
}

}  // namespace
}  // namespace token_service::app
