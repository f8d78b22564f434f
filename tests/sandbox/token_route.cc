#include "tests/sandbox/token_route.h"

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/sandbox/connection.h"

namespace token_service::sandbox {
namespace {

using Json = nlohmann::ordered_json;

constexpr char kJson[] = "application/json;charset=UTF-8";
constexpr size_t kDripBytes = 8;
constexpr absl::Duration kDripInterval = absl::Milliseconds(50);
constexpr size_t kPadding = 128 * 1024;

struct ErrorRow {
  std::string_view code;
  int status;
};

ErrorRow RowOf(OAuthError error) {
  switch (error) {
    case OAuthError::kInvalidRequest:
      return {"invalid_request", 400};
    case OAuthError::kInvalidClient:
      return {"invalid_client", 401};
    case OAuthError::kInvalidGrant:
      return {"invalid_grant", 400};
    case OAuthError::kUnsupportedGrantType:
      return {"unsupported_grant_type", 400};
  }
  return {"invalid_request", 400};
}

std::string Refuse(const Refusal& refusal, httplib::Response& response) {
  const ErrorRow row = RowOf(refusal.error);
  const Json body = {{"error", row.code}, {"error_description", refusal.description}};
  response.status = row.status;
  response.set_content(body.dump(), kJson);
  return absl::StrCat(row.status, " ", std::string(row.code), ": ",
                      std::string(refusal.description));
}

bool IsForm(const httplib::Request& request) {
  const std::string value = request.get_header_value("Content-Type");
  const std::string media_type = value.substr(0, value.find(';'));
  return absl::EqualsIgnoreCase(absl::StripAsciiWhitespace(media_type),
                                "application/x-www-form-urlencoded");
}

// RFC 6749 section 3.2: a parameter without a value counts as absent, and none may come twice.
std::optional<std::string> Parameter(const httplib::Request& request, const char* name) {
  if (request.get_param_value_count(name) != 1) return std::nullopt;
  std::string value = request.get_param_value(name);
  if (value.empty()) return std::nullopt;
  return value;
}

void SetBody(httplib::Response& response, std::string body) { response.body = std::move(body); }

}  // namespace

void TokenRoute::Serve(const httplib::Request& request, httplib::Response& response) {
  const std::string refresh_token = request.get_param_value("refresh_token");
  const TokenAuthority::InFlight in_flight = authority_.Enter(refresh_token);
  const std::string credential = authority_.OwnerOf(refresh_token).value_or("");
  const Mishap mishap = faults_.Next();
  stopping_.WaitForNotificationWithTimeout(mishap.latency);
  response.set_header("Cache-Control", "no-store");
  response.set_header("Pragma", "no-cache");
  std::string outcome = "not looked at";
  if (SpendsRefreshToken(mishap.fault)) outcome = Answer(request, response);
  // A fault of those that follow a rotation leaves a refusal alone.
  const bool spoilt =
      mishap.fault != Fault::kNone && (!SpendsRefreshToken(mishap.fault) || response.status == 200);
  if (spoilt) absl::StrAppend(&outcome, "; fault ", std::string(FaultName(mishap.fault)));
  if (spoilt || response.status != 200) {
    std::fprintf(stderr, "token request: credential=%s %s\n", credential.c_str(), outcome.c_str());
  }
  // Before a fault may block, and before the client can ask what happened.
  log_.Add("POST /token", credential, outcome);
  if (spoilt) Spoil(mishap, response);
}

std::string TokenRoute::Answer(const httplib::Request& request, httplib::Response& response) {
  if (!IsForm(request)) {
    return Refuse(
        {OAuthError::kInvalidRequest, "the body must be application/x-www-form-urlencoded"},
        response);
  }
  if (request.target.find('?') != std::string::npos) {
    return Refuse({OAuthError::kInvalidRequest, "parameters belong in the body"}, response);
  }
  const std::optional<std::string> grant_type = Parameter(request, "grant_type");
  const std::optional<std::string> refresh_token = Parameter(request, "refresh_token");
  const std::optional<std::string> client_id = Parameter(request, "client_id");
  if (grant_type && *grant_type != "refresh_token") {
    return Refuse({OAuthError::kUnsupportedGrantType, "grant_type must be refresh_token"},
                  response);
  }
  if (!grant_type || !refresh_token || !client_id) {
    return Refuse({OAuthError::kInvalidRequest,
                   "grant_type, refresh_token and client_id are required, each once"},
                  response);
  }
  ExchangeOutcome outcome = authority_.Exchange(*refresh_token, *client_id);
  if (const Refusal* refusal = std::get_if<Refusal>(&outcome)) return Refuse(*refusal, response);
  TokenAnswer& answer = std::get<TokenAnswer>(outcome);
  Json body = {{"access_token", std::move(answer.access_token)},
               {"token_type", "bearer"},
               {"expires_in", answer.expires_in}};
  if (answer.refresh_token) body["refresh_token"] = std::move(*answer.refresh_token);
  response.status = 200;
  response.set_content(body.dump(), kJson);
  return "200 token issued";
}

void TokenRoute::Spoil(const Mishap& mishap, httplib::Response& response) {
  Connection& connection = Connection::Current();
  switch (mishap.fault) {
    case Fault::kNone:
      return;
    case Fault::kRefuse5xxBefore:
      response.status = 503;
      return response.set_content("Service Unavailable\n", "text/plain");
    case Fault::kError500AfterRotating:
      response.status = 500;
      return response.set_content("Internal Server Error\n", "text/plain");
    case Fault::kResetBefore:
    case Fault::kResetAfterRotating:
      return connection.EndWithoutAnswer(Connection::Ending::kReset);
    case Fault::kCloseAfterRotating:
      return connection.EndWithoutAnswer(Connection::Ending::kOrderly);
    case Fault::kHang:
    case Fault::kHangAfterRotating:
      connection.WaitForClientToLeave(stopping_);
      return connection.EndWithoutAnswer(Connection::Ending::kOrderly);
    case Fault::kTruncate: {
      std::string body = std::exchange(response.body, {});
      const size_t promised = body.size();
      response.headers.erase("Content-Type");
      return response.set_content_provider(
          promised, kJson, [body = std::move(body)](size_t, size_t, httplib::DataSink& sink) {
            sink.write(body.data(), body.size() / 2);
            return false;
          });
    }
    case Fault::kGarbage:
      // A rotated token is still in it, for a person to find.
      return SetBody(response, absl::StrCat("%%", response.body.substr(1)));
    case Fault::kHtml:
      response.status = 200;
      return response.set_content(
          "<!doctype html><title>Sign in</title><h1>Sign in to the network</h1>\n",
          "text/html; charset=utf-8");
    case Fault::kThrottle:
      response.status = 429;
      response.set_header("Retry-After", std::to_string(absl::ToInt64Seconds(mishap.retry_after)));
      return response.set_content("Too Many Requests\n", "text/plain");
    case Fault::kEmpty:
      return SetBody(response, "");
    case Fault::kOversized:
      return SetBody(response, absl::StrCat(std::string(kPadding, ' '), response.body));
    case Fault::kSlowBody: {
      std::string body = std::exchange(response.body, {});
      const size_t promised = body.size();
      response.headers.erase("Content-Type");
      return response.set_content_provider(
          promised, kJson,
          [body = std::move(body), this](size_t offset, size_t length, httplib::DataSink& sink) {
            if (offset > 0) stopping_.WaitForNotificationWithTimeout(kDripInterval);
            return sink.write(body.data() + offset, std::min(length, kDripBytes));
          });
    }
  }
}

}  // namespace token_service::sandbox
