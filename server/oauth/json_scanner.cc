#include "server/oauth/json_scanner.h"

#include "absl/strings/ascii.h"

namespace token_service::oauth {
namespace {

bool IsBare(char c) {
  return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '-' || c == '+' ||
         c == '.' || c == '$';
}

}  // namespace

JsonScanner::JsonScanner(std::string_view text) : text_(text) {
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  if (text_.substr(0, kByteOrderMark.size()) == kByteOrderMark) at_ = kByteOrderMark.size();
}

JsonScanner::Event JsonScanner::Next() {
  if (ended_) return end_;
  name_ = {};
  raw_ = {};
  SkipSpace();
  if (depth_ == 0) {
    if (want_ == Want::kValue) return AtEnd() ? End(Event::kCut) : Value();
    return End(AtEnd() ? Event::kEnd : Event::kBroken);
  }
  if (AtEnd()) return End(Event::kCut);
  const bool in_object = is_object_[depth_ - 1];
  const char closing = in_object ? '}' : ']';
  if (want_ == Want::kNext) {
    if (text_[at_] == closing) return Close(closing);
    if (text_[at_] != ',') return End(Event::kBroken);
    ++at_;
    SkipSpace();
    if (AtEnd()) return End(Event::kCut);
  }
  // Also after a comma: one after the last member is read as meant.
  if (text_[at_] == closing) return Close(closing);
  if (in_object) {
    if (!Name()) return End(AtEnd() ? Event::kCut : Event::kBroken);
    SkipSpace();
    if (AtEnd()) return End(Event::kCut);
    if (text_[at_] != ':') return End(Event::kBroken);
    ++at_;
    SkipSpace();
    if (AtEnd()) return End(Event::kCut);
  }
  return Value();
}

JsonScanner::Event JsonScanner::Value() {
  const char c = text_[at_];
  if (c == '{' || c == '[') return Open(c == '{');
  want_ = Want::kNext;
  if (c == '"' || c == '\'') {
    return Text(c, raw_) ? Event::kString : End(Event::kCut);
  }
  raw_ = Bare();
  return raw_.empty() ? End(Event::kBroken) : Event::kScalar;
}

JsonScanner::Event JsonScanner::Open(bool object) {
  if (depth_ == kMaxDepth) return End(Event::kBroken);
  ++at_;
  is_object_[depth_++] = object;
  want_ = Want::kFirst;
  return object ? Event::kObject : Event::kList;
}

JsonScanner::Event JsonScanner::Close(char bracket) {
  ++at_;
  --depth_;
  want_ = Want::kNext;
  return bracket == '}' ? Event::kObjectEnd : Event::kListEnd;
}

// A cut one is no name: whoever meant `refresh_token` may have written `refresh_token_type`.
bool JsonScanner::Name() {
  const char c = text_[at_];
  if (c == '"' || c == '\'') {
    std::string_view name;
    if (!Text(c, name)) return false;
    name_ = name;
    return true;
  }
  name_ = Bare();
  return !name_.empty();
}

// False: it ends with the text, which is then all of `text`.
bool JsonScanner::Text(char quote, std::string_view& text) {
  const size_t begin = ++at_;
  for (; at_ < text_.size(); ++at_) {
    if (text_[at_] == '\\') {
      // Whatever is escaped ends no string.
      if (++at_ == text_.size()) break;
    } else if (text_[at_] == quote) {
      text = text_.substr(begin, at_ - begin);
      ++at_;
      return true;
    }
  }
  text = text_.substr(begin);
  return false;
}

std::string_view JsonScanner::Bare() {
  const size_t begin = at_;
  while (!AtEnd() && IsBare(text_[at_])) ++at_;
  return text_.substr(begin, at_ - begin);
}

void JsonScanner::SkipSpace() {
  while (!AtEnd() && absl::ascii_isspace(static_cast<unsigned char>(text_[at_]))) ++at_;
}

JsonScanner::Event JsonScanner::End(Event how) {
  ended_ = true;
  end_ = how;
  return how;
}

}  // namespace token_service::oauth
