#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include "server/broker/token_cache.h"

namespace token_service::bench {

// A cache that knows `known` credentials. The first thousand have a token that lives an hour.
struct HotCredentials {
  explicit HotCredentials(int known);

  broker::TokenCache cache;
  std::vector<std::string> names;  // Of those with a token.
};

// Publishes a new token for one hot credential after another, as fast as it can, on a thread of its
// own.
class Publisher {
 public:
  explicit Publisher(HotCredentials& credentials);
  ~Publisher();

  int64_t published() const { return published_.load(std::memory_order_relaxed); }

 private:
  std::atomic<bool> stop_ = false;
  std::atomic<int64_t> published_ = 0;
  std::thread thread_;
};

}  // namespace token_service::bench
