#include "tests/jose/test_keys.h"

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include <array>
#include <cstdlib>

namespace token_service::testing {
namespace {

const unsigned char* Bytes(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

std::string TakeText(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  std::string text(data, static_cast<size_t>(size));
  BIO_free(bio);
  return text;
}

std::string PrivatePem(EVP_PKEY* key, const EVP_CIPHER* cipher, const char* passphrase) {
  BIO* const bio = BIO_new(BIO_s_mem());
  PEM_write_bio_PKCS8PrivateKey(bio, key, cipher, nullptr, 0, nullptr,
                                const_cast<char*>(passphrase));
  return TakeText(bio);
}

// Takes the key.
TestKey PemOf(EVP_PKEY* key) {
  if (key == nullptr) std::abort();
  TestKey pem{.private_pem = PrivatePem(key, nullptr, nullptr), .public_pem = {}};
  BIO* const bio = BIO_new(BIO_s_mem());
  PEM_write_bio_PUBKEY(bio, key);
  pem.public_pem = TakeText(bio);
  EVP_PKEY_free(key);
  return pem;
}

EVP_PKEY* ReadPrivate(std::string_view pem) {
  BIO* const bio = BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()));
  EVP_PKEY* const key = PEM_read_bio_PrivateKey(bio, nullptr, nullptr, nullptr);
  BIO_free(bio);
  return key;
}

EVP_PKEY* ReadPublic(std::string_view pem) {
  BIO* const bio = BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()));
  EVP_PKEY* const key = PEM_read_bio_PUBKEY(bio, nullptr, nullptr, nullptr);
  BIO_free(bio);
  return key;
}

std::string InAsn1(std::string_view side_by_side) {
  if (side_by_side.size() != 64) return "";
  ECDSA_SIG* const pair = ECDSA_SIG_new();
  ECDSA_SIG_set0(pair, BN_bin2bn(Bytes(side_by_side), 32, nullptr),
                 BN_bin2bn(Bytes(side_by_side) + 32, 32, nullptr));
  unsigned char* der = nullptr;
  const int size = i2d_ECDSA_SIG(pair, &der);
  std::string text(reinterpret_cast<char*>(der), static_cast<size_t>(size));
  OPENSSL_free(der);
  ECDSA_SIG_free(pair);
  return text;
}

}  // namespace

TestKey NewRsaKey(unsigned bits) { return PemOf(EVP_RSA_gen(bits)); }
TestKey NewEcKey(const char* curve) { return PemOf(EVP_EC_gen(curve)); }
TestKey NewEd25519Key() { return PemOf(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519")); }

std::string WithPassphrase(const TestKey& key) {
  EVP_PKEY* const read = ReadPrivate(key.private_pem);
  std::string pem = PrivatePem(read, EVP_aes_256_cbc(), "a passphrase");
  EVP_PKEY_free(read);
  return pem;
}

std::string MismatchedEcKey() {
  EVP_PKEY* const one = EVP_EC_gen("P-256");
  EVP_PKEY* const other = EVP_EC_gen("P-256");
  BIGNUM* secret = nullptr;
  EVP_PKEY_get_bn_param(one, OSSL_PKEY_PARAM_PRIV_KEY, &secret);
  std::array<unsigned char, 65> point{};
  size_t size = 0;
  EVP_PKEY_get_octet_string_param(other, OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size(),
                                  &size);
  OSSL_PARAM_BLD* const builder = OSSL_PARAM_BLD_new();
  OSSL_PARAM_BLD_push_utf8_string(builder, OSSL_PKEY_PARAM_GROUP_NAME, "P-256", 0);
  OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_PRIV_KEY, secret);
  OSSL_PARAM_BLD_push_octet_string(builder, OSSL_PKEY_PARAM_PUB_KEY, point.data(), size);
  OSSL_PARAM* const parameters = OSSL_PARAM_BLD_to_param(builder);
  EVP_PKEY_CTX* const context = EVP_PKEY_CTX_new_from_name(nullptr, "EC", nullptr);
  EVP_PKEY* mixed = nullptr;
  EVP_PKEY_fromdata_init(context);
  EVP_PKEY_fromdata(context, &mixed, EVP_PKEY_KEYPAIR, parameters);
  EVP_PKEY_CTX_free(context);
  OSSL_PARAM_free(parameters);
  OSSL_PARAM_BLD_free(builder);
  BN_clear_free(secret);
  EVP_PKEY_free(one);
  EVP_PKEY_free(other);
  return PemOf(mixed).private_pem;
}

bool Verifies(const TestKey& key, std::string_view algorithm, std::string_view text,
              std::string_view signature) {
  EVP_PKEY* const read = ReadPublic(key.public_pem);
  EVP_MD_CTX* const context = EVP_MD_CTX_new();
  EVP_PKEY_CTX* details = nullptr;
  EVP_DigestVerifyInit(context, &details, EVP_sha256(), nullptr, read);
  if (algorithm == "PS256") {
    EVP_PKEY_CTX_set_rsa_padding(details, RSA_PKCS1_PSS_PADDING);
    EVP_PKEY_CTX_set_rsa_pss_saltlen(details, 32);
  }
  const std::string form = algorithm == "ES256" ? InAsn1(signature) : std::string(signature);
  const bool good =
      EVP_DigestVerify(context, Bytes(form), form.size(), Bytes(text), text.size()) == 1;
  EVP_MD_CTX_free(context);
  EVP_PKEY_free(read);
  return good;
}

}  // namespace token_service::testing
