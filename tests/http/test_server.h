#pragma once

#include <openssl/ssl.h>

#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "tests/http/test_certificates.h"

namespace token_service::testing {

// One accepted connection, as a script sees it. Every wait gives up after ten seconds or when the
// peer is gone.
class TestConnection {
 public:
  TestConnection(int fd, SSL* ssl) : fd_(fd), ssl_(ssl) {}

  // Some bytes; empty when there are no more.
  std::string Read();
  // Exactly so many, or fewer at the end.
  std::string ReadExactly(size_t size);
  // A whole HTTP/1.1 request with a Content-Length.
  std::string ReadRequest();
  // False: the peer takes no more.
  bool Write(std::string_view bytes);
  // The connection ends with a TCP reset instead of a FIN (and without TLS's farewell).
  void Reset();
  // Until the peer closes.
  void WaitForClose();
  bool speaks_http2() const;

 private:
  const int fd_;
  SSL* const ssl_;
  std::string pending_;
};

// A server on 127.0.0.1 that does to each connection what the script says, one at a time, and
// closes it. std::mutex, not absl's: ThreadSanitizer does not see into the packaged Abseil.
class TestServer {
 public:
  using Script = std::function<void(TestConnection&)>;
  struct Tls {
    KeyAndCertificate identity;
    bool http2 = false;
    bool hang_in_handshake = false;
  };

  explicit TestServer(Script script);  // Plaintext.
  TestServer(Tls tls, Script script);
  ~TestServer();
  TestServer(const TestServer&) = delete;
  TestServer& operator=(const TestServer&) = delete;

  int port() const { return port_; }
  std::string HttpUrl() const { return "http://127.0.0.1:" + std::to_string(port_) + "/token"; }
  std::string HttpsUrl() const { return "https://localhost:" + std::to_string(port_) + "/token"; }

  // Connections accepted so far.
  int accepted() const;
  // For each handshake that succeeded, whether it resumed an earlier session.
  std::vector<bool> resumed() const;

 private:
  void Listen();
  void Serve();
  void ServeOne(int fd);

  const Script script_;
  const Tls tls_;
  OpenSslPtr<SSL_CTX> context_;
  int listener_ = -1;
  int port_ = 0;

  mutable std::mutex mutex_;
  int accepted_ = 0;
  std::vector<bool> resumed_;
  std::thread thread_;
};

// A complete answer, to be followed by the close of the connection.
std::string HttpAnswer(std::string_view status, std::string_view body,
                       std::string_view headers = {});

}  // namespace token_service::testing
