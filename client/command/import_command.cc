#include "client/command/import_command.h"

#include <algorithm>
#include <atomic>
#include <fstream>
#include <iostream>
#include <thread>
#include <utility>
#include <variant>

#include "CLI/CLI.hpp"
#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "client/command/credential_line.h"
#include "client/command/exit_code.h"

namespace token_service::client {
namespace {

using token::v1::Credential;

constexpr int kPageSize = 1000;
// Calls at once: each waits for a disk.
constexpr size_t kAtOnce = 32;
constexpr size_t kLongestLine = 64 * 1024;
constexpr size_t kMostLines = 1'000'000;

constexpr char kCreated[] = "created";
constexpr char kUpdated[] = "updated";
constexpr char kUnchanged[] = "unchanged";
constexpr char kWouldBeCreated[] = "would be created";
constexpr char kWouldBeUpdated[] = "would be updated";

std::string OneLine(std::string text) {
  for (char& c : text) {
    if (absl::ascii_iscntrl(static_cast<unsigned char>(c))) c = ' ';
  }
  return text;
}

std::string JsonText(const std::string& text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (static_cast<unsigned char>(c) < 0x20) {
      absl::StrAppendFormat(&quoted, "\\u%04x", c);
      continue;
    }
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + '"';
}

}  // namespace

CLI::App* ImportCommand::AddTo(CLI::App& app) {
  const bool import = action_ == Action::kImport;
  CLI::App* const command =
      import ? app.add_subcommand("import", "Make the credentials of a file that are not there yet")
             : app.add_subcommand("apply", "Make, or change, what a file has otherwise");
  constexpr char kWhat[] =
      "a JSON object a line, with the fields of a credential; -: standard input";
  if (import) {
    command->add_option("file", file_, kWhat)->required()->type_name("FILE");
  } else {
    command->add_option("-f,--file", file_, kWhat)->required()->type_name("FILE");
  }
  command->add_flag("--dry_run", dry_run_, "only say what would be done");
  AddFormatFlag(*command);
  return command;
}

absl::StatusOr<std::vector<ImportCommand::Line>> ImportCommand::ReadLines() const {
  std::ifstream opened;
  if (file_ != "-") {
    opened.open(file_);
    if (!opened) return absl::InvalidArgumentError(absl::StrCat(file_, ": cannot be read"));
  }
  std::istream& in = file_ == "-" ? std::cin : opened;
  std::vector<Line> lines;
  std::map<std::string, size_t> first;
  std::string text;
  for (size_t number = 1; std::getline(in, text); ++number) {
    if (absl::StripAsciiWhitespace(text).empty()) continue;
    if (lines.size() == kMostLines) {
      return absl::InvalidArgumentError(absl::StrCat(file_, ": more than ", kMostLines, " lines"));
    }
    Line& line = lines.emplace_back(Line{.number = number});
    if (text.size() > kLongestLine) {
      line.outcome = "longer than 65536 bytes";
    } else {
      auto read = ReadCredentialLine(text);
      if (auto* const wrong = std::get_if<std::string>(&read)) {
        line.outcome = std::move(*wrong);
      } else {
        line.credential = std::get<Credential>(std::move(read));
        const auto [before, news] = first.emplace(line.credential.name(), number);
        if (!news) line.outcome = absl::StrCat("the same name as in line ", before->second);
      }
    }
    line.failed = !line.outcome.empty();
  }
  if (in.bad()) return absl::InvalidArgumentError(absl::StrCat(file_, ": cannot be read"));
  return lines;
}

int ImportCommand::RunWith(Session& session) {
  absl::StatusOr<std::vector<Line>> lines = ReadLines();
  if (!lines.ok()) {
    session.err << "token-client: " << lines.status().message() << "\n";
    return kExitUsage;
  }
  Stored stored;
  token::v1::ListCredentialsRequest request;
  request.set_page_size(kPageSize);
  do {
    const CredentialClient::Page answer = session.client.List(request);
    if (const auto* error = std::get_if<TokenError>(&answer)) return Refuse(*error, session);
    const auto& page = std::get<token::v1::ListCredentialsResponse>(answer);
    for (const Credential& each : page.credentials()) stored.emplace(each.name(), each);
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());

  std::vector<std::thread> workers;
  std::atomic<size_t> next = 0;
  for (size_t i = 0; i < std::min(kAtOnce, lines->size()); ++i) {
    workers.emplace_back([&] {
      for (size_t at = next++; at < lines->size(); at = next++) {
        Line& line = (*lines)[at];
        if (line.outcome.empty()) Take(stored, line, session.client);
      }
    });
  }
  for (std::thread& worker : workers) worker.join();
  return Report(*lines, session);
}

void ImportCommand::Take(const Stored& stored, Line& line, CredentialClient& client) const {
  const auto there = stored.find(line.credential.name());
  if (there == stored.end()) return Create(line, client);
  const std::vector<std::string> differ = Differences(line.credential, there->second);
  if (differ.empty()) {
    line.outcome = kUnchanged;
  } else if (action_ == Action::kApply) {
    Change(there->second, differ, line, client);
  } else {
    line.failed = true;
    line.outcome = absl::StrCat("is there already and differs in ", absl::StrJoin(differ, ", "));
  }
}

void ImportCommand::Create(Line& line, CredentialClient& client) const {
  if (dry_run_) {
    line.outcome = kWouldBeCreated;
    return;
  }
  token::v1::CreateCredentialRequest request;
  *request.mutable_credential() = line.credential;
  const CredentialClient::Answer answer = client.Create(request);
  const auto* const error = std::get_if<TokenError>(&answer);
  line.failed = error != nullptr;
  line.outcome = error == nullptr ? kCreated : Describe(*error);
}

void ImportCommand::Change(const Credential& there, const std::vector<std::string>& differ,
                           Line& line, CredentialClient& client) const {
  if (there.managed_by_config()) {
    line.failed = true;
    line.outcome = "the server's configuration declares it";
    return;
  }
  if (dry_run_) {
    line.outcome = kWouldBeUpdated;
    return;
  }
  token::v1::UpdateCredentialRequest request;
  *request.mutable_credential() = line.credential;
  for (const std::string& field : differ) request.mutable_update_mask()->add_paths(field);
  CredentialClient::Answer answer = client.Update(request);
  const auto* error = std::get_if<TokenError>(&answer);
  if (error != nullptr && error->reason == ErrorReason::kSecretRequired) {
    // Where a secret goes changes with the secret only.
    for (const auto& [field, value] :
         {std::pair("refresh_token", &line.credential.refresh_token()),
          std::pair("client_secret", &line.credential.client_secret())}) {
      if (!value->empty()) request.mutable_update_mask()->add_paths(field);
    }
    answer = client.Update(request);
    error = std::get_if<TokenError>(&answer);
  }
  line.failed = error != nullptr;
  line.outcome = error == nullptr ? kUpdated : Describe(*error);
}

int ImportCommand::Report(const std::vector<Line>& lines, Session& session) const {
  std::map<std::string, size_t> counts;
  size_t failed = 0;
  for (const Line& line : lines) {
    const std::string& name = line.credential.name();
    if (format_ == CredentialFormat::kJson) {
      session.out << absl::StrFormat("{\"line\": %d, \"name\": %s, \"ok\": %s, \"outcome\": %s}\n",
                                     line.number, JsonText(name), line.failed ? "false" : "true",
                                     JsonText(line.outcome));
    } else {
      session.out << "line " << line.number << ": " << (name.empty() ? "" : OneLine(name) + ": ")
                  << line.outcome << "\n";
    }
    if (line.failed) {
      ++failed;
    } else {
      ++counts[line.outcome];
    }
  }
  session.out.flush();
  std::vector<std::string> sums;
  for (const auto& [outcome, count] : counts) sums.push_back(absl::StrCat(count, " ", outcome));
  if (failed > 0 || sums.empty()) sums.push_back(absl::StrCat(failed, " failed"));
  session.err << "token-client: " << absl::StrJoin(sums, ", ") << "\n";
  return failed == 0 && session.out.good() ? kExitOk : kExitRefused;
}

}  // namespace token_service::client
