#include "server/config/flags.h"

#include <algorithm>
#include <optional>
#include <set>

#include "absl/strings/str_format.h"
#include "server/config/spelling.h"

namespace token_service::app {
namespace {

constexpr std::string_view kUsage =
    R"(token-server: keeps OAuth 2.0 refresh tokens and hands out access tokens over gRPC.

Usage:
  token-server --config=FILE                 serve what the YAML file describes
  token-server --config=FILE --check_config  only check it, and the files it names
  token-server --data_dir=DIR --token_endpoint=URL --client_id=ID --refresh_token_file=FILE
                                             serve one credential, named "default"
  token-server rekey --config=FILE           seal what is stored anew with the first key of the
  token-server rekey --data_dir=DIR          keyring, while a server runs or not
  token-server init --config=FILE            make an empty store, for a first start
  token-server backup --config=FILE COPY     write a sealed copy of the store, while a server runs or
                                             not; never over a file that is there
  token-server restore --config=FILE COPY    make the store from a copy, while no server runs; what may
                                             be spent since comes out held
  token-server providers [NAME]              print the rules of the built-in providers, as they could
                                             stand in the configuration

Flags:
  --config=FILE              the configuration file
  --check_config             say what is wrong with the configuration, and exit
  --hold                     serve with every credential held: nothing is sent to a provider until
                             `token-client credential release NAME`, or a new refresh token
  --listen=ADDRESS           HOST:PORT, [IPV6]:PORT or unix:PATH; may be repeated
                             (default 127.0.0.1:50051)
  --data_dir=DIR             where the sealed tokens are kept; made when it is not there
  --token_endpoint=URL       the provider's token endpoint, such as https://api.socialboards.com/token
  --client_id=ID             the client that the provider knows
  --refresh_token_file=FILE  holds the first refresh token; adopted again whenever the file changes
  --force                    restore: replace a store that is there; its file is kept
  --sealing_key_file=FILE    restore: the keyring, if it is elsewhere now than the configuration says
  --version                  print the version, and exit
  --help                     print this, and exit

Exit codes: 0 done, 1 could not run, 2 wrong flags or configuration.
)";

struct FlagSpec {
  std::string_view name;
  std::string CommandLine::*value;
};

constexpr FlagSpec kTextFlags[] = {
    {"config", &CommandLine::config},
    {"data_dir", &CommandLine::data_dir},
    {"token_endpoint", &CommandLine::token_endpoint},
    {"client_id", &CommandLine::client_id},
    {"refresh_token_file", &CommandLine::refresh_token_file},
    {"sealing_key_file", &CommandLine::sealing_key_file},
};

struct SwitchSpec {
  std::string_view name;
  Command command;
};

constexpr SwitchSpec kSwitches[] = {
    {"check_config", Command::kCheckConfig},
    {"help", Command::kHelp},
    {"version", Command::kVersion},
};

constexpr std::string_view kListen = "listen";
constexpr std::string_view kHold = "hold";
constexpr std::string_view kForce = "force";

// Words that come without dashes.
enum class Takes { kNothing, kFile, kPerhapsName };
struct Verb {
  std::string_view name;
  Command command;
  Takes takes;
};

constexpr Verb kVerbs[] = {
    {"rekey", Command::kRekey, Takes::kNothing},
    {"init", Command::kInit, Takes::kNothing},
    {"backup", Command::kBackup, Takes::kFile},
    {"restore", Command::kRestore, Takes::kFile},
    {"providers", Command::kProviders, Takes::kPerhapsName},
};

absl::Status Error(const std::string& what) { return absl::InvalidArgumentError(what); }

absl::Status UnknownFlag(const std::string& name) {
  std::vector<std::string> known = {std::string(kListen), std::string(kHold), std::string(kForce)};
  for (const FlagSpec& flag : kTextFlags) known.emplace_back(flag.name);
  for (const SwitchSpec& flag : kSwitches) known.emplace_back(flag.name);
  const std::string meant = NearestWord(name, known);
  if (meant.empty()) return Error(absl::StrFormat("unknown flag --%s; see --help", name));
  return Error(absl::StrFormat("unknown flag --%s; did you mean --%s?", name, meant));
}

class Parser {
 public:
  explicit Parser(const std::vector<std::string>& arguments) : arguments_(arguments) {}

  absl::StatusOr<CommandLine> Parse() {
    for (; next_ < arguments_.size(); ++next_) {
      absl::Status status = One(arguments_[next_]);
      if (!status.ok()) return status;
    }
    if (absl::Status status = SetCommand(); !status.ok()) return status;
    return line_;
  }

 private:
  absl::Status One(const std::string& argument) {
    if (argument == "-h") return One("--help");
    if (!argument.starts_with("--") || argument.size() == 2) return Word(argument);
    const size_t equals = argument.find('=');
    const std::string name = argument.substr(2, equals == std::string::npos ? equals : equals - 2);
    std::optional<std::string> value;
    if (equals != std::string::npos) value = argument.substr(equals + 1);

    for (const SwitchSpec& flag : kSwitches) {
      if (flag.name == name) return Switch(flag, value);
    }
    if (name == kHold) return Switch(kHold, value, line_.hold);
    if (name == kForce) return Switch(kForce, value, line_.force);
    for (const FlagSpec& flag : kTextFlags) {
      if (flag.name == name) return Text(name, value, line_.*flag.value);
    }
    if (name == kListen) return Text(name, value, line_.listen.emplace_back());
    return UnknownFlag(name);
  }

  absl::Status Word(const std::string& word) {
    if (verb_ == nullptr) {
      const auto* const verb = std::find_if(std::begin(kVerbs), std::end(kVerbs),
                                            [&](const Verb& v) { return v.name == word; });
      if (verb != std::end(kVerbs)) {
        verb_ = verb;
        return absl::OkStatus();
      }
    } else if (verb_->takes != Takes::kNothing && line_.file.empty() && !word.empty()) {
      line_.file = word;
      return absl::OkStatus();
    }
    return Error("an argument that is no flag; see --help");
  }

  absl::Status Switch(std::string_view name, const std::optional<std::string>& value, bool& on) {
    if (value.has_value() && *value != "true" && *value != "false") {
      return Error(absl::StrFormat("--%s: expected true or false", name));
    }
    if (!given_.insert(std::string(name)).second) return Twice(std::string(name));
    on = value != "false";
    return absl::OkStatus();
  }

  absl::Status Switch(const SwitchSpec& flag, const std::optional<std::string>& value) {
    bool on = false;
    if (absl::Status status = Switch(flag.name, value, on); !status.ok()) return status;
    if (on) switched_.insert(flag.command);
    return absl::OkStatus();
  }

  absl::Status Text(const std::string& name, std::optional<std::string> value, std::string& out) {
    if (!value.has_value() && next_ + 1 < arguments_.size() &&
        !arguments_[next_ + 1].starts_with("--")) {
      value = arguments_[++next_];
    }
    if (!value.has_value() || value->empty())
      return Error(absl::StrFormat("--%s: needs a value", name));
    if (!given_.insert(name).second && name != kListen) return Twice(name);
    out = *value;
    return absl::OkStatus();
  }

  static absl::Status Twice(const std::string& name) {
    return Error(absl::StrFormat("--%s: given twice", name));
  }

  absl::Status SetCommand() {
    // Whoever asks for help gets it, whatever else was typed.
    for (const Command command : {Command::kHelp, Command::kVersion}) {
      if (!switched_.contains(command)) continue;
      line_.command = command;
      return absl::OkStatus();
    }
    if (verb_ != nullptr && verb_->command == Command::kProviders) {
      line_.command = Command::kProviders;
      if (given_.empty() && switched_.empty()) return absl::OkStatus();
      return Error("providers: takes a NAME at most, and no flags");
    }
    if (!line_.config.empty() && line_.describes_server()) {
      return Error("--config: cannot be mixed with the flags that take its place; see --help");
    }
    if (line_.config.empty() && !line_.describes_server()) {
      return Error(
          "no configuration: give --config=FILE, or see --help for the flags that take its place");
    }
    const bool check = switched_.contains(Command::kCheckConfig);
    if (check && verb_ != nullptr) {
      return Error(absl::StrFormat("--check_config: cannot be used with %s", verb_->name));
    }
    line_.command = check              ? Command::kCheckConfig
                    : verb_ != nullptr ? verb_->command
                                       : Command::kServe;
    if (verb_ != nullptr && verb_->takes == Takes::kFile && line_.file.empty()) {
      return Error(absl::StrFormat("%s: needs a FILE; see --help", verb_->name));
    }
    if (line_.force && line_.command != Command::kRestore) {
      return Error("--force: is for restore, and nothing else");
    }
    if (!line_.sealing_key_file.empty() && line_.command != Command::kRestore) {
      return Error("--sealing_key_file: is for restore, and nothing else");
    }
    if (line_.hold && line_.command != Command::kServe) {
      return Error("--hold: is for serving, and nothing else");
    }
    return absl::OkStatus();
  }

  const std::vector<std::string>& arguments_;
  size_t next_ = 0;
  const Verb* verb_ = nullptr;
  std::set<std::string> given_;
  std::set<Command> switched_;
  CommandLine line_;
};

}  // namespace

bool CommandLine::describes_server() const {
  return !listen.empty() || !data_dir.empty() || !token_endpoint.empty() || !client_id.empty() ||
         !refresh_token_file.empty();
}

absl::StatusOr<CommandLine> ParseFlags(const std::vector<std::string>& arguments) {
  return Parser(arguments).Parse();
}

std::string_view UsageText() { return kUsage; }

}  // namespace token_service::app
