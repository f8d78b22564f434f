#include "server/app/declaration_plan.h"

#include <utility>

#include "server/broker/client_auth.h"
#include "server/broker/reason.h"

namespace token_service::app {
namespace {

using broker::CredentialProfile;
using broker::CredentialRecord;
using broker::CredentialSettings;
using broker::GrantState;
using telemetry::Level;

constexpr std::string_view kShared =
    "another credential has the same refresh token: should the provider ever replace it, one of "
    "them is left with a spent one";

// A declared credential's client secret stays in its file.
CredentialProfile ProfileOf(const CredentialSettings& settings) {
  return {.purpose = settings.purpose,
          .client_id = settings.client_id,
          .token_endpoint = settings.token_endpoint,
          .scope = settings.scope,
          .client_auth = std::string(ClientAuthName(settings.client_auth)),
          .provider = settings.provider->name,
          .grant = std::string(GrantName(settings.grant)),
          .managed_by_config = true};
}

bool Same(const CredentialProfile& a, const CredentialProfile& b) {
  return a.purpose == b.purpose && a.client_id == b.client_id &&
         a.token_endpoint == b.token_endpoint && a.scope == b.scope &&
         a.client_auth == b.client_auth && a.provider == b.provider && a.grant == b.grant &&
         a.client_secret == b.client_secret && a.managed_by_config == b.managed_by_config;
}

class Planning {
 public:
  Planning(StoredCredentials stored, const KnownTokens& known, absl::Time now)
      : known_(known), now_(now) {
    plan_.after = std::move(stored);
  }

  DeclarationPlan Run(const Declarations& declared) {
    for (const auto& [name, credential] : declared.credentials) {
      const auto found = plan_.after.find(name);
      if (found == plan_.after.end()) {
        Create(name, credential);
      } else if (!found->second.unreadable) {
        // An unreadable row stays as it is, for whoever looks into it.
        Align(credential, found->second);
      }
    }
    for (auto& [name, record] : plan_.after) {
      if (!declared.credentials.contains(name)) Drop(record);
    }
    return std::move(plan_);
  }

 private:
  broker::TokenKnowledge KnownOf(const std::string& name) const {
    const auto found = known_.find(name);
    return found == known_.end() ? broker::TokenKnowledge() : found->second;
  }

  void Create(const std::string& name, const Declared& declared) {
    if (!declared.refresh_token.ok()) return;  // CheckTokens has refused it.
    const broker::TokenKnowledge known = KnownOf(name);
    CredentialRecord record;
    record.name = name;
    record.profile = ProfileOf(*declared.settings);
    record.seed = declared.refresh_token->Copy();
    record.create_time = now_;
    if (!known.spent.has_value()) record.refresh_token = declared.refresh_token->Copy();
    plan_.changes.push_back(broker::CreateCredential{.record = record.Copy(), .from_file = true});
    if (known.spent.has_value()) {
      GiveUp(declared.refresh_token_file, *known.spent, record);
    } else {
      WarnIfShared(name, *declared.refresh_token, known);
    }
    plan_.after.emplace(name, std::move(record));
  }

  void GiveUp(const std::string& file, const broker::SpentToken& spent, CredentialRecord& record) {
    const std::string reason(ReasonName(broker::Reason::kRefreshTokenSpent));
    plan_.changes.push_back(broker::GiveUpGrant{.name = record.name, .error_reason = reason});
    record.grant = GrantState::kDead;
    record.last_error_reason = reason;
    plan_.notes.push_back({Level::kWarning,
                           "the refresh token in a file is spent and not adopted; the credential "
                           "has none until it is given a new one",
                           record.name, file, spent.since});
  }

  void WarnIfShared(const std::string& name, const Secret& token,
                    const broker::TokenKnowledge& known) {
    if (!known.shared && ++created_[token.Reveal()] != 2) return;
    plan_.notes.push_back({Level::kWarning, kShared, name});
  }

  void Align(const Declared& declared, CredentialRecord& record) {
    if (!declared.refresh_token_file.empty() && declared.refresh_token.ok()) {
      PlanToken(declared.refresh_token_file, *declared.refresh_token, KnownOf(record.name), record,
                plan_);
    }
    if (record.disabled) {
      plan_.changes.push_back(broker::SetDisabled{.name = record.name, .disabled = false});
      record.disabled = false;
    }
    CredentialProfile profile = ProfileOf(*declared.settings);
    if (Same(profile, record.profile)) return;
    plan_.changes.push_back(broker::ChangeProfile{.name = record.name, .profile = profile.Copy()});
    record.profile = std::move(profile);
  }

  void Drop(CredentialRecord& record) {
    if (!record.profile.managed_by_config || record.disabled || record.unreadable) return;
    plan_.notes.push_back({Level::kWarning,
                           "credential disabled: the configuration does not declare it any more",
                           record.name});
    plan_.changes.push_back(broker::SetDisabled{.name = record.name, .disabled = true});
    record.disabled = true;
  }

  const KnownTokens& known_;
  const absl::Time now_;
  std::map<std::string_view, int> created_;  // Into the declared tokens: how many have each.
  DeclarationPlan plan_;
};

}  // namespace

void DeclarationPlan::Note::Log() const {
  if (since.has_value()) {
    telemetry::Log(level, event, {{"credential", credential}, {"file", file}, {"since", *since}});
  } else if (!file.empty()) {
    telemetry::Log(level, event, {{"credential", credential}, {"file", file}});
  } else {
    telemetry::Log(level, event, {{"credential", credential}});
  }
}

bool SaysAsBefore(const Secret& token, const CredentialRecord& record) {
  return record.seed == token;
}

void PlanToken(const std::string& file, const Secret& token, const broker::TokenKnowledge& known,
               CredentialRecord& record, DeclarationPlan& plan) {
  if (SaysAsBefore(token, record)) return;
  const bool first_declared = !record.profile.managed_by_config;
  if (known.spent.has_value() && !known.current) {
    plan.notes.push_back({Level::kWarning,
                          "the refresh token in a file is spent and not adopted; going on with the "
                          "stored one",
                          record.name, file, known.spent->since});
    if (!first_declared) return;
  }
  if (known.current || first_declared) {
    if (!known.current && !known.spent.has_value()) {
      plan.notes.push_back({Level::kWarning,
                            "the credential was there before it was declared: its stored refresh "
                            "token goes on, and the one in the file is noted and not adopted",
                            record.name, file});
    }
    plan.changes.push_back(broker::RecordSeed{.name = record.name, .seed = token.Copy()});
    record.seed = token.Copy();
    return;
  }
  if (known.shared) plan.notes.push_back({Level::kWarning, kShared, record.name, file});
  plan.changes.push_back(
      broker::ReplaceGrant{.name = record.name, .refresh_token = token.Copy(), .from_file = true});
  record.refresh_token = token.Copy();
  record.seed = token.Copy();
  record.grant = GrantState::kUsable;
  record.attempt.reset();
  record.doubt_since.reset();
  record.last_error_reason.clear();
  record.consecutive_failures = 0;
  plan.adopted.push_back(record.name);
  plan.notes.push_back({Level::kInfo, "refresh token adopted from its file", record.name, file});
}

DeclarationPlan PlanChanges(const Declarations& declared, StoredCredentials stored,
                            const KnownTokens& known, absl::Time now) {
  return Planning(std::move(stored), known, now).Run(declared);
}

}  // namespace token_service::app
