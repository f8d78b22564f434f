#pragma once

#include <google/protobuf/duration.pb.h>

#include <cstdint>
#include <optional>
#include <string_view>

namespace token_service::api {

// What a GetAccessTokenRequest says.
struct RequestFields {
  std::string_view credential;
  std::optional<google::protobuf::Duration> min_validity;
  uint64_t rejected_generation = 0;
};

// Reads a serialised GetAccessTokenRequest as clients send it nearly always, without allocation:
// each field once at most, and small. `credential` is a view of `bytes`. Nullopt: it is something
// else, perhaps valid. Ask the generated parser, which knows all the rules; where this one answers,
// it answers the same.
std::optional<RequestFields> ReadUsualRequest(std::string_view bytes);

}  // namespace token_service::api
