#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/broker/credential_store.h"
#include "server/store/sealing/sealer.h"

namespace token_service::store {

// The codec of a row: which place each secret of a credential is sealed for.
//
//   refresh token:        its serial
//   access token:         its generation, and what callers are given beside it
//   seed, client secret:  0
//   evidence:             the generation reserved for its attempt
//
// The client secret's place includes the profile that it belongs to, so that whoever can write to
// the database and has no key cannot send secrets elsewhere: the credential does not open any more.
//
// Empty values are sealed like any other. Immutable; any thread.
class RecordSealer {
 public:
  explicit RecordSealer(Keyring keyring) : sealer_(std::move(keyring)) {}

  // A record that is new.
  broker::CredentialRecord Seal(const broker::CredentialRecord& record) const;
  // One that was `lying` in the database, which is `opened` opened. What of it is neither changed
  // nor to be sealed for another place stays as it lies.
  broker::CredentialRecord SealChanges(const broker::CredentialRecord& record,
                                       const broker::CredentialRecord& opened,
                                       const broker::CredentialRecord& lying) const;
  broker::Evidence Seal(const broker::Evidence& evidence) const;

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
  Secret SealToken(const broker::CredentialRecord& record) const;
  absl::StatusOr<Secret> OpenRefreshToken(const broker::CredentialRecord& record) const;
  bool IsStale(std::string_view sealed) const;

  const Sealer sealer_;
};

}  // namespace token_service::store
