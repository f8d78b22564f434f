#include "server/store/sealing/record_sealer.h"

#include <array>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "server/base/absl_view.h"
#include "server/store/properties_text.h"
#include "server/store/sealing/sealed_pair.h"
#include "server/telemetry/log.h"
#include "server/telemetry/utf8.h"

namespace token_service::store {
namespace {

using broker::CredentialProfile;
using broker::CredentialRecord;
using broker::Evidence;

constexpr std::string_view kRefreshToken = "refresh_token_of_serial";
// As older versions sealed it: where it came of a rotation, and otherwise.
constexpr std::string_view kRotated = "refresh_token";
constexpr std::string_view kGrant = "grant";
constexpr std::string_view kSeed = "seed";
constexpr std::string_view kClientSecret = "client_secret";
constexpr std::string_view kAccessToken = "access_token";
constexpr std::string_view kEvidence = "evidence";
constexpr std::string_view kHashKey = "token_hash_key";  // Of the credential without a name.

bool IsUtf8(std::string_view text) {
  while (!text.empty()) {
    const size_t length = telemetry::Utf8Length(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

// Purpose is for people only. Each part after its length: no two profiles give the same.
std::string ClientSecretOf(const CredentialProfile& profile) {
  std::string field(kClientSecret);
  for (const std::string& part :
       {profile.client_id, profile.token_endpoint, profile.scope, profile.client_auth}) {
    absl::StrAppend(&field, " ", part.size(), ":", part);
  }
  absl::StrAppend(&field, profile.managed_by_config ? " declared" : " made");
  // As it was before there were any.
  if (!profile.provider.empty()) absl::StrAppend(&field, " provider ", profile.provider);
  if (profile.grant != "refresh_token") absl::StrAppend(&field, " grant ", profile.grant);
  return field;
}

// With what callers are given beside it: whoever can write to the database must not send them and
// their token elsewhere. Without any as it was before there were any.
std::string AccessTokenOf(const broker::TokenProperties& properties) {
  return absl::StrCat(AbslView(kAccessToken), PropertiesText(properties));
}

// Where the refresh token may have been sealed for: the first is where it is sealed for now. The
// others are of versions that sealed before they had the row: one that came otherwise than by a
// rotation might be stored just after one.
std::array<SealedPlace, 4> RefreshTokenPlaces(const CredentialRecord& record) {
  const uint64_t serial = record.grant_serial;
  return {SealedPlace{record.name, kRefreshToken, serial},
          SealedPlace{record.name, kRotated, record.generation},
          SealedPlace{record.name, kGrant, serial},
          SealedPlace{record.name, kGrant, serial == 0 ? 0 : serial - 1}};
}

struct OpenedValue {
  Secret plain;
  SealedPlace place;
};

// In the first of the places that it opens in, else the last one's error.
absl::StatusOr<OpenedValue> OpenIn(const Sealer& sealer, absl::Span<const SealedPlace> places,
                                   std::string_view sealed) {
  absl::Status error;
  for (const SealedPlace& place : places) {
    absl::StatusOr<Secret> opened = sealer.Open(place, sealed);
    if (opened.ok()) return OpenedValue{*std::move(opened), place};
    error = opened.status();
  }
  return error;
}

}  // namespace

Secret RecordSealer::SealField(std::string_view name, std::string_view field, uint64_t generation,
                               const Secret& plain) const {
  return sealer_.Seal({.credential = name, .field = field, .generation = generation}, plain);
}

CredentialRecord RecordSealer::Seal(const CredentialRecord& record) const {
  CredentialRecord sealed = record.Copy();
  sealed.refresh_token =
      SealField(record.name, kRefreshToken, record.grant_serial, record.refresh_token);
  sealed.seed = SealField(record.name, kSeed, 0, record.seed);
  sealed.profile.client_secret =
      SealField(record.name, ClientSecretOf(record.profile), 0, record.profile.client_secret);
  if (record.token.has_value()) sealed.token->value = SealToken(record);
  return sealed;
}

Secret RecordSealer::SealToken(const CredentialRecord& record) const {
  return SealField(record.name, AccessTokenOf(record.token->properties), record.generation,
                   record.token->value);
}

CredentialRecord RecordSealer::SealChanges(const CredentialRecord& record,
                                           const CredentialRecord& opened,
                                           const CredentialRecord& lying) const {
  CredentialRecord sealed = record.Copy();
  // A generation, too, is part of where an older version sealed it for.
  const bool same_grant = record.refresh_token == opened.refresh_token &&
                          record.grant_serial == opened.grant_serial &&
                          record.generation == opened.generation;
  sealed.refresh_token =
      same_grant ? lying.refresh_token.Copy()
                 : SealField(record.name, kRefreshToken, record.grant_serial, record.refresh_token);
  sealed.seed = record.seed == opened.seed ? lying.seed.Copy()
                                           : SealField(record.name, kSeed, 0, record.seed);
  const std::string client_secret = ClientSecretOf(record.profile);
  const bool same_profile = record.profile.client_secret == opened.profile.client_secret &&
                            client_secret == ClientSecretOf(opened.profile);
  sealed.profile.client_secret =
      same_profile ? lying.profile.client_secret.Copy()
                   : SealField(record.name, client_secret, 0, record.profile.client_secret);
  if (record.token.has_value()) {
    const bool same_token = opened.token.has_value() && record.generation == opened.generation &&
                            record.token->value == opened.token->value &&
                            record.token->properties == opened.token->properties;
    sealed.token->value = same_token ? lying.token->value.Copy() : SealToken(record);
  }
  return sealed;
}

Evidence RecordSealer::Seal(const Evidence& evidence) const {
  Evidence sealed = evidence.Copy();
  sealed.body = SealField(evidence.name, kEvidence, evidence.generation, evidence.body);
  return sealed;
}

void RecordSealer::Open(Evidence& evidence) const {
  absl::StatusOr<Secret> opened =
      sealer_.Open({evidence.name, kEvidence, evidence.generation}, evidence.body.Reveal());
  if (!opened.ok()) {
    telemetry::Log(telemetry::Level::kError, "a quarantined answer does not open",
                   {{"credential", evidence.name}, {"evidence", evidence.id}});
  }
  evidence.body = opened.ok() ? *std::move(opened) : Secret();
}

absl::StatusOr<Secret> RecordSealer::OpenRefreshToken(const CredentialRecord& record) const {
  absl::StatusOr<OpenedValue> opened =
      OpenIn(sealer_, RefreshTokenPlaces(record), SplitPair(record.refresh_token.Reveal()).grant);
  if (!opened.ok()) return opened.status();
  return std::move(opened->plain);
}

void RecordSealer::Open(CredentialRecord& record) const {
  std::string_view unopened;
  absl::Status error;
  if (record.unreadable) {
    error = absl::DataLossError("the stored word is none of ours");
    unopened = "grant_state";
  }
  for (std::string* const text :
       {&record.profile.purpose, &record.profile.client_id, &record.profile.token_endpoint,
        &record.profile.scope, &record.profile.provider, &record.profile.grant,
        &record.last_error_reason, &record.last_error.code, &record.last_error.description}) {
    if (IsUtf8(*text)) continue;
    // No answer that holds it could be read.
    text->clear();
    error = absl::DataLossError("a text is not UTF-8");
    unopened = "text";
  }
  const auto put = [&](absl::StatusOr<Secret> opened, std::string_view field, Secret& into) {
    if (opened.ok()) {
      into = *std::move(opened);
    } else if (error.ok()) {
      error = opened.status();
      unopened = field;
    }
  };
  put(OpenRefreshToken(record), "refresh_token", record.refresh_token);
  put(sealer_.Open({record.name, kSeed, 0}, SplitPair(record.seed.Reveal()).seed), kSeed,
      record.seed);
  const std::string client_secret = ClientSecretOf(record.profile);
  put(sealer_.Open({record.name, client_secret, 0}, record.profile.client_secret.Reveal()),
      kClientSecret, record.profile.client_secret);
  if (record.token.has_value()) {
    const std::string field = AccessTokenOf(record.token->properties);
    put(sealer_.Open({record.name, field, record.generation}, record.token->value.Reveal()),
        kAccessToken, record.token->value);
  }
  if (error.ok()) return;

  telemetry::Log(telemetry::Level::kError,
                 "credential disabled: what is stored of it does not open",
                 {{"credential", record.name},
                  {"field", unopened},
                  {"reason", std::string_view(error.message().data(), error.message().size())}});
  record.unreadable = true;
  record.refresh_token = Secret();
  record.seed = Secret();
  record.profile.client_secret = Secret();
  record.token.reset();
}

Secret RecordSealer::SealHashKey(const Secret& key) const {
  return SealField("", kHashKey, 0, key);
}

absl::StatusOr<Secret> RecordSealer::OpenHashKey(const Secret& sealed) const {
  return sealer_.Open({"", kHashKey, 0}, sealed.Reveal());
}

absl::StatusOr<bool> RecordSealer::ResealHashKey(Secret& sealed) const {
  const absl::StatusOr<Secret> opened = OpenHashKey(sealed);
  if (!opened.ok()) return opened.status();
  if (!IsStale(sealed.Reveal())) return false;
  sealed = SealHashKey(*opened);
  return true;
}

bool RecordSealer::IsStale(std::string_view sealed) const {
  return Sealer::KeyId(sealed) != keyring().sealing_key().id;
}

absl::StatusOr<bool> RecordSealer::Reseal(CredentialRecord& sealed) const {
  struct Value {
    std::vector<SealedPlace> places;
    std::string_view bytes;
    Secret* field;
    Secret anew;
  };
  const auto grants = RefreshTokenPlaces(sealed);
  std::vector<Value> values;
  values.push_back({{grants.begin(), grants.end()},
                    SplitPair(sealed.refresh_token.Reveal()).grant,
                    &sealed.refresh_token,
                    {}});
  values.push_back(
      {{{sealed.name, kSeed, 0}}, SplitPair(sealed.seed.Reveal()).seed, &sealed.seed, {}});
  Secret& client_secret = sealed.profile.client_secret;
  const std::string client_secret_field = ClientSecretOf(sealed.profile);
  values.push_back(
      {{{sealed.name, client_secret_field, 0}}, client_secret.Reveal(), &client_secret, {}});
  std::string access_token_field;
  if (sealed.token.has_value()) {
    Secret& token = sealed.token->value;
    access_token_field = AccessTokenOf(sealed.token->properties);
    values.push_back(
        {{{sealed.name, access_token_field, sealed.generation}}, token.Reveal(), &token, {}});
  }
  bool stale = false;
  for (Value& value : values) {
    // Opened even when it is not stale: a row of which one value is no good is left alone.
    const absl::StatusOr<OpenedValue> opened = OpenIn(sealer_, value.places, value.bytes);
    if (!opened.ok()) return opened.status();
    if (!IsStale(value.bytes)) continue;
    value.anew = sealer_.Seal(opened->place, opened->plain);
    stale = true;
  }
  for (Value& value : values) {
    if (!value.anew.empty()) *value.field = std::move(value.anew);
  }
  return stale;
}

absl::StatusOr<bool> RecordSealer::Reseal(Evidence& sealed) const {
  const SealedPlace place = {sealed.name, kEvidence, sealed.generation};
  const absl::StatusOr<Secret> opened = sealer_.Open(place, sealed.body.Reveal());
  if (!opened.ok()) return opened.status();
  if (!IsStale(sealed.body.Reveal())) return false;
  sealed.body = sealer_.Seal(place, *opened);
  return true;
}

}  // namespace token_service::store
