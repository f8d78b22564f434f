#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "server/broker/credential_change.h"
#include "server/broker/credential_record.h"
#include "server/broker/spent_token.h"

namespace token_service::broker {

// ---- begin

struct BeginRequest {
  std::string name;
  // Which credential of that name the caller means: one that was deleted and made anew is another.
  absl::Time create_time;
  // Where the caller would send the refresh token.
  std::string token_endpoint;
  uint64_t generation = 0;  // The generation the caller knows to be current.
  std::string attempt_id;   // Unique.
  std::string holder;       // The process.
  // From now on nobody but the holder begins another. Longer than the work takes.
  absl::Duration lease;
  // The caller is the store's only holder (or an operator insists): whatever attempt is on record
  // is its own.
  bool take_over = false;
};

// The attempt is durable. `record` is the credential as it now stands, attempt included;
// `record.reserved_generation` is for this attempt's token alone. An attempt found on record and
// taken over has moved into `record.doubt_since`, unless there is doubt already: that is the
// earlier.
struct Begun {
  CredentialRecord record;
};
// Another holder's attempt is live; or another credential's of the same refresh token, which the
// provider has not been seen to leave in use. Nothing was written.
struct HeldByOther {
  absl::Duration lease_left;
};
// The generation moved on, or the credential is held: `record` is what is stored. Nothing was
// written.
struct MovedOn {
  CredentialRecord record;
};
// The store is older than what the caller knows: a file that was put back, a replica that lost what
// it had confirmed. What is stored may be spent. Nothing was written.
struct Behind {
  uint64_t generation = 0;  // The stored one.
};
// The refresh token has been spent elsewhere: it must not be sent. The grant is dead from now on.
struct FoundSpent {
  absl::Time since;
};
// The refresh token is another token endpoint's. Nothing was written.
struct GoesElsewhere {};
using BeginOutcome = std::variant<Begun, HeldByOther, MovedOn, Behind, FoundSpent, GoesElsewhere>;

// ---- commit

// What an exchange brought. The store's clock says when that was.
struct IssuedToken {
  Secret value;
  std::string token_type;
  std::string scope;
  TokenProperties properties = {};
  absl::Duration age;       // Since its request was sent, when the store is called.
  absl::Duration lifetime;  // From then on.

  IssuedToken Copy() const;
};

// As it is stored at `now`, the moment of the call on the store's clock.
StoredToken StoredAt(const Moment& now, const IssuedToken& token);

struct Rotation {
  std::string name;
  std::string attempt_id;
  uint64_t generation = 0;    // The new one: what begin reserved.
  uint64_t grant_serial = 0;  // Of the refresh token that was exchanged, as begin found it.
  Secret refresh_token;       // The new one, or the old one when the provider omitted it.
  bool rotated = false;       // It is a new one.
  // As told, from when the request was sent.
  std::optional<absl::Duration> refresh_token_lifetime = {};
  IssuedToken token;

  Rotation Copy() const;
};

// The times of the refresh token that it leaves; `issued`: when its request was sent.
RefreshTokenTimes TimesAfter(const RefreshTokenTimes& before, const Rotation& rotation,
                             absl::Time issued);

struct Committed {};
// Something newer is stored or on its way: the refresh token was replaced, or another attempt is on
// record. Nothing was written; `record` is what is stored.
struct Fenced {
  CredentialRecord record;
};
using CommitOutcome = std::variant<Committed, Fenced>;

// ---- the ends of an attempt that brought no token

// What became of the refresh token: a closed set.
enum class AttemptEnd {
  // It cannot have been consumed. The attempt is cleared; earlier doubt stays.
  kUnspent,
  // It may have been: the attempt becomes doubt, unless there is doubt from before.
  kInDoubt,
  // It is good, and the client is refused. Earlier doubt stays.
  kClientRefused,
  // The grant is dead: that settles all doubt.
  kDead,
};

// What a grant is after an attempt that ended so. Who insisted on a dead one has not heard that it
// lives, whatever came but a token.
GrantState GrantAfter(GrantState before, AttemptEnd end);

struct Conclusion {
  std::string name;
  std::string attempt_id;
  AttemptEnd end = AttemptEnd::kUnspent;
  // Of kInDoubt, how long ago it was noticed that the answer is lost: since then there is doubt.
  // Absent: since the attempt began.
  std::optional<absl::Duration> lost_ago = {};
  std::string error_reason;
  ProviderError said = {};
};

// An answer kept because it may hold a refresh token that nobody else knows.
struct Evidence {
  std::string name;
  std::string attempt_id;
  uint64_t generation = 0;  // What begin reserved for the attempt.
  absl::Time time;          // When it was kept: the store's.
  Secret body;
  int http_status = 0;  // 0: not known.
  // Of the refresh token that it is about. Once another is stored, it is history.
  uint64_t grant_serial = 0;
  // While it stands, that refresh token is not sent: the provider may have made another of it.
  bool stands = false;
  bool sent = false;   // The refresh token in it was sent, or was about to be.
  bool tried = false;  // It was, and what came was no use either.
  std::string id;      // The store's; given when it comes out of it.

  Evidence Copy() const;
};

// So much is kept for one credential. Then what stands no more goes first, the oldest first; and of
// what stands, the second oldest: the first answer after the last good one and the newest are the
// likeliest to hold the token that is live.
inline constexpr size_t kMostEvidence = 16;

enum class EvidenceMark {
  kTried,    // `tried`.
  kRefused,  // The provider has refused the refresh token in it: it stands no more.
};

// What a store knows of a refresh token that somebody wants to give to a credential.
struct TokenKnowledge {
  bool current = false;  // It is this credential's own.
  // Another credential has it too, at a provider that has not been seen to replace it.
  bool shared = false;
  std::optional<SpentToken> spent;  // It must not be taken over.
};

// The durable side of a rotation (docs/adr/0001-rotation.md). What is a time in here is on the
// store's own clock, which may be another machine's: what goes in is how long ago, or for how long.
// Moments that come out are on this process's clock as well as the store can tell. Every call is
// one transaction, durable when it returns OK, and either wholly done or not at all. NOT_FOUND: no
// such credential. UNAVAILABLE: the store could not (disk full, database gone); trying again is
// right. Blocks; refresh workers only, several at once.
class RotationStore {
 public:
  virtual ~RotationStore() = default;

  // Other processes have it too: an attempt on record may be one of theirs, and live. Otherwise it
  // is this process's own, from before a crash.
  virtual bool shared() const = 0;

  // NOT_FOUND also when the credential of this name is another.
  virtual absl::StatusOr<BeginOutcome> Begin(const BeginRequest& request) = 0;

  // Writes the token and the refresh token, clears attempt, doubt and errors; the grant is
  // usable. The attempt has to be on record; or none is, and the refresh token is still the one
  // that was exchanged (docs/adr/0008-late-answers.md). A repeat of a commit that is stored already
  // is Committed.
  virtual absl::StatusOr<CommitOutcome> Commit(const Rotation& rotation) = 0;

  // Gives the attempt's generation back: nobody has seen a token of it. Does nothing when the
  // attempt is no longer on record.
  virtual absl::Status Conclude(const Conclusion& conclusion) = 0;

  // An answer with the same body for the same refresh token is kept once.
  virtual absl::Status Quarantine(const Evidence& evidence) = 0;

  // What is kept, the oldest first. `stands` is as it is now.
  virtual absl::StatusOr<std::vector<Evidence>> ListEvidence(std::string_view name) = 0;

  // The refresh token in this answer is about to be sent: it is remembered as spent from now on,
  // and the answer as `sent`. SpentTokenError: it is spent by another way, and must not be sent;
  // nothing was written. NOT_FOUND also when there is no such evidence.
  virtual absl::Status SendCandidate(std::string_view name, std::string_view id,
                                     const Secret& refresh_token) = 0;

  // NOT_FOUND also when there is no such evidence.
  virtual absl::Status MarkEvidence(std::string_view name, std::string_view id,
                                    EvidenceMark mark) = 0;
};

// A credential that is no more.
struct DeletedCredential {
  std::string name;
  absl::Time create_time;  // Which of the name it was.
};

// What was written in a store, by whomever.
struct StoreChanges {
  // As they are now, in no order; a record may come again, and is known by its version.
  std::vector<CredentialRecord> changed;
  std::vector<DeletedCredential> deleted;
  std::string cursor;  // What comes after these.
};

// All of the store: what start-up and operators need besides. Same promises; may be called from any
// thread that may block.
class CredentialStore : public RotationStore {
 public:
  // Every credential, in order of name. `visit` must not call the store.
  virtual absl::Status ForEach(absl::FunctionRef<void(CredentialRecord)> visit) = 0;

  virtual absl::StatusOr<CredentialRecord> Load(std::string_view name) = 0;

  // What was written since this cursor was had from it; empty: all that is there. Nothing where
  // nobody else writes.
  virtual absl::StatusOr<StoreChanges> ChangesSince(const std::string& cursor);

  // All of the changes, in order, in one transaction: all are durable when it returns OK, and none
  // is done otherwise. ALREADY_EXISTS when the name of a new credential is taken. Calls `progress`
  // now and then, perhaps on another thread; it must not block.
  //
  // SpentTokenError when a refresh token that an operator brings is known and not the credential's
  // current one, or may be consumed: docs/adr/0024-spent-tokens.md. One from a file is an outcome.
  // What every credential ever sent or held is remembered, in the transactions that make it so,
  // deleted credentials' too.
  virtual absl::StatusOr<Applied> Apply(absl::Span<const CredentialChange> changes,
                                        absl::FunctionRef<void()> progress) = 0;

  // Whether ReplaceGrant, or CreateCredential where there is no credential of this name, would take
  // this token from an operator; by itself, and at this moment.
  virtual absl::StatusOr<TokenKnowledge> LookUp(std::string_view name,
                                                const Secret& refresh_token) = 0;

  // Holds every credential that is not held yet, from now on.
  virtual absl::Status HoldAll() = 0;
  // Ends the hold, if there is one.
  virtual absl::Status Release(std::string_view name) = 0;

  // Purges the credential and its evidence from the file. NOT_FOUND when there is none.
  virtual absl::Status Delete(std::string_view name) = 0;

  // Purges one answer. NOT_FOUND when there is none.
  virtual absl::Status DiscardEvidence(std::string_view name, std::string_view id) = 0;

  // How many answers are quarantined for this credential.
  virtual absl::StatusOr<int64_t> CountEvidence(std::string_view name) = 0;

  // Apply of one change.
  absl::Status Create(const CredentialRecord& record);
  absl::Status UpdateProfile(std::string_view name, const CredentialProfile& profile);
  absl::Status ReplaceRefreshToken(std::string_view name, const Secret& refresh_token);
  absl::StatusOr<SeedOutcome> Adopt(std::string_view name, const Secret& seed);
  absl::Status Disable(std::string_view name);
  absl::Status Enable(std::string_view name);
  // Apply of two: neither does the old refresh token ever stand beside the new profile, nor the new
  // one beside the old.
  absl::Status Move(std::string_view name, const CredentialProfile& profile,
                    const Secret& refresh_token);

 private:
  absl::StatusOr<Applied> ApplyOne(CredentialChange change);
};

}  // namespace token_service::broker
