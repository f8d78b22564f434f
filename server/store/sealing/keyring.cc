#include "server/store/sealing/keyring.h"

#include <sodium.h>

#include <algorithm>
#include <array>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "server/posix/secret_file.h"
#include "server/store/files.h"
#include "server/telemetry/log.h"

namespace token_service::store {
namespace {

constexpr size_t kMaxFileSize = size_t{64} * 1024;
constexpr size_t kMaxIdSize = 64;
constexpr std::string_view kSpace = " \t\r";
constexpr std::string_view kFingerprintOf = "token-server: the fingerprint of a sealing key";

std::string_view Trim(std::string_view text) {
  const size_t first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

bool IsKeyId(std::string_view id) {
  return !id.empty() && id.size() <= kMaxIdSize && std::all_of(id.begin(), id.end(), [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '.' || c == '_' || c == '-';
  });
}

absl::StatusOr<Keyring::Key> ParseLine(std::string_view line) {
  const size_t space = line.find_first_of(kSpace);
  if (space == std::string_view::npos) return absl::InvalidArgumentError("want `ID BASE64`");
  const std::string_view id = line.substr(0, space);
  const std::string_view encoded = Trim(line.substr(space));
  if (!IsKeyId(id)) {
    return absl::InvalidArgumentError("a key's id is 1 to 64 characters of [A-Za-z0-9._-]");
  }
  // Room for more than a key, so that one that is too long is told from bad base64.
  std::array<unsigned char, size_t{2} * Keyring::kKeySize> bytes;
  absl::Cleanup wipe = [&bytes] { sodium_memzero(bytes.data(), bytes.size()); };
  size_t size = 0;
  if (encoded.size() > sodium_base64_ENCODED_LEN(bytes.size(), sodium_base64_VARIANT_ORIGINAL)) {
    return absl::InvalidArgumentError("a key is 32 bytes");
  }
  if (sodium_base642bin(bytes.data(), bytes.size(), encoded.data(), encoded.size(), nullptr, &size,
                        nullptr, sodium_base64_VARIANT_ORIGINAL) != 0) {
    return absl::InvalidArgumentError("the key is not valid base64");
  }
  if (size != Keyring::kKeySize) {
    return absl::InvalidArgumentError(absl::StrCat("a key is 32 bytes, this one is ", size));
  }
  return Keyring::Key{
      .id = std::string(id),
      .bytes = Secret(std::string_view(reinterpret_cast<const char*>(bytes.data()), size))};
}

// BLAKE2b with the key as its key: whoever finds it learns as much of the key as from what is
// sealed with it, which is nothing.
std::string Fingerprint(const Secret& key) {
  std::array<unsigned char, crypto_generichash_BYTES_MIN> hash;
  crypto_generichash(hash.data(), hash.size(),
                     reinterpret_cast<const unsigned char*>(kFingerprintOf.data()),
                     kFingerprintOf.size(),
                     reinterpret_cast<const unsigned char*>(key.Reveal().data()), key.size());
  return absl::BytesToHexString(
      absl::string_view(reinterpret_cast<const char*>(hash.data()), hash.size()));
}

}  // namespace

absl::StatusOr<Keyring> Keyring::Parse(std::string_view text, std::string_view source) {
  if (sodium_init() < 0) return absl::InternalError("libsodium does not start");
  std::vector<Key> keys;
  for (int line_number = 1; !text.empty(); ++line_number) {
    const size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = Trim(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.empty() || line.front() == '#') continue;
    absl::StatusOr<Key> key = ParseLine(line);
    if (key.ok() && std::any_of(keys.begin(), keys.end(),
                                [&key](const Key& other) { return other.id == key->id; })) {
      key = absl::InvalidArgumentError("this id has been given to a key already");
    }
    if (!key.ok()) {
      return absl::InvalidArgumentError(absl::StrCat(std::string(source), ":", line_number, ": ",
                                                     std::string(key.status().message())));
    }
    keys.push_back(*std::move(key));
  }
  if (keys.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(std::string(source), ": holds no key"));
  }
  return Keyring(std::move(keys));
}

absl::StatusOr<Keyring> Keyring::Load(const std::string& path) {
  absl::StatusOr<posix::SecretFile> file = posix::ReadSecretFile(path, kMaxFileSize);
  if (!file.ok()) return file.status();
  if (file->readable_by_others) {
    telemetry::Log(telemetry::Level::kWarning, "others can read the key file", {{"file", path}});
  }
  return Parse(file->contents.Reveal(), path);
}

absl::StatusOr<Keyring> Keyring::LoadOrCreate(const std::string& path) {
  absl::StatusOr<Keyring> keyring = Load(path);
  if (!absl::IsNotFound(keyring.status())) return keyring;
  if (absl::Status status = Generate(path); !status.ok()) return status;
  telemetry::Log(telemetry::Level::kWarning,
                 "no key file is configured: a sealing key was made beside the data it seals",
                 {{"file", path}});
  return Load(path);
}

absl::Status Keyring::Generate(const std::string& path) {
  if (sodium_init() < 0) return absl::InternalError("libsodium does not start");
  std::array<unsigned char, kKeySize> bytes;
  std::array<char, sodium_base64_ENCODED_LEN(kKeySize, sodium_base64_VARIANT_ORIGINAL)> encoded;
  std::string text;
  absl::Cleanup wipe = [&] {
    sodium_memzero(bytes.data(), bytes.size());
    sodium_memzero(encoded.data(), encoded.size());
    WipeString(text);
  };
  randombytes_buf(bytes.data(), bytes.size());
  sodium_bin2base64(encoded.data(), encoded.size(), bytes.data(), bytes.size(),
                    sodium_base64_VARIANT_ORIGINAL);
  // The id is random too: a key made after this one was lost must not pass for it.
  text.reserve(128);
  absl::StrAppend(&text, "key-", absl::Hex(randombytes_random(), absl::kZeroPad8), " ",
                  encoded.data(), "\n");
  return WriteNewPrivateFile(path, text);
}

Keyring Keyring::Copy() const {
  std::vector<Key> keys;
  for (const Key& key : keys_) keys.push_back({.id = key.id, .bytes = key.bytes.Copy()});
  return Keyring(std::move(keys));
}

Keyring Keyring::With(const Keyring& other) const {
  Keyring both = Copy();
  for (const Key& key : other.keys_) {
    if (Find(key.id) == nullptr) both.keys_.push_back({.id = key.id, .bytes = key.bytes.Copy()});
  }
  return both;
}

std::vector<KeyFact> Keyring::Facts() const {
  std::vector<KeyFact> facts;
  for (const Key& key : keys_) {
    facts.push_back({.id = key.id, .fingerprint = Fingerprint(key.bytes)});
  }
  return facts;
}

const Keyring::Key* Keyring::Find(std::string_view id) const {
  const auto found =
      std::find_if(keys_.begin(), keys_.end(), [id](const Key& key) { return key.id == id; });
  return found == keys_.end() ? nullptr : &*found;
}

}  // namespace token_service::store
