#include "server/app/store_commands.h"

#include <cstdio>

#include "absl/strings/escaping.h"
#include "server/base/clock.h"
#include "server/store/sqlite/backup.h"
#include "server/store/sqlite/open_credential_store.h"

namespace token_service::app {
namespace {

int Fail(const char* command, const absl::Status& status) {
  std::fprintf(stderr, "token-server: %s: %s\n", command, std::string(status.message()).c_str());
  return 1;
}

std::string Shown(const std::string& text) { return absl::CHexEscape(text); }

}  // namespace

int RunInit(const store::StoreOptions& options) {
  if (const absl::Status made = store::MakeCredentialStore(options); !made.ok()) {
    return Fail("init", made);
  }
  std::printf("made an empty store in %s\n", options.data_dir.c_str());
  return 0;
}

int RunBackup(const store::StoreOptions& options, const std::string& file) {
  const absl::StatusOr<store::BackupReport> report = store::Backup(options, file);
  if (!report.ok()) return Fail("backup", report.status());
  std::printf("credentials: %lld\n", static_cast<long long>(report->credentials));
  for (const std::string& key : report->keys) {
    std::printf("opens with key \"%s\"\n", Shown(key).c_str());
  }
  return 0;
}

int RunRestore(const store::StoreOptions& options, const std::string& file,
               store::Overwrite overwrite) {
  const absl::StatusOr<store::RestoreReport> report =
      store::Restore(options, file, overwrite, SystemClock());
  if (!report.ok()) return Fail("restore", report.status());
  std::printf("credentials: %lld\n", static_cast<long long>(report->credentials));
  if (!report->kept.empty()) {
    std::printf("the store that was there is now %s\n", report->kept.c_str());
  }
  if (!report->kept.empty() && !report->knows_what_was_spent) {
    std::puts(
        "what it has spent since the copy was made is not known: it could not be read, or "
        "remembers refresh tokens by another key");
  }
  for (const std::string& name : report->held) std::printf("held: %s\n", Shown(name).c_str());
  for (const std::string& name : report->unreadable) {
    std::fprintf(stderr, "token-server: restore: \"%s\" does not open\n", Shown(name).c_str());
  }
  if (!report->held.empty()) {
    std::puts(
        "nothing is sent for what is held: give each a new refresh token (token-client credential "
        "replace-refresh-token NAME), or release it if its token was not used since the copy was "
        "made "
        "(token-client credential release NAME)");
  }
  return 0;
}

}  // namespace token_service::app
