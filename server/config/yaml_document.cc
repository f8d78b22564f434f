#include "server/config/yaml_document.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <iterator>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "server/config/yaml.h"
#include "server/telemetry/utf8.h"

namespace token_service::app {
namespace {

// The parser's complaints that are constant text. Others may quote the file.
std::string SafeComplaint(const YAML::ParserException& error) {
  namespace msg = YAML::ErrorMsg;
  const char* const constant[] = {
      msg::END_OF_MAP,
      msg::END_OF_MAP_FLOW,
      msg::END_OF_SEQ,
      msg::END_OF_SEQ_FLOW,
      msg::MULTIPLE_TAGS,
      msg::MULTIPLE_ANCHORS,
      msg::MULTIPLE_ALIASES,
      msg::ALIAS_CONTENT,
      msg::INVALID_HEX,
      msg::UNKNOWN_TOKEN,
      msg::EOF_IN_SCALAR,
      msg::CHAR_IN_SCALAR,
      msg::TAB_IN_INDENTATION,
      msg::FLOW_END,
      msg::BLOCK_ENTRY,
      msg::MAP_KEY,
      msg::MAP_VALUE,
      msg::ALIAS_NOT_FOUND,
      msg::ANCHOR_NOT_FOUND,
      msg::CHAR_IN_ALIAS,
      msg::CHAR_IN_ANCHOR,
      msg::CHAR_IN_BLOCK,
      msg::ZERO_INDENT_IN_BLOCK,
  };
  if (error.msg == msg::DOC_IN_SCALAR) return "malformed YAML: a quote that is not closed";
  // Later versions add the anchor's name, which may be anything.
  if (error.msg.starts_with("the referenced anchor is not defined")) {
    return "malformed YAML: the referenced anchor is not defined";
  }
  const auto* const found = std::find(std::begin(constant), std::end(constant), error.msg);
  if (found == std::end(constant)) return "malformed YAML";
  return absl::StrCat("malformed YAML: ", *found);
}

// Each may begin a token, for which the parser takes some 400 bytes: 4 MiB of nothing but quotes
// would be 1.4 GB, in a server that is serving. A file of 4 MiB with 20,000 credentials has a
// quarter.
constexpr std::ptrdiff_t kMaxIndicators = 1'000'000;

bool HasTooManyTokens(std::string_view text) {
  static constexpr std::string_view kIndicators = "[]{},:\"'&*!?|>#%@`";
  return std::count_if(text.begin(), text.end(), [](char c) {
           return kIndicators.find(c) != std::string_view::npos;
         }) > kMaxIndicators;
}

// Where each document begins; what is in it is passed over.
class DocumentStarts final : public YAML::EventHandler {
 public:
  void OnDocumentStart(const YAML::Mark& mark) override { starts_.push_back(mark); }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark&, YAML::anchor_t) override {}
  void OnAlias(const YAML::Mark&, YAML::anchor_t) override {}
  void OnScalar(const YAML::Mark&, const std::string&, YAML::anchor_t,
                const std::string&) override {}
  void OnSequenceStart(const YAML::Mark&, const std::string&, YAML::anchor_t,
                       YAML::EmitterStyle::value) override {}
  void OnSequenceEnd() override {}
  void OnMapStart(const YAML::Mark&, const std::string&, YAML::anchor_t,
                  YAML::EmitterStyle::value) override {}
  void OnMapEnd() override {}

  const std::vector<YAML::Mark>& starts() const { return starts_; }

 private:
  std::vector<YAML::Mark> starts_;
};

// The first documents, two at most. YAML::LoadAll reads on while there are any, and a comma where a
// document should begin is an empty one that ends where it began: it fills the memory.
std::vector<YAML::Mark> FirstDocuments(const std::string& text) {
  std::istringstream in(text);
  YAML::Parser parser(in);
  DocumentStarts documents;
  while (documents.starts().size() < 2 && parser.HandleNextDocument(documents)) {
  }
  return documents.starts();
}

// 0: all of it is UTF-8. Otherwise the line (from 1) that is not.
int LineThatIsNotUtf8(std::string_view text) {
  int line = 1;
  while (!text.empty()) {
    const size_t length = telemetry::Utf8Length(text);
    if (length == 0) return line;
    if (text[0] == '\n') ++line;
    text.remove_prefix(length);
  }
  return 0;
}

}  // namespace

absl::StatusOr<YAML::Node> ParseYamlDocument(std::string_view text, const ConfigSource& source) {
  if (text.size() > kMaxConfigBytes) {
    return source.ErrorAtLine(1, absl::StrFormat("longer than %d bytes", kMaxConfigBytes));
  }
  const int not_utf8 = LineThatIsNotUtf8(text);
  if (not_utf8 > 0) return source.ErrorAtLine(not_utf8, "not UTF-8 text");
  if (HasTooManyTokens(text)) return source.ErrorAtLine(1, "too many values");
  try {
    // The end of the document, said aloud: yaml-cpp lets the end of the text close a quote that is
    // open, and the rest of the file would be taken for one value.
    const std::string whole = absl::StrCat(std::string(text), "\n...\n");
    const std::vector<YAML::Mark> documents = FirstDocuments(whole);
    if (documents.size() > 1) {
      return source.ErrorAtLine(documents[1].line + 1, "a second document (---)");
    }
    YAML::Node document = YAML::Load(whole);
    if (document.IsNull()) return source.ErrorAtLine(1, "empty");
    return document;
  } catch (const YAML::ParserException& error) {
    const auto last = static_cast<int>(std::count(text.begin(), text.end(), '\n')) + 1;
    return source.ErrorAtLine(std::min(error.mark.line + 1, last), SafeComplaint(error));
  } catch (const YAML::Exception&) {
    return source.ErrorAtLine(1, "malformed YAML");
  }
}

}  // namespace token_service::app
