#pragma once

#include <string>

namespace token_service::api {

// How the callers of one listener are known.
struct ListenerInfo {
  std::string address;
  // The identity of everyone who calls here: `anonymous`, `unix:<path>`.
  std::string identity;
};

}  // namespace token_service::api
