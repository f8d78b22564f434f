#include "tests/sandbox/flags.h"

#include <cstdio>
#include <cstdlib>
#include <map>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/flags/reflection.h"
#include "absl/flags/usage_config.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

ABSL_FLAG(std::string, listen, "127.0.0.1:8081", "HOST:PORT to serve on; port 0 takes any");
ABSL_FLAG(std::string, client_id, "sandbox", "the one client_id that is known");
ABSL_FLAG(std::string, credential_name, "demo", "name of the credential minted at start");
ABSL_FLAG(std::string, refresh_token_file, "",
          "file for the refresh token minted at start (mode 0600); else it goes to stdout");
ABSL_FLAG(absl::Duration, ttl, absl::Hours(1), "lifetime of access tokens, 1s or more");
ABSL_FLAG(bool, rotate, true, "replace the refresh token at every exchange");
ABSL_FLAG(bool, reuse_detection, true, "revoke the grant when a spent refresh token comes again");
ABSL_FLAG(bool, omit_refresh_token, false, "with --rotate=false: answers name no refresh token");
ABSL_FLAG(absl::Duration, refresh_token_ttl, absl::ZeroDuration(),
          "a refresh token unused for longer is dead; 0: never");
ABSL_FLAG(absl::Duration, grace, absl::ZeroDuration(),
          "for so long the token just spent fetches the same answer again");
ABSL_FLAG(absl::Duration, latency, absl::ZeroDuration(), "wait before each token request");
ABSL_FLAG(std::string, fault, "none",
          "what goes wrong with token requests: none, refuse_5xx_before, error_500_after_rotating, "
          "reset_before, reset_after_rotating, close_after_rotating, hang, hang_after_rotating, "
          "truncate, garbage, html, throttle, empty, slow_body, oversized");
ABSL_FLAG(double, fail_rate, 1.0, "share of token requests that suffer --fault, 0 to 1");
ABSL_FLAG(uint64_t, fault_seed, 1, "seed of the chance behind --fail_rate");
ABSL_FLAG(absl::Duration, retry_after, absl::Seconds(1), "Retry-After of --fault=throttle");

// Abseil calls this before it ends the process for a flag it does not understand; it would end
// with 1.
extern "C" void ABSL_INTERNAL_C_SYMBOL(AbslInternalReportFatalUsageError)(absl::string_view) {
  std::_Exit(2);
}

namespace token_service::sandbox {
namespace {

[[noreturn]] void Help() {
  std::printf(
      "ticket-api-sandbox: a Ticket API to try things on, with tokens that open nothing else.\n\n");
  std::map<std::string, absl::CommandLineFlag*> flags;
  for (const auto& [name, flag] : absl::GetAllFlags()) {
    if (absl::EndsWith(flag->Filename(), "tests/sandbox/flags.cc")) flags[std::string(name)] = flag;
  }
  for (const auto& [name, flag] : flags) {
    std::printf("  --%s (default: \"%s\")\n      %s\n", name.c_str(), flag->DefaultValue().c_str(),
                flag->Help().c_str());
  }
  std::exit(0);
}

absl::Duration NotNegative(const absl::Flag<absl::Duration>& flag, std::string_view name) {
  const absl::Duration value = absl::GetFlag(flag);
  if (value < absl::ZeroDuration() || value == absl::InfiniteDuration()) {
    DieOfUsage(absl::StrCat("--", std::string(name), ": 0 or more, and finite"));
  }
  return value;
}

}  // namespace

void DieOfUsage(std::string_view message) {
  std::fprintf(stderr, "ticket-api-sandbox: %.*s\n", static_cast<int>(message.size()),
               message.data());
  std::exit(2);
}

CommandLine ParseFlags(int argc, char** argv) {
  // Abseil's own --help ends with 1 and lists its libraries' flags too.
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (argument == "--") break;
    if (argument == "--help" || argument == "-help" || argument == "-h") Help();
  }
  if (const std::vector<char*> rest = absl::ParseCommandLine(argc, argv); rest.size() > 1) {
    DieOfUsage(absl::StrCat("not a flag: ", rest[1]));
  }
  const std::optional<Fault> fault = ParseFault(absl::GetFlag(FLAGS_fault));
  if (!fault) DieOfUsage("--fault: not known, see --help");
  CommandLine line;
  line.credential_name = absl::GetFlag(FLAGS_credential_name);
  if (!IsValidCredentialName(line.credential_name)) {
    DieOfUsage("--credential_name: 1 to 64 printable ASCII characters, no slash");
  }
  line.refresh_token_file = absl::GetFlag(FLAGS_refresh_token_file);
  line.options.listen = absl::GetFlag(FLAGS_listen);
  line.options.tokens = {
      .client_id = absl::GetFlag(FLAGS_client_id),
      .ttl = NotNegative(FLAGS_ttl, "ttl"),
      .rotate = absl::GetFlag(FLAGS_rotate),
      .reuse_detection = absl::GetFlag(FLAGS_reuse_detection),
      .omit_refresh_token = absl::GetFlag(FLAGS_omit_refresh_token),
      .refresh_token_ttl = NotNegative(FLAGS_refresh_token_ttl, "refresh_token_ttl"),
      .grace = NotNegative(FLAGS_grace, "grace")};
  line.options.mishap = {.fault = *fault,
                         .latency = NotNegative(FLAGS_latency, "latency"),
                         .retry_after = NotNegative(FLAGS_retry_after, "retry_after")};
  line.options.fail_rate = absl::GetFlag(FLAGS_fail_rate);
  line.options.fault_seed = absl::GetFlag(FLAGS_fault_seed);
  return line;
}

}  // namespace token_service::sandbox
