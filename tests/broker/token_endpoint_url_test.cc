#include "server/broker/token_endpoint_url.h"

#include <gtest/gtest.h>

namespace token_service::broker {
namespace {

TEST(TokenEndpointTest, TakesHttpsAndLoopbackHttp) {
  for (const char* url :
       {"https://api.socialboards.com/token", "HTTPS://example.org",
        "https://example.org:8443/a?b=c", "https://192.0.2.1/token", "https://[2001:db8::1]/token",
        "https://[2001:db8::1]:443/token", "http://127.0.0.1:8080/token", "http://localhost/token",
        "http://[::1]:80/token", "http://127.9.9.9/token", "https://example.org/path@with:signs"}) {
    EXPECT_EQ(CheckTokenEndpoint(url), absl::OkStatus()) << url;
  }
}

TEST(TokenEndpointTest, SaysWhatIsWrongWithoutTheUrl) {
  const char* const scheme = "expected an https URL";
  const char* const plain = "expected https (http is for a loopback host only)";
  const char* const host = "the URL's host is not a name or an IP address";
  const char* const port = "the port must be a number from 1 to 65535";
  const char* const user = "a user name or password in the URL is not allowed";
  const char* const bytes = "a URL holds no spaces, backslashes or characters beyond ASCII";
  const struct {
    std::string url;
    const char* error;
  } cases[] = {
      {"", scheme},
      {"example.org/token", scheme},
      {"ftp://example.org/token", scheme},
      {"https:/example.org", scheme},
      {"http://example.org/token", plain},
      {"http://localhost.example.org/token", plain},
      {"http://127.1/token", plain},
      {"http://0.0.0.0/token", plain},
      {"https://", "the URL has no host"},
      {"https:///token", "the URL has no host"},
      {"https://?x", "the URL has no host"},
      {"https://:443/token", "the URL has no host"},
      {"https://user:hush@example.org/token", user},
      {"http://localhost:80@example.org/token", user},
      {"https://example.org/token#part", "a fragment (#…) is not allowed"},
      {"https://example.org:/token", port},
      {"https://example.org:0/token", port},
      {"https://example.org:65536/token", port},
      {"https://example.org:44x/token", port},
      {"https://exa%6dple.org/token", host},
      {"https://[::1/token", host},
      {"https://[example]/token", host},
      {"https://[]/token", host},
      {"https://exam ple.org/token", bytes},
      {"https://localhost\\@example.org/token", bytes},
      {"https://ex\xC3\xA4mple.org/token", bytes},
      {std::string("https://example.org\0/token", 26), bytes},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(CheckTokenEndpoint(c.url), absl::InvalidArgumentError(c.error)) << c.url;
  }
}

TEST(TokenEndpointTest, TwoUrlsOfOnePlaceHaveOneOrigin) {
  const struct {
    const char* url;
    const char* origin;
  } cases[] = {
      {"https://example.org", "https://example.org:443"},
      {"HTTPS://Example.ORG/a/b?c", "https://example.org:443"},
      {"https://example.org:443/token", "https://example.org:443"},
      {"https://example.org:0443/token", "https://example.org:443"},
      {"https://example.org?a=b", "https://example.org:443"},
      {"https://example.org/path:8443", "https://example.org:443"},
      {"https://example.org:8443", "https://example.org:8443"},
      {"https://example.org./token", "https://example.org.:443"},
      {"http://127.0.0.1/token", "http://127.0.0.1:80"},
      {"http://[::1]/token", "http://[::1]:80"},
      {"https://[2001:DB8::1]:8443/token", "https://[2001:db8::1]:8443"},
      {"https://xn--exmple-cua.org/token", "https://xn--exmple-cua.org:443"},
  };
  for (const auto& c : cases) {
    ASSERT_TRUE(CheckTokenEndpoint(c.url).ok()) << c.url;
    EXPECT_EQ(OriginOf(c.url), c.origin);
  }
}

TEST(TokenEndpointTest, AnOriginHasNoPath) {
  for (const char* origin :
       {"https://example.org", "https://example.org:8443", "http://[::1]:80"}) {
    EXPECT_EQ(CheckOrigin(origin), absl::OkStatus()) << origin;
  }
  for (const char* other : {"https://example.org/", "https://example.org?x", "http://example.org",
                            "https://*.example.org", "*", "example.org", ""}) {
    EXPECT_FALSE(CheckOrigin(other).ok()) << other;
  }
}

}  // namespace
}  // namespace token_service::broker
