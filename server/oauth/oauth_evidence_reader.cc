#include "server/oauth/oauth_evidence_reader.h"

#include "absl/strings/ascii.h"
#include "server/oauth/answer_path.h"
#include "server/oauth/answer_survey.h"
#include "server/oauth/answer_walk.h"
#include "server/oauth/token_response.h"

namespace token_service::oauth {
namespace {

constexpr std::string_view kRfcPath = "refresh_token";
// Of what is shown.
constexpr size_t kMostMembers = 64;
constexpr size_t kLongestPath = 256;

std::string_view TypeName(const WalkedValue& value) {
  switch (value.kind) {
    case ValueKind::kObject:
      return "object";
    case ValueKind::kList:
      return "list";
    case ValueKind::kString:
      return value.whole ? "string" : "cut string";
    case ValueKind::kScalar:
      break;
  }
  if (value.raw == "null") return "null";
  if (value.raw == "true" || value.raw == "false") return "boolean";
  const bool number =
      value.raw[0] == '-' || absl::ascii_isdigit(static_cast<unsigned char>(value.raw[0]));
  return number ? "number" : "other";
}

}  // namespace

std::optional<Secret> OAuthEvidenceReader::Candidate(const broker::ProviderRules& rules,
                                                     const Secret& body, const Secret& sent) const {
  const std::string& path = rules.response.refresh_token;
  std::optional<Secret> found = CandidateIn(body.Reveal(), sent, path);
  if (!found.has_value() && path != kRfcPath) found = CandidateIn(body.Reveal(), sent, kRfcPath);
  return found;
}

std::vector<broker::EvidenceMember> OAuthEvidenceReader::Describe(const Secret& body,
                                                                  const Secret& sent) const {
  std::vector<broker::EvidenceMember> members;
  WalkAnswer(body.Reveal(), [&](const WalkedValue& value) {
    if (value.path.empty() || members.size() == kMostMembers) return;
    std::string path = PathText(value.path);
    if (path.size() > kLongestPath) return;
    const MayHold holds = SurveyMember(value, sent);
    members.push_back({.path = std::move(path),
                       .type = std::string(TypeName(value)),
                       .may_be_token = holds != MayHold::kNothing,
                       .may_be_refresh_token = holds == MayHold::kRefreshToken});
  });
  return members;
}

std::optional<Secret> OAuthEvidenceReader::TokenAt(const Secret& body,
                                                   std::string_view path) const {
  std::optional<Secret> found = StringAt(body.Reveal(), path);
  if (found.has_value() && !IsToken(found->Reveal())) return std::nullopt;
  return found;
}

}  // namespace token_service::oauth
