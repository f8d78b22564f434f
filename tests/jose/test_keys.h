#pragma once

#include <string>
#include <string_view>

namespace token_service::testing {

// A key of its own for this run, as PEM.
struct TestKey {
  std::string private_pem;  // PKCS #8.
  std::string public_pem;
};

TestKey NewRsaKey(unsigned bits = 2048);
TestKey NewEcKey(const char* curve = "P-256");
TestKey NewEd25519Key();
// The same key, as `openssl` writes it with a passphrase.
std::string WithPassphrase(const TestKey& key);
// A private key of one pair with the public half of another, in the form that holds both.
std::string MismatchedEcKey();

// Whether a JWS signature (RFC 7518 section 3) over `text` is that of the key's owner.
bool Verifies(const TestKey& key, std::string_view algorithm, std::string_view text,
              std::string_view signature);

}  // namespace token_service::testing
