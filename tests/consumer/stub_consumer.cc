// stub_consumer ADDRESS: the generated stubs alone. Prints the generation.

#include <grpcpp/grpcpp.h>
#include <token/v1/token_service.grpc.pb.h>

#include <chrono>
#include <iostream>

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  const auto stub = token::v1::TokenService::NewStub(
      grpc::CreateChannel(argv[1], grpc::InsecureChannelCredentials()));
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(10));
  token::v1::GetAccessTokenResponse response;
  if (!stub->GetAccessToken(&context, {}, &response).ok()) return 1;
  std::cout << response.generation() << "\n";
}
