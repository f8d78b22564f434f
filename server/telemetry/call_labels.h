#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace token_service::telemetry {

// What calls are counted by. Closed sets, so that no caller can make a series.

// How a caller reached the server.
enum class CallerKind : uint8_t { kTls, kUnix, kPlaintext };
inline constexpr size_t kCallerKinds = 3;
// `tls`, `unix`, `plaintext`.
std::string_view CallerKindName(CallerKind kind);

// Where a token that is handed out comes from.
enum class TokenSource : uint8_t {
  kCache,    // It was there.
  kRefresh,  // The caller waited for a flight.
  kWatch,    // A stream's.
};
inline constexpr size_t kTokenSources = 3;
// `cache`, `refresh`, `watch`.
std::string_view TokenSourceName(TokenSource source);

enum class Method : uint8_t {
  kGetAccessToken,
  kWatchAccessToken,
  kCreateCredential,
  kGetCredential,
  kListCredentials,
  kUpdateCredential,
  kReplaceRefreshToken,
  kRefreshCredential,
  kDeleteCredential,
  kReleaseCredential,
  kListEvidence,
  kAdoptEvidence,
  kDiscardEvidence,
};
inline constexpr size_t kMethods = 13;
// As in the API: `GetAccessToken`.
std::string_view MethodName(Method method);

}  // namespace token_service::telemetry
