#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "token_service/token_or_error.h"

namespace token_service::client {

// A token, or why there is none: what readers see. One of the two.
struct Snapshot {
  std::shared_ptr<const AccessToken> token;
  TokenError error;
};

// Holds the current snapshot: one writer, any number of readers, who take no lock and do not
// slow each other down.
//
// A snapshot sits in a block, and a block counts its holders in stripes, one for each processor: a
// reader adds itself to the stripe of the processor it runs on, a cache line that others hardly
// touch, and then makes sure that the block is still the current one. If it is, the writer sees the
// holder when it looks for blocks that nobody holds; if not, the reader steps back and tries again.
// That look may come late, so blocks are never freed while the cell lives, only emptied and used
// again. docs/adr/ says what else was considered.
//
// In a process forked off, the cell is known for what it is: the kernel wipes the page that the
// current block is looked up in, and readers get `in_child`.
class SnapshotCell {
 public:
  SnapshotCell(Snapshot first, Snapshot in_child);
  // No reader may begin any more. Snapshots still held live on until they are given back.
  ~SnapshotCell();
  SnapshotCell(const SnapshotCell&) = delete;
  SnapshotCell& operator=(const SnapshotCell&) = delete;

  // Any thread.
  TokenOrError Read() const;

  // One thread at a time, as with Sweep.
  void Publish(Snapshot next);

  // Destroys the snapshots that are current no more and that nobody holds. Publish does it too.
  // Returns how many are left because they are held.
  size_t Sweep();

  // Whether this process was forked off the one that made the cell. False also on a kernel that
  // cannot tell (before Linux 4.14).
  bool InChild() const;

  // A snapshot in no cell.
  static TokenOrError Alone(Snapshot snapshot);

 private:
  using Block = TokenOrError::Block;
  struct Page {
    std::atomic<Block*> current = nullptr;
  };

  Block* TakeFree();

  const size_t stripes_;
  Page* const page_;
  const std::unique_ptr<Block> in_child_;
  // The writer's own, as are the next two. Also in the page, where leak checkers do not look.
  Block* published_ = nullptr;
  std::vector<Block*> retired_;
  std::vector<Block*> free_;
};

}  // namespace token_service::client
