#include "server/app/library_logs.h"

#if __has_include(<google/protobuf/stubs/logging.h>)
#include <google/protobuf/stubs/logging.h>
#include <grpc/support/log.h>
#else  // Later ones log through Abseil.
#include "absl/base/log_severity.h"
#include "absl/log/globals.h"
#include "absl/log/initialize.h"
#include "absl/log/log_entry.h"
#include "absl/log/log_sink.h"
#include "absl/log/log_sink_registry.h"
#endif

#include <optional>
#include <string>
#include <string_view>

#include "server/app/site_limiter.h"
#include "server/base/clock.h"
#include "server/net/last_heard.h"
#include "server/telemetry/log.h"
#include "server/tls/refused_certificate.h"

namespace token_service::app {
namespace {

using telemetry::Level;
using telemetry::Log;

// A chain of gRPC's errors can be pages long; what happened is at its beginning.
constexpr size_t kLongestText = 1000;

// Where gRPC 1.51 says it, and how it begins.
constexpr std::string_view kHandshakes = "ssl_transport_security.cc";
constexpr std::string_view kHandshakeFailed = "Handshake failed with ";

std::string_view BaseName(std::string_view path) { return path.substr(path.rfind('/') + 1); }

// Whoever sends nonsense makes gRPC speak each time. Never destroyed: its threads go on to the end.
SiteLimiter& Limiter() {
  static auto* const limiter = new SiteLimiter({}, SystemClock());
  return *limiter;
}

// On the thread that has read the client's bytes and found them wrong.
void TellOfHandshake(std::string_view text) {
  const std::string peer = net::PeerHeardLast();
  const std::optional<tls::RefusedCertificate> certificate = tls::TakeRefusedCertificate();
  const auto cause =
      HandshakeFailures::CauseOf(text, certificate.has_value() ? certificate->code : 0);
  TlsHandshakeFailures().Count(cause);
  const std::string_view name = HandshakeFailures::NameOf(cause);
  // Each cause is a place of its own, so that a scanner does not hide an expired certificate.
  if (!Limiter().Admit(name, 0)) return;
  Log(Level::kWarning, "tls handshake failed",
      {{"peer", peer},
       {"cause", name},
       {"subject", certificate.has_value() ? certificate->subject : std::string()},
       {"error", certificate.has_value() ? std::string_view(certificate->why)
                                         : text.substr(0, kLongestText)}});
}

// Nothing written after the last words would be seen.
void GrpcSays(std::string_view text, std::string_view file, int line, bool last_words) {
  if (file == kHandshakes && text.starts_with(kHandshakeFailed)) {
    TellOfHandshake(text.substr(kHandshakeFailed.size()));
  }
  if (!last_words && !Limiter().Admit(file, line)) return;
  Log(last_words ? Level::kError : Level::kWarning, "grpc",
      {{"text", text.substr(0, kLongestText)}, {"file", file}, {"line", line}});
  if (last_words) telemetry::FlushLog();
}

void ProtobufSays(std::string_view file, int line, bool last_words) {
  Log(last_words ? Level::kError : Level::kDebug, "protobuf", {{"file", file}, {"line", line}});
  if (last_words) telemetry::FlushLog();
}

#if __has_include(<google/protobuf/stubs/logging.h>)

void FromGrpc(gpr_log_func_args* line) {
  if (line->severity != GPR_LOG_SEVERITY_ERROR) return;
  const std::string_view text = line->message;
  // Its assertions abort at once.
  GrpcSays(text, BaseName(line->file), line->line, text.starts_with("assertion failed"));
}

void FromProtobuf(google::protobuf::LogLevel level, const char* file, int line,
                  const std::string& /*text*/) {
  ProtobufSays(BaseName(file), line, level == google::protobuf::LOGLEVEL_FATAL);
}

void TakeOver() {
  gpr_set_log_function(FromGrpc);
  // Whatever GRPC_VERBOSITY says.
  gpr_set_log_verbosity(GPR_LOG_SEVERITY_ERROR);
  google::protobuf::SetLogHandler(FromProtobuf);
}

#else

class OurLog final : public absl::LogSink {
 public:
  void Send(const absl::LogEntry& entry) override {
    if (entry.log_severity() < absl::LogSeverity::kError) return;
    const bool last_words = entry.log_severity() == absl::LogSeverity::kFatal;
    const std::string_view path = entry.source_filename();
    const std::string_view file = BaseName(path);
    if (path.find("protobuf") != std::string_view::npos) {
      ProtobufSays(file, entry.source_line(), last_words);
    } else {
      GrpcSays(entry.text_message(), file, entry.source_line(), last_words);
    }
  }
};

void TakeOver() {
  static auto* const ours = [] {
    auto* const sink = new OurLog;
    absl::AddLogSink(sink);
    absl::InitializeLog();  // Until then all goes to stderr as well, whatever the threshold.
    return sink;
  }();
  (void)ours;
  absl::SetMinLogLevel(absl::LogSeverityAtLeast::kError);
  absl::SetStderrThreshold(absl::LogSeverityAtLeast::kInfinity);
}

#endif

}  // namespace

HandshakeFailures& TlsHandshakeFailures() {
  static auto* const failures = new HandshakeFailures();
  return *failures;
}

void TellOfSuppressedLibraryLogs() {
  for (const SiteLimiter::Suppressed& site : Limiter().Take()) {
    Log(Level::kWarning, "grpc lines suppressed",
        {{"file", site.file}, {"line", site.line}, {"lines", site.lines}});
  }
}

void TakeOverLibraryLogs() { TakeOver(); }

}  // namespace token_service::app
