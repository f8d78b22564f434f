#pragma once

#include <string>
#include <variant>

#include "absl/strings/str_cat.h"
#include "server/broker/reason.h"
#include "server/broker/token_endpoint.h"

namespace token_service::oauth {

inline std::string ReasonText(broker::Reason reason) {
  switch (reason) {
    case broker::Reason::kProviderUnavailable:
      return "unavailable";
    case broker::Reason::kProviderThrottled:
      return "throttled";
    case broker::Reason::kProviderBusy:
      return "busy";
    case broker::Reason::kProviderMalformed:
      return "malformed";
    case broker::Reason::kClientRejected:
      return "client rejected";
    default:
      return "unexpected reason";
  }
}

// What is kept and does not stand is of an answer that was cut before another refresh token came.
inline std::string Kept(const broker::KeptAnswer& evidence) {
  if (evidence.empty()) return "";
  return evidence.stands ? ", kept" : ", kept aside";
}

// "unspent, throttled" and so on: an outcome as a table's cell.
inline std::string OutcomeText(const broker::ExchangeOutcome& outcome) {
  struct Text {
    std::string operator()(const broker::Granted& o) const { return "granted" + Kept(o.evidence); }
    std::string operator()(const broker::Extended&) const { return "extended"; }
    std::string operator()(const broker::Unspent& o) const {
      return absl::StrCat("unspent, ", ReasonText(o.reason));
    }
    std::string operator()(const broker::TooLate&) const { return "too late"; }
    std::string operator()(const broker::GrantDead& o) const { return "dead" + Kept(o.evidence); }
    std::string operator()(const broker::ClientRefused&) const { return "refused"; }
    std::string operator()(const broker::InDoubt& o) const {
      return absl::StrCat("in doubt, ", ReasonText(o.reason), Kept(o.evidence));
    }
    std::string operator()(const broker::Malformed& o) const {
      return o.answer.stands ? "malformed" : "malformed, kept aside";
    }
  };
  return std::visit(Text(), outcome);
}

inline std::string DetailOf(const broker::ExchangeOutcome& outcome) {
  struct Detail {
    std::string operator()(const broker::Granted&) const { return ""; }
    std::string operator()(const broker::Extended&) const { return ""; }
    std::string operator()(const broker::Unspent& o) const { return o.detail; }
    std::string operator()(const broker::GrantDead& o) const { return o.detail; }
    std::string operator()(const broker::ClientRefused& o) const { return o.detail; }
    std::string operator()(const broker::InDoubt& o) const { return o.detail; }
    std::string operator()(const broker::Malformed& o) const { return o.detail; }
    std::string operator()(const broker::TooLate&) const { return ""; }
  };
  return std::visit(Detail(), outcome);
}

}  // namespace token_service::oauth
