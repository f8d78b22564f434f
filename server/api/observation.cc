#include "server/api/observation.h"

#include <string>

#include "server/broker/credential_name.h"

namespace token_service::api {
namespace {

// Only of what exists.
telemetry::CredentialCalls* CallsOf(const TokenServiceParts& parts, std::string_view credential) {
  return broker::IsCredentialName(credential) ? parts.cache.CallsOf(credential) : nullptr;
}

}  // namespace

void ObserveToken(const TokenServiceParts& parts, const grpc::CallbackServerContext& context,
                  const Caller& caller, telemetry::TokenSource source,
                  const broker::AccessToken& token) {
  telemetry::CredentialCalls* const calls = token.calls.get();
  if (calls == nullptr) return;  // Of no cache.
  parts.observer.Issued(caller.handle(), source, *calls, token.credential, token.generation,
                        [&] { return caller.PeerOf(context); });
}

void ObserveRefusal(const TokenServiceParts& parts, const grpc::CallbackServerContext& context,
                    telemetry::Method method, const Caller& caller, std::string_view credential,
                    const ApiError& error) {
  // A caller that may not use a credential is no caller of it.
  const bool denied = error.code == grpc::PERMISSION_DENIED || error.code == grpc::UNAUTHENTICATED;
  parts.observer.Ended(method, caller.handle(), credential,
                       denied ? nullptr : CallsOf(parts, credential), CodeName(error.code),
                       error.reason, [&] { return caller.PeerOf(context); });
}

void ObserveEnd(const TokenServiceParts& parts, const grpc::CallbackServerContext& context,
                telemetry::Method method, const Caller& caller, std::string_view credential) {
  parts.observer.Ended(method, caller.handle(), credential, nullptr, "OK", "OK",
                       [&] { return caller.PeerOf(context); });
}

void ObserveLeft(const TokenServiceParts& parts, const grpc::CallbackServerContext& context,
                 telemetry::Method method, const Caller& caller, std::string_view credential) {
  parts.observer.Ended(method, caller.handle(), credential, nullptr, "CANCELLED", "CANCELLED",
                       [&] { return caller.PeerOf(context); });
}

}  // namespace token_service::api
