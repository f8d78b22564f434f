#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/base/secret.h"
#include "server/broker/provider_rules.h"

namespace token_service::broker {

// A member of an answer, to be shown to an operator: never its value.
struct EvidenceMember {
  std::string path;  // What TokenAt takes. A name that may be a secret itself is a number in it.
  std::string type;  // "string", "object", "list", "number", "boolean", "null", "other".
  bool may_be_token = false;
  bool may_be_refresh_token = false;
};

// Reads what was kept, by the rules that are in force now. Pure; any thread.
class EvidenceReader {
 public:
  virtual ~EvidenceReader() = default;

  // The refresh token that may be tried by itself: it stands where the provider's rules have it,
  // or RFC 6749's, whole and alone, and is not `sent`.
  virtual std::optional<Secret> Candidate(const ProviderRules& rules, const Secret& body,
                                          const Secret& sent) const = 0;

  // What is in it, as far as it can be read; bounded. `sent`: see Candidate.
  virtual std::vector<EvidenceMember> Describe(const Secret& body, const Secret& sent) const = 0;

  // The well-formed token at a path. Nullopt: there is none.
  virtual std::optional<Secret> TokenAt(const Secret& body, std::string_view path) const = 0;
};

}  // namespace token_service::broker
