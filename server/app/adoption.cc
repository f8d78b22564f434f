#include "server/app/adoption.h"

#include <utility>

#include "absl/status/status.h"
#include "server/app/run_and_wait.h"
#include "server/telemetry/log.h"

namespace token_service::app {

void TellOfAdopted(const std::vector<std::string>& credentials,
                   broker::RefreshScheduler& scheduler) {
  for (const std::string& name : credentials) {
    scheduler.OnGrantReplaced(name, broker::RefreshScheduler::Hold::kStays);
  }
}

void Adoption::Watch(const std::vector<DeclaredCredential>& credentials) {
  TokenFilePoller::Files files;
  for (const DeclaredCredential& declared : credentials) {
    if (declared.refresh_token_file.empty()) continue;
    files.emplace_back(declared.settings.name, declared.refresh_token_file);
  }
  if (files_ != nullptr && files == files_->files()) return;
  files_ = std::make_unique<TokenFilePoller>(
      std::move(files), [this](const std::string& credential, const Secret& token) {
        bool taken = false;
        RunAndWait(registrar_, [&] { taken = AdoptFromFile(credential, token); });
        return taken;
      });
}

void Adoption::Poke() {
  if (files_ != nullptr) files_->Poke();
}

// False: to be tried again.
bool Adoption::AdoptFromFile(const std::string& credential, const Secret& refresh_token) {
  if (!catalog_.Declares(credential)) return true;
  const absl::StatusOr<bool> news = catalog_.AdoptFromFile(credential, refresh_token);
  if (!news.ok()) {
    telemetry::Log(telemetry::Level::kError, "refresh token of a file not stored",
                   {{"credential", credential}, {"error", std::string(news.status().message())}});
    return absl::IsNotFound(news.status());
  }
  if (*news) TellOfAdopted({credential}, scheduler_);
  return true;
}

}  // namespace token_service::app
