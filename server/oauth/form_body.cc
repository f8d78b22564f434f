#include "server/oauth/form_body.h"

#include "absl/strings/ascii.h"
#include "server/base/secret_buffer.h"

namespace token_service::oauth {
namespace {

// What an encoded byte takes at most.
constexpr size_t kEncodedByte = 3;

void AppendEncoded(std::string_view value, SecretBuffer& to) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  for (const char c : value) {
    if (absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '.' || c == '_' ||
        c == '~') {
      to.Append(c);
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    to.Append('%');
    to.Append(kHex[byte >> 4]);
    to.Append(kHex[byte & 0xf]);
  }
}

}  // namespace

Secret EncodeForm(const std::vector<FormField>& fields) {
  size_t size = 0;
  for (const auto& [name, value] : fields) size += kEncodedByte * (name.size() + value.size()) + 2;
  SecretBuffer form(size);
  for (const auto& [name, value] : fields) {
    if (!form.empty()) form.Append('&');
    AppendEncoded(name, form);
    form.Append('=');
    AppendEncoded(value, form);
  }
  return form.Take();
}

Secret EncodeFormValue(std::string_view value) {
  SecretBuffer encoded(kEncodedByte * value.size());
  AppendEncoded(value, encoded);
  return encoded.Take();
}

}  // namespace token_service::oauth
