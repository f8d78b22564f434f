#include "token_service/call_credentials.h"

#include <map>
#include <string>
#include <utility>

#include "client/grpc/source_endings.h"

namespace token_service::client {
namespace {

class SourcePlugin final : public grpc::MetadataCredentialsPlugin {
 public:
  explicit SourcePlugin(std::shared_ptr<const TokenSource> source) : source_(std::move(source)) {}

  // gRPC drops the plugin on a thread of its own, which may not wait; ending a source does.
  ~SourcePlugin() override { EndSource(std::move(source_)); }

  // Answers on the caller's thread.
  bool IsBlocking() const override { return false; }
  const char* GetType() const override { return "TokenSource"; }
  grpc::string DebugString() override { return "TokenSource"; }

  grpc::Status GetMetadata(grpc::string_ref /*service_url*/, grpc::string_ref /*method_name*/,
                           const grpc::AuthContext& /*channel_auth_context*/,
                           std::multimap<grpc::string, grpc::string>* metadata) override {
    const TokenOrError token = source_->Current();
    if (!token.ok()) return grpc::Status(token.error().code, Describe(token.error()));
    metadata->emplace("authorization", std::string(token->RevealAuthorization()));
    return grpc::Status::OK;
  }

 private:
  std::shared_ptr<const TokenSource> source_;
};

}  // namespace

std::shared_ptr<grpc::CallCredentials> MakeCallCredentials(
    std::shared_ptr<const TokenSource> source) {
  auto credentials =
      grpc::MetadataCredentialsFromPlugin(std::make_unique<SourcePlugin>(std::move(source)));
  PrepareSourceEndings();
  return credentials;
}

}  // namespace token_service::client
