#include "server/api/admission.h"

#include <utility>

#include "server/api/credential_choice.h"
#include "server/api/received_request.h"

namespace token_service::api {

std::variant<Admission::Admitted, ApiError> Admission::Admit(
    grpc::CallbackServerContext& context, size_t request_bytes,
    std::optional<std::string_view> requested) const {
  if (draining_.load(std::memory_order_relaxed)) return ShuttingDown();
  if (request_bytes > kMaxRequestBytes) return RequestTooLarge(kMaxRequestBytes);
  Caller caller(context, listener_);
  if (!caller.identity().has_value()) return CallerUnknown();
  if (!caller.proven()) return CallerExpired();
  const authz::Rights* const rights = policy_.Look().RightsOf(*caller.identity());
  if (rights == nullptr) return CredentialNotPermitted(requested.value_or(""));
  if (rights->limiter != nullptr) {
    const auto wait = rights->limiter->Take(*caller.identity(), clock_.Now());
    if (wait.has_value()) {
      const auto choice = ChooseCredential(requested.value_or(""), *rights, cache_);
      const auto* const name = std::get_if<std::string>(&choice);
      return CalledTooOften(*wait, name != nullptr ? *name : requested.value_or(""));
    }
  }
  if (!requested.has_value()) return MalformedRequest();
  auto choice = ChooseCredential(*requested, *rights, cache_);
  if (auto* error = std::get_if<ApiError>(&choice)) return std::move(*error);
  return Admitted{.caller = std::move(caller),
                  .credential = std::move(std::get<std::string>(choice))};
}

}  // namespace token_service::api
