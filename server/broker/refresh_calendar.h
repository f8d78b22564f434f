#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/random/bit_gen_ref.h"
#include "absl/time/time.h"
#include "server/base/clock.h"
#include "server/broker/access_token.h"

namespace token_service::broker {

// When the tokens of one endpoint are to be refreshed ahead of their expiry, and how many refreshes
// are planned for about the same time: so that credentials which got their tokens at once do not
// come back at once, lifetime after lifetime (docs/adr/0020-lumps.md). Not synchronised.
class RefreshCalendar {
 public:
  // A stretch of time, a thirty-second to a sixty-fourth of a lifetime. Tokens of about one
  // lifetime share their slots; those of another have their own.
  struct Slot {
    int64_t width = 1;  // Milliseconds, a power of two.
    int64_t number = 0;
    bool operator==(const Slot&) const = default;
    template <typename H>
    friend H AbslHashValue(H h, const Slot& slot) {
      return H::combine(std::move(h), slot.width, slot.number);
    }
  };

  // At 80 % of the lifetime, ± 5 %. Where many more refreshes are planned then than at another
  // moment drawn from a tenth of the lifetime on, at that one: early, never late. `now`: the token
  // may have been lying in the store.
  MonotonicTime Draw(const AccessToken& token, MonotonicTime now, absl::BitGenRef random) const;

  // A refresh is planned; until Leave with what this returns.
  Slot Enter(MonotonicTime when, absl::Duration lifetime);
  void Leave(const Slot& slot);

  // Planned for the slot of `when`.
  size_t Planned(MonotonicTime when, absl::Duration lifetime) const;
  // Slots with something planned.
  size_t slots() const { return planned_.size(); }

 private:
  absl::flat_hash_map<Slot, size_t> planned_;
};

}  // namespace token_service::broker
