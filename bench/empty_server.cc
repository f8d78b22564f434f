// bench-empty-server: token.v1.TokenService on gRPC's callback API with nothing behind it: what
// gRPC itself costs. The same messages as token-server's, filled anew for each call.

#include <grpcpp/grpcpp.h>
#include <pthread.h>
#include <signal.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <string>

#include "absl/strings/str_format.h"
#include "absl/synchronization/mutex.h"
#include "token/v1/token_service.grpc.pb.h"

namespace token_service::bench {
namespace {

using ::token::v1::GetAccessTokenRequest;
using ::token::v1::GetAccessTokenResponse;

class EmptyTokenService final : public ::token::v1::TokenService::CallbackService {
 public:
  explicit EmptyTokenService(size_t token_bytes) : token_(token_bytes, 'x') {}

  grpc::ServerUnaryReactor* GetAccessToken(grpc::CallbackServerContext* context,
                                           const GetAccessTokenRequest* request,
                                           GetAccessTokenResponse* response) override {
    response->set_access_token(token_);
    response->set_token_type("Bearer");
    response->mutable_expires_in()->set_seconds(3'599);
    response->mutable_expires_in()->set_nanos(123'456'789);
    response->mutable_expire_time()->set_seconds(1'700'000'000);
    response->mutable_expire_time()->set_nanos(123'456'789);
    response->set_credential(request->credential().empty() ? "default" : request->credential());
    response->set_generation(1);
    grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
    reactor->Finish(grpc::Status::OK);
    return reactor;
  }

 private:
  const std::string token_;
};

int Main(int argc, char** argv) {
  std::string listen = "127.0.0.1:0";
  size_t token_bytes = 600;
  bool deadlock_detection = false;
  CLI::App app("A TokenService that answers every call with the same token.", "bench-empty-server");
  app.add_option("--listen", listen, "IP:port (0: any)");
  app.add_option("--token_bytes", token_bytes, "length of the access token");
  app.add_flag("--deadlock_detection", deadlock_detection,
               "leave Abseil's mutex deadlock detection on, as Debian's libraries have it");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  if (!deadlock_detection) {
    absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  }

  // Before gRPC's threads exist, so that they inherit it and sigwait gets the signal.
  sigset_t stop;
  sigemptyset(&stop);
  sigaddset(&stop, SIGTERM);
  sigaddset(&stop, SIGINT);
  pthread_sigmask(SIG_BLOCK, &stop, nullptr);

  EmptyTokenService service(token_bytes);
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort(listen, grpc::InsecureServerCredentials(), &port);
  builder.RegisterService(&service);
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (server == nullptr || port == 0) {
    absl::FPrintF(stderr, "bench-empty-server: cannot listen on %s\n", listen);
    return 1;
  }
  absl::FPrintF(stderr, "{\"event\":\"serving\",\"address\":\"%s:%d\"}\n",
                listen.substr(0, listen.rfind(':')), port);
  int signal = 0;
  sigwait(&stop, &signal);
  server->Shutdown();
  return 0;
}

}  // namespace
}  // namespace token_service::bench

int main(int argc, char** argv) { return token_service::bench::Main(argc, argv); }
