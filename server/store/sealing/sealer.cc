#include "server/store/sealing/sealer.h"

#include <sodium.h>

#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace token_service::store {
namespace {

constexpr char kVersion = 1;
constexpr size_t kNonceSize = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES;
constexpr size_t kTagSize = crypto_aead_xchacha20poly1305_ietf_ABYTES;
static_assert(Keyring::kKeySize == crypto_aead_xchacha20poly1305_ietf_KEYBYTES);

const unsigned char* Bytes(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

void AppendNumber(uint64_t number, std::string& out) {
  for (int shift = 0; shift < 64; shift += 8) out.push_back(static_cast<char>(number >> shift));
}

std::string AssociatedData(std::string_view header, const SealedPlace& place) {
  std::string data(header);
  for (const std::string_view part : {place.credential, place.field}) {
    AppendNumber(part.size(), data);
    data.append(part);
  }
  AppendNumber(place.generation, data);
  return data;
}

absl::Status DoesNotOpen() { return absl::DataLossError("the sealed value does not open"); }

}  // namespace

std::string_view Sealer::KeyId(std::string_view sealed) {
  if (sealed.size() < 2 || sealed[0] != kVersion) return {};
  const size_t size = static_cast<unsigned char>(sealed[1]);
  if (sealed.size() < 2 + size + kNonceSize + kTagSize) return {};
  return sealed.substr(2, size);
}

Secret Sealer::Seal(const SealedPlace& place, const Secret& plain) const {
  const Keyring::Key& key = keyring_.sealing_key();
  std::string record{kVersion, static_cast<char>(key.id.size())};
  record += key.id;
  const std::string associated = AssociatedData(record, place);
  const size_t header_size = record.size();
  record.resize(header_size + kNonceSize + plain.size() + kTagSize);
  auto* const nonce = reinterpret_cast<unsigned char*>(record.data()) + header_size;
  randombytes_buf(nonce, kNonceSize);
  // Cannot fail: the sizes are what they must be.
  crypto_aead_xchacha20poly1305_ietf_encrypt(nonce + kNonceSize, nullptr, Bytes(plain.Reveal()),
                                             plain.size(), Bytes(associated), associated.size(),
                                             nullptr, nonce, Bytes(key.bytes.Reveal()));
  return Secret(std::move(record));
}

absl::StatusOr<Secret> Sealer::Open(const SealedPlace& place, std::string_view sealed) const {
  const std::string_view id = KeyId(sealed);
  if (id.empty()) return DoesNotOpen();
  const Keyring::Key* const key = keyring_.Find(id);
  if (key == nullptr) {
    return absl::FailedPreconditionError(
        absl::StrCat("the keyring has no key \"", absl::CHexEscape(std::string(id)), "\""));
  }
  const std::string_view header = sealed.substr(0, 2 + id.size());
  const std::string_view nonce = sealed.substr(header.size(), kNonceSize);
  const std::string_view ciphertext = sealed.substr(header.size() + kNonceSize);
  const std::string associated = AssociatedData(header, place);
  std::string plain(ciphertext.size() - kTagSize, '\0');
  const int failed = crypto_aead_xchacha20poly1305_ietf_decrypt(
      reinterpret_cast<unsigned char*>(plain.data()), nullptr, nullptr, Bytes(ciphertext),
      ciphertext.size(), Bytes(associated), associated.size(), Bytes(nonce),
      Bytes(key->bytes.Reveal()));
  if (failed != 0) return DoesNotOpen();
  return Secret(std::move(plain));
}

}  // namespace token_service::store
