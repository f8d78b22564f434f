#include "server/net/tls_bytes.h"

#include <dlfcn.h>
#include <openssl/ssl.h>

#include <cstddef>
#include <memory>
#include <string_view>
#include <utility>

#include "server/net/open_connections.h"

namespace token_service::net {
namespace {

thread_local int t_accepted = -1;

using Kept = std::shared_ptr<Connection>;

// Where a session keeps its connection.
int Index() {
  static const int index = SSL_get_ex_new_index(
      0, nullptr, nullptr, nullptr, [](void*, void* kept, CRYPTO_EX_DATA*, int, long, void*) {
        delete static_cast<Kept*>(kept);
      });
  return index;
}

// Null: a session of somebody else's, to a provider say.
Connection* ConnectionOf(const SSL* session) {
  const auto* const kept = static_cast<const Kept*>(SSL_get_ex_data(session, Index()));
  return kept == nullptr ? nullptr : kept->get();
}

void Keep(SSL* session, Kept connection) {
  connection->BecomesTls();
  auto kept = std::make_unique<Kept>(std::move(connection));
  if (SSL_set_ex_data(session, Index(), kept.get()) == 1) kept.release();
}

// OpenSSL's own.
template <typename Function>
Function* Original(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

std::string_view View(const void* bytes, int size) {
  return {static_cast<const char*>(bytes), static_cast<size_t>(size)};
}

}  // namespace

void NextTlsSessionIsFor(int fd) { t_accepted = fd; }

}  // namespace token_service::net

// Instead of OpenSSL's, for this whole program.

extern "C" SSL* SSL_new(SSL_CTX* context) {
  using namespace token_service::net;  // NOLINT(google-build-using-namespace)
  static auto* const original = Original<SSL*(SSL_CTX*)>("SSL_new");
  SSL* const session = original(context);
  const int fd = std::exchange(t_accepted, -1);
  if (session == nullptr || fd < 0) return session;
  if (auto connection = OpenConnections::OfThisProcess().Find(fd); connection != nullptr) {
    Keep(session, std::move(connection));
  }
  return session;
}

extern "C" int SSL_read(SSL* session, void* bytes, int room) {
  using namespace token_service::net;  // NOLINT(google-build-using-namespace)
  static auto* const original = Original<int(SSL*, void*, int)>("SSL_read");
  const int size = original(session, bytes, room);
  if (size <= 0) return size;
  Connection* const connection = ConnectionOf(session);
  // As if the socket had failed.
  return connection == nullptr || connection->TlsRead(View(bytes, size)) ? size : -1;
}

extern "C" int SSL_write(SSL* session, const void* bytes, int count) {
  using namespace token_service::net;  // NOLINT(google-build-using-namespace)
  static auto* const original = Original<int(SSL*, const void*, int)>("SSL_write");
  const int size = original(session, bytes, count);
  if (size > 0) {
    if (Connection* const connection = ConnectionOf(session); connection != nullptr) {
      connection->TlsWritten(View(bytes, size));
    }
  }
  return size;
}
