// bench-load: calls GetAccessToken as fast as a server answers and prints one line of JSON.
// Exit status: 0; 1 when a call failed; 2 for wrong usage.

#include <CLI/CLI.hpp>
#include <cstdio>

#include "absl/strings/str_format.h"
#include "absl/synchronization/mutex.h"
#include "bench/load.h"

namespace token_service::bench {
namespace {

int Main(int argc, char** argv) {
  // Debian builds it in; it is the client's cost, not the server's.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);

  LoadOptions options;
  double seconds = absl::ToDoubleSeconds(options.duration);
  CLI::App app("Loads a TokenService and prints requests/s and latencies as JSON.", "bench-load");
  app.add_option("--server", options.server, "host:port or unix:/path")->required();
  app.add_option("--tls_ca_file", options.tls_ca_file, "TLS, with a server of this authority's");
  app.add_option("--tls_certificate_file", options.tls_certificate_file);
  app.add_option("--tls_private_key_file", options.tls_private_key_file);
  app.add_option("--credential", options.credentials,
                 "credential to ask for; none: the default; several: each once");
  app.add_option("--connections", options.connections)->check(CLI::Range(1, 10'000));
  app.add_option("--concurrency", options.concurrency, "calls under way at once")
      ->check(CLI::Range(1, 100'000));
  app.add_option("--seconds", seconds)->check(CLI::Range(0.01, 3600.0));
  app.add_option("--calls", options.calls, "stop after so many")->check(CLI::PositiveNumber);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  options.duration = absl::Seconds(seconds);

  const LoadResult result = RunLoad(options);
  const auto us = [&](double q) { return absl::ToDoubleMicroseconds(result.Quantile(q)); };
  absl::PrintF(
      "{\"calls\": %d, \"errors\": %d, \"seconds\": %.3f, \"requests_per_second\": %.1f, "
      "\"p50_us\": %.1f, \"p99_us\": %.1f, \"p999_us\": %.1f, \"max_us\": %.1f, "
      "\"response_bytes\": %d, \"token_bytes\": %d}\n",
      result.calls, result.errors, absl::ToDoubleSeconds(result.elapsed), result.CallsPerSecond(),
      us(0.50), us(0.99), us(0.999), us(1.0), result.response_bytes, result.token_bytes);
  if (result.errors > 0 || result.calls == 0) {
    absl::FPrintF(stderr, "bench-load: %d failed: %s\n", result.errors, result.first_error);
    return 1;
  }
  return 0;
}

}  // namespace
}  // namespace token_service::bench

int main(int argc, char** argv) { return token_service::bench::Main(argc, argv); }
