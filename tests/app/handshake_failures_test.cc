#include "server/app/handshake_failures.h"

#include <gtest/gtest.h>

namespace token_service::app {
namespace {

TEST(HandshakeFailuresTest, TellsCausesApart) {
  using Cause = HandshakeFailures::Cause;
  const char* const verify =
      "fatal error SSL_ERROR_SSL: error:0A000086:SSL routines::certificate verify failed.";
  const struct {
    const char* text;
    int verdict;
    Cause cause;
  } cases[] = {
      {verify, 10, Cause::kExpired},
      {verify, 9, Cause::kNotYetValid},
      {verify, 20, Cause::kUnknownAuthority},
      {verify, 18, Cause::kUnknownAuthority},
      {verify, 26, Cause::kBadCertificate},
      {verify, 0, Cause::kBadCertificate},
      {"…SSL routines::peer did not return a certificate.", 0, Cause::kNoCertificate},
      {"…SSL routines::tlsv1 alert unknown ca.", 0, Cause::kRefusedByClient},
      {"…SSL routines::http request.", 0, Cause::kNotTls},
      {"…SSL routines::wrong version number.", 0, Cause::kNotTls},
      {"…SSL routines::unsupported protocol.", 0, Cause::kNoCommonProtocol},
      {"…SSL routines::no shared cipher.", 0, Cause::kNoCommonProtocol},
      {"something new", 0, Cause::kOther},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(HandshakeFailures::NameOf(HandshakeFailures::CauseOf(c.text, c.verdict)),
              HandshakeFailures::NameOf(c.cause))
        << c.text << " " << c.verdict;
  }
}

}  // namespace
}  // namespace token_service::app
