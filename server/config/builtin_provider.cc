#include "server/config/builtin_provider.h"

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "server/base/absl_view.h"
#include "server/broker/token_endpoint_url.h"
#include "server/config/config.pb.h"
#include "server/config/provider_keys.h"
#include "server/config/source.h"
#include "server/config/yaml.h"
#include "server/providers/builtin.h"

namespace token_service::app {
namespace {

class Cache {
 public:
  ProviderDeclarationPtr Get(std::string_view name) {
    const providers::Builtin* const builtin = providers::FindBuiltin(name);
    if (builtin == nullptr) return nullptr;
    absl::MutexLock lock(&mutex_);
    ProviderDeclarationPtr& known = read_[std::string(name)];
    if (known == nullptr) known = Read(*builtin);
    return known;
  }

 private:
  // They are read by a test: what does not pass has not been built.
  static ProviderDeclarationPtr Read(const providers::Builtin& builtin) {
    ConfigSource source = ConfigSource::File(absl::StrCat(AbslView(builtin.name), ".yaml"));
    token::config::Provider message;
    if (!YamlToProto(builtin.text, source, message).ok()) return nullptr;
    auto declaration = ReadProvider(message, "", source);
    if (!declaration.ok()) return nullptr;
    return std::make_shared<const ProviderDeclaration>(*std::move(declaration));
  }

  absl::Mutex mutex_;
  ProviderDeclarations read_ ABSL_GUARDED_BY(mutex_);
};

// One item of a list, which its first line that is no comment begins.
void AppendItem(std::string_view text, std::string& document) {
  bool begun = false;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    const bool comment = line.starts_with('#');
    const char* const margin = begun ? "    " : comment ? "  " : "  - ";
    begun = begun || !(comment || line.empty());
    absl::StrAppend(&document, line.empty() ? "" : margin, AbslView(line), "\n");
  }
}

}  // namespace

ProviderDeclarationPtr BuiltinProvider(std::string_view name) {
  static Cache& cache = *new Cache;
  return cache.Get(name);
}

bool IsBuiltinOrigin(std::string_view origin) {
  for (const providers::Builtin& builtin : providers::AllBuiltin()) {
    const ProviderDeclarationPtr provider = BuiltinProvider(builtin.name);
    if (provider == nullptr) continue;
    const std::string& endpoint = provider->token_endpoint;
    const bool whole = !endpoint.empty() && endpoint.find('{') == std::string::npos;
    if (whole && broker::OriginOf(endpoint) == origin) return true;
  }
  return false;
}

std::string BuiltinProvidersDocument(std::string_view name) {
  std::string items;
  for (const providers::Builtin& builtin : providers::AllBuiltin()) {
    if (name.empty() || name == builtin.name) AppendItem(builtin.text, items);
  }
  return items.empty() ? items : absl::StrCat("providers:\n", items);
}

}  // namespace token_service::app
