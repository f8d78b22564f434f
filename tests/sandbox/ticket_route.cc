#include "tests/sandbox/ticket_route.h"

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"

namespace token_service::sandbox {
namespace {

using Json = nlohmann::ordered_json;

const std::string& Tickets() {
  static const std::string tickets =
      Json{{"tickets",
            {{{"id", 48211},
              {"subject", "Invoice for March shows the old company name"},
              {"status", "open"},
              {"channel", "email"},
              {"created_at", "2024-04-02T07:41:09Z"}},
             {{"id", 48207},
              {"subject", "Parcel marked as delivered, nothing arrived"},
              {"status", "pending"},
              {"channel", "chat"},
              {"created_at", "2024-04-01T16:20:55Z"}},
             {{"id", 48198},
              {"subject", "Cannot reset password on the mobile app"},
              {"status", "open"},
              {"channel", "facebook"},
              {"created_at", "2024-04-01T11:03:27Z"}},
             {{"id", 48176},
              {"subject", "Opening hours over Easter?"},
              {"status", "solved"},
              {"channel", "instagram"},
              {"created_at", "2024-03-28T09:12:40Z"}}}},
           {"next_page", nullptr}}
          .dump(2) +
      "\n";
  return tickets;
}

// RFC 6750 section 2.1; the scheme's case does not matter.
std::optional<std::string> BearerToken(const httplib::Request& request) {
  const std::string value = request.get_header_value("Authorization");
  if (!absl::StartsWithIgnoreCase(value, "bearer ")) return std::nullopt;
  return std::string(absl::StripAsciiWhitespace(value.substr(7)));
}

}  // namespace

void ServeTickets(TokenAuthority& authority, RequestLog& log, const httplib::Request& request,
                  httplib::Response& response) {
  const std::optional<std::string> token = BearerToken(request);
  const std::optional<std::string> credential = token ? authority.Verify(*token) : std::nullopt;
  if (!credential) {
    log.Add("GET /v2/tickets", "", token ? "401 invalid token" : "401 no token");
    response.status = 401;
    // RFC 6750 section 3.1: no error code for a request that carries no token at all.
    response.set_header("WWW-Authenticate", token
                                                ? R"(Bearer error="invalid_token", realm="tickets")"
                                                : R"(Bearer realm="tickets")");
    response.set_content(R"({"error":"invalid_token"})", "application/json");
    return;
  }
  log.Add("GET /v2/tickets", *credential, "200");
  response.set_content(Tickets(), "application/json");
}

}  // namespace token_service::sandbox
