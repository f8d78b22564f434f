// Requests from the wire to their answer, without a connection: the first byte says which method.
// An answer is a token that was asked for, or a status whose details can be read.
#include <google/rpc/error_details.pb.h>
#include <google/rpc/status.pb.h>
#include <token/v1/credential_service.pb.h>
#include <token/v1/token_service.grpc.pb.h>

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "server/api/api_error.h"
#include "server/api/credential_choice.h"
#include "server/api/credential_messages.h"
#include "server/api/prepared_token.h"
#include "server/api/received_request.h"
#include "server/api/request_fields.h"
#include "server/api/token_messages.h"
#include "server/base/clock.h"
#include "server/broker/credential_input.h"
#include "server/broker/lifetime.h"
#include "server/broker/token_cache.h"
#include "tests/fuzz/require.h"

namespace token_service::api {
namespace {

void CheckError(const ApiError& error) {
  const grpc::Status status = ToGrpcStatus(error);
  REQUIRE(!status.ok());
  google::rpc::Status details;
  REQUIRE(details.ParseFromString(status.error_details()));
  REQUIRE(details.code() == static_cast<int>(status.error_code()));
  REQUIRE(details.details_size() >= 1);
  google::rpc::ErrorInfo info;
  REQUIRE(details.details(0).UnpackTo(&info));
  REQUIRE(info.domain() == "token.v1" && !info.reason().empty());
}

grpc::ByteBuffer InSlices(const std::string& bytes, size_t count) {
  std::vector<grpc::Slice> slices;
  for (size_t i = 0; i < count; ++i) {
    const size_t begin = bytes.size() * i / count;
    slices.emplace_back(bytes.substr(begin, bytes.size() * (i + 1) / count - begin));
  }
  return {slices.data(), slices.size()};
}

// The reader of usual requests, the one that takes any, and the generated parser agree, however the
// bytes came in.
void CheckReaders(const std::string& bytes) {
  token::v1::GetAccessTokenRequest message;
  const bool valid = bytes.size() <= kMaxRequestBytes && message.ParseFromString(bytes);
  const auto agrees = [&message](const RequestFields& fields) {
    return fields.credential == message.credential() &&
           fields.rejected_generation == message.rejected_generation() &&
           fields.min_validity.has_value() == message.has_min_validity() &&
           (!message.has_min_validity() ||
            (fields.min_validity->seconds() == message.min_validity().seconds() &&
             fields.min_validity->nanos() == message.min_validity().nanos()));
  };
  if (bytes.size() <= kMaxRequestBytes) {
    const auto usual = ReadUsualRequest(bytes);
    REQUIRE(!usual.has_value() || (valid && agrees(*usual)));
  }
  for (const size_t count : {size_t{1}, size_t{2}, size_t{3}}) {
    const ReceivedRequest received(InSlices(bytes, count));
    REQUIRE(received.fields().has_value() == valid);
    REQUIRE(!valid || agrees(*received.fields()));
  }
  token::v1::WatchAccessTokenRequest watch;
  const bool watch_valid = bytes.size() <= kMaxRequestBytes && watch.ParseFromString(bytes);
  const auto read = ReadWatchRequest(InSlices(bytes, 2));
  REQUIRE(read.has_value() == watch_valid);
  REQUIRE(!watch_valid || read->credential() == watch.credential());
}

void CheckAnswer(const broker::AccessToken& token) {
  grpc::ByteBuffer bytes = PreparedToken::Of(token).Response(SystemClock().Now());
  token::v1::GetAccessTokenResponse response;
  REQUIRE(
      grpc::SerializationTraits<token::v1::GetAccessTokenResponse>::Deserialize(&bytes, &response)
          .ok());
  REQUIRE(response.credential() == token.credential && response.generation() == 3);
  REQUIRE(response.access_token() == "access" && response.expires_in().seconds() >= 0);
}

class Tokens {
 public:
  Tokens() {
    for (const char* name : {"default", "alpha"}) {
      cache_.Add(name);
      const broker::StoredToken stored{.value = Secret(std::string_view("access")),
                                       .token_type = "Bearer",
                                       .scope = "s",
                                       .issued = SystemClock().WallNow(),
                                       .expires = SystemClock().WallNow() + absl::Hours(24)};
      cache_.Publish(broker::MakeAccessToken(
          name, 3, stored, {.min_refresh_interval = absl::Seconds(10)}, SystemClock()));
    }
    some_.credentials = {"alpha", "gamma"};
    all_.all_credentials = true;
  }

  void Get(const std::string& bytes, const authz::Rights& rights) const {
    CheckReaders(bytes);
    const ReceivedRequest request(InSlices(bytes, 1));
    if (!request.fields().has_value()) return;  // Refused as no message, or as too long.
    const auto choice = ChooseCredential(*request.credential(), rights, cache_);
    if (const auto* error = std::get_if<ApiError>(&choice)) return CheckError(*error);
    const auto& name = std::get<std::string>(choice);
    REQUIRE(rights.MayUse(name));
    const auto wanted = ToTokenRequest(*request.fields(), name);
    if (const auto* error = std::get_if<ApiError>(&wanted)) return CheckError(*error);
    const auto& validity = std::get<broker::TokenRequest>(wanted).min_validity;
    REQUIRE(!validity.has_value() || *validity >= absl::ZeroDuration());
    const auto found = cache_.Find(name, SystemClock().Now());
    if (found.has_value()) CheckAnswer(*found->token);
  }

  const authz::Rights& some() const { return some_; }
  const authz::Rights& all() const { return all_; }

 private:
  broker::TokenCache cache_;
  authz::Rights some_;
  authz::Rights all_;
};

void Create(const std::string& bytes) {
  token::v1::CreateCredentialRequest request;
  if (!request.ParseFromString(bytes)) return;
  const broker::NewCredential wanted = FromProto(request.credential());
  (void)broker::CheckName(wanted.name);
  (void)broker::CheckRefreshToken(wanted.refresh_token);
  const auto refusal = broker::CheckProfile(wanted.profile);
  if (refusal.has_value()) CheckError(FromRefusal(*refusal, "alpha"));
}

void Update(const std::string& bytes) {
  token::v1::UpdateCredentialRequest request;
  if (!request.ParseFromString(bytes)) return;
  const auto change = FromProto(request);
  if (const auto* error = std::get_if<ApiError>(&change)) return CheckError(*error);
  broker::CredentialProfile profile{
      .client_id = "c", .token_endpoint = "https://p.test/token", .client_auth = "none"};
  std::get<broker::ProfileChange>(change).ApplyTo(profile);
  const auto refusal = broker::CheckProfile(profile);
  if (refusal.has_value()) CheckError(FromRefusal(*refusal, "alpha"));
}

void List(const std::string& bytes) {
  token::v1::ListCredentialsRequest request;
  if (!request.ParseFromString(bytes)) return;
  const auto after = FromPageToken(request.page_token());
  REQUIRE(!after.has_value() || FromPageToken(ToPageToken(*after)) == after);
}

}  // namespace
}  // namespace token_service::api

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace token_service::api;
  static const Tokens& tokens = *new Tokens();
  if (size == 0) return 0;
  const std::string bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 5) {
    case 0:
      tokens.Get(bytes, tokens.some());
      break;
    case 1:
      tokens.Get(bytes, tokens.all());
      break;
    case 2:
      Create(bytes);
      break;
    case 3:
      Update(bytes);
      break;
    default:
      List(bytes);
  }
  return 0;
}
