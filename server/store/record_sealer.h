#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/broker/credential_store.h"
#include "server/store/sealer.h"

namespace token_service::store {

// Which place each secret of a credential is sealed for:
//
//   refresh token, access token of a rotation: the rotation's generation
//   refresh token of a new grant:              the generation current when it came; it opens in the
//   next too seed, client secret:                       generation 0 evidence: the generation its
//   attempt began with
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

  // A refresh token that comes from outside a rotation. The store may commit one rotation between
  // the moment `generation` was read and the moment it takes this token in: hence the next
  // generation. `also_seed`: the store will put it in the seed's place too.
  Secret SealGrant(std::string_view name, uint64_t generation, const Secret& refresh_token,
                   bool also_seed) const;

  // Opens all of the record's secrets in place. When one does not open, that is logged, and the
  // record becomes kUnreadable with no secrets at all.
  void Open(broker::CredentialRecord& record) const;

  // The ids of keys that the record needs and the keyring lacks, each once.
  std::vector<std::string> MissingKeys(const broker::CredentialRecord& record) const;

 private:
  Secret SealField(std::string_view name, std::string_view field, uint64_t generation,
                   const Secret& plain) const;
  absl::StatusOr<Secret> OpenRefreshToken(const broker::CredentialRecord& record) const;

  const Sealer sealer_;
};

}  // namespace token_service::store
