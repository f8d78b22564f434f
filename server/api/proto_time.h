#pragma once

#include <google/protobuf/duration.pb.h>
#include <google/protobuf/timestamp.pb.h>

#include <optional>

#include "absl/time/time.h"

namespace token_service::api {

// At most the 10,000 years that the message may say.
google::protobuf::Duration ToProto(absl::Duration duration);
google::protobuf::Timestamp ToProto(absl::Time time);

// Nullopt: malformed, by the rules of google/protobuf/duration.proto (range, nanos, signs that
// agree).
std::optional<absl::Duration> FromProto(const google::protobuf::Duration& duration);

}  // namespace token_service::api
