#include "tests/http/test_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace token_service::testing {
namespace {

void Require(bool good, const char* what) {
  if (good) return;
  std::perror(what);
  std::abort();
}

int SelectAlpn(SSL*, const unsigned char** out, unsigned char* out_size, const unsigned char* in,
               unsigned int in_size, void*) {
  static constexpr unsigned char kHttp2[] = {2, 'h', '2'};
  const int result = SSL_select_next_proto(const_cast<unsigned char**>(out), out_size, kHttp2,
                                           sizeof(kHttp2), in, in_size);
  return result == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
}

OpenSslPtr<SSL_CTX> MakeContext(const TestServer::Tls& tls) {
  OpenSslPtr<SSL_CTX> context(SSL_CTX_new(TLS_server_method()));
  Require(SSL_CTX_use_certificate(context.get(), tls.identity.certificate.get()) == 1 &&
              SSL_CTX_use_PrivateKey(context.get(), tls.identity.key.get()) == 1,
          "certificate");
  if (tls.http2) SSL_CTX_set_alpn_select_cb(context.get(), SelectAlpn, nullptr);
  return context;
}

}  // namespace

std::string TestConnection::Read() {
  if (!pending_.empty()) return std::exchange(pending_, {});
  char buffer[16 * 1024];
  const ssize_t got = ssl_ != nullptr ? SSL_read(ssl_, buffer, sizeof(buffer))
                                      : recv(fd_, buffer, sizeof(buffer), 0);
  return got > 0 ? std::string(buffer, static_cast<size_t>(got)) : std::string();
}

std::string TestConnection::ReadExactly(size_t size) {
  std::string bytes;
  while (bytes.size() < size) {
    const std::string more = Read();
    if (more.empty()) return bytes;
    bytes += more;
  }
  pending_ = bytes.substr(size);
  bytes.resize(size);
  return bytes;
}

std::string TestConnection::ReadRequest() {
  constexpr std::string_view kLength = "Content-Length: ";
  std::string request;
  size_t head = std::string::npos;
  while ((head = request.find("\r\n\r\n")) == std::string::npos) {
    const std::string more = Read();
    if (more.empty()) return request;
    request += more;
  }
  size_t body = 0;
  if (const size_t at = request.find(kLength); at < head) {
    const size_t from = at + kLength.size();
    (void)absl::SimpleAtoi(request.substr(from, request.find('\r', from) - from), &body);
  }
  const size_t whole = head + 4 + body;
  if (request.size() < whole) request += ReadExactly(whole - request.size());
  return request;
}

bool TestConnection::Write(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ssl_ != nullptr
                             ? SSL_write(ssl_, bytes.data(), static_cast<int>(bytes.size()))
                             : send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<size_t>(sent));
  }
  return true;
}

void TestConnection::Reset() {
  const linger at_once = {1, 0};
  setsockopt(fd_, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
  if (ssl_ != nullptr) SSL_set_quiet_shutdown(ssl_, 1);
}

void TestConnection::WaitForClose() {
  while (!Read().empty()) {
  }
}

bool TestConnection::speaks_http2() const {
  const unsigned char* name = nullptr;
  unsigned int size = 0;
  if (ssl_ != nullptr) SSL_get0_alpn_selected(ssl_, &name, &size);
  return size == 2 && std::memcmp(name, "h2", 2) == 0;
}

TestServer::TestServer(Script script) : script_(std::move(script)) { Listen(); }

TestServer::TestServer(Tls tls, Script script)
    : script_(std::move(script)), tls_(std::move(tls)), context_(MakeContext(tls_)) {
  Listen();
}

TestServer::~TestServer() {
  shutdown(listener_, SHUT_RDWR);  // Ends accept().
  thread_.join();
  close(listener_);
}

void TestServer::Listen() {
  listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  Require(listener_ >= 0 && bind(listener_, generic, size) == 0 && listen(listener_, 64) == 0 &&
              getsockname(listener_, generic, &size) == 0,
          "listen");
  port_ = ntohs(address.sin_port);
  thread_ = std::thread([this] { Serve(); });
}

void TestServer::Serve() {
  // SSL_write has no MSG_NOSIGNAL, and many a script writes to a peer that has left. Of this thread
  // only: the transport has to do without.
  sigset_t pipe_signal;
  sigemptyset(&pipe_signal);
  sigaddset(&pipe_signal, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &pipe_signal, nullptr);
  while (true) {
    const int fd = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) return;
    {
      const std::lock_guard lock(mutex_);
      ++accepted_;
    }
    const timeval patience = {10, 0};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
    ServeOne(fd);
    close(fd);
  }
}

void TestServer::ServeOne(int fd) {
  if (context_ == nullptr) {
    TestConnection connection(fd, nullptr);
    script_(connection);
    return;
  }
  if (tls_.hang_in_handshake) {
    TestConnection(fd, nullptr).WaitForClose();
    return;
  }
  const OpenSslPtr<SSL> ssl(SSL_new(context_.get()));
  SSL_set_fd(ssl.get(), fd);
  if (SSL_accept(ssl.get()) == 1) {
    {
      const std::lock_guard lock(mutex_);
      resumed_.push_back(SSL_session_reused(ssl.get()) == 1);
    }
    TestConnection connection(fd, ssl.get());
    script_(connection);
    SSL_shutdown(ssl.get());
  }
  ERR_clear_error();
}

int TestServer::accepted() const {
  const std::lock_guard lock(mutex_);
  return accepted_;
}

std::vector<bool> TestServer::resumed() const {
  const std::lock_guard lock(mutex_);
  return resumed_;
}

std::string HttpAnswer(std::string_view status, std::string_view body, std::string_view headers) {
  return absl::StrCat("HTTP/1.1 ", std::string(status), "\r\nContent-Length: ", body.size(), "\r\n",
                      std::string(headers), "\r\n", std::string(body));
}

}  // namespace token_service::testing
