#include "server/store/sqlite/group_commit.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/synchronization/notification.h"
#include "server/store/sqlite/sqlite_status.h"
#include "tests/store/faulty_vfs.h"
#include "tests/testing/temp_dir.h"

namespace token_service::store {
namespace {

constexpr char kMakeTable[] = "CREATE TABLE numbers(n INTEGER NOT NULL)";
constexpr char kInsert[] = "INSERT INTO numbers(n) VALUES(?)";
constexpr char kCount[] = "SELECT count(*) FROM numbers";

absl::Status Insert(SqliteConnection& connection, int64_t number) {
  return SqliteQuery(connection, kInsert).Bind(number).Run();
}

class GroupCommitTest : public ::testing::Test {
 protected:
  GroupCommitTest() : path_(dir_.File("numbers.db")), writer_([this] { return OpenConnection(); }) {
    close(open(path_.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600));
    EXPECT_TRUE(writer_.Run([](SqliteConnection& c) { return c.Execute(kMakeTable); }).ok());
  }

  absl::StatusOr<std::unique_ptr<SqliteConnection>> OpenConnection() {
    return SqliteConnection::Open({.path = path_, .vfs = testing::FaultyVfs::name()});
  }

  int64_t Count() {
    auto connection = OpenConnection();
    EXPECT_TRUE(connection.ok()) << connection.status();
    SqliteQuery query(**connection, kCount);
    return query.Step() ? query.Integer() : -1;
  }

  // Runs the operations so that they meet in one transaction: behind one that stays open until they
  // all wait. Returns what each came to.
  template <typename Operation>
  std::vector<absl::Status> RunTogether(int count, Operation operation) {
    absl::Notification leader_is_in;
    absl::Notification go_on;
    std::thread leader([&] {
      EXPECT_TRUE(writer_
                      .Run([&](SqliteConnection&) {
                        leader_is_in.Notify();
                        go_on.WaitForNotification();
                        return absl::OkStatus();
                      })
                      .ok());
    });
    leader_is_in.WaitForNotification();
    std::vector<absl::Status> results(static_cast<size_t>(count));
    std::vector<std::thread> followers;
    for (int i = 0; i < count; ++i) {
      followers.emplace_back([&, i] {
        results[static_cast<size_t>(i)] =
            writer_.Run([&](SqliteConnection& connection) { return operation(connection, i); });
      });
    }
    while (writer_.waiting() < static_cast<size_t>(count)) std::this_thread::yield();
    before_ = disk_.log_syncs();
    while_waiting_();
    go_on.Notify();
    leader.join();
    for (std::thread& follower : followers) follower.join();
    return results;
  }

  testing::TempDir dir_;
  testing::FaultyVfs disk_;
  const std::string path_;
  GroupCommit writer_;
  int before_ = 0;  // Syncs when they all waited.
  std::function<void()> while_waiting_ = [] {};
};

TEST_F(GroupCommitTest, OperationsThatWaitTogetherShareOneSync) {
  for (const absl::Status& status : RunTogether(20, Insert)) EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(disk_.log_syncs() - before_, 1);
  EXPECT_EQ(Count(), 20);
}

TEST_F(GroupCommitTest, AnOperationThatRefusesIsUndoneAlone) {
  const auto results = RunTogether(10, [](SqliteConnection& connection, int i) -> absl::Status {
    if (absl::Status status = Insert(connection, i); !status.ok()) return status;
    return i % 2 == 0 ? absl::OkStatus() : absl::NotFoundError("odd");
  });
  for (size_t i = 0; i < results.size(); ++i) {
    EXPECT_EQ(results[i].code(), i % 2 == 0 ? absl::StatusCode::kOk : absl::StatusCode::kNotFound);
  }
  EXPECT_EQ(Count(), 5);
}

TEST_F(GroupCommitTest, WhenTheCommitFailsNoneOfThemIsDone) {
  while_waiting_ = [this] { disk_.FailWrites(SQLITE_FULL); };
  for (const absl::Status& status : RunTogether(10, Insert)) {
    EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  }
  disk_.FailWrites(SQLITE_OK);
  EXPECT_EQ(Count(), 0);
  EXPECT_TRUE(writer_.Run([](SqliteConnection& c) { return Insert(c, 1); }).ok());
  EXPECT_EQ(Count(), 1);
}

TEST_F(GroupCommitTest, ADamagedFileIsUnavailableToAWriter) {
  const absl::Status status =
      writer_.Run([](SqliteConnection&) { return absl::DataLossError("damaged"); });
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
}

TEST_F(GroupCommitTest, WaitsForAnotherProgramsTransaction) {
  const auto other = OpenConnection();
  ASSERT_TRUE(other.ok()) << other.status();
  ASSERT_TRUE((*other)->Execute("BEGIN IMMEDIATE").ok());
  std::thread writer(
      [this] { EXPECT_TRUE(writer_.Run([](SqliteConnection& c) { return Insert(c, 1); }).ok()); });
  std::this_thread::sleep_for(std::chrono::milliseconds(400));  // A slow disk's sync.
  ASSERT_TRUE((*other)->Execute("COMMIT").ok());
  writer.join();
  EXPECT_EQ(Count(), 1);
}

// ---- beside a reader that does not end

class BesideAReader : public GroupCommitTest {
 protected:
  BesideAReader() {
    EXPECT_TRUE(writer_.Run([](SqliteConnection& c) { return Insert(c, 1); }).ok());
    Read();
  }

  // Of what there is now, until the end of the test.
  void Read() {
    auto reader = OpenConnection();
    ASSERT_TRUE(reader.ok()) << reader.status();
    ASSERT_TRUE((*reader)->Execute("BEGIN; SELECT count(*) FROM numbers").ok());
    readers_.push_back(*std::move(reader));
  }

  void ExpectWritesWork() {
    for (int i = 0; i < 3; ++i) {
      const absl::Status written = writer_.Run([](SqliteConnection& c) { return Insert(c, 2); });
      EXPECT_TRUE(written.ok()) << written;
    }
    EXPECT_EQ(Count(), 4);
    EXPECT_FALSE(disk_.log_is_unsynced());
    EXPECT_FALSE(disk_.log_has_a_hole());
  }

  std::vector<std::unique_ptr<SqliteConnection>> readers_;
};

TEST_F(BesideAReader, ABusyDatabaseHoldsUpNoLaterWrite) {
  const absl::Status busy =
      writer_.Run([](SqliteConnection&) { return SqliteError(SQLITE_BUSY, "injected"); });
  EXPECT_EQ(busy.code(), absl::StatusCode::kUnavailable);
  const int before = disk_.log_syncs();
  ExpectWritesWork();
  EXPECT_EQ(disk_.log_syncs() - before, 3) << "nothing was doubted";
}

TEST_F(BesideAReader, AFailedSyncHoldsUpNoLaterWrite) {
  disk_.FailSyncs(SQLITE_IOERR_FSYNC);
  EXPECT_FALSE(writer_.Run([](SqliteConnection& c) { return Insert(c, 7); }).ok());
  disk_.FailSyncs(SQLITE_OK);
  ExpectWritesWork();
}

// It may have found in the log what was not synced, and taken it for committed.
TEST_F(BesideAReader, NorDoesOneWithAReaderThatCameLater) {
  readers_.clear();
  disk_.FailSyncs(SQLITE_IOERR_FSYNC);
  EXPECT_FALSE(writer_.Run([](SqliteConnection& c) { return Insert(c, 7); }).ok());
  disk_.FailSyncs(SQLITE_OK);
  Read();
  const int64_t found = Count();
  EXPECT_TRUE(writer_.Run([](SqliteConnection& c) { return Insert(c, 2); }).ok());
  EXPECT_EQ(Count(), found + 1);
  EXPECT_FALSE(disk_.log_is_unsynced());
  EXPECT_FALSE(disk_.log_has_a_hole());
}

TEST_F(BesideAReader, WhatCannotBeWrittenAnewIsTriedAgain) {
  disk_.FailSyncs(SQLITE_IOERR_FSYNC);
  for (int i = 0; i < 3; ++i) {
    EXPECT_FALSE(writer_.Run([](SqliteConnection& c) { return Insert(c, 7); }).ok());
  }
  disk_.FailSyncs(SQLITE_OK);
  ExpectWritesWork();
}

TEST_F(GroupCommitTest, OneAloneWaitsForNobody) {
  EXPECT_TRUE(writer_.Run([](SqliteConnection& c) { return Insert(c, 1); }).ok());
  EXPECT_EQ(writer_.waiting(), 0u);
}

}  // namespace
}  // namespace token_service::store
