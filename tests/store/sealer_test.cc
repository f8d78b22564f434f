#include "server/store/sealing/sealer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace token_service::store {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kOld[] = "old AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n";
constexpr char kNew[] = "new QkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkI=\n";
constexpr char kForgedOld[] = "old QkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkI=\n";
constexpr SealedPlace kPlace{.credential = "inbox", .field = "refresh_token", .generation = 7};

Sealer WithKeys(const std::string& text) { return Sealer(*Keyring::Parse(text, "ring")); }

Secret Plain() { return Secret(std::string_view("plain-secret")); }

TEST(SealerTest, OpensWhatItSealed) {
  const Sealer sealer = WithKeys(kOld);
  const Secret sealed = sealer.Seal(kPlace, Plain());
  EXPECT_THAT(std::string(sealed.Reveal()), Not(HasSubstr("plain")));
  const auto opened = sealer.Open(kPlace, sealed.Reveal());
  ASSERT_TRUE(opened.ok()) << opened.status();
  EXPECT_TRUE(*opened == Plain());
}

TEST(SealerTest, AnEmptyValueIsSealedToo) {
  const Sealer sealer = WithKeys(kOld);
  const auto opened = sealer.Open(kPlace, sealer.Seal(kPlace, Secret()).Reveal());
  ASSERT_TRUE(opened.ok()) << opened.status();
  EXPECT_TRUE(opened->empty());
}

TEST(SealerTest, NoTwoAreAlike) {
  const Sealer sealer = WithKeys(kOld);
  EXPECT_FALSE(sealer.Seal(kPlace, Plain()) == sealer.Seal(kPlace, Plain()));
}

TEST(SealerTest, TheLayoutIsTheDocumentedOne) {
  const Sealer sealer = WithKeys(kOld);
  const Secret sealed = sealer.Seal(kPlace, Plain());
  EXPECT_EQ(sealed.Reveal().substr(0, 5), "\x01\x03old");
  EXPECT_EQ(sealed.size(), 5 + 24 + Plain().size() + 16);
  EXPECT_EQ(Sealer::KeyId(sealed.Reveal()), "old");
}

TEST(SealerTest, AnOlderKeyStillOpensAndTheFirstSeals) {
  const Secret sealed = WithKeys(kOld).Seal(kPlace, Plain());
  const Sealer rotated = WithKeys(std::string(kNew) + kOld);
  EXPECT_TRUE(rotated.Open(kPlace, sealed.Reveal()).ok());
  EXPECT_EQ(Sealer::KeyId(rotated.Seal(kPlace, Plain()).Reveal()), "new");
}

TEST(SealerTest, AMissingKeyIsNamed) {
  const Secret sealed = WithKeys(kOld).Seal(kPlace, Plain());
  const absl::Status status = WithKeys(kNew).Open(kPlace, sealed.Reveal()).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), HasSubstr("\"old\""));
}

TEST(SealerTest, AnotherKeyOfTheSameIdDoesNotOpen) {
  const Secret sealed = WithKeys(kOld).Seal(kPlace, Plain());
  EXPECT_EQ(WithKeys(kForgedOld).Open(kPlace, sealed.Reveal()).status().code(),
            absl::StatusCode::kDataLoss);
}

TEST(SealerTest, OpensInNoOtherPlace) {
  const Sealer sealer = WithKeys(kOld);
  const Secret sealed = sealer.Seal(kPlace, Plain());
  const SealedPlace others[] = {{"inbox2", "refresh_token", 7},
                                {"inbox", "seed", 7},
                                {"inbox", "refresh_token", 8},
                                {"inboxr", "efresh_token", 7},
                                {"", "inboxrefresh_token", 7}};
  for (const SealedPlace& place : others) {
    EXPECT_EQ(sealer.Open(place, sealed.Reveal()).status().code(), absl::StatusCode::kDataLoss)
        << place.credential << " " << place.field << " " << place.generation;
  }
}

TEST(SealerTest, AnyChangedBitIsNoticed) {
  const Sealer sealer = WithKeys(kOld);
  const std::string sealed(sealer.Seal(kPlace, Plain()).Reveal());
  for (size_t i = 0; i < sealed.size(); ++i) {
    std::string changed = sealed;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    EXPECT_FALSE(sealer.Open(kPlace, changed).ok()) << "byte " << i;
  }
}

TEST(SealerTest, AnyLengthThatIsWrongIsNoticed) {
  const Sealer sealer = WithKeys(kOld);
  const std::string sealed(sealer.Seal(kPlace, Plain()).Reveal());
  for (size_t size = 0; size < sealed.size(); ++size) {
    EXPECT_FALSE(sealer.Open(kPlace, sealed.substr(0, size)).ok()) << size << " bytes";
  }
  EXPECT_FALSE(sealer.Open(kPlace, sealed + "x").ok());
}

}  // namespace
}  // namespace token_service::store
