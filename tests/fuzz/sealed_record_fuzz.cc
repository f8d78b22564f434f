// Sealed values as they come from a database that somebody may have changed: nothing opens that was
// not sealed for that place, and what was opens again.
#include <string>
#include <string_view>

#include "server/store/sealing/record_sealer.h"
#include "server/store/sealing/sealer.h"
#include "tests/fuzz/require.h"

namespace token_service::store {
namespace {

Keyring TheKeyring() {
  return *Keyring::Parse(
      "key-1 AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n"
      "key-2 HxwdHhscGRoXGBUWExQREg8QDQ4LDAkKBwgFBgMEAQI=\n",
      "ring");
}

const SealedPlace kPlace{"alpha", "refresh_token", 7};

// One change of the sealed bytes, chosen by the input.
std::string Changed(std::string_view sealed, std::string_view by) {
  std::string changed(sealed);
  if (by.size() < 3) return changed.substr(0, changed.size() - 1);
  const size_t at =
      (static_cast<unsigned char>(by[0]) * size_t{256} + static_cast<unsigned char>(by[1])) %
      changed.size();
  const char flip = by[2] == 0 ? '\1' : by[2];
  changed[at] = static_cast<char>(changed[at] ^ flip);
  return changed;
}

void CheckRoundTrip(const Sealer& sealer, std::string_view plain) {
  const Secret sealed = sealer.Seal(kPlace, Secret(plain));
  REQUIRE(Sealer::KeyId(sealed.Reveal()) == "key-1");
  const auto opened = sealer.Open(kPlace, sealed.Reveal());
  REQUIRE(opened.ok() && opened->Reveal() == plain);
  REQUIRE(!sealer.Open({"beta", "refresh_token", 7}, sealed.Reveal()).ok());
  REQUIRE(!sealer.Open({"alpha", "refresh_token", 8}, sealed.Reveal()).ok());
  REQUIRE(!sealer.Open({"alphar", "efresh_token", 7}, sealed.Reveal()).ok());
  REQUIRE(!sealer.Open(kPlace, Changed(sealed.Reveal(), plain)).ok());
}

void CheckRecord(const RecordSealer& sealer, std::string_view bytes) {
  broker::CredentialRecord record;
  record.name = "alpha";
  record.generation = bytes.size();
  record.refresh_token = Secret(bytes);
  record.seed = Secret(bytes.substr(bytes.size() / 2));
  record.profile.client_secret = Secret(bytes);
  record.token = broker::StoredToken{.value = Secret(bytes), .token_type = "Bearer"};
  (void)sealer.Reseal(record);
  sealer.Open(record);
  // Nobody can forge a tag by chance.
  REQUIRE(record.unreadable);
  REQUIRE(record.refresh_token.empty() && record.profile.client_secret.empty());
}

}  // namespace
}  // namespace token_service::store

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace token_service;
  static const store::Sealer sealer(store::TheKeyring());
  static const store::RecordSealer records(store::TheKeyring());
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  REQUIRE(!sealer.Open(store::kPlace, bytes).ok());
  (void)store::Sealer::KeyId(bytes);
  store::CheckRoundTrip(sealer, bytes);
  if (size % 16 == 0) store::CheckRecord(records, bytes);  // Not always: it logs a line.
  return 0;
}
