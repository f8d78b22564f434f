#include "server/app/bound_sockets.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "tests/app/scratch_dir.h"

namespace token_service::app {
namespace {

namespace fs = std::filesystem;

class BoundSocketsTest : public ::testing::Test {
 protected:
  ScratchDir dir_;
  ServerConfig config_;
};

TEST_F(BoundSocketsTest, ASocketInADirectoryThatIsNotThereWaitsForIt) {
  config_.listen = {UnixAddress{dir_.Path("data/s")}, TcpAddress{"127.0.0.1", 0},
                    UnixAddress{dir_.Path("s")}};
  auto bound = BindSockets(config_);
  ASSERT_TRUE(bound.ok()) << bound.status();
  EXPECT_FALSE(bound->by_place.contains(0));
  EXPECT_TRUE(bound->by_place.contains(1));
  EXPECT_TRUE(bound->by_place.contains(2));
  EXPECT_FALSE(fs::exists(dir_.Path("data")));
  EXPECT_FALSE(bound->metrics.has_value());

  fs::create_directory(dir_.Path("data"));
  auto all = BindTheRest(config_, *std::move(bound));
  ASSERT_TRUE(all.ok()) << all.status();
  EXPECT_EQ(all->by_place.size(), 3u);
}

TEST_F(BoundSocketsTest, WhatCannotBeBoundClosesAllOfThem) {
  config_.listen = {UnixAddress{dir_.Path("data/s")}, UnixAddress{dir_.Path("absent/s")}};
  auto bound = BindSockets(config_);
  ASSERT_TRUE(bound.ok()) << bound.status();
  fs::create_directory(dir_.Path("data"));
  EXPECT_FALSE(BindTheRest(config_, *std::move(bound)).ok());
  EXPECT_TRUE(fs::is_empty(dir_.Path("data")));
}

TEST_F(BoundSocketsTest, AnErrorOfTheMetricsPageNamesItsKey) {
  config_.listen = {TcpAddress{"127.0.0.1", 0}};
  config_.metrics_listen = TcpAddress{"192.0.2.1", 0};
  const auto bound = BindSockets(config_);
  ASSERT_FALSE(bound.ok());
  EXPECT_EQ(std::string(bound.status().message()).rfind("metrics.listen: ", 0), 0u)
      << bound.status();
}

}  // namespace
}  // namespace token_service::app
