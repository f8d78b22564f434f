#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "server/config/builtin_provider.h"
#include "server/config/config.h"
#include "server/oauth/answer_judge.h"
#include "server/oauth/answer_survey.h"
#include "server/providers/builtin.h"

namespace token_service::app {
namespace {

using broker::ExchangeOutcome;
using broker::Granted;

const std::filesystem::path kCorpus = std::filesystem::path(TOKEN_SERVICE_CORPUS) / "providers";
const absl::Time kNow = absl::FromUnixSeconds(1'700'000'000);
const Secret kSent(std::string_view("RT-made-up-1"));
const Secret kProof;

// An answer as it is written down: a line of status, header lines, an empty line, the body.
struct Recorded {
  std::string provider;
  std::string kind;  // The file's name: what it is an example of.
  int status = 0;
  std::string body;
};

Recorded Read(const std::filesystem::path& file) {
  Recorded answer{.provider = file.parent_path().filename().string(), .kind = file.stem().string()};
  std::ifstream in(file, std::ios::binary);
  std::string line;
  std::getline(in, line);
  EXPECT_TRUE(absl::StartsWith(line, "HTTP/1.1 ") &&
              absl::SimpleAtoi(line.substr(9, 3), &answer.status))
      << file;
  while (std::getline(in, line) && !line.empty() && line != "\r") continue;
  answer.body.assign(std::istreambuf_iterator<char>(in), {});
  while (absl::EndsWith(answer.body, "\n")) answer.body.pop_back();
  return answer;
}

std::vector<Recorded> Corpus() {
  std::vector<Recorded> corpus;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(kCorpus)) {
    if (entry.path().extension() == ".http") corpus.push_back(Read(entry.path()));
  }
  return corpus;
}

ExchangeOutcome Judge(std::string_view provider, int status, std::string_view body) {
  broker::CredentialSettings settings;
  const ProviderDeclarationPtr declaration = BuiltinProvider(provider);
  if (declaration != nullptr) declaration->ApplyTo(settings);
  http::HttpResponse response{status, std::nullopt, Secret(body)};
  return oauth::JudgeAnswer(settings, {.sent = kSent, .proof = kProof}, kNow, std::move(response))
      .outcome;
}

// What kind of answer this outcome is of.
bool Fits(const ExchangeOutcome& outcome, std::string_view kind) {
  const auto* granted = std::get_if<Granted>(&outcome);
  const auto* unspent = std::get_if<broker::Unspent>(&outcome);
  if (kind == "granted") return granted != nullptr;
  if (kind == "rotated") return granted != nullptr && granted->refresh_token.has_value();
  if (kind == "dead") return std::holds_alternative<broker::GrantDead>(outcome);
  if (kind == "refused") return std::holds_alternative<broker::ClientRefused>(outcome);
  if (kind == "extended") return std::holds_alternative<broker::Extended>(outcome);
  if (kind == "throttled") {
    return unspent != nullptr && unspent->reason == broker::Reason::kProviderThrottled;
  }
  if (kind == "busy" || kind == "too_early") {
    return unspent != nullptr && unspent->reason == broker::Reason::kProviderBusy;
  }
  if (kind == "unavailable") {
    return unspent != nullptr || std::holds_alternative<broker::InDoubt>(outcome);
  }
  return false;
}

TEST(BuiltinProviders, AreReadAndNamedAsTheirFiles) {
  EXPECT_GE(providers::AllBuiltin().size(), 60u);
  for (const providers::Builtin& builtin : providers::AllBuiltin()) {
    const ProviderDeclarationPtr provider = BuiltinProvider(builtin.name);
    ASSERT_NE(provider, nullptr) << builtin.name << ": " << builtin.text;
    EXPECT_EQ(provider->rules->name, builtin.name);
    EXPECT_FALSE(provider->title.empty()) << builtin.name;
    EXPECT_TRUE(provider->secret_headers.empty() && provider->secret_parameters.empty());
  }
  EXPECT_EQ(BuiltinProvider("nobody"), nullptr);
}

TEST(BuiltinProviders, CanBePastedIntoAConfiguration) {
  // Under other names: their own are taken over by `like`.
  for (const providers::Builtin& builtin : providers::AllBuiltin()) {
    if (builtin.name == "rfc6749") continue;
    const std::string document = BuiltinProvidersDocument(builtin.name);
    const auto config = ParseConfig(absl::StrCat("data_dir: d\ncallers: []\n", document), "x.yaml");
    ASSERT_TRUE(config.ok()) << config.status() << document;
    const auto& pasted = *config->providers.at(std::string(builtin.name));
    EXPECT_EQ(*pasted.rules, *BuiltinProvider(builtin.name)->rules);
  }
}

TEST(BuiltinProviders, TheirAnswersComeToWhatTheyAreExamplesOf) {
  const std::vector<Recorded> corpus = Corpus();
  EXPECT_GE(corpus.size(), 75u);
  for (const Recorded& answer : corpus) {
    ASSERT_NE(providers::FindBuiltin(answer.provider), nullptr) << answer.provider;
    EXPECT_TRUE(Fits(Judge(answer.provider, answer.status, answer.body), answer.kind))
        << answer.provider << "/" << answer.kind;
  }
}

const broker::KeptAnswer* KeptOf(const ExchangeOutcome& outcome) {
  if (const auto* granted = std::get_if<Granted>(&outcome)) return &granted->evidence;
  if (const auto* dead = std::get_if<broker::GrantDead>(&outcome)) return &dead->evidence;
  if (const auto* doubt = std::get_if<broker::InDoubt>(&outcome)) return &doubt->evidence;
  if (const auto* malformed = std::get_if<broker::Malformed>(&outcome)) return &malformed->answer;
  return nullptr;
}

// Any provider's rules, any provider's answer, under any status: what names another refresh token
// is taken over or kept, so that the one that was sent is not sent again.
TEST(BuiltinProviders, NoAnswerOfAnyOtherLosesARefreshToken) {
  const std::vector<Recorded> corpus = Corpus();
  int judged = 0;
  for (const providers::Builtin& builtin : providers::AllBuiltin()) {
    for (const Recorded& answer : corpus) {
      const bool brings_another =
          oauth::SurveyAnswer(answer.body, kSent) == oauth::MayHold::kRefreshToken;
      for (const int status : {200, 201, 400, 401, 403, 409, 429, 500, 502}) {
        const ExchangeOutcome outcome = Judge(builtin.name, status, answer.body);
        ++judged;
        if (!brings_another) continue;
        const auto* granted = std::get_if<Granted>(&outcome);
        const bool taken = granted != nullptr && granted->refresh_token.has_value();
        const broker::KeptAnswer* const kept = KeptOf(outcome);
        EXPECT_TRUE(taken || (kept != nullptr && !kept->empty() && kept->stands))
            << builtin.name << " of " << answer.provider << "/" << answer.kind << " under "
            << status;
      }
    }
  }
  EXPECT_GE(judged, 50 * 50 * 9);
}

}  // namespace
}  // namespace token_service::app
