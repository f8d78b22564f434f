#include "server/oauth/error_table.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/oauth/outcome_text.h"

namespace token_service::oauth {
namespace {

constexpr int kStatuses[] = {200, 400, 401, 403, 404, 408, 422, 429, 500, 503};

struct Row {
  const char* code;  // Null: no OAuth error in the body. 200 is then not an error at all.
  std::vector<std::string> outcomes;  // One a status.
};

// The cells, short enough for a table.
const std::string dead = "dead";
const std::string refused = "refused";
const std::string throttled = "unspent, throttled";
const std::string later = "unspent, unavailable";
const std::string outage = "in doubt, unavailable";
const std::string odd = "in doubt, malformed";
const std::string target = "in doubt, client rejected";

TEST(ErrorTable, JudgesEveryCodeUnderEveryStatus) {
  // clang-format off
  const std::vector<Row> rows = {
      // status:                     200      400      401      403      404      408      422      429        500     503
      {"invalid_grant",             {dead,    dead,    dead,    dead,    dead,    dead,    dead,    dead,      outage, outage}},
      {"bad_refresh_token",         {dead,    dead,    dead,    dead,    dead,    dead,    dead,    dead,      outage, outage}},
      {"invalid_refresh_token",     {dead,    dead,    dead,    dead,    dead,    dead,    dead,    dead,      outage, outage}},
      {"token_revoked_by_operator", {dead,    dead,    dead,    dead,    dead,    dead,    dead,    dead,      outage, outage}},
      {"login_required",            {dead,    dead,    dead,    dead,    dead,    dead,    dead,    dead,      outage, outage}},
      {"interaction_required",      {dead,    dead,    dead,    dead,    dead,    dead,    dead,    dead,      outage, outage}},
      {"consent_required",          {dead,    dead,    dead,    dead,    dead,    dead,    dead,    dead,      outage, outage}},
      {"ratelimited",               {throttled, throttled, throttled, throttled, throttled, throttled, throttled, throttled, outage, outage}},
      {"slow_down",                 {throttled, throttled, throttled, throttled, throttled, throttled, throttled, throttled, outage, outage}},
      {"temporarily_unavailable",   {later,   later,   later,   later,   later,   later,   later,   throttled, outage, outage}},
      {"server_error",              {outage,  outage,  outage,  outage,  outage,  outage,  outage,  throttled, outage, outage}},
      {"invalid_target",            {target,  target,  target,  target,  target,  target,  target,  throttled, outage, outage}},
      {"invalid_client",            {refused, refused, refused, refused, refused, refused, refused, throttled, outage, outage}},
      {"incorrect_client_credentials", {refused, refused, refused, refused, refused, refused, refused, throttled, outage, outage}},
      {"unauthorized_client",       {refused, refused, refused, refused, refused, refused, refused, throttled, outage, outage}},
      {"invalid_scope",             {refused, refused, refused, refused, refused, refused, refused, throttled, outage, outage}},
      {"invalid_request",           {refused, refused, refused, refused, refused, refused, refused, throttled, outage, outage}},
      {"unsupported_grant_type",    {refused, refused, refused, refused, refused, refused, refused, throttled, outage, outage}},
      {"something_of_their_own",    {refused, refused, outage,  outage,  odd,     outage,  odd,     throttled, outage, outage}},
      {nullptr,                     {odd,     odd,     outage,  outage,  odd,     outage,  odd,     throttled, outage, outage}},
  };
  // clang-format on
  for (const Row& row : rows) {
    ASSERT_EQ(row.outcomes.size(), std::size(kStatuses));
    for (size_t i = 0; i < row.outcomes.size(); ++i) {
      ErrorAnswer answer{.status = kStatuses[i], .code = {}, .retry_after = {}, .body_size = 17};
      if (row.code != nullptr) answer.code = row.code;
      EXPECT_EQ(OutcomeText(ClassifyError(answer, {"token_revoked_by_operator"})), row.outcomes[i])
          << kStatuses[i] << " " << (row.code == nullptr ? "(no code)" : row.code);
    }
  }
}

TEST(ErrorTable, FindsOtherStatusesOdd) {
  for (const int status : {101, 201, 204, 301, 302, 307, 410}) {
    EXPECT_EQ(OutcomeText(ClassifyError({.status = status, .code = {}, .retry_after = {}}, {})),
              odd)
        << status;
  }
}

TEST(ErrorTable, ACodeDeclaredDeadIsDeadWhateverItMeansElsewhere) {
  EXPECT_EQ(OutcomeText(ClassifyError({.status = 400, .code = "invalid_request", .retry_after = {}},
                                      {"invalid_request"})),
            dead);
}

TEST(ErrorTable, CodesAreTakenInAnyCase) {
  EXPECT_EQ(
      OutcomeText(ClassifyError({.status = 400, .code = "INVALID_GRANT", .retry_after = {}}, {})),
      dead);
  EXPECT_EQ(OutcomeText(ClassifyError({.status = 400, .code = "Token_Revoked", .retry_after = {}},
                                      {"token_revoked"})),
            dead);
}

TEST(ErrorTable, PassesRetryAfterOn) {
  const auto throttling =
      ClassifyError({.status = 429, .code = {}, .retry_after = absl::Seconds(7)}, {});
  EXPECT_EQ(std::get<broker::Unspent>(throttling).retry_after, absl::Seconds(7));
  const auto maintenance =
      ClassifyError({.status = 503, .code = {}, .retry_after = absl::Seconds(8)}, {});
  EXPECT_EQ(std::get<broker::InDoubt>(maintenance).retry_after, absl::Seconds(8));
}

TEST(ErrorTable, TellsStatusKnownCodeAndSizeOnly) {
  EXPECT_EQ(
      DetailOf(ClassifyError({.status = 400, .code = "invalid_grant", .retry_after = {}}, {})),
      "HTTP 400, invalid_grant");
  EXPECT_EQ(DetailOf(ClassifyError({.status = 400, .code = "rt-123", .retry_after = {}}, {})),
            "HTTP 400, unrecognised error code");
  EXPECT_EQ(DetailOf(ClassifyError(
                {.status = 502, .code = {}, .retry_after = {}, .body_size = 1234}, {})),
            "HTTP 502, 1234 bytes without an OAuth error");
}

}  // namespace
}  // namespace token_service::oauth
