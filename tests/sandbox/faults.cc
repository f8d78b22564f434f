#include "tests/sandbox/faults.h"

#include <array>

namespace token_service::sandbox {
namespace {

struct Row {
  Fault fault;
  std::string_view name;
  bool spends;
};

constexpr std::array kRows = {
    Row{Fault::kNone, "none", true},
    Row{Fault::kRefuse5xxBefore, "refuse_5xx_before", false},
    Row{Fault::kError500AfterRotating, "error_500_after_rotating", true},
    Row{Fault::kResetBefore, "reset_before", false},
    Row{Fault::kResetAfterRotating, "reset_after_rotating", true},
    Row{Fault::kCloseAfterRotating, "close_after_rotating", true},
    Row{Fault::kHang, "hang", false},
    Row{Fault::kHangAfterRotating, "hang_after_rotating", true},
    Row{Fault::kTruncate, "truncate", true},
    Row{Fault::kGarbage, "garbage", true},
    Row{Fault::kHtml, "html", false},
    Row{Fault::kThrottle, "throttle", false},
    Row{Fault::kEmpty, "empty", true},
    Row{Fault::kSlowBody, "slow_body", true},
    Row{Fault::kOversized, "oversized", true},
};

constexpr auto kAll = [] {
  std::array<Fault, kRows.size()> all{};
  for (size_t i = 0; i < kRows.size(); ++i) all[i] = kRows[i].fault;
  return all;
}();

const Row& RowOf(Fault fault) {
  for (const Row& row : kRows) {
    if (row.fault == fault) return row;
  }
  return kRows[0];
}

}  // namespace

std::span<const Fault> AllFaults() { return kAll; }

std::string_view FaultName(Fault fault) { return RowOf(fault).name; }

std::optional<Fault> ParseFault(std::string_view name) {
  for (const Row& row : kRows) {
    if (row.name == name) return row.fault;
  }
  return std::nullopt;
}

bool SpendsRefreshToken(Fault fault) { return RowOf(fault).spends; }

FaultPlan::FaultPlan(Mishap usual, double rate, uint64_t seed)
    : usual_(usual), rate_(rate), random_(seed) {}

void FaultPlan::Order(const Mishap& mishap, int64_t count) {
  absl::MutexLock lock(&mutex_);
  ordered_ = mishap;
  left_ = count;
}

Mishap FaultPlan::Next() {
  absl::MutexLock lock(&mutex_);
  if (left_ != 0) {
    if (left_ > 0) --left_;
    return ordered_;
  }
  Mishap mishap = usual_;
  if (std::uniform_real_distribution<double>(0, 1)(random_) >= rate_) mishap.fault = Fault::kNone;
  return mishap;
}

}  // namespace token_service::sandbox
