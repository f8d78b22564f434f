#include "tests/sandbox/token_authority.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "tests/sandbox/jwt.h"

namespace token_service::sandbox {
namespace {

constexpr size_t kMaxCredentials = 10'000;
constexpr size_t kMaxSpentTokens = 256;

// What `kid` says of an access token. Without the number two tokens of one second would be the same
// string; `exp` alone, in whole seconds, would let a short-lived token live up to a second too
// long.
struct TokenMark {
  uint64_t serial = 0;
  uint64_t grant = 0;
  uint64_t number = 0;
  int64_t expiry_ms = 0;
};

std::string WriteMark(const TokenMark& mark) {
  return absl::StrCat(mark.serial, ".", mark.grant, ".", mark.number, ".", mark.expiry_ms);
}

std::optional<TokenMark> ReadMark(const std::string& text) {
  const std::vector<std::string> parts = absl::StrSplit(text, '.');
  TokenMark mark;
  if (parts.size() != 4 || !absl::SimpleAtoi(parts[0], &mark.serial) ||
      !absl::SimpleAtoi(parts[1], &mark.grant) || !absl::SimpleAtoi(parts[2], &mark.number) ||
      !absl::SimpleAtoi(parts[3], &mark.expiry_ms)) {
    return std::nullopt;
  }
  return mark;
}

struct Lifetime {
  absl::Time expiry;
  int64_t expires_in = 0;
};

// An hour ends on a whole second, so the part of a second already gone makes 3599 the honest
// answer, as the real API gives. Lifetimes under a minute, made for tests, are kept to the
// millisecond instead.
Lifetime LifetimeFrom(absl::Time now, absl::Duration ttl) {
  if (ttl < absl::Minutes(1)) return {now + ttl, absl::ToInt64Seconds(ttl)};
  return {absl::FromUnixSeconds(absl::ToUnixSeconds(now)) + ttl, absl::ToInt64Seconds(ttl) - 1};
}

int64_t CeilSeconds(absl::Time time) {
  return absl::ToUnixSeconds(time + absl::Seconds(1) - absl::Nanoseconds(1));
}

}  // namespace

bool IsValidCredentialName(std::string_view name) {
  return !name.empty() && name.size() <= 64 && std::ranges::all_of(name, [](char c) {
    return absl::ascii_isprint(static_cast<unsigned char>(c)) && c != '/';
  });
}

TokenAuthority::TokenAuthority(TokenPolicy policy, RandomBytes random, const Clock& clock)
    : policy_(std::move(policy)),
      random_(std::move(random)),
      clock_(clock),
      signing_key_(random_(64)) {}

TokenAuthority::InFlight TokenAuthority::Enter(std::string_view refresh_token) {
  uint64_t serial = 0;
  {
    absl::MutexLock lock(&mutex_);
    ++totals_.token_requests;
    totals_.concurrent_exchanges_max = std::max(totals_.concurrent_exchanges_max, ++in_flight_);
    const auto owner = by_refresh_token_.find(std::string(refresh_token));
    if (owner != by_refresh_token_.end()) {
      serial = owner->second;
      Credential& credential = credentials_.at(serial);
      credential.stats.in_flight_max =
          std::max(credential.stats.in_flight_max, ++credential.in_flight);
    }
  }
  return InFlight(*this, serial);
}

void TokenAuthority::Leave(uint64_t serial) {
  absl::MutexLock lock(&mutex_);
  --in_flight_;
  const auto credential = credentials_.find(serial);
  if (credential != credentials_.end()) --credential->second.in_flight;
}

std::string TokenAuthority::Mint(std::string_view name) {
  absl::MutexLock lock(&mutex_);
  Credential* credential = FindByNameLocked(name);
  uint64_t serial = 0;
  if (credential != nullptr) {
    serial = by_refresh_token_.at(credential->current);
    ForgetTokensLocked(*credential);
  } else {
    if (credentials_.size() >= kMaxCredentials) {
      ForgetTokensLocked(credentials_.begin()->second);
      credentials_.erase(credentials_.begin());
    }
    serial = ++last_number_;
    credential = &credentials_[serial];
    credential->stats.name = std::string(name);
    credential->stats.client_id = policy_.client_id;
  }
  credential->grant = ++last_number_;
  credential->stats.revoked = false;
  credential->last_answer.reset();
  credential->last_used = clock_.Now();
  credential->current = absl::Base64Escape(random_(32));
  by_refresh_token_[credential->current] = serial;
  return credential->current;
}

ExchangeOutcome TokenAuthority::Exchange(std::string_view refresh_token,
                                         std::string_view client_id) {
  absl::MutexLock lock(&mutex_);
  if (client_id != policy_.client_id) {
    return Refusal{OAuthError::kInvalidClient, "no client has this client_id"};
  }
  const auto owner = by_refresh_token_.find(std::string(refresh_token));
  if (owner == by_refresh_token_.end()) {
    ++totals_.unknown_refresh_tokens;
    return Refusal{OAuthError::kInvalidGrant, "the refresh token is not known"};
  }
  const uint64_t serial = owner->second;
  Credential& credential = credentials_.at(serial);
  if (refresh_token != credential.current) return PresentedAgainLocked(credential, refresh_token);
  if (credential.stats.revoked) {
    return Refusal{OAuthError::kInvalidGrant, "the grant is revoked"};
  }
  if (policy_.refresh_token_ttl > absl::ZeroDuration() &&
      clock_.Now() - credential.last_used > policy_.refresh_token_ttl) {
    return Refusal{OAuthError::kInvalidGrant, "the refresh token was unused for too long"};
  }
  return IssueLocked(serial, credential);
}

ExchangeOutcome TokenAuthority::PresentedAgainLocked(Credential& credential,
                                                     std::string_view refresh_token) {
  const bool just_spent = !credential.spent.empty() && credential.spent.back() == refresh_token;
  if (just_spent && credential.last_answer && !credential.stats.revoked &&
      policy_.grace > absl::ZeroDuration() &&
      clock_.Now() - credential.last_used <= policy_.grace) {
    return *credential.last_answer;
  }
  if (!policy_.reuse_detection) {
    return Refusal{OAuthError::kInvalidGrant, "the refresh token is spent"};
  }
  ++credential.stats.reuse_detected;
  ++totals_.reuse_detected;
  credential.stats.revoked = true;
  return Refusal{OAuthError::kInvalidGrant,
                 "a spent refresh token was presented again: the grant is revoked"};
}

TokenAnswer TokenAuthority::IssueLocked(uint64_t serial, Credential& credential) {
  const absl::Time now = clock_.WallNow();
  const Lifetime lifetime = LifetimeFrom(now, policy_.ttl);
  const TokenMark mark = {serial, credential.grant, ++last_number_,
                          absl::ToUnixMillis(lifetime.expiry)};
  TokenAnswer answer;
  answer.access_token = EncodeJwt({.key_id = WriteMark(mark),
                                   .client_id = policy_.client_id,
                                   .type = "access",
                                   .not_before = absl::ToUnixSeconds(now),
                                   .expiry = CeilSeconds(lifetime.expiry),
                                   .issuer = "ticket-api-sandbox",
                                   .audience = "ticket-api"},
                                  signing_key_);
  answer.expires_in = lifetime.expires_in;
  if (policy_.rotate) {
    credential.spent.push_back(std::exchange(credential.current, absl::Base64Escape(random_(32))));
    by_refresh_token_[credential.current] = serial;
    if (credential.spent.size() > kMaxSpentTokens) {
      by_refresh_token_.erase(credential.spent.front());
      credential.spent.pop_front();
    }
    ++credential.stats.rotations;
    answer.refresh_token = credential.current;
  } else if (!policy_.omit_refresh_token) {
    answer.refresh_token = credential.current;
  }
  credential.last_used = clock_.Now();
  credential.last_answer = answer;
  ++credential.stats.issued;
  ++totals_.tokens_issued;
  return answer;
}

bool TokenAuthority::Revoke(std::string_view name) {
  absl::MutexLock lock(&mutex_);
  Credential* credential = FindByNameLocked(name);
  if (credential == nullptr) return false;
  credential->stats.revoked = true;
  return true;
}

std::optional<std::string> TokenAuthority::OwnerOf(std::string_view refresh_token) const {
  absl::MutexLock lock(&mutex_);
  const auto owner = by_refresh_token_.find(std::string(refresh_token));
  if (owner == by_refresh_token_.end()) return std::nullopt;
  return credentials_.at(owner->second).stats.name;
}

std::optional<std::string> TokenAuthority::Verify(std::string_view access_token) const {
  const std::optional<Jwt> jwt = DecodeJwt(access_token, signing_key_);
  if (!jwt) return std::nullopt;
  const std::optional<TokenMark> mark = ReadMark(jwt->key_id);
  if (!mark || absl::ToUnixMillis(clock_.WallNow()) >= mark->expiry_ms) return std::nullopt;
  absl::MutexLock lock(&mutex_);
  const auto credential = credentials_.find(mark->serial);
  if (credential == credentials_.end() || credential->second.grant != mark->grant ||
      credential->second.stats.revoked) {
    return std::nullopt;
  }
  return credential->second.stats.name;
}

AuthorityStats TokenAuthority::Stats() const {
  absl::MutexLock lock(&mutex_);
  AuthorityStats stats = totals_;
  for (const auto& [serial, credential] : credentials_)
    stats.credentials.push_back(credential.stats);
  return stats;
}

TokenAuthority::Credential* TokenAuthority::FindByNameLocked(std::string_view name) {
  for (auto& [serial, credential] : credentials_) {
    if (credential.stats.name == name) return &credential;
  }
  return nullptr;
}

void TokenAuthority::ForgetTokensLocked(Credential& credential) {
  by_refresh_token_.erase(credential.current);
  for (const std::string& token : credential.spent) by_refresh_token_.erase(token);
  credential.spent.clear();
}

}  // namespace token_service::sandbox
