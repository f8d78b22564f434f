#include "server/app/declaration_plan.h"

#include <string>
#include <string_view>
#include <utility>

#include "server/broker/client_auth.h"
#include "server/telemetry/log.h"

namespace token_service::app {
namespace {

using broker::CredentialProfile;
using broker::CredentialRecord;
using broker::CredentialSettings;
using telemetry::Level;
using telemetry::Log;

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
  explicit Planning(absl::Time now) : now_(now) {}

  DeclarationPlan Run(const Declarations& declared, const StoredCredentials& stored) {
    for (const auto& [name, credential] : declared.credentials) {
      const auto found = stored.find(name);
      if (found == stored.end()) {
        Create(name, credential);
      } else if (!found->second.record.unreadable) {
        // An unreadable row stays as it is, for whoever looks into it.
        Align(credential, found->second);
      }
    }
    for (const auto& [name, credential] : stored) {
      if (!declared.credentials.contains(name)) Drop(credential.record);
    }
    return std::move(plan_);
  }

 private:
  void Create(const std::string& name, const Declared& declared) {
    if (!declared.refresh_token.ok()) return;  // CheckTokens has refused it.
    CredentialRecord record;
    record.name = name;
    record.profile = ProfileOf(*declared.settings);
    record.refresh_token = declared.refresh_token->Copy();
    record.seed = declared.refresh_token->Copy();
    record.create_time = now_;
    plan_.changes.push_back(
        broker::CreateCredential{.record = std::move(record), .from_file = true});
  }

  void Align(const Declared& declared, const StoredCredential& stored) {
    const CredentialRecord& record = stored.record;
    // Before the profile, which says whether it was declared before.
    if (stored.file_is_news) {
      plan_.changes.push_back(
          broker::AdoptSeed{.name = record.name, .seed = declared.refresh_token->Copy()});
    }
    if (record.disabled) {
      plan_.changes.push_back(broker::SetDisabled{.name = record.name, .disabled = false});
    }
    CredentialProfile profile = ProfileOf(*declared.settings);
    if (Same(profile, record.profile)) return;
    plan_.changes.push_back(
        broker::ChangeProfile{.name = record.name, .profile = std::move(profile)});
  }

  void Drop(const CredentialRecord& record) {
    if (!record.profile.managed_by_config || record.disabled || record.unreadable) return;
    plan_.changes.push_back(broker::SetDisabled{.name = record.name, .disabled = true});
    plan_.dropped.push_back(record.name);
  }

  const absl::Time now_;
  DeclarationPlan plan_;
};

void LogSpent(const broker::SeedOutcome& outcome, const std::string& file, std::string_view event) {
  Log(Level::kWarning, event,
      {{"credential", outcome.name}, {"file", file}, {"since", outcome.spent->since}});
}

}  // namespace

DeclarationPlan PlanChanges(const Declarations& declared, const StoredCredentials& stored,
                            absl::Time now) {
  return Planning(now).Run(declared, stored);
}

bool FileIsNews(const Declared& declared, const CredentialRecord& record) {
  return !declared.refresh_token_file.empty() && declared.refresh_token.ok() &&
         !(record.seed == *declared.refresh_token);
}

void LogSeed(const broker::SeedOutcome& outcome, const std::string& file, bool made) {
  using Became = broker::SeedOutcome::Became;
  switch (outcome.became) {
    case Became::kUnchanged:
    case Became::kCurrent:
      return;
    case Became::kNoted:
      Log(Level::kWarning,
          "the credential was there before it was declared: its stored refresh token goes on, and "
          "the one in the file is noted and not adopted",
          {{"credential", outcome.name}, {"file", file}});
      return;
    case Became::kAdopted:
      if (outcome.shared) {
        Log(Level::kWarning, kShared, {{"credential", outcome.name}, {"file", file}});
      }
      if (made) return;
      Log(Level::kInfo, "refresh token adopted from its file",
          {{"credential", outcome.name}, {"file", file}});
      return;
    case Became::kSpent:
      LogSpent(
          outcome, file,
          made ? "the refresh token in a file is spent and not adopted; the credential has none "
                 "until it is given a new one"
               : "the refresh token in a file is spent and not adopted; going on with the "
                 "stored one");
      return;
  }
}

void LogDropped(const std::string& credential) {
  Log(Level::kWarning, "credential disabled: the configuration does not declare it any more",
      {{"credential", credential}});
}

}  // namespace token_service::app
