#include "server/store/sealing/token_hasher.h"

#include <sodium.h>

namespace token_service::store {
namespace {

static_assert(TokenHasher::kSize >= crypto_generichash_BYTES_MIN &&
              TokenHasher::kSize <= crypto_generichash_KEYBYTES_MAX);

const unsigned char* Bytes(const Secret& secret) {
  return reinterpret_cast<const unsigned char*>(secret.Reveal().data());
}

}  // namespace

Secret TokenHasher::NewKey() {
  std::string key(kSize, '\0');
  randombytes_buf(key.data(), key.size());
  return Secret(std::move(key));
}

std::string TokenHasher::Hash(const Secret& token) const {
  if (token.empty()) return {};
  std::string hash(kSize, '\0');
  // Cannot fail: the sizes are what they must be.
  crypto_generichash(reinterpret_cast<unsigned char*>(hash.data()), hash.size(), Bytes(token),
                     token.size(), Bytes(key_), key_.size());
  return hash;
}

}  // namespace token_service::store
