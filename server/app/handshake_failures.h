#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace token_service::app {

// TLS handshakes of callers that failed, by what was wrong.
class HandshakeFailures {
 public:
  enum class Cause {
    kExpired,  // The client's certificate, or one that it leads to.
    kNotYetValid,
    kUnknownAuthority,  // Nobody in client_ca_file vouches for it.
    kBadCertificate,    // Not fit for a client, broken, too weak.
    kNoCertificate,     // The client has shown none.
    kRefusedByClient,   // It does not trust ours.
    kNotTls,            // Plaintext, most likely.
    kNoCommonProtocol,  // Versions, ciphers, ALPN.
    kOther,
  };
  static constexpr size_t kCauses = 9;
  static std::string_view NameOf(Cause cause);

  // By what gRPC says of it, and by the certificate's verdict (X509_V_ERR_…; 0: none).
  static Cause CauseOf(std::string_view text, int verdict);

  void Count(Cause cause) {
    counts_[static_cast<size_t>(cause)].fetch_add(1, std::memory_order_relaxed);
  }
  uint64_t count(Cause cause) const {
    return counts_[static_cast<size_t>(cause)].load(std::memory_order_relaxed);
  }

 private:
  std::array<std::atomic<uint64_t>, kCauses> counts_ = {};
};

}  // namespace token_service::app
