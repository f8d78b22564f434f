#include "tests/sandbox/sandbox_server.h"

#include <openssl/rand.h>

#include <cstdlib>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tests/sandbox/pages.h"
#include "tests/sandbox/ticket_route.h"

namespace token_service::sandbox {
namespace {

std::string OpensslRandom(size_t size) {
  std::string bytes(size, '\0');
  if (RAND_bytes(reinterpret_cast<unsigned char*>(bytes.data()), static_cast<int>(size)) != 1) {
    std::abort();  // No randomness, no tokens.
  }
  return bytes;
}

// The method a known path wants. The library would answer 404 to any other.
std::string MethodOf(const std::string& path) {
  if (path == "/" || path == "/v2/tickets" || path == "/sandbox/stats") return "GET";
  if (path == "/token" || path == "/sandbox/faults" || path == "/sandbox/credentials")
    return "POST";
  return "";
}

}  // namespace

absl::StatusOr<std::unique_ptr<SandboxServer>> SandboxServer::Create(Options options,
                                                                     const Clock& clock) {
  if (options.tokens.ttl < absl::Seconds(1)) return absl::InvalidArgumentError("--ttl: 1s or more");
  if (options.tokens.client_id.empty()) return absl::InvalidArgumentError("--client_id is empty");
  if (options.tokens.omit_refresh_token && options.tokens.rotate) {
    return absl::InvalidArgumentError("--omit_refresh_token wants --rotate=false");
  }
  if (!(options.fail_rate >= 0 && options.fail_rate <= 1)) {
    return absl::InvalidArgumentError("--fail_rate: from 0 to 1");
  }
  const std::string listen = options.listen;
  auto server = std::unique_ptr<SandboxServer>(new SandboxServer(std::move(options), clock));
  if (absl::Status started = server->Start(listen); !started.ok()) return started;
  return server;
}

SandboxServer::SandboxServer(Options options, const Clock& clock)
    : authority_(options.tokens, OpensslRandom, clock),
      faults_(options.mishap, options.fail_rate, options.fault_seed),
      log_(clock),
      token_route_(authority_, faults_, log_, stopping_),
      control_routes_(authority_, faults_, log_) {
  AddRoutes();
}

SandboxServer::~SandboxServer() {
  stopping_.Notify();
  http_.Stop();
}

void SandboxServer::AddRoutes() {
  http_.set_pre_routing_handler([](const httplib::Request& request, httplib::Response& response) {
    const std::string method = MethodOf(request.path);
    if (method.empty() || request.method == method ||
        (method == "GET" && request.method == "HEAD")) {
      return httplib::Server::HandlerResponse::Unhandled;
    }
    response.status = 405;
    response.set_header("Allow", method);
    return httplib::Server::HandlerResponse::Handled;
  });
  http_.Post("/token", [this](const auto& request, auto& response) {
    token_route_.Serve(request, response);
  });
  http_.Get("/v2/tickets", [this](const auto& request, auto& response) {
    ServeTickets(authority_, log_, request, response);
  });
  http_.Get("/sandbox/stats", [this](const auto& request, auto& response) {
    control_routes_.Stats(request, response);
  });
  http_.Post("/sandbox/faults", [this](const auto& request, auto& response) {
    control_routes_.Faults(request, response);
  });
  http_.Post("/sandbox/credentials", [this](const auto& request, auto& response) {
    control_routes_.MintCredential(request, response);
  });
  http_.Post("/sandbox/credentials/([^/]+)/revoke", [this](const auto& request, auto& response) {
    control_routes_.RevokeCredential(request, response);
  });
  http_.Get("/", [this](const auto& request, auto& response) {
    SendPage(response, HomePage(authority_.policy(), authority_.Stats(), log_.Recent(),
                                request.has_param("paused")));
  });
}

absl::Status SandboxServer::Start(const std::string& listen) {
  const absl::StatusOr<int> port = http_.Bind(listen);
  if (!port.ok()) return port.status();
  port_ = *port;
  http_.Serve();
  return absl::OkStatus();
}

std::string SandboxServer::url() const {
  return absl::StrCat("http://", http_.url_host(), ":", port_);
}

}  // namespace token_service::sandbox
