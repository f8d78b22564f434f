#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "server/base/clock.h"
#include "server/broker/refresh_book.h"

namespace token_service::testing {

// A RefreshBook that is told events in words, and whose actions are told in words: no clock, no
// store, no provider. One line an event, each of whose actions is a line of what Tell returns.
//
//   add NAME [dead] [held] [disabled] [rotates] [evidence] [on_demand] [token=AGE] [doubt=AGE]
//       [generation=N] [window=D] [endpoint=X]
//   demand NAME soon|now|rejected|operator|insists [seen=N]
//   lands FLIGHT granted|adopted|elsewhere|unsaved|unsaved_evidence|unsaved_death|unspent|outage|
//       throttled|in_doubt|dead|client_refused|store|gone [evidence]
//   settings|disable|enable|remove|replaced|replaced_held|released|evidence NAME
//   drain
//   patience FLIGHT
//   wait D             and the timer runs, if it is armed for a moment until then
class ScriptedBook {
 public:
  ScriptedBook();

  std::vector<std::string> On(std::string_view event);

  // Flights that are out, by number: the credential of each.
  const std::map<broker::FlightId, std::string>& flights() const { return flights_; }
  bool armed() const { return armed_ < MonotonicTime::Never(); }
  // Until the timer is to run.
  absl::Duration armed_in() const { return armed_ - now_; }

 private:
  // Draws the middle of everything.
  struct Middle {
    using result_type = uint64_t;
    static constexpr result_type min() { return 0; }
    static constexpr result_type max() { return ~uint64_t{0}; }
    result_type operator()() { return uint64_t{1} << 63; }
  };

  broker::RefreshActions Happen(const std::vector<std::string>& words);
  broker::RefreshActions Add(const std::vector<std::string>& words);
  broker::RefreshActions Land(const std::vector<std::string>& words);
  broker::AccessTokenPtr Token(const std::string& name, uint64_t generation,
                               MonotonicTime issued) const;
  std::string In(MonotonicTime when) const;
  std::string Words(const broker::RefreshAction& action);

  Middle random_;
  MonotonicTime now_{absl::Hours(1000)};
  MonotonicTime armed_ = MonotonicTime::Never();
  std::map<std::string, std::vector<std::string>> declared_;  // The words of `add`.
  std::map<broker::FlightId, std::string> flights_;
  std::map<broker::FlightId, uint64_t> generations_;  // That an exchange was begun with.
  std::map<broker::FlightId, broker::Unpersisted> unsaved_;
  std::string answer_;  // Of a demand.
  broker::RefreshBook book_;
};

}  // namespace token_service::testing
