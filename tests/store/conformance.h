#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "server/broker/credential_store.h"
#include "tests/store/records.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/temp_dir.h"

namespace token_service::testing {

// A store under test. To put another one through the suite, add it to AllStores().
struct StoreKind {
  std::string name;
  bool durable;  // What is in `dir` survives the object.
  std::unique_ptr<broker::CredentialStore> (*open)(const TempDir& dir, const Clock& clock);
};

// In the name of a test; otherwise its bytes are.
inline void PrintTo(const StoreKind& kind, std::ostream* os) { *os << kind.name; }

std::vector<StoreKind> AllStores();
// Those that other processes have too, and the others.
std::vector<StoreKind> SharedStores();
std::vector<StoreKind> OwnStores();

// The contract of broker::CredentialStore, for every store there is: the suites
// CredentialConformance and RotationConformance derive from this.
class ConformanceTest : public ::testing::TestWithParam<StoreKind> {
 protected:
  ConformanceTest() : store_(GetParam().open(dir_, clock_)) {}

  // Ends the store and opens it again.
  void Reopen() {
    store_.reset();
    store_ = GetParam().open(dir_, clock_);
  }

  // From now on it is `at`.
  void BeAt(absl::Time at) { clock_.Advance(at - clock_.WallNow()); }
  // A request of that moment, which it is from now on.
  broker::BeginRequest MakeBegin(std::string_view attempt_id, uint64_t generation = 0,
                                 absl::Time at = At(100), std::string_view holder = "holder-1") {
    BeAt(at);
    return testing::MakeBegin(attempt_id, generation, holder);
  }
  // HoldAll of that moment.
  absl::Status HoldAll(absl::Time at) {
    BeAt(at);
    return store_->HoldAll();
  }

  static std::optional<absl::Time> Wall(const std::optional<Moment>& moment) {
    return moment.has_value() ? std::optional<absl::Time>(moment->wall) : std::nullopt;
  }

  // Expects a credential kName to be there.
  broker::CredentialRecord Load();

  FakeClock clock_;
  TempDir dir_;
  std::unique_ptr<broker::CredentialStore> store_;
};

std::string KindName(const ::testing::TestParamInfo<StoreKind>& info);

}  // namespace token_service::testing
