#pragma once

#include <cstddef>
#include <cstdint>

#include "absl/container/flat_hash_map.h"

namespace token_service::broker {

// So many places for everybody. Somebody who holds a quarter of them gets more only while another
// quarter is free: one holder alone can have three quarters, and never keeps out who has few. Not
// synchronised.
class SharedPlaces {
 public:
  // A number that tells holders apart; kNobody: they are not told apart, and may have them all.
  using Holder = uint64_t;
  static constexpr Holder kNobody = 0;

  explicit SharedPlaces(size_t most) : most_(most) {}

  // False: there is none, or none for this holder.
  bool Take(Holder holder);
  void Give(Holder holder);
  // From now on; whoever has a place keeps it.
  void SetMost(size_t most) { most_ = most; }

  size_t taken() const { return taken_; }

 private:
  size_t most_;
  size_t taken_ = 0;
  absl::flat_hash_map<Holder, size_t> held_;
};

}  // namespace token_service::broker
