#pragma once

#include "server/base/secret.h"

namespace token_service::broker {

// How much of an answer there is.
enum class Extent { kWhole, kCut, kOverLong };

// An answer that may hold a token that nobody else knows: to be kept, sealed, as evidence.
struct KeptAnswer {
  Secret body;  // Empty: nothing is to be kept.
  int http_status = 0;
  Extent extent = Extent::kWhole;
  // It may hold the grant's next refresh token: while it stands, the one that was sent is not sent
  // again.
  bool stands = false;

  bool empty() const { return body.empty(); }
};

}  // namespace token_service::broker
