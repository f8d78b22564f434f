#include "server/oauth/oauth_evidence_reader.h"

#include <gmock/gmock.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"

namespace token_service::oauth {
namespace {

using ::testing::ElementsAre;
using ::testing::SizeIs;

const Secret kSent(std::string_view("sent-refresh-token"));

std::vector<std::string> Described(std::string_view body) {
  std::vector<std::string> lines;
  for (const broker::EvidenceMember& member : OAuthEvidenceReader().Describe(Secret(body), kSent)) {
    lines.push_back(absl::StrCat(member.path, " ", member.type,
                                 member.may_be_refresh_token ? " refresh"
                                 : member.may_be_token       ? " token"
                                                             : ""));
  }
  return lines;
}

std::string Candidate(std::string_view body) {
  const auto found = OAuthEvidenceReader().Candidate({}, Secret(body), kSent);
  return found.has_value() ? std::string(found->Reveal()) : "none";
}

std::string TokenAt(std::string_view body, std::string_view path) {
  const auto found = OAuthEvidenceReader().TokenAt(Secret(body), path);
  return found.has_value() ? std::string(found->Reveal()) : "none";
}

TEST(OAuthEvidenceReader, TellsPlacesAndTypesAndNoValue) {
  EXPECT_THAT(
      Described(R"({"ok":true,"n":7,"z":null,"data":[{"accessToken":"a"},{"rt":"RT-2"}]})"),
      ElementsAre("ok boolean", "n number", "z null", "data list", "data.0 object",
                  "data.0.accessToken string token", "data.1 object", "data.1.rt string refresh"));
  EXPECT_THAT(Described(R"({"refresh_token":"RT-2","access_tok)"),
              ElementsAre("refresh_token string refresh"));
  EXPECT_THAT(Described(R"({"refresh_token":"RT)"),
              ElementsAre("refresh_token cut string refresh"));
  EXPECT_THAT(Described(R"({"refresh_token":"sent-ref)"), ElementsAre("refresh_token cut string"))
      << "how the token sent begins";
  EXPECT_THAT(Described("refresh_token=RT-2"), SizeIs(0));
}

TEST(OAuthEvidenceReader, ShowsNoNameThatMayBeASecret) {
  for (const std::string name :
       {"x7Gh2k9Qp4", "AKIA9F8E7D6C", "sKx-aBCDefGHIjk", "two words", "new\\nline", "caf\xC3\xA9",
        "abcdefghijklmnopqrstuvwxyzabcdefghi", "", "\\u001b[31m"}) {
    EXPECT_THAT(Described("{\"" + name + "\":1}"), ElementsAre("#0 number")) << name;
  }
}

TEST(OAuthEvidenceReader, TellsSixtyFourMembersAtMost) {
  std::string body = "{";
  for (int i = 0; i < 1000; ++i) absl::StrAppend(&body, i == 0 ? "" : ",", "\"k\":", i);
  EXPECT_THAT(Described(body + "}"), SizeIs(64));
}

TEST(OAuthEvidenceReader, ACandidateStandsWhereTheRulesHaveItWholeAndAlone) {
  EXPECT_EQ(Candidate(R"({"refresh_token":"RT-2"})"), "RT-2");
  EXPECT_EQ(Candidate(R"({"refresh_token":"RT-2","acc)"), "RT-2");
  EXPECT_EQ(Candidate(R"({"refresh_token":"RT-2","refresh_token":"RT-2"})"), "RT-2");
  EXPECT_EQ(Candidate(R"({"refresh_token": "RT-2" } <!-- served by a proxy -->)"), "RT-2");
  for (const std::string body :
       {R"({"refresh_token":"RT-)", R"({"refresh_token":"RT-2","refresh_token":"RT-3"})",
        R"({"refresh_token":"RT-2","refresh_token":null})", R"({"data":{"refresh_token":"RT-2"}})",
        R"({"refresh_token":"sent-refresh-token"})", R"({"refresh_token":"two\nlines"})",
        R"({"refresh_token":7})", R"({"refreshToken":"RT-2"})", R"([{"refresh_token":"RT-2"}])",
        R"({"refresh_token":"required"})", R"({"refresh_token":"RT-2"RT-3"})",
        R"({"refresh_token":"{"error":"x"}"})", R"({"refresh_token":"{\"rt\":\"RT-2\"}"})",
        R"({"refresh_token":"["})", "refresh_token=RT-2", ""}) {
    EXPECT_EQ(Candidate(body), "none") << body;
  }
}

TEST(OAuthEvidenceReader, FindsTheTokenAtAPath) {
  const std::string body = R"({"data":[{"odd name":"RT-2"},"RT-3"],"n":7,"bad":"a\nb"})";
  EXPECT_EQ(TokenAt(body, "data.0.#0"), "RT-2");
  EXPECT_EQ(TokenAt(body, "data.1"), "RT-3");
  EXPECT_EQ(TokenAt(body, "#0.1"), "RT-3");
  for (const std::string path :
       {"", "data", "data.2", "n", "bad", "data.0", "nowhere", "data.0.#0.x"}) {
    EXPECT_EQ(TokenAt(body, path), "none") << path;
  }
}

}  // namespace
}  // namespace token_service::oauth
