#include "server/broker/token_issuer.h"

#include <utility>

#include "server/base/absl_view.h"
#include "server/broker/lifetime.h"

namespace token_service::broker {

using Need = RefreshScheduler::Need;

namespace {

// Flights a caller sits through when what they bring is not good enough.
constexpr int kMaxRounds = 3;

}  // namespace

TokenIssuer::TokenIssuer(Options options, TokenCache& cache, RefreshScheduler& scheduler,
                         TimerQueue& timers, const Clock& clock)
    : options_(std::move(options)),
      cache_(cache),
      scheduler_(scheduler),
      timers_(timers),
      clock_(clock),
      places_(options_.max_waiting) {}

TokenIssuer::Verdict TokenIssuer::Judge(const TokenCache::Found& found, const TokenRequest& request,
                                        MonotonicTime now) {
  if (found.token == nullptr) return Verdict::kTooOld;
  const AccessToken& token = *found.token;
  if (request.min_validity.has_value() &&
      *request.min_validity > token.lifetime - token.least_age) {
    return Verdict::kOutOfRange;
  }
  if (request.rejected_generation == token.generation) return Verdict::kRejected;
  const absl::Duration left = token.expires - now;
  if (left <= absl::ZeroDuration()) return Verdict::kTooOld;
  if (request.min_validity.has_value() && left < *request.min_validity) return Verdict::kTooOld;
  if (!request.min_validity.has_value() && left < PreferredValidity(token)) {
    return Verdict::kPreferFresh;
  }
  return found.dormant ? Verdict::kWake : Verdict::kServe;
}

std::optional<TokenAnswer> TokenIssuer::TryGet(const TokenRequest& request) {
  const MonotonicTime now = clock_.Now();
  std::optional<TokenCache::Found> found = cache_.Find(request.credential, now);
  if (!found.has_value()) return MakeRefusal(Reason::kCredentialNotFound);
  switch (Judge(*found, request, now)) {
    case Verdict::kServe:
      return std::move(found->token);
    case Verdict::kWake:
      scheduler_.Demand(request.credential, Need::kSoon, found->token->generation);
      return std::move(found->token);
    case Verdict::kOutOfRange:
      return MakeRefusal(Reason::kValidityUnavailable);
    case Verdict::kPreferFresh:
    case Verdict::kTooOld:
    case Verdict::kRejected:
      break;
  }
  return std::nullopt;
}

void TokenIssuer::Wait(const TokenRequest& request, Waiter* waiter) {
  Seek({.request = request, .waiter = waiter, .ticket = NewTicket()});
}

void TokenIssuer::Refresh(std::string_view credential, Waiter* waiter, bool even_if_rejected) {
  Seek({.request = {.credential = std::string(credential)},
        .waiter = waiter,
        .ticket = NewTicket(),
        .forced = true,
        .even_if_rejected = even_if_rejected});
}

void TokenIssuer::Seek(Parked parked) {
  // Each round but the last ends because the token changed meanwhile: progress, and rare.
  while (true) {
    const TokenRequest& request = parked.request;
    const MonotonicTime now = clock_.Now();
    const std::optional<TokenCache::Found> found = cache_.Find(request.credential, now);
    if (!found.has_value()) {
      return parked.waiter->OnAnswer(MakeRefusal(Reason::kCredentialNotFound));
    }
    Need need = Need::kNow;
    if (parked.forced) {
      need = parked.even_if_rejected ? Need::kOperatorInsists : Need::kOperator;
    } else {
      switch (Judge(*found, request, now)) {
        case Verdict::kServe:
        case Verdict::kWake:
          return parked.waiter->OnAnswer(found->token);
        case Verdict::kOutOfRange:
          return parked.waiter->OnAnswer(MakeRefusal(Reason::kValidityUnavailable));
        case Verdict::kPreferFresh:
          need = Need::kSoon;
          break;
        case Verdict::kTooOld:
          need = Need::kNow;
          break;
        case Verdict::kRejected:
          need = Need::kRejected;
          break;
      }
    }
    // Parked before the demand: the flight may land at any moment after it.
    if (const std::optional<Refusal> refusal = Park(parked); refusal.has_value()) {
      return AnswerOr(parked, *refusal);
    }
    const uint64_t seen = found->token == nullptr ? 0 : found->token->generation;
    const RefreshScheduler::Answer answer = scheduler_.Demand(request.credential, need, seen);
    if (std::holds_alternative<RefreshScheduler::Underway>(answer)) {
      if (need == Need::kSoon) {
        timers_.At(now + options_.preference_wait,
                   [this, credential = request.credential, waiter = parked.waiter,
                    ticket = parked.ticket] { OnPreferenceTimeout(credential, waiter, ticket); });
      }
      return;
    }
    // Whoever takes it out answers it.
    if (!Take(request.credential, parked.waiter, parked.ticket).has_value()) return;
    const auto* const refusal = std::get_if<Refusal>(&answer);
    if (refusal == nullptr) continue;
    if (AccessTokenPtr token = StillDoes(parked); token != nullptr) {
      return parked.waiter->OnAnswer(std::move(token));
    }
    // What it would have taken has expired since we looked: it needs another.
    if (need == Need::kSoon) continue;
    return parked.waiter->OnAnswer(*refusal);
  }
}

std::optional<Refusal> TokenIssuer::Park(const Parked& parked) {
  absl::MutexLock lock(&mutex_);
  if (shutting_down_) return MakeRefusal(Reason::kShuttingDown);
  if (!places_.Take(parked.request.caller)) {
    return MakeRefusal(Reason::kOverloaded, absl::Seconds(1));
  }
  parked_[parked.request.credential].emplace(parked.waiter, parked);
  return std::nullopt;
}

AccessTokenPtr TokenIssuer::StillDoes(const Parked& parked) const {
  const MonotonicTime now = clock_.Now();
  const std::optional<TokenCache::Found> found = cache_.Find(parked.request.credential, now);
  if (!found.has_value() || parked.forced) return nullptr;
  switch (Judge(*found, parked.request, now)) {
    case Verdict::kServe:
    case Verdict::kWake:
    case Verdict::kPreferFresh:
      return found->token;
    case Verdict::kTooOld:
    case Verdict::kRejected:
    case Verdict::kOutOfRange:
      break;
  }
  return nullptr;
}

void TokenIssuer::AnswerOr(const Parked& parked, const Refusal& refusal) {
  if (AccessTokenPtr token = StillDoes(parked); token != nullptr) {
    return parked.waiter->OnAnswer(std::move(token));
  }
  parked.waiter->OnAnswer(refusal);
}

void TokenIssuer::OnPreferenceTimeout(const std::string& credential, Waiter* waiter,
                                      uint64_t ticket) {
  std::optional<Parked> parked = Take(credential, waiter, ticket);
  if (!parked.has_value()) return;
  const MonotonicTime now = clock_.Now();
  const std::optional<TokenCache::Found> found = cache_.Find(credential, now);
  if (found.has_value() && Judge(*found, parked->request, now) == Verdict::kPreferFresh) {
    return waiter->OnAnswer(found->token);
  }
  // The token it would have taken has expired while it waited: now it needs the fresher one.
  Seek(*std::move(parked));
}

bool TokenIssuer::Leave(std::string_view credential, Waiter* waiter) {
  absl::MutexLock lock(&mutex_);
  const auto group = parked_.find(AbslView(credential));
  if (group == parked_.end()) return false;
  const auto found = group->second.find(waiter);
  if (found == group->second.end()) return false;
  places_.Give(found->second.request.caller);
  group->second.erase(found);
  if (group->second.empty()) parked_.erase(group);
  return true;
}

std::optional<TokenIssuer::Parked> TokenIssuer::Take(std::string_view credential, Waiter* waiter,
                                                     uint64_t ticket) {
  absl::MutexLock lock(&mutex_);
  const auto group = parked_.find(AbslView(credential));
  if (group == parked_.end()) return std::nullopt;
  const auto found = group->second.find(waiter);
  // Another waiter may have got the same address since.
  if (found == group->second.end() || found->second.ticket != ticket) return std::nullopt;
  Parked parked = std::move(found->second);
  group->second.erase(found);
  if (group->second.empty()) parked_.erase(group);
  places_.Give(parked.request.caller);
  return parked;
}

std::vector<TokenIssuer::Parked> TokenIssuer::TakeAll(std::string_view credential) {
  std::vector<Parked> all;
  absl::MutexLock lock(&mutex_);
  const auto group = parked_.find(AbslView(credential));
  if (group == parked_.end()) return all;
  all.reserve(group->second.size());
  for (auto& [waiter, parked] : group->second) {
    places_.Give(parked.request.caller);
    all.push_back(std::move(parked));
  }
  parked_.erase(group);
  return all;
}

void TokenIssuer::OnSettled(const std::string& credential, const std::optional<Refusal>& refusal) {
  for (Parked& parked : TakeAll(credential)) {
    if (refusal.has_value()) {
      AnswerOr(parked, *refusal);
    } else if (parked.forced) {
      parked.forced = false;
      AnswerOr(parked, MakeRefusal(Reason::kProviderUnavailable));
    } else if (++parked.rounds < kMaxRounds) {
      Seek(std::move(parked));
    } else {
      AnswerOr(parked, MakeRefusal(Reason::kRefreshedRecently, absl::Seconds(1)));
    }
  }
}

void TokenIssuer::OnRemoved(const std::string& credential) {
  for (const Parked& parked : TakeAll(credential)) {
    parked.waiter->OnAnswer(MakeRefusal(Reason::kCredentialNotFound));
  }
}

void TokenIssuer::Shutdown() {
  absl::MutexLock lock(&mutex_);
  shutting_down_ = true;
}

std::vector<std::string> TokenIssuer::AwaitedCredentials() const {
  std::vector<std::string> names;
  absl::MutexLock lock(&mutex_);
  for (const auto& [name, group] : parked_) names.push_back(name);
  return names;
}

void TokenIssuer::ReviewAll() {
  for (const std::string& name : AwaitedCredentials()) {
    // Whoever takes it out answers it, and so it stays while it is asked.
    for (Parked& parked : TakeAll(name)) {
      if (parked.waiter->MayWait()) {
        Seek(std::move(parked));
      } else {
        parked.waiter->OnAnswer(MakeRefusal(Reason::kCredentialNotFound));
      }
    }
  }
}

void TokenIssuer::RefuseWaiting() {
  for (const std::string& name : AwaitedCredentials()) {
    for (const Parked& parked : TakeAll(name)) {
      AnswerOr(parked, MakeRefusal(Reason::kShuttingDown));
    }
  }
}

void TokenIssuer::SetMaxWaiting(size_t most) {
  absl::MutexLock lock(&mutex_);
  places_.SetMost(most);
}

size_t TokenIssuer::waiting() const {
  absl::MutexLock lock(&mutex_);
  return places_.taken();
}

uint64_t TokenIssuer::NewTicket() {
  absl::MutexLock lock(&mutex_);
  return ++last_ticket_;
}

}  // namespace token_service::broker
