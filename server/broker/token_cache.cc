#include "server/broker/token_cache.h"

#include <urcu/urcu-bp.h>
// After the flavour it is to use.
#include <urcu/rculfhash.h>

#include <atomic>
#include <deque>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/hash/hash.h"
#include "absl/synchronization/mutex.h"
#include "server/broker/rcu_annotations.h"

namespace token_service::broker {
namespace {

constexpr int64_t kNeverAsked = -1;
constexpr size_t kLeastBuckets = 64;

// Deletes an object once no reader can still see it. Lives inside the object.
template <typename T>
struct Grave : rcu_head {
  T* object;
};

template <typename T>
void DeleteAfterGracePeriod(T* object) {
  if (object == nullptr) return;
  object->grave.object = object;
  urcu_bp_call_rcu(&object->grave, [](rcu_head* head) {
    RcuReadersAreGone();
    delete static_cast<Grave<T>*>(head)->object;
  });
}

// A published token, replaced whole.
struct Box {
  explicit Box(AccessTokenPtr t) : token(std::move(t)) {}

  const AccessTokenPtr token;
  Grave<Box> grave{};
};

struct Node : cds_lfht_node {
  Node(std::string_view n, telemetry::CredentialCalls* c) : name(n), calls(c) {
    cds_lfht_node_init(this);
  }
  ~Node() { delete box.load(std::memory_order_acquire); }

  const std::string name;
  telemetry::CredentialCalls* const calls;
  std::atomic<Box*> box = nullptr;
  std::atomic<int64_t> last_asked_s = kNeverAsked;
  std::atomic<bool> dormant = false;
  Grave<Node> grave{};
};

class ReadLock {
 public:
  ReadLock() { urcu_bp_read_lock(); }
  ~ReadLock() {
    RcuReaderLeaves();
    urcu_bp_read_unlock();
  }
  ReadLock(const ReadLock&) = delete;
  ReadLock& operator=(const ReadLock&) = delete;
};

int Matches(cds_lfht_node* node, const void* key) {
  RcuNodeIsSeen(node);
  return static_cast<Node*>(node)->name == *static_cast<const std::string_view*>(key);
}

unsigned long HashOf(std::string_view name) { return absl::Hash<std::string_view>{}(name); }

}  // namespace

struct TokenCache::Table {
  Table()
      : nodes(cds_lfht_new_flavor(kLeastBuckets, kLeastBuckets, 0, 0, &urcu_bp_flavor, nullptr)) {}

  // The caller holds a ReadLock, under which the node stays.
  Node* Find(std::string_view name) const {
    cds_lfht_iter iter;
    cds_lfht_lookup(nodes, HashOf(name), Matches, &name, &iter);
    return static_cast<Node*>(cds_lfht_iter_get_node(&iter));
  }

  cds_lfht* const nodes;
  // Among writers only, so that Add, Publish and Remove of one name do not cross.
  absl::Mutex writers;
  telemetry::CredentialCalls* NewCalls() ABSL_EXCLUSIVE_LOCKS_REQUIRED(writers) {
    if (free_calls.empty()) return &calls.emplace_back();
    telemetry::CredentialCalls* const reused = free_calls.back();
    free_calls.pop_back();
    reused->Begin();
    return reused;
  }

  size_t size ABSL_GUARDED_BY(writers) = 0;
  size_t buckets ABSL_GUARDED_BY(writers) = kLeastBuckets;
  // Never freed, only given to the next: who counts a call has left the reader's section.
  std::deque<telemetry::CredentialCalls> calls ABSL_GUARDED_BY(writers);
  std::vector<telemetry::CredentialCalls*> free_calls ABSL_GUARDED_BY(writers);
};

TokenCache::TokenCache() : table_(std::make_unique<Table>()) {}

TokenCache::~TokenCache() {
  {
    const ReadLock lock;
    cds_lfht_iter iter;
    cds_lfht_first(table_->nodes, &iter);
    while (cds_lfht_node* const node = cds_lfht_iter_get_node(&iter)) {
      RcuNodeIsSeen(node);
      cds_lfht_next(table_->nodes, &iter);
      cds_lfht_del(table_->nodes, node);
      DeleteAfterGracePeriod(static_cast<Node*>(node));
    }
  }
  RcuBarrierBegins();
  urcu_bp_barrier();
  RcuBarrierEnds();
  cds_lfht_destroy(table_->nodes, nullptr);
}

std::optional<TokenCache::Found> TokenCache::Find(std::string_view name, MonotonicTime now) const {
  const ReadLock lock;
  Node* const node = table_->Find(name);
  if (node == nullptr) return std::nullopt;
  const int64_t second = absl::ToInt64Seconds(now.since_origin());
  // Written once a second at most, so that readers on other cores keep the line.
  if (node->last_asked_s.load(std::memory_order_relaxed) != second) {
    node->last_asked_s.store(second, std::memory_order_relaxed);
  }
  const Box* const box = node->box.load(std::memory_order_acquire);
  return Found{.token = box == nullptr ? nullptr : box->token,
               .dormant = node->dormant.load(std::memory_order_relaxed)};
}

std::optional<MonotonicTime> TokenCache::LastAsked(std::string_view name) const {
  const ReadLock lock;
  const Node* const node = table_->Find(name);
  if (node == nullptr) return std::nullopt;
  const int64_t second = node->last_asked_s.load(std::memory_order_relaxed);
  if (second == kNeverAsked) return std::nullopt;
  return MonotonicTime(absl::Seconds(second));
}

bool TokenCache::Contains(std::string_view name) const {
  const ReadLock lock;
  return table_->Find(name) != nullptr;
}

telemetry::CredentialCalls* TokenCache::CallsOf(std::string_view name) const {
  const ReadLock lock;
  const Node* const node = table_->Find(name);
  return node == nullptr ? nullptr : node->calls;
}

void TokenCache::ForEachCalls(
    absl::FunctionRef<void(std::string_view, const telemetry::CredentialCalls&)> visit) const {
  const ReadLock lock;
  cds_lfht_iter iter;
  cds_lfht_first(table_->nodes, &iter);
  while (cds_lfht_node* const node = cds_lfht_iter_get_node(&iter)) {
    RcuNodeIsSeen(node);
    visit(static_cast<Node*>(node)->name, *static_cast<Node*>(node)->calls);
    cds_lfht_next(table_->nodes, &iter);
  }
}

std::vector<std::string> TokenCache::Names(size_t most) const {
  std::vector<std::string> names;
  const ReadLock lock;
  cds_lfht_iter iter;
  cds_lfht_first(table_->nodes, &iter);
  while (cds_lfht_node* const node = cds_lfht_iter_get_node(&iter)) {
    if (names.size() == most) break;
    RcuNodeIsSeen(node);
    names.push_back(static_cast<Node*>(node)->name);
    cds_lfht_next(table_->nodes, &iter);
  }
  return names;
}

void TokenCache::Add(std::string_view name) {
  absl::MutexLock writers(&table_->writers);
  auto node = std::make_unique<Node>(name, table_->NewCalls());
  // By ourselves, since liburcu would grow the table late and on a thread of its own: a million
  // names would have long chains for seconds. Readers go on meanwhile; outside of a read lock, for
  // whose ends it waits.
  if (table_->size >= table_->buckets) cds_lfht_resize(table_->nodes, table_->buckets *= 2);
  const ReadLock lock;
  RcuNodeIsMade(static_cast<cds_lfht_node*>(node.get()));
  const cds_lfht_node* const there =
      cds_lfht_add_unique(table_->nodes, HashOf(name), Matches, &name, node.get());
  if (there != node.get()) {
    table_->free_calls.push_back(node->calls);
    return;
  }
  node.release();
  ++table_->size;
}

void TokenCache::Publish(AccessTokenPtr token) {
  absl::MutexLock writers(&table_->writers);
  const ReadLock lock;
  Node* const node = table_->Find(token->credential);
  if (node == nullptr) return;
  token->calls.Set(node->calls);
  Box* const box = new Box(std::move(token));
  DeleteAfterGracePeriod(node->box.exchange(box, std::memory_order_acq_rel));
  node->dormant.store(false, std::memory_order_relaxed);
}

void TokenCache::Withdraw(std::string_view name) {
  absl::MutexLock writers(&table_->writers);
  const ReadLock lock;
  Node* const node = table_->Find(name);
  if (node == nullptr) return;
  DeleteAfterGracePeriod(node->box.exchange(nullptr, std::memory_order_acq_rel));
}

void TokenCache::SetDormant(std::string_view name, bool dormant) {
  const ReadLock lock;
  Node* const node = table_->Find(name);
  if (node != nullptr) node->dormant.store(dormant, std::memory_order_relaxed);
}

void TokenCache::Remove(std::string_view name) {
  absl::MutexLock writers(&table_->writers);
  const ReadLock lock;
  Node* const node = table_->Find(name);
  if (node == nullptr) return;
  cds_lfht_del(table_->nodes, node);
  --table_->size;
  table_->free_calls.push_back(node->calls);
  DeleteAfterGracePeriod(node);
}

}  // namespace token_service::broker
