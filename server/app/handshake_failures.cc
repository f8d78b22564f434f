#include "server/app/handshake_failures.h"

namespace token_service::app {
namespace {

// OpenSSL's X509_V_ERR_…, which are part of its interface; this room does not know its headers.
constexpr int kUnableToGetIssuer = 2;
constexpr int kNotYetValid = 9;
constexpr int kHasExpired = 10;
constexpr int kSelfSigned = 18;
constexpr int kSelfSignedInChain = 19;
constexpr int kUnableToGetIssuerLocally = 20;
constexpr int kUnableToVerifyLeaf = 21;

bool Has(std::string_view text, std::string_view word) {
  return text.find(word) != std::string_view::npos;
}

}  // namespace

std::string_view HandshakeFailures::NameOf(Cause cause) {
  switch (cause) {
    case Cause::kExpired:
      return "expired";
    case Cause::kNotYetValid:
      return "not_yet_valid";
    case Cause::kUnknownAuthority:
      return "unknown_authority";
    case Cause::kBadCertificate:
      return "bad_certificate";
    case Cause::kNoCertificate:
      return "no_certificate";
    case Cause::kRefusedByClient:
      return "refused_by_client";
    case Cause::kNotTls:
      return "not_tls";
    case Cause::kNoCommonProtocol:
      return "no_common_protocol";
    case Cause::kOther:
      break;
  }
  return "other";
}

HandshakeFailures::Cause HandshakeFailures::CauseOf(std::string_view text, int verdict) {
  switch (verdict) {
    case 0:
      break;
    case kHasExpired:
      return Cause::kExpired;
    case kNotYetValid:
      return Cause::kNotYetValid;
    case kUnableToGetIssuer:
    case kSelfSigned:
    case kSelfSignedInChain:
    case kUnableToGetIssuerLocally:
    case kUnableToVerifyLeaf:
      return Cause::kUnknownAuthority;
    default:
      return Cause::kBadCertificate;
  }
  if (Has(text, "did not return a certificate")) return Cause::kNoCertificate;
  if (Has(text, "certificate verify failed")) return Cause::kBadCertificate;
  if (Has(text, " alert ")) return Cause::kRefusedByClient;
  if (Has(text, "http request") || Has(text, "wrong version number") ||
      Has(text, "packet length too long") || Has(text, "bad record type")) {
    return Cause::kNotTls;
  }
  if (Has(text, "unsupported protocol") || Has(text, "no shared cipher") ||
      Has(text, "version too low") || Has(text, "no suitable")) {
    return Cause::kNoCommonProtocol;
  }
  return Cause::kOther;
}

}  // namespace token_service::app
