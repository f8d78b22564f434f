// A keyring file: either keys that can be told apart, or an error that shows nothing of the file.
#include <algorithm>
#include <iterator>
#include <string>
#include <string_view>

#include "absl/strings/match.h"
#include "server/store/sealing/keyring.h"
#include "tests/fuzz/require.h"

namespace {

std::string WithoutNumbers(std::string text) {
  text.erase(std::remove_if(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; }),
             text.end());
  return text;
}

// Constant text and numbers: nothing of the file.
bool IsOneOfOurs(const std::string& words) {
  const char* const known[] = {"want `ID BASE64`",
                               "a key's id is 1 to 64 characters of [A-Za-z0-9._-]",
                               "a key is 32 bytes",
                               "the key is not valid base64",
                               "a key is 32 bytes, this one is 31",
                               "this id has been given to a key already",
                               "holds no key"};
  return std::any_of(std::begin(known), std::end(known), [&words](const char* each) {
    return WithoutNumbers(each) == WithoutNumbers(words);
  });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using token_service::store::Keyring;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto keyring = Keyring::Parse(text, "ring");
  if (keyring.ok()) {
    const Keyring::Key& key = keyring->sealing_key();
    REQUIRE(key.bytes.size() == Keyring::kKeySize);
    REQUIRE(keyring->Find(key.id) == &key);
    return 0;
  }
  const std::string message(keyring.status().message());
  REQUIRE(keyring.status().code() == absl::StatusCode::kInvalidArgument);
  REQUIRE(absl::StartsWith(message, "ring:"));
  REQUIRE(message.size() < 200);
  REQUIRE(IsOneOfOurs(message.substr(message.find(": ") + 2)));
  return 0;
}
