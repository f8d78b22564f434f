#include "tests/sandbox/control_routes.h"

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/sandbox/pages.h"

namespace token_service::sandbox {
namespace {

using Json = nlohmann::ordered_json;

constexpr char kJson[] = "application/json";

void Send(httplib::Response& response, int status, const Json& body) {
  response.status = status;
  response.set_header("Cache-Control", "no-store");
  response.set_content(body.dump() + "\n", kJson);
}

void Reject(httplib::Response& response, int status, std::string_view why) {
  Send(response, status, {{"error", why}});
}

// The request's JSON object; an empty body is an empty object.
std::optional<Json> ParseObject(const std::string& text) {
  Json json = text.empty() ? Json::object() : Json::parse(text, nullptr, false);
  if (!json.is_object()) return std::nullopt;
  return std::make_optional<Json>(std::move(json));
}

// Seconds as a number, or an absl::Duration's text; absent: `otherwise`. Nothing if it is neither,
// or negative.
std::optional<absl::Duration> DurationOf(const Json& json, const char* key,
                                         absl::Duration otherwise) {
  const auto it = json.find(key);
  if (it == json.end()) return otherwise;
  absl::Duration duration;
  if (it->is_number()) {
    duration = absl::Seconds(it->get<double>());
  } else if (!it->is_string() || !absl::ParseDuration(it->get<std::string>(), &duration)) {
    return std::nullopt;
  }
  if (duration < absl::ZeroDuration() || duration == absl::InfiniteDuration()) return std::nullopt;
  return duration;
}

Json ToJson(const CredentialStats& stats) {
  return {{"name", stats.name},
          {"client_id", stats.client_id},
          {"issued", stats.issued},
          {"reuse_detected", stats.reuse_detected},
          {"revoked", stats.revoked},
          {"rotations", stats.rotations},
          {"in_flight_max", stats.in_flight_max}};
}

}  // namespace

void ControlRoutes::Stats(const httplib::Request&, httplib::Response& response) {
  const AuthorityStats stats = authority_.Stats();
  Json credentials = Json::array();
  for (const CredentialStats& credential : stats.credentials) {
    credentials.push_back(ToJson(credential));
  }
  Send(response, 200,
       {{"token_requests", stats.token_requests},
        {"tokens_issued", stats.tokens_issued},
        {"reuse_detected", stats.reuse_detected},
        {"unknown_refresh_tokens", stats.unknown_refresh_tokens},
        {"concurrent_exchanges_max", stats.concurrent_exchanges_max},
        {"credentials", std::move(credentials)}});
}

void ControlRoutes::Faults(const httplib::Request& request, httplib::Response& response) {
  const std::optional<Json> order = ParseObject(request.body);
  if (!order) return Reject(response, 400, "the body must be a JSON object");
  const auto name = order->find("fault");
  const std::optional<Fault> fault = name != order->end() && name->is_string()
                                         ? ParseFault(name->get<std::string>())
                                         : std::nullopt;
  if (!fault) return Reject(response, 400, "fault must name a fault, see --help");
  const auto count = order->find("count");
  if (count != order->end() && (!count->is_number_integer() || count->get<int64_t>() < -1)) {
    return Reject(response, 400, "count must be a whole number, -1 or more");
  }
  const int64_t requests = count == order->end() ? 1 : count->get<int64_t>();
  const auto latency = DurationOf(*order, "latency", faults_.usual().latency);
  const auto retry_after = DurationOf(*order, "retry_after", faults_.usual().retry_after);
  if (!latency || !retry_after) {
    return Reject(response, 400, "latency and retry_after must be seconds or durations like 2s");
  }
  faults_.Order({.fault = *fault, .latency = *latency, .retry_after = *retry_after}, requests);
  Send(response, 200,
       {{"fault", FaultName(*fault)},
        {"count", requests},
        {"retry_after", absl::ToDoubleSeconds(*retry_after)},
        {"latency", absl::ToDoubleSeconds(*latency)}});
}

void ControlRoutes::MintCredential(const httplib::Request& request, httplib::Response& response) {
  const bool form = absl::StartsWithIgnoreCase(request.get_header_value("Content-Type"),
                                               "application/x-www-form-urlencoded");
  std::string name;
  if (form) {
    name = request.get_param_value("name");
  } else {
    const std::optional<Json> order = ParseObject(request.body);
    if (!order) return Reject(response, 400, "the body must be a JSON object");
    const auto it = order->find("name");
    if (it != order->end() && it->is_string()) name = it->get<std::string>();
  }
  if (!IsValidCredentialName(name)) {
    return Reject(response, 400, "name must be 1 to 64 printable ASCII characters, no slash");
  }
  const std::string refresh_token = authority_.Mint(name);
  log_.Add("POST /sandbox/credentials", name, "201 minted");
  if (form) {
    response.status = 201;
    return SendPage(response, MintedPage(name, authority_.policy().client_id, refresh_token));
  }
  Send(response, 201,
       {{"name", name},
        {"client_id", authority_.policy().client_id},
        {"refresh_token", refresh_token}});
}

void ControlRoutes::RevokeCredential(const httplib::Request& request, httplib::Response& response) {
  const std::string name = request.matches[1];
  if (!authority_.Revoke(name)) return Reject(response, 404, "no such credential");
  log_.Add("POST /sandbox/credentials/…/revoke", name, "200 revoked");
  Send(response, 200, {{"name", name}, {"revoked", true}});
}

}  // namespace token_service::sandbox
