#include "server/authz/caller_identity.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace token_service::authz {
namespace {

using std::string_view_literals::operator""sv;

struct Case {
  const char* name;
  std::vector<std::string_view> uris;
  std::vector<std::string_view> dns_names;
  std::string_view common_name;
  std::optional<std::string_view> identity;
};

class CallerIdentityTest : public testing::TestWithParam<Case> {};

TEST_P(CallerIdentityTest, IsTheNameThatCounts) {
  const Case& given = GetParam();
  CertificateNames names;
  names.uris.assign(given.uris.begin(), given.uris.end());
  names.dns_names.assign(given.dns_names.begin(), given.dns_names.end());
  names.common_name = given.common_name;
  EXPECT_EQ(IdentityOf(names), given.identity);
}

constexpr std::string_view kId = "spiffe://example.org/ns/prod/sa/billing";
const std::string& LongId() {
  static const std::string id = "spiffe://example.org/" + std::string(2048 - 21, 'a');
  return id;
}
const std::string& TooLongId() {
  static const std::string id = LongId() + "a";
  return id;
}
const std::string& LongName() {
  static const std::string name(257, 'a');
  return name;
}

const auto kNone = std::nullopt;

INSTANTIATE_TEST_SUITE_P(
    Table, CallerIdentityTest,
    testing::Values(
        Case{"SpiffeFirst", {kId}, {"billing.example.org"}, "billing", kId},
        Case{"ThenDns", {}, {"billing.example.org"}, "billing", "billing.example.org"},
        Case{"ThenCommonName", {}, {}, "Billing service/1", "Billing service/1"},
        Case{"NothingAtAll", {}, {}, "", kNone},
        Case{"OtherUrisDoNotCount", {"https://example.org/"}, {"billing"}, "", "billing"},
        Case{"FirstOfSeveralDnsNames", {}, {"a.example.org", "b.example.org"}, "", "a.example.org"},
        Case{"LongestSpiffe", {LongId()}, {}, "", LongId()}),
    [](const auto& info) { return info.param.name; });

INSTANTIATE_TEST_SUITE_P(
    NeverTheNextBest, CallerIdentityTest,
    testing::Values(
        Case{"TwoSpiffeIds", {kId, "spiffe://example.org/ops"}, {"billing"}, "billing", kNone},
        Case{"SpiffeBesideAnotherUri", {"https://x/", kId}, {"billing"}, "billing", kNone},
        Case{"SpiffeInCapitals", {"SPIFFE://example.org/ops"}, {"billing"}, "billing", kNone},
        Case{"SpiffeWithoutSlashes", {"spiffe:example.org"}, {"billing"}, "billing", kNone},
        Case{"SpiffeWithoutPath", {"spiffe://example.org"}, {"billing"}, "billing", kNone},
        Case{"SpiffeWithEmptyPath", {"spiffe://example.org/"}, {"billing"}, "billing", kNone},
        Case{"SpiffeWithoutTrustDomain", {"spiffe:///ops"}, {"billing"}, "billing", kNone},
        Case{"SpiffeTrustDomainInCapitals", {"spiffe://Example.org/ops"}, {}, "billing", kNone},
        Case{"SpiffeWithPort", {"spiffe://example.org:1/ops"}, {}, "billing", kNone},
        Case{"SpiffeWithUser", {"spiffe://me@example.org/ops"}, {}, "billing", kNone},
        Case{"SpiffeWithQuery", {"spiffe://example.org/ops?x"}, {}, "billing", kNone},
        Case{"SpiffeWithDots", {"spiffe://example.org/ns/../ops"}, {}, "billing", kNone},
        Case{"SpiffeWithEmptySegment", {"spiffe://example.org/ns//ops"}, {}, "billing", kNone},
        Case{"SpiffeWithWildcard", {"spiffe://example.org/*"}, {}, "billing", kNone},
        Case{"SpiffeWithNewline", {"spiffe://example.org/ops\n"}, {}, "billing", kNone},
        Case{"SpiffeWithNul", {"spiffe://example.org/ops\0x"sv}, {}, "billing", kNone},
        Case{"SpiffeTooLong", {TooLongId()}, {}, "billing", kNone},
        Case{"DnsWildcard", {}, {"*.example.org"}, "billing", kNone},
        Case{"DnsWithNul", {}, {"a\0.example.org"sv}, "billing", kNone},
        Case{"DnsWithNewline", {}, {"a\n"}, "billing", kNone},
        Case{"DnsEmpty", {}, {""}, "billing", kNone},
        Case{"DnsTooLong", {}, {std::string_view(LongName()).substr(0, 254)}, "billing", kNone},
        Case{"DnsAnonymous", {}, {"anonymous"}, "billing", kNone},
        Case{"DnsThatWouldBeASocket", {}, {"unix:/run/x"}, "billing", kNone},
        Case{"CommonNameAnonymous", {}, {}, "anonymous", kNone},
        Case{"CommonNameThatWouldBeASocket", {}, {}, "unix:/run/x.sock", kNone},
        Case{"CommonNameThatWouldBeSpiffe", {}, {}, kId, kNone},
        Case{"CommonNameWithNewline", {}, {}, "billing\nops", kNone},
        Case{"CommonNameWithNul", {}, {}, "billing\0ops"sv, kNone},
        Case{"CommonNameNotAscii", {}, {}, "b\xc3\xbcro", kNone},
        Case{"CommonNameTooLong", {}, {}, LongName(), kNone}),
    [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace token_service::authz
