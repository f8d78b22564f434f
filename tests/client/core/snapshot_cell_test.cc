#include "client/core/snapshot_cell.h"

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "tests/client/core/fake_transport.h"

namespace token_service::client {
namespace {

using token_service::testing::Token;
using token_service::testing::Unreachable;

Snapshot Of(uint64_t generation) { return {.token = Token(generation).token, .error = {}}; }
Snapshot Error() { return {.token = nullptr, .error = Unreachable()}; }

TEST(SnapshotCellTest, ReadsWhatWasPublished) {
  SnapshotCell cell(Error(), {});
  EXPECT_FALSE(cell.Read().ok());
  EXPECT_EQ(cell.Read().error().message, "connection refused");

  cell.Publish(Of(1));
  EXPECT_EQ(cell.Read()->generation(), 1u);
  cell.Publish(Of(2));
  EXPECT_EQ(cell.Read()->generation(), 2u);
  EXPECT_FALSE(cell.InChild());
}

TEST(SnapshotCellTest, WhatIsHeldLivesOnAndIsGoneAfterwards) {
  SnapshotCell cell(Error(), {});
  std::weak_ptr<const AccessToken> watched;
  {
    Snapshot first = Of(1);
    watched = first.token;
    cell.Publish(std::move(first));
  }
  std::optional<TokenOrError> held = cell.Read();
  cell.Publish(Of(2));
  EXPECT_EQ(cell.Sweep(), 1u);
  EXPECT_EQ((*held)->generation(), 1u);
  EXPECT_FALSE(watched.expired());

  held.reset();
  EXPECT_EQ(cell.Sweep(), 0u);
  EXPECT_TRUE(watched.expired());
}

TEST(SnapshotCellTest, NobodyHoldsSoNothingIsKept) {
  SnapshotCell cell(Error(), {});
  std::weak_ptr<const AccessToken> watched;
  {
    Snapshot first = Of(1);
    watched = first.token;
    cell.Publish(std::move(first));
  }
  cell.Publish(Of(2));
  EXPECT_TRUE(watched.expired());
}

TEST(SnapshotCellTest, WhatIsHeldOutlivesTheCell) {
  auto cell = std::make_unique<SnapshotCell>(Error(), Snapshot{});
  cell->Publish(Of(1));
  TokenOrError first = cell->Read();
  TokenOrError again = cell->Read();
  cell->Publish(Of(2));
  TokenOrError second = cell->Read();
  cell.reset();

  EXPECT_EQ(first->Reveal(), "token-1");
  EXPECT_EQ(second->Reveal(), "token-2");
  first = std::move(second);
  EXPECT_EQ(first->Reveal(), "token-2");
  EXPECT_EQ(again->Reveal(), "token-1");
}

TEST(SnapshotCellTest, OneThatLivesAsLongAsTheProcessIsNoLeak) {
  // LeakSanitizer looks when the process ends.
  static SnapshotCell* const cell = new SnapshotCell(Error(), Error());
  cell->Publish(Of(1));
  EXPECT_TRUE(cell->Read().ok());
}

TEST(SnapshotCellTest, OneAloneNeedsNoCell) {
  std::weak_ptr<const AccessToken> watched;
  {
    Snapshot snapshot = Of(3);
    watched = snapshot.token;
    const TokenOrError alone = SnapshotCell::Alone(std::move(snapshot));
    EXPECT_EQ(alone->generation(), 3u);
  }
  EXPECT_TRUE(watched.expired());
}

// Readers must see whole tokens only, never older than before, while the writer replaces them as
// fast as it can; some are held and given back by another thread than took them.
TEST(SnapshotCellTest, ManyThreadsReadWhileOneWrites) {
  constexpr uint64_t kTokens = 3000;
  constexpr size_t kReaders = 4;
  SnapshotCell cell(Of(1), {});
  std::atomic<bool> done = false;
  std::vector<std::thread> readers;
  std::vector<std::vector<TokenOrError>> kept(kReaders);
  std::atomic<uint64_t> reads = 0;
  for (size_t i = 0; i < kReaders; ++i) {
    readers.emplace_back([&, i] {
      uint64_t last = 0;
      uint64_t count = 0;
      while (!done.load() || count == 0) {
        TokenOrError token = cell.Read();
        ASSERT_TRUE(token.ok());
        ASSERT_GE(token->generation(), last);
        last = token->generation();
        ASSERT_EQ(token->Reveal(), "token-" + std::to_string(last));
        if (++count % 1024 == 0 && kept[i].size() < 50) kept[i].push_back(std::move(token));
      }
      reads += count;
    });
  }
  for (uint64_t generation = 2; generation <= kTokens; ++generation) cell.Publish(Of(generation));
  done = true;
  for (std::thread& reader : readers) reader.join();

  EXPECT_GT(reads.load(), 0u);
  EXPECT_EQ(cell.Read()->generation(), kTokens);
  for (auto& each : kept) each.clear();
  EXPECT_EQ(cell.Sweep(), 0u);
}

// The last of several holders, wherever it is, frees what a dead cell left behind: the address
// sanitizer sees a second one, the leak checker a missing one.
TEST(SnapshotCellTest, ThreadsGiveBackWhileTheCellDies) {
  for (int round = 0; round < 200; ++round) {
    auto cell = std::make_unique<SnapshotCell>(Of(1), Snapshot{});
    std::weak_ptr<const AccessToken> watched;
    {
      Snapshot last = Of(2);
      watched = last.token;
      cell->Publish(std::move(last));
    }
    std::vector<std::thread> holders;
    std::atomic<bool> go = false;
    for (int i = 0; i < 3; ++i) {
      holders.emplace_back([&go, held = std::make_unique<TokenOrError>(cell->Read())]() mutable {
        while (!go.load()) std::this_thread::yield();
        ASSERT_EQ((*held)->generation(), 2u);
        held.reset();
      });
    }
    go = true;
    cell.reset();
    for (std::thread& holder : holders) holder.join();
    EXPECT_TRUE(watched.expired());
  }
}

}  // namespace
}  // namespace token_service::client
