#include "server/tls/reloading_certificate.h"

#include <gtest/gtest.h>

#include <string>

#include "absl/time/clock.h"
#include "tests/tls/pem_files.h"

namespace token_service::tls {
namespace {

class ReloadingCertificateTest : public ::testing::Test {
 protected:
  std::unique_ptr<ReloadingCertificate> Start() const {
    // Looks at nothing by itself while a test lasts.
    auto made = ReloadingCertificate::Create(pem_.files(), absl::Hours(1));
    EXPECT_TRUE(made.ok()) << made.status();
    return *std::move(made);
  }

  // Pokes until another certificate is there, which the test's time limit ends if it never is.
  static void AwaitAnother(ReloadingCertificate& certificate,
                           const std::shared_ptr<const ServerCertificate>& before) {
    while (certificate.Current() == before) {
      certificate.Poke();
      absl::SleepFor(absl::Milliseconds(5));
    }
  }

  PemFiles pem_;
};

TEST_F(ReloadingCertificateTest, ABadPairAtTheStartIsAnError) {
  pem_.WriteKey("");
  EXPECT_TRUE(absl::IsInvalidArgument(ReloadingCertificate::Create(pem_.files()).status()));
}

TEST_F(ReloadingCertificateTest, CertificateAndKeyAreSwappedTogether) {
  const auto certificate = Start();
  const auto before = certificate->Current();
  const auto pair = pem_.Issue();
  pem_.Write(pair);
  AwaitAnother(*certificate, before);
  const auto after = certificate->Current();
  EXPECT_EQ(after->chain.Reveal(), PemOf(*pair.certificate));
  EXPECT_EQ(after->private_key.Reveal(), PemOf(*pair.key));
}

TEST_F(ReloadingCertificateTest, NeverShowsAHalfOfAPair) {
  const auto certificate = Start();
  // Renewals by the dozen, each with a moment in which the files do not match.
  for (int i = 0; i < 20; ++i) {
    const auto before = certificate->Current();
    const auto pair = pem_.Issue();
    pem_.WriteCertificate(PemOf(*pair.certificate));
    certificate->Poke();
    absl::SleepFor(absl::Milliseconds(2));
    EXPECT_EQ(certificate->Current(), before);
    pem_.WriteKey(PemOf(*pair.key));
    AwaitAnother(*certificate, before);
    EXPECT_EQ(certificate->Current()->chain.Reveal(), PemOf(*pair.certificate));
    EXPECT_EQ(certificate->Current()->private_key.Reveal(), PemOf(*pair.key));
  }
}

TEST_F(ReloadingCertificateTest, AnExpiredPairAtTheStartIsServed) {
  pem_.Write(pem_.Issue(-60));
  EXPECT_NE(Start()->Current(), nullptr);
}

}  // namespace
}  // namespace token_service::tls
