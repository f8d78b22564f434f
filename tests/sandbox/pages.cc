#include "tests/sandbox/pages.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"

namespace token_service::sandbox {
namespace {

constexpr char kStyle[] = R"(
:root{color-scheme:light dark;--line:#d7dbe0;--soft:#5c6670;--bad:#b42318;--good:#067647;--link:#175cd3}
@media(prefers-color-scheme:dark){:root{--line:#363b42;--soft:#9aa4ae;--bad:#f97066;--good:#47cd89;--link:#84adff}}
body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.4rem;margin:0}h2{font-size:1.05rem;margin:2rem 0 .5rem}
p{margin:.3rem 0}.soft{color:var(--soft)}.bad{color:var(--bad)}.good{color:var(--good)}a{color:var(--link)}
dl{display:flex;flex-wrap:wrap;gap:.5rem 2.5rem;margin:1.5rem 0}dt{color:var(--soft);font-size:.85rem}
dd{margin:0;font-size:1.5rem;font-variant-numeric:tabular-nums}
.wide{overflow-x:auto}table{border-collapse:collapse;width:100%}
th{font-weight:500;color:var(--soft);font-size:.85rem}
th,td{text-align:left;padding:.35rem 1rem .35rem 0;border-bottom:1px solid var(--line);white-space:nowrap}
.say{white-space:normal;min-width:14rem}form{margin-top:1rem}
.n{text-align:right;font-variant-numeric:tabular-nums}
input,button{font:inherit;padding:.3rem .6rem}code{font:13px/1.5 ui-monospace,monospace;word-break:break-all}
)";

std::string Frame(std::string_view head, std::string_view body) {
  return absl::StrCat(
      "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
      "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">",
      std::string(head), "<title>Ticket API sandbox</title><style>", kStyle,
      "</style></head><body>\n", std::string(body), "</body></html>\n");
}

std::string Figure(std::string_view label, int64_t number, bool alarming = false) {
  return absl::StrCat("<div><dt>", std::string(label), "</dt><dd",
                      alarming && number > 0 ? " class=\"bad\"" : "", ">", number, "</dd></div>");
}

std::string CredentialRows(const std::vector<CredentialStats>& credentials) {
  if (credentials.empty()) return "<tr><td colspan=\"7\" class=\"soft\">None yet.</td></tr>";
  std::string rows;
  for (const CredentialStats& credential : credentials) {
    absl::StrAppend(&rows, "<tr><td>", EscapeHtml(credential.name), "</td><td>",
                    EscapeHtml(credential.client_id), "</td><td>",
                    credential.revoked ? "<span class=\"bad\">revoked</span>"
                                       : "<span class=\"good\">active</span>",
                    "</td><td class=\"n\">", credential.issued, "</td><td class=\"n\">",
                    credential.rotations, "</td><td class=\"n\">", credential.reuse_detected,
                    "</td><td class=\"n\">", credential.in_flight_max, "</td></tr>\n");
  }
  return rows;
}

std::string RequestRows(const std::vector<LoggedRequest>& requests) {
  if (requests.empty()) return "<tr><td colspan=\"4\" class=\"soft\">None yet.</td></tr>";
  std::string rows;
  for (const LoggedRequest& request : requests) {
    absl::StrAppend(&rows, "<tr><td><time>",
                    absl::FormatTime("%H:%M:%E3S", request.time, absl::UTCTimeZone()),
                    "</time></td><td>", EscapeHtml(request.request), "</td><td>",
                    request.credential.empty() ? "–" : EscapeHtml(request.credential),
                    "</td><td class=\"say\">", EscapeHtml(request.outcome), "</td></tr>\n");
  }
  return rows;
}

// A name nobody has, so that minting needs no typing between two reloads.
std::string FreeName(const std::vector<CredentialStats>& credentials) {
  for (size_t number = credentials.size() + 1;; ++number) {
    std::string name = absl::StrCat("credential-", number);
    if (std::ranges::none_of(credentials,
                             [&](const CredentialStats& c) { return c.name == name; })) {
      return name;
    }
  }
}

std::string PolicyText(const TokenPolicy& policy) {
  return EscapeHtml(
      absl::StrCat("Access tokens live ", absl::FormatDuration(policy.ttl), ". Refresh tokens ",
                   policy.rotate ? "rotate at every use" : "do not rotate", "; reuse detection is ",
                   policy.reuse_detection ? "on" : "off", "."));
}

}  // namespace

std::string EscapeHtml(std::string_view text) {
  return absl::StrReplaceAll(
      absl::string_view(text.data(), text.size()),
      {{"&", "&amp;"}, {"<", "&lt;"}, {">", "&gt;"}, {"\"", "&quot;"}, {"'", "&#39;"}});
}

std::string HomePage(const TokenPolicy& policy, const AuthorityStats& stats,
                     const std::vector<LoggedRequest>& requests, bool paused) {
  return Frame(
      paused ? "" : "<meta http-equiv=\"refresh\" content=\"3\">",
      absl::StrCat(
          "<h1>Ticket API sandbox</h1>\n<p class=\"soft\">", PolicyText(policy),
          " Its tokens open nothing but this sandbox. ",
          paused ? "<a href=\"/\">Resume reloading</a>"
                 : "Reloads every 3 s: <a href=\"/?paused=1\">pause</a>",
          "</p>\n<dl>", Figure("Credentials minted", std::ssize(stats.credentials)),
          Figure("Token requests", stats.token_requests),
          Figure("Tokens issued", stats.tokens_issued),
          Figure("Reuse detected", stats.reuse_detected, /*alarming=*/true),
          Figure("Exchanges at once, at most", stats.concurrent_exchanges_max),
          "</dl>\n<h2>Credentials</h2>\n<div class=\"wide\"><table><thead><tr><th>Name</th>"
          "<th>Client ID</th><th>State</th><th class=\"n\">Tokens issued</th>"
          "<th class=\"n\">Rotations</th><th class=\"n\">Reuse detected</th>"
          "<th class=\"n\">At once</th></tr></thead><tbody>\n",
          CredentialRows(stats.credentials),
          "</tbody></table></div>\n<form method=\"post\" action=\"/sandbox/credentials\"><p>"
          "<label>Mint a credential named <input name=\"name\" required maxlength=\"64\" value=\"",
          FreeName(stats.credentials),
          "\"></label> <button>Mint</button></p></form>\n<h2>Last requests</h2>\n"
          "<div class=\"wide\"><table><thead><tr><th>Time (UTC)</th><th>Request</th>"
          "<th>Credential</th><th>Outcome</th></tr></thead><tbody>\n",
          RequestRows(requests), "</tbody></table></div>\n"));
}

std::string MintedPage(std::string_view name, std::string_view client_id,
                       std::string_view refresh_token) {
  return Frame(
      "",
      absl::StrCat("<h1>", EscapeHtml(name), " is minted</h1>\n",
                   "<p>Shown this once. Keep the refresh token where one program reads it.</p>\n"
                   "<h2>Client ID</h2><p><code>",
                   EscapeHtml(client_id), "</code></p>\n<h2>Refresh token</h2><p><code>",
                   EscapeHtml(refresh_token),
                   "</code></p>\n<p><a href=\"/\">Back to the sandbox</a></p>\n"));
}

void SendPage(httplib::Response& response, const std::string& page) {
  response.set_header("Cache-Control", "no-store");
  response.set_header("Content-Security-Policy",
                      "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; "
                      "base-uri 'none'; frame-ancestors 'none'");
  response.set_header("X-Content-Type-Options", "nosniff");
  response.set_content(page, "text/html; charset=utf-8");
}

}  // namespace token_service::sandbox
