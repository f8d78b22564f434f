#include "server/oauth/form_body.h"

#include <utility>

#include "absl/strings/ascii.h"

namespace token_service::oauth {
namespace {

// What an encoded byte takes at most.
constexpr size_t kEncodedByte = 3;

void AppendEncoded(std::string_view value, std::string& to) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  for (const char c : value) {
    if (absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '.' || c == '_' ||
        c == '~') {
      to += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    to += '%';
    to += kHex[byte >> 4];
    to += kHex[byte & 0xf];
  }
}

}  // namespace

Secret EncodeForm(const std::vector<FormField>& fields) {
  size_t size = 0;
  for (const auto& [name, value] : fields) size += kEncodedByte * (name.size() + value.size()) + 2;
  std::string form;
  form.reserve(size);  // No reallocation: it would leave secrets behind.
  for (const auto& [name, value] : fields) {
    if (!form.empty()) form += '&';
    AppendEncoded(name, form);
    form += '=';
    AppendEncoded(value, form);
  }
  return Secret(std::move(form));
}

Secret EncodeFormValue(std::string_view value) {
  std::string encoded;
  encoded.reserve(kEncodedByte * value.size());
  AppendEncoded(value, encoded);
  return Secret(std::move(encoded));
}

}  // namespace token_service::oauth
