#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "server/base/secret.h"

namespace token_service::store {

// A key without the key: enough to tell whether somebody else has the same one.
struct KeyFact {
  std::string id;
  std::string fingerprint;  // Of its bytes; tells nothing about them.

  friend bool operator==(const KeyFact&, const KeyFact&) = default;
};

// The keys that seal what is stored. A text file: one key a line, `ID BASE64` with 32 bytes in
// padded base64; ID is 1 to 64 characters of [A-Za-z0-9._-]; white space around is ignored, and so
// are empty lines and those that begin with `#`. The first key seals, all of them open.
//
// Errors name the file and the line, never what the line holds. Immutable after it is made; any
// thread.
class Keyring {
 public:
  static constexpr size_t kKeySize = 32;

  struct Key {
    std::string id;
    Secret bytes;  // kKeySize of them.
  };

  // NOT_FOUND, PERMISSION_DENIED or FAILED_PRECONDITION for a file that cannot be had;
  // INVALID_ARGUMENT for one that is no keyring. A file that group or others may read is worth a
  // warning in the log.
  static absl::StatusOr<Keyring> Load(const std::string& path);

  // As Load; without the file, makes one with a fresh key, mode 0600, and logs a warning.
  static absl::StatusOr<Keyring> LoadOrCreate(const std::string& path);

  // Writes a new file that holds one fresh key. ALREADY_EXISTS rather than replace one.
  static absl::Status Generate(const std::string& path);

  // `source` stands for the file in errors.
  static absl::StatusOr<Keyring> Parse(std::string_view text, std::string_view source);

  Keyring Copy() const;

  // Seals and opens as this one, and opens besides what `other` opens.
  Keyring With(const Keyring& other) const;

  const Key& sealing_key() const { return keys_.front(); }
  // Null when there is none of that id.
  const Key* Find(std::string_view id) const;

  // Of every key, in order.
  std::vector<KeyFact> Facts() const;

 private:
  explicit Keyring(std::vector<Key> keys) : keys_(std::move(keys)) {}

  std::vector<Key> keys_;
};

}  // namespace token_service::store
