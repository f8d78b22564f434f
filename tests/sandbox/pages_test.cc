#include "tests/sandbox/pages.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace token_service::sandbox {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(PagesTest, EscapesTextAndAttributes) {
  EXPECT_EQ(EscapeHtml(R"(<a href="x" id='y'>&)"),
            "&lt;a href=&quot;x&quot; id=&#39;y&#39;&gt;&amp;");
}

TEST(PagesTest, HomeShowsNamesEscaped) {
  AuthorityStats stats;
  stats.credentials.push_back({.name = "<script>x</script>", .client_id = "<i>"});
  const std::vector<LoggedRequest> requests = {
      {absl::UnixEpoch(), "GET /<b>", "<script>x</script>", "<em>"}};
  const std::string page = HomePage({}, stats, requests, false);
  EXPECT_THAT(page, HasSubstr("&lt;script&gt;x&lt;/script&gt;"));
  for (const char* raw : {"<script>", "<i>", "<b>", "<em>"}) EXPECT_THAT(page, Not(HasSubstr(raw)));
}

TEST(PagesTest, HomeReloadsItselfUnlessPaused) {
  EXPECT_THAT(HomePage({}, {}, {}, false), HasSubstr("http-equiv=\"refresh\""));
  EXPECT_THAT(HomePage({}, {}, {}, true), Not(HasSubstr("http-equiv=\"refresh\"")));
}

TEST(PagesTest, SuggestsANameThatIsFree) {
  AuthorityStats stats;
  stats.credentials.push_back({.name = "credential-2"});
  EXPECT_THAT(HomePage({}, stats, {}, false), HasSubstr("value=\"credential-3\""));
}

}  // namespace
}  // namespace token_service::sandbox
