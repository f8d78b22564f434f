#include "server/telemetry/exchange_metrics.h"

#include <gtest/gtest.h>

#include <set>

#include "absl/strings/str_cat.h"

namespace token_service::telemetry {
namespace {

TEST(ExchangeMetricsTest, TheLabelIsTheEndpointWithoutItsQuery) {
  ExchangeMetrics metrics;
  EXPECT_EQ(metrics.LabelOf("https://a.example/token?key=hush"), "https://a.example/token");
  EXPECT_EQ(&metrics.Of("https://a.example/token?key=hush"),
            &metrics.Of("https://a.example/token"));
}

TEST(ExchangeMetricsTest, EndpointsBeyondTheFirstFiftyShareOneLabel) {
  ExchangeMetrics metrics;
  std::set<std::string> labels;
  for (int i = 0; i < 1000; ++i) {
    labels.insert(metrics.LabelOf(absl::StrCat("https://", i, ".example/token")));
  }
  EXPECT_EQ(labels.size(), ExchangeMetrics::kMostEndpoints + 1);
  EXPECT_TRUE(labels.contains("other"));
  EXPECT_EQ(metrics.LabelOf("https://0.example/token"), "https://0.example/token");
}

TEST(HistogramTest, PutsEachInTheFirstBucketThatHoldsIt) {
  static constexpr double kBounds[] = {0.1, 1};
  Histogram histogram(kBounds);
  histogram.Observe(absl::Milliseconds(100));
  histogram.Observe(absl::Milliseconds(101));
  histogram.Observe(absl::Seconds(1));
  histogram.Observe(absl::Seconds(2));
  EXPECT_EQ(histogram.count(0), 1u);
  EXPECT_EQ(histogram.count(1), 2u);
  EXPECT_EQ(histogram.count(2), 1u);
  EXPECT_DOUBLE_EQ(histogram.sum_seconds(), 3.201);
}

}  // namespace
}  // namespace token_service::telemetry
