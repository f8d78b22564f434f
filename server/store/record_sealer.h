#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/broker/credential_store.h"
#include "server/store/sealer.h"

namespace token_service::store {

// Which place each secret of a credential is sealed for:
//
//   refresh token, access token of a rotation: its generation
//   refresh token of a new grant:              its serial; opens under the next one, too
//   seed, client secret:                       0
//   evidence:                                  the generation reserved for its attempt
//
// The client secret's place includes the profile that it belongs to, so that whoever can write to
// the database and has no key cannot send secrets elsewhere: the credential does not open any more.
//
// Empty values are sealed like any other. Immutable; any thread.
class RecordSealer {
 public:
  explicit RecordSealer(Keyring keyring) : sealer_(std::move(keyring)) {}

  // A record that is about to be created.
  broker::CredentialRecord Seal(const broker::CredentialRecord& record) const;
  broker::CredentialProfile Seal(std::string_view name,
                                 const broker::CredentialProfile& profile) const;
  broker::Rotation Seal(const broker::Rotation& rotation) const;
  broker::Evidence Seal(const broker::Evidence& evidence) const;

  // A refresh token that comes from outside a rotation and will have this serial. The store may
  // commit one rotation between the moment the serial was read and the moment it takes this token
  // in: hence the next one. `also_seed`: the store will put it in the seed's place too.
  Secret SealGrant(std::string_view name, uint64_t serial, const Secret& refresh_token,
                   bool also_seed) const;

  // A seed that is not the grant, too.
  Secret SealSeed(std::string_view name, const Secret& seed) const;

  // Opens all of the record's secrets in place. When one does not open, that is logged, and the
  // record becomes kUnreadable with no secrets at all.
  void Open(broker::CredentialRecord& record) const;

  // One that does not open is left without its body: it stands, and nothing can be read in it.
  void Open(broker::Evidence& evidence) const;

  // Seals anew with the first key what is sealed with another, each secret for the place it was
  // sealed for. False: there was nothing to do. As Sealer::Open when one does not open; then
  // nothing of the record is changed.
  absl::StatusOr<bool> Reseal(broker::CredentialRecord& sealed) const;
  // As above. Takes name, generation and body.
  absl::StatusOr<bool> Reseal(broker::Evidence& sealed) const;

  // The key of the refresh tokens' hashes: no credential's.
  Secret SealHashKey(const Secret& key) const;
  absl::StatusOr<Secret> OpenHashKey(const Secret& sealed) const;
  // As above.
  absl::StatusOr<bool> ResealHashKey(Secret& sealed) const;

  const Keyring& keyring() const { return sealer_.keyring(); }

 private:
  Secret SealField(std::string_view name, std::string_view field, uint64_t generation,
                   const Secret& plain) const;
  absl::StatusOr<Secret> OpenRefreshToken(const broker::CredentialRecord& record) const;
  bool IsStale(std::string_view sealed) const;

  const Sealer sealer_;
};

}  // namespace token_service::store
