#include "server/telemetry/call_labels.h"

namespace token_service::telemetry {

std::string_view CallerKindName(CallerKind kind) {
  switch (kind) {
    case CallerKind::kTls:
      return "tls";
    case CallerKind::kUnix:
      return "unix";
    case CallerKind::kPlaintext:
      return "plaintext";
  }
  return "plaintext";
}

std::string_view TokenSourceName(TokenSource source) {
  switch (source) {
    case TokenSource::kCache:
      return "cache";
    case TokenSource::kRefresh:
      return "refresh";
    case TokenSource::kWatch:
      return "watch";
  }
  return "cache";
}

std::string_view MethodName(Method method) {
  switch (method) {
    case Method::kGetAccessToken:
      return "GetAccessToken";
    case Method::kWatchAccessToken:
      return "WatchAccessToken";
    case Method::kCreateCredential:
      return "CreateCredential";
    case Method::kGetCredential:
      return "GetCredential";
    case Method::kListCredentials:
      return "ListCredentials";
    case Method::kUpdateCredential:
      return "UpdateCredential";
    case Method::kListEvidence:
      return "ListEvidence";
    case Method::kAdoptEvidence:
      return "AdoptEvidence";
    case Method::kDiscardEvidence:
      return "DiscardEvidence";
    case Method::kReplaceRefreshToken:
      return "ReplaceRefreshToken";
    case Method::kRefreshCredential:
      return "RefreshCredential";
    case Method::kDeleteCredential:
      return "DeleteCredential";
    case Method::kReleaseCredential:
      return "ReleaseCredential";
  }
  return "GetAccessToken";
}

}  // namespace token_service::telemetry
