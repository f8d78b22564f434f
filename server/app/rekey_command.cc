#include "server/app/rekey_command.h"

#include <algorithm>
#include <cstdio>
#include <string>

#include "absl/strings/escaping.h"
#include "absl/time/clock.h"
#include "server/base/clock.h"
#include "server/store/sqlite/rekey.h"

namespace token_service::app {
namespace {

// At least as long as the last transaction held the lock, so that a server that waits for it gets
// it: SQLite's waiting is a series of tries.
constexpr absl::Duration kLeastPause = absl::Milliseconds(2);

void Yield(absl::Duration held) { absl::SleepFor(std::max(held, kLeastPause)); }

std::string Shown(const std::string& id) { return absl::CHexEscape(id); }

long long Number(int64_t number) { return number; }

void Print(const store::RekeyReport& report) {
  std::printf("rows: %lld\n", Number(report.rows));
  std::printf("sealed anew: %lld\n", Number(report.resealed));
  for (const store::RekeyReport::Key& key : report.keys) {
    std::printf("key \"%s\": %lld sealed values%s\n", Shown(key.id).c_str(), Number(key.values),
                &key == &report.keys.front() ? ", and seals" : "");
  }
  if (!report.purged) {
    std::puts(
        "note: somebody reads the database; its write-ahead log holds old copies until the server "
        "empties it");
  }
}

void Complain(const store::RekeyReport& report) {
  for (const std::string& row : report.unreadable) {
    std::fprintf(stderr, "token-server: rekey: %s does not open and is left as it is\n",
                 row.c_str());
  }
  for (const store::RekeyReport::Key& key : report.keys) {
    if (&key == &report.keys.front() || key.values == 0) continue;
    std::fprintf(stderr, "token-server: rekey: %lld sealed values still need key \"%s\"\n",
                 Number(key.values), Shown(key.id).c_str());
  }
}

}  // namespace

int RunRekey(const store::StoreOptions& options) {
  const absl::StatusOr<store::RekeyReport> report =
      store::Rekey(options, SystemClock(), [](absl::Duration held) { Yield(held); });
  if (!report.ok()) {
    std::fprintf(stderr, "token-server: rekey: %s\n",
                 std::string(report.status().message()).c_str());
    return 1;
  }
  Print(*report);
  Complain(*report);
  return report->done() ? 0 : 1;
}

}  // namespace token_service::app
