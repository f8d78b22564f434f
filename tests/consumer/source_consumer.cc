// source_consumer ADDRESS: a service that keeps a TokenSource and calls a gRPC API with it. Prints
// the Authorization header of the first token, and that of the token which replaced it after a
// "401". Exit status: a number for each thing that can go wrong.

#include <grpcpp/grpcpp.h>
#include <token/v1/token_service.grpc.pb.h>
#include <token_service/call_credentials.h>
#include <token_service/token_source.h>

#include <atomic>
#include <chrono>
#include <iostream>
#include <memory>
#include <string>
#include <thread>

namespace client = token_service::client;

namespace {

// Answers with the header that the call came with. Any service will do for an API.
class Api final : public token::v1::TokenService::Service {
 public:
  Api() {
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", grpc::experimental::LocalServerCredentials(LOCAL_TCP),
                             &port_);
    builder.RegisterService(this);
    server_ = builder.BuildAndStart();
  }

  // Empty: the call failed.
  std::string HeaderSeen(const std::shared_ptr<grpc::CallCredentials>& credentials) {
    const auto channel =
        grpc::CreateChannel("127.0.0.1:" + std::to_string(port_),
                            grpc::CompositeChannelCredentials(
                                grpc::experimental::LocalCredentials(LOCAL_TCP), credentials));
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(30));
    token::v1::GetAccessTokenResponse response;
    const auto stub = token::v1::TokenService::NewStub(channel);
    return stub->GetAccessToken(&context, {}, &response).ok() ? response.scope() : "";
  }

 private:
  grpc::Status GetAccessToken(grpc::ServerContext* context,
                              const token::v1::GetAccessTokenRequest* /*request*/,
                              token::v1::GetAccessTokenResponse* response) override {
    const auto found = context->client_metadata().find("authorization");
    if (found == context->client_metadata().end()) {
      return {grpc::StatusCode::UNAUTHENTICATED, "no header"};
    }
    response->set_scope({found->second.data(), found->second.size()});
    return grpc::Status::OK;
  }

  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
};

std::string Header(const client::TokenOrError& token) {
  return std::string(token->RevealAuthorization());
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  Api api;
  const auto newest = std::make_shared<std::atomic<uint64_t>>(0);
  client::TokenSourceOptions options;
  options.channel.server = argv[1];
  options.on_change = [newest](const client::TokenOrError& token) {
    if (token.ok()) newest->store(token->generation());
  };
  auto opened = client::TokenSource::Open(options);
  if (!opened.ok()) return 3;
  const std::shared_ptr<client::TokenSource> source = *std::move(opened);
  const auto credentials = client::MakeCallCredentials(source);

  const client::TokenOrError first = source->Get(absl::Seconds(30));
  if (!first.ok()) return 4;
  if (!source->Current().ok() || source->Current()->Reveal() != first->Reveal()) return 5;
  if (api.HeaderSeen(credentials) != Header(first)) return 6;

  // Whoever has just got one is asked to wait a moment.
  client::TokenOrError second = source->Replace(*first, absl::Seconds(30));
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (!second.ok() && std::chrono::steady_clock::now() < end) {
    if (second.error().reason != client::ErrorReason::kRefreshedRecently) return 7;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    second = source->Replace(*first, absl::Seconds(30));
  }
  if (!second.ok() || second->generation() != first->generation() + 1) return 8;
  if (source->Current()->Reveal() != second->Reveal()) return 9;
  if (api.HeaderSeen(credentials) != Header(second)) return 10;
  while (newest->load() < second->generation()) {
    if (std::chrono::steady_clock::now() > end) return 11;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  std::cout << Header(first) << "\n" << Header(second) << "\n";
}
