#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "server/broker/credential_store.h"
#include "tests/testing/temp_dir.h"

namespace token_service::testing {

// A store under test. To put another one through the suite, add it to AllStores().
struct StoreKind {
  std::string name;
  bool durable;  // What is in `dir` survives the object.
  std::unique_ptr<broker::CredentialStore> (*open)(const TempDir& dir);
};

std::vector<StoreKind> AllStores();

// The contract of broker::CredentialStore, for every store there is: the suites
// CredentialConformance and RotationConformance derive from this.
class ConformanceTest : public ::testing::TestWithParam<StoreKind> {
 protected:
  ConformanceTest() : store_(GetParam().open(dir_)) {}

  // Ends the store and opens it again.
  void Reopen() {
    store_.reset();
    store_ = GetParam().open(dir_);
  }

  // Expects a credential kName to be there.
  broker::CredentialRecord Load();

  TempDir dir_;
  std::unique_ptr<broker::CredentialStore> store_;
};

std::string KindName(const ::testing::TestParamInfo<StoreKind>& info);

}  // namespace token_service::testing
