#include "server/oauth/json_text.h"

#include <cstdint>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "server/base/absl_view.h"
#include "server/base/secret_buffer.h"

namespace token_service::oauth {
namespace {

constexpr char kDelete = '\x7f';

// Of four hexadecimal digits; nullopt: they are not.
std::optional<uint32_t> CodeUnit(std::string_view digits) {
  if (digits.size() < 4) return std::nullopt;
  uint32_t unit = 0;
  for (const char c : digits.substr(0, 4)) {
    const auto digit =
        static_cast<unsigned char>(absl::ascii_tolower(static_cast<unsigned char>(c)));
    if (!absl::ascii_isxdigit(digit)) return std::nullopt;
    unit = 16 * unit + (digit <= '9' ? digit - '0' : digit - 'a' + 10u);
  }
  return unit;
}

// The next character of `raw`, taken off its front.
char Take(std::string_view& raw) {
  const char c = raw.front();
  raw.remove_prefix(1);
  if ((static_cast<unsigned char>(c) & 0x80) != 0) return kDelete;
  if (c != '\\' || raw.empty()) return c;
  const char escaped = raw.front();
  raw.remove_prefix(1);
  switch (escaped) {
    case 'b':
      return '\b';
    case 'f':
      return '\f';
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    case 'u': {
      const std::optional<uint32_t> unit = CodeUnit(raw);
      if (!unit.has_value()) return kDelete;
      raw.remove_prefix(4);
      return *unit < 0x80 ? static_cast<char>(*unit) : kDelete;
    }
    default:
      return (static_cast<unsigned char>(escaped) & 0x80) != 0 ? kDelete : escaped;
  }
}

}  // namespace

Secret DecodeJsonText(std::string_view raw) {
  if (raw.find('\\') == std::string_view::npos) {
    bool ascii = true;
    for (const char c : raw) ascii = ascii && (static_cast<unsigned char>(c) & 0x80) == 0;
    if (ascii) return Secret(raw);
  }
  SecretBuffer text(raw.size());
  while (!raw.empty()) text.Append(Take(raw));
  return text.Take();
}

bool JsonTextIs(std::string_view raw, std::string_view text) {
  while (!raw.empty() && !text.empty()) {
    if (Take(raw) != text.front()) return false;
    text.remove_prefix(1);
  }
  return raw.empty() && text.empty();
}

Secret EncodeJsonObject(const std::vector<FormField>& members) {
  size_t most = 2;
  for (const FormField& member : members)
    most += 6 * (member.name.size() + member.value.size()) + 6;
  SecretBuffer text(most);
  const auto quote = [&text](std::string_view value) {
    constexpr char kDigits[] = "0123456789abcdef";
    text.Append('"');
    for (const char c : value) {
      const auto byte = static_cast<unsigned char>(c);
      if (byte < 0x20) {
        for (const char d : {'\\', 'u', '0', '0', kDigits[byte >> 4], kDigits[byte & 15]}) {
          text.Append(d);
        }
        continue;
      }
      if (c == '"' || c == '\\') text.Append('\\');
      text.Append(c);
    }
    text.Append('"');
  };
  text.Append('{');
  bool first = true;
  for (const FormField& member : members) {
    if (!std::exchange(first, false)) text.Append(',');
    quote(member.name);
    text.Append(':');
    quote(member.value);
  }
  text.Append('}');
  return text.Take();
}

std::optional<double> JsonNumber(std::string_view raw) {
  std::string_view digits = raw;
  if (!digits.empty() && digits.front() == '-') digits.remove_prefix(1);
  // Neither `inf`, nor a hexadecimal, nor what may be meant as an octal one.
  if (digits.empty() || !absl::ascii_isdigit(static_cast<unsigned char>(digits[0]))) {
    return std::nullopt;
  }
  const bool leading_zero = digits.size() > 1 && digits[0] == '0' &&
                            absl::ascii_isalnum(static_cast<unsigned char>(digits[1])) &&
                            absl::ascii_tolower(static_cast<unsigned char>(digits[1])) != 'e';
  double number = 0;
  if (leading_zero || !absl::SimpleAtod(AbslView(raw), &number)) return std::nullopt;
  return number;
}

}  // namespace token_service::oauth
