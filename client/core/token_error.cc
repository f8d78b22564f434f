#include "token_service/token_error.h"

#include <array>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace token_service::client {
namespace {

constexpr std::array<std::string_view, 17> kCodes = {
    "OK",        "CANCELLED",      "UNKNOWN",           "INVALID_ARGUMENT",   "DEADLINE_EXCEEDED",
    "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION",
    "ABORTED",   "OUT_OF_RANGE",   "UNIMPLEMENTED",     "INTERNAL",           "UNAVAILABLE",
    "DATA_LOSS", "UNAUTHENTICATED"};

std::string OneLine(std::string text) {
  for (char& c : text) {
    if (absl::ascii_iscntrl(static_cast<unsigned char>(c))) c = ' ';
  }
  return text;
}

}  // namespace

bool IsRefusal(const TokenError& error) {
  switch (error.reason) {
    case ErrorReason::kNone:
    case ErrorReason::kNoAnswerYet:
    case ErrorReason::kTokenExpired:
    case ErrorReason::kUnusableToken:
    case ErrorReason::kForked:
    case ErrorReason::kClosed:
      return false;
    default:
      break;
  }
  return error.code != grpc::StatusCode::UNAVAILABLE &&
         error.code != grpc::StatusCode::RESOURCE_EXHAUSTED && !error.retry_delay.has_value();
}

std::string Describe(const TokenError& error) {
  std::string line(StatusCodeName(error.code));
  if (!error.reason_name.empty()) absl::StrAppend(&line, " ", error.reason_name);
  absl::StrAppend(&line, ": ", error.message.empty() ? "no message" : error.message);
  if (error.retry_delay.has_value()) {
    absl::StrAppend(&line, " (try again in ",
                    absl::FormatDuration(absl::Ceil(*error.retry_delay, absl::Milliseconds(100))),
                    ")");
  }
  return OneLine(std::move(line));
}

std::string_view StatusCodeName(grpc::StatusCode code) {
  const auto index = static_cast<size_t>(code);
  return index < kCodes.size() ? kCodes[index] : "UNKNOWN";
}

}  // namespace token_service::client
