#include "server/config/providers.h"

#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "server/config/provider_keys.h"
#include "server/config/spelling.h"
#include "server/config/yaml.h"
#include "server/providers/builtin.h"

namespace token_service::app {
namespace {

using token::config::Provider;

constexpr std::string_view kRfc = "rfc6749";

// A map of keys in the file, not a value.
bool IsInside(const google::protobuf::FieldDescriptor& field) {
  return !field.is_repeated() && field.message_type() != nullptr &&
         field.message_type()->full_name() != "google.protobuf.Duration";
}

// Puts every key of `over` in the place of the one in `base`; lists and maps as a whole.
void Overlay(google::protobuf::Message& over, google::protobuf::Message& base) {
  std::vector<const google::protobuf::FieldDescriptor*> given;
  over.GetReflection()->ListFields(over, &given);
  for (const auto* const field : given) {
    if (IsInside(*field)) {
      Overlay(*over.GetReflection()->MutableMessage(&over, field),
              *base.GetReflection()->MutableMessage(&base, field));
      over.GetReflection()->ClearField(&over, field);
    } else {
      base.GetReflection()->ClearField(&base, field);
    }
  }
  base.MergeFrom(over);
}

// Follows `like`.
class Families {
 public:
  Families(const token::config::ConfigFile& file, const ConfigSource& source)
      : file_(file), source_(source) {}

  absl::StatusOr<Provider> Whole(int index) {
    std::set<int> seen;
    return Whole(index, seen);
  }

 private:
  static std::string Path(int index) { return absl::StrCat("providers[", index, "]"); }

  absl::StatusOr<Provider> Whole(int index, std::set<int>& seen) {
    const Provider& own = file_.providers(index);
    const std::string key = Path(index) + ".like";
    if (!seen.insert(index).second) return source_.Error(key, "leads back to itself");
    if (!own.has_like()) return own;
    absl::StatusOr<Provider> base = Base(own.like(), index, seen);
    if (!base.ok()) return base.status();
    Provider over = own;
    Overlay(over, *base);
    return base;
  }

  absl::StatusOr<Provider> Base(const std::string& name, int index, std::set<int>& seen) {
    for (int i = 0; i < file_.providers_size(); ++i) {
      // One that is like the built-in one of its own name extends that.
      if (file_.providers(i).name() == name && i != index) return Whole(i, seen);
    }
    const providers::Builtin* const builtin = providers::FindBuiltin(name);
    if (builtin == nullptr) {
      std::string what = absl::StrCat("no such provider: ", QuoteForError(name));
      const std::string meant = NearestProvider({}, name);
      if (!meant.empty()) absl::StrAppend(&what, "; did you mean \"", meant, "\"?");
      return source_.Error(Path(index) + ".like", what);
    }
    ConfigSource inside = ConfigSource::File(absl::StrCat(name, ".yaml"));
    Provider base;
    if (absl::Status s = YamlToProto(builtin->text, inside, base); !s.ok()) return s;
    return base;
  }

  const token::config::ConfigFile& file_;
  const ConfigSource& source_;
};

void NameFiles(const ProviderDeclaration& provider, const std::string& path,
               const ConfigSource& source, ServerConfig& config) {
  const struct {
    const char* name;
    const ProviderDeclaration::SecretFiles& files;
  } maps[] = {{"request.secret_headers", provider.secret_headers},
              {"request.secret_parameters", provider.secret_parameters}};
  for (const auto& map : maps) {
    for (const auto& [name, file] : map.files) {
      config.files.push_back({.where = source.Where(absl::StrCat(path, ".", map.name, ".", name)),
                              .path = file,
                              .holds = NamedFile::Holds::kToken});
    }
  }
}

}  // namespace

absl::Status ReadProviders(const token::config::ConfigFile& file, const ConfigSource& source,
                           ServerConfig& config) {
  Families families(file, source);
  for (int i = 0; i < file.providers_size(); ++i) {
    const std::string path = absl::StrCat("providers[", i, "]");
    const absl::StatusOr<Provider> whole = families.Whole(i);
    if (!whole.ok()) return whole.status();
    absl::StatusOr<ProviderDeclaration> provider = ReadProvider(*whole, path, source);
    if (!provider.ok()) return provider.status();
    const std::string name = provider->rules->name;
    NameFiles(*provider, path, source, config);
    if (name == kRfc) return source.Error(path + ".name", "is RFC 6749's own");
    auto shared = std::make_shared<const ProviderDeclaration>(*std::move(provider));
    if (!config.providers.emplace(name, std::move(shared)).second) {
      return source.Error(path + ".name", absl::StrFormat("\"%s\" given twice", name));
    }
  }
  return absl::OkStatus();
}

}  // namespace token_service::app
