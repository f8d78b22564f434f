// Every answer of tests/corpus/token_response comes to what tests/corpus/README.md says.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "server/oauth/oauth_token_endpoint.h"
#include "server/telemetry/log.h"
#include "tests/oauth/outcome_text.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/fake_http_transport.h"

namespace token_service::oauth {
namespace {

using broker::ClientRefused;
using broker::Granted;

struct Row {
  std::string file;
  int status = 0;
  std::string outcome;
};

std::string ReadFile(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(in), {});
}

const std::filesystem::path kCorpus = TOKEN_SERVICE_CORPUS;

std::vector<Row> Table() {
  std::vector<Row> rows;
  const std::string text = ReadFile(kCorpus / "README.md");
  for (const std::string& line : std::vector<std::string>(absl::StrSplit(text, '\n'))) {
    const std::vector<std::string> cells = absl::StrSplit(line, '|');
    Row row;
    if (cells.size() != 6 || !absl::SimpleAtoi(cells[2], &row.status)) continue;
    row.file = std::string(absl::StripAsciiWhitespace(cells[1]));
    row.outcome = std::string(absl::StripAsciiWhitespace(cells[3]));
    rows.push_back(row);
  }
  return rows;
}

std::string LifetimeText(const Granted& granted) {
  if (!granted.expires_in.has_value()) return "?";
  const absl::Duration lifetime = *granted.expires_in;
  if (lifetime < absl::Seconds(1)) return absl::FormatDuration(lifetime);
  if (lifetime > absl::Hours(24 * 365)) {
    return absl::StrCat(absl::ToInt64Hours(lifetime), "h");
  }
  return absl::StrCat(absl::ToDoubleSeconds(lifetime), "s");
}

const broker::KeptAnswer* EvidenceIn(const broker::ExchangeOutcome& outcome) {
  const broker::KeptAnswer* kept = nullptr;
  if (const auto* granted = std::get_if<Granted>(&outcome)) kept = &granted->evidence;
  if (const auto* dead = std::get_if<broker::GrantDead>(&outcome)) kept = &dead->evidence;
  if (const auto* doubt = std::get_if<broker::InDoubt>(&outcome)) kept = &doubt->evidence;
  if (const auto* malformed = std::get_if<broker::Malformed>(&outcome)) kept = &malformed->answer;
  return kept == nullptr || kept->empty() ? nullptr : kept;
}

// As the table has it. Two secrets are configured, so that a refusal of the client shows.
std::string Outcome(int status, std::string_view body) {
  testing::FakeClock clock;
  testing::FakeHttpTransport transport;
  OAuthTokenEndpoint endpoint(transport, clock);
  broker::CredentialSettings settings;
  settings.name = "alpha";
  settings.client_auth = broker::ClientAuth::kClientSecretPost;
  settings.client_secrets.emplace_back(std::string_view("one"));
  settings.client_secrets.emplace_back(std::string_view("two"));
  transport.Answer(status, body);
  const auto outcome =
      endpoint.Exchange(settings, broker::PresentRefreshToken{Secret(std::string_view("rt"))},
                        MonotonicTime::Never());
  if (const broker::KeptAnswer* const evidence = EvidenceIn(outcome)) {
    EXPECT_EQ(evidence->body.Reveal(), body) << "evidence is kept whole";
    EXPECT_EQ(evidence->http_status, status);
  }
  std::string text = OutcomeText(outcome);
  if (const auto* granted = std::get_if<Granted>(&outcome)) {
    text = absl::StrCat("granted ", LifetimeText(*granted),
                        granted->refresh_token.has_value() ? " rotated" : " kept",
                        granted->evidence.empty() ? "" : ", and another elsewhere");
  }
  const auto* refused = std::get_if<ClientRefused>(&outcome);
  if (refused != nullptr && refused->another_secret) text += " authentication";
  EXPECT_EQ(DetailOf(outcome).find("sentinel"), std::string::npos);
  return text;
}

class Corpus : public ::testing::Test {
 protected:
  // Which secret was taken is of no interest here.
  Corpus() { telemetry::ConfigureLog(telemetry::Level::kError, telemetry::Format::kJson); }
  ~Corpus() override { telemetry::ConfigureLog(telemetry::Level::kInfo, telemetry::Format::kJson); }
};

TEST_F(Corpus, EveryAnswerComesToWhatTheTableSays) {
  const std::vector<Row> rows = Table();
  EXPECT_GE(rows.size(), 150u);
  for (const Row& row : rows) {
    const auto path = kCorpus / "token_response" / row.file;
    ASSERT_TRUE(std::filesystem::exists(path)) << row.file;
    EXPECT_EQ(Outcome(row.status, ReadFile(path)), row.outcome) << row.file;
  }
}

TEST_F(Corpus, EveryFileIsInTheTable) {
  std::set<std::string> known;
  for (const Row& row : Table()) EXPECT_TRUE(known.insert(row.file).second) << row.file;
  for (const auto& entry : std::filesystem::directory_iterator(kCorpus / "token_response")) {
    EXPECT_TRUE(known.contains(entry.path().filename().string())) << entry.path();
  }
}

// Whatever the body, as a whole answer under every status and as a piece of one: never a crash, and
// a 2xx that brought something never comes to nothing.
TEST_F(Corpus, NothingOfA200IsThrownAway) {
  for (const Row& row : Table()) {
    const std::string body = ReadFile(kCorpus / "token_response" / row.file);
    const std::string text = Outcome(200, body);
    const bool says_error = text.starts_with("dead") || text.starts_with("refused") ||
                            text.starts_with("unspent") || text.starts_with("in doubt");
    // No string stands under a name of a token.
    const bool has_none = !std::regex_search(
        body,
        std::regex(R"re(token["']?\s*[:=>]\s*["']?(?!rt["'])[^\s"'0nN,}])re", std::regex::icase));
    EXPECT_TRUE(text.starts_with("granted") || text == "malformed" ||
                ((text == "in doubt, malformed" || text == "unspent, throttled") && has_none) ||
                (says_error && body.find("error") != std::string::npos))
        << row.file << ": " << text;
  }
}

}  // namespace
}  // namespace token_service::oauth
