#pragma once

#include <optional>
#include <string>

#include "server/broker/reason.h"

namespace token_service::broker {

// Who is told how a flight ended. Called without locks held, by one thread at a time and in the
// order of what happened, on whichever thread made it happen.
class RefreshListener {
 public:
  virtual ~RefreshListener() = default;

  // Nullopt: look into the cache. Otherwise no token is to be had now.
  virtual void OnSettled(const std::string& credential, const std::optional<Refusal>& refusal) = 0;

  // The credential is gone.
  virtual void OnRemoved(const std::string& credential) = 0;
};

}  // namespace token_service::broker
