#include "tests/api/request_bytes.h"

#include <token/v1/token_service.pb.h>

#include <limits>
#include <optional>

namespace token_service::api {
namespace {

using token::v1::GetAccessTokenRequest;

std::string Request(const std::string& credential, std::optional<int64_t> seconds = std::nullopt,
                    int32_t nanos = 0, uint64_t rejected = 0) {
  GetAccessTokenRequest request;
  request.set_credential(credential);
  if (seconds.has_value()) {
    request.mutable_min_validity()->set_seconds(*seconds);
    request.mutable_min_validity()->set_nanos(nanos);
  }
  request.set_rejected_generation(rejected);
  return request.SerializeAsString();
}

}  // namespace

std::vector<std::string> NotableRequests() {
  using namespace std::string_literals;
  const std::string generation = "\x18\x07"s;
  const std::string validity = "\x12\x02\x08\x3c"s;
  std::vector<std::string> all = {
      Request(""),
      Request("inbox"),
      Request("inbox", 0),
      Request("inbox", 60),
      Request("inbox", 60, 500'000'000),
      Request("inbox", 0, 1),
      Request("inbox", 3'000),
      Request("inbox", 3'599, 999'999'999),
      Request("inbox", 3'600),
      Request("inbox", 86'400),
      Request("inbox", 315'576'000'000),
      Request("inbox", 315'576'000'001),
      Request("inbox", std::numeric_limits<int64_t>::max(), std::numeric_limits<int32_t>::max()),
      Request("inbox", std::numeric_limits<int64_t>::min()),
      Request("inbox", -1),
      Request("inbox", 1, -1),
      Request("inbox", -1, 1),
      Request("inbox", 0, 1'000'000'000),
      Request("inbox", std::nullopt, 0, 1),
      Request("inbox", std::nullopt, 0, 7),
      Request("inbox", 60, 0, 7),
      Request("inbox", std::nullopt, 0, std::numeric_limits<uint64_t>::max()),
      Request("outbox"),
      Request("tokenless"),
      Request("expired"),
      Request("missing"),
      Request("Not A Name"),
      Request("na\xc3\xafve"),
      Request(std::string(63, 'a')),
      Request(std::string(64, 'a')),
      Request(std::string(127, 'a')),
      Request(std::string(128, 'a')),
      Request(std::string(300, 'a')),
      Request(std::string(5000, 'a')),
      Request("in\0box"s),
      // Other orders; a field twice: the last wins, and a message's two are merged.
      generation + Request("inbox"),
      validity + Request("inbox"),
      Request("outbox") + Request("inbox"),
      Request("inbox", 60) + validity,
      Request("inbox", 60, 5) + "\x12\x02\x10\x07"s,
      Request("inbox", std::nullopt, 0, 3) + generation,
      Request("inbox") + "\x12\x00"s,
      Request("inbox") + "\x12\x04\x08\x3c\x08\x3d"s,
      Request("inbox") + "\x12\x04\x10\x05\x08\x3c"s,
      Request("inbox") + "\x0a\x00"s,
      // Varints longer than they need be, and too long.
      Request("inbox") + "\x18\x87\x00"s,
      Request("inbox") + "\x18\x87\x80\x80\x80\x80\x80\x80\x80\x80\x00"s,
      Request("inbox") + "\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"s,
      "\x8a\x00\x05inbox"s,
      "\x0a\x85\x00inbox"s,
      // Unknown fields: a varint, eight bytes, bytes, a group, four bytes; and in the duration.
      Request("inbox") + "\x20\x01"s,
      Request("inbox") + "\x29\x01\x02\x03\x04\x05\x06\x07\x08"s,
      Request("inbox") + "\x32\x03" + "abc"s,
      Request("inbox") + "\x3b\x3c"s,
      Request("inbox") + "\x45\x01\x02\x03\x04"s,
      Request("inbox") + "\x12\x02\x18\x01"s,
      // Known numbers of other wire types are unknown fields.
      "\x08\x01"s + Request("inbox"),
      Request("inbox") + "\x10\x01"s,
      Request("inbox") + "\x1a\x01\x01"s,
      // No such message.
      "\x0a\xff\xff\xff\xff\x0f"s,
      "\x0a"s,
      "\x0a\x05in"s,
      "\x0a\x02\xff\xfe"s,
      "\x00"s,
      "\x02\x00"s,
      "\x0f"s,
      "\x3c"s,
      "\x12\x01\x08"s,
      "\x12\x02\x08"s,
      "\x18"s,
      "\x18\x80"s,
  };
  const std::string whole = Request("inbox", 60, 500'000'000, 300);
  for (size_t size = 0; size < whole.size(); ++size) all.push_back(whole.substr(0, size));
  return all;
}

std::string Mutated(const std::vector<std::string>& from, std::mt19937& random) {
  const auto below = [&random](size_t n) { return random() % n; };
  std::string bytes = from[below(from.size())].substr(0, 200);
  for (size_t changes = 1 + below(3); changes > 0; --changes) {
    const size_t at = below(bytes.size() + 1);
    const auto byte = static_cast<char>(below(4) == 0 ? below(256) : below(32));
    switch (below(4)) {
      case 0:
        bytes.insert(at, 1, byte);
        break;
      case 1:
        bytes.erase(at, 1 + below(2));
        break;
      case 2:
        bytes += from[below(from.size())].substr(0, 40);
        break;
      default:
        if (at < bytes.size()) bytes[at] = byte;
    }
  }
  return bytes;
}

}  // namespace token_service::api
