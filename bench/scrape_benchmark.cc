// One process with many credentials, and what a scrape of /metrics costs it (docs/performance.md).
//
//   bench-scrape [CREDENTIALS]

#include <arpa/inet.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <string>
#include <thread>

#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "bench/idle_broker.h"
#include "server/app/broker_metrics.h"
#include "server/broker/token_watchers.h"
#include "server/posix/listening_sockets.h"
#include "server/telemetry/metrics_page.h"

namespace token_service::bench {
namespace {

void AddCredential(IdleBroker& broker, broker::TokenCache& cache, const std::string& name) {
  auto settings = std::make_shared<broker::CredentialSettings>();
  settings->name = name;
  settings->token_endpoint = "https://provider.example/token";
  broker::CredentialRecord record;
  record.name = name;
  record.generation = 1;
  record.create_time = SystemClock().WallNow();
  record.token = broker::StoredToken{.value = Secret(std::string(600, 'x')),
                                     .token_type = "Bearer",
                                     .issued = record.create_time,
                                     .expires = record.create_time + absl::Hours(10)};
  broker.scheduler().Add(std::move(settings), record);
  cache.CallsOf(name)->CountIssued(telemetry::CallerKind::kTls);
}

long ResidentMegabytes() {
  std::ifstream in("/proc/self/statm");
  long pages = 0;
  in >> pages >> pages;
  return pages * sysconf(_SC_PAGESIZE) >> 20;
}

double CpuSeconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

// Bytes of the answer; 0: none.
size_t Scrape(int port) {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  size_t bytes = 0;
  const std::string request = "GET /metrics HTTP/1.0\r\n\r\n";
  if (connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 &&
      write(fd, request.data(), request.size()) > 0) {
    static char buffer[1 << 16];
    for (ssize_t got = 0; (got = read(fd, buffer, sizeof buffer)) > 0;) {
      bytes += static_cast<size_t>(got);
    }
  }
  close(fd);
  return bytes;
}

int Main(int count) {
  broker::TokenCache cache;
  IdleBroker broker(cache);
  broker::TokenWatchers watchers({}, cache, SystemClock());
  telemetry::ExchangeMetrics exchanges;
  for (int i = 0; i < count; ++i) {
    AddCredential(broker, cache, absl::StrFormat("credential-%07d", i));
  }
  const app::BrokerMetrics source({.cache = cache,
                                   .scheduler = broker.scheduler(),
                                   .issuer = broker.issuer(),
                                   .watchers = watchers,
                                   .exchanges = exchanges,
                                   .clock = SystemClock()});
  auto sockets = posix::ListeningSockets::OnTcp("127.0.0.1", 0);
  if (!sockets.ok()) return 1;
  telemetry::MetricsPage page(*std::move(sockets), {.sources = {&source}}, SystemClock());
  const int port = std::atoi(page.address().c_str() + sizeof "127.0.0.1");
  page.Start();
  page.Serve();
  std::printf("%d credentials, resident %ld MB\n", count, ResidentMegabytes());
  for (int i = 0; i < 3; ++i) {
    const double cpu = CpuSeconds();
    const MonotonicTime start = SystemClock().Now();
    const size_t bytes = Scrape(port);
    const double took = absl::ToDoubleSeconds(SystemClock().Now() - start);
    std::printf("scrape: %.1f MB, %.2f s, %.2f s of CPU, resident %ld MB\n",
                static_cast<double>(bytes) / 1e6, took, CpuSeconds() - cpu, ResidentMegabytes());
  }
  // How long others wait for the scheduler, with a scrape and without.
  for (const bool with : {false, true}) {
    std::atomic<bool> stop = false;
    absl::Duration longest;
    std::thread other([&] {
      while (!stop) {
        const MonotonicTime start = SystemClock().Now();
        (void)broker.scheduler().Status("credential-0000000");
        longest = std::max(longest, SystemClock().Now() - start);
      }
    });
    if (with) {
      Scrape(port);
    } else {
      absl::SleepFor(absl::Seconds(1));
    }
    stop = true;
    other.join();
    std::printf("longest wait for the scheduler %s a scrape: %s\n", with ? "during" : "without",
                absl::FormatDuration(longest).c_str());
  }
  return 0;
}

}  // namespace
}  // namespace token_service::bench

int main(int argc, char** argv) {
  return token_service::bench::Main(argc > 1 ? std::atoi(argv[1]) : 100'000);
}
