#include "bench/hot_credentials.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/strings/str_format.h"
#include "server/base/clock.h"

namespace token_service::bench {
namespace {

constexpr int kHot = 1000;
constexpr int kTokenBytes = 600;

broker::AccessTokenPtr NewToken(const std::string& name, uint64_t generation) {
  const MonotonicTime now = SystemClock().Now();
  broker::AccessToken token;
  token.credential = name;
  token.value = Secret(std::string(kTokenBytes, 'x'));
  token.token_type = "Bearer";
  token.generation = generation;
  token.expire_time = SystemClock().WallNow() + absl::Hours(1);
  token.lifetime = absl::Hours(1);
  token.issued = now;
  token.expires = now + absl::Hours(1);
  return std::make_shared<const broker::AccessToken>(std::move(token));
}

}  // namespace

HotCredentials::HotCredentials(int known) {
  for (int i = 0; i < known; ++i) {
    const std::string name = absl::StrFormat("credential-%07d", i);
    cache.Add(name);
    if (i >= kHot) continue;
    cache.Publish(NewToken(name, 1));
    names.push_back(name);
  }
}

Publisher::Publisher(HotCredentials& credentials)
    : thread_([this, &credentials] {
        for (uint64_t i = 0; !stop_.load(std::memory_order_relaxed); ++i) {
          const std::string& name = credentials.names[i % credentials.names.size()];
          credentials.cache.Publish(NewToken(name, i + 2));
          published_.fetch_add(1, std::memory_order_relaxed);
        }
      }) {}

Publisher::~Publisher() {
  stop_.store(true, std::memory_order_relaxed);
  thread_.join();
}

}  // namespace token_service::bench
