#include "server/base/secret_memory.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace token_service {
namespace {

// What the kernel says of the mapping that an address lies in, as in proc(5): `lo` locked, `dd` not
// dumped.
bool HasFlag(const char* address, const std::string& flag) {
  std::ifstream maps("/proc/self/smaps");
  bool inside = false;
  for (std::string line; std::getline(maps, line);) {
    uintptr_t begin = 0;
    uintptr_t end = 0;
    if (std::sscanf(line.c_str(), "%lx-%lx ", &begin, &end) == 2) {
      inside = begin <= reinterpret_cast<uintptr_t>(address) &&
               reinterpret_cast<uintptr_t>(address) < end;
    } else if (inside && line.starts_with("VmFlags:")) {
      return (line + " ").find(" " + flag + " ") != std::string::npos;
    }
  }
  return false;
}

// The sanitizers make mlock() a success that locks nothing.
bool MlockLocks() {
  void* const page = mmap(nullptr, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  const bool locks = mlock(page, 4096) != 0 || HasFlag(static_cast<char*>(page), "lo");
  munmap(page, 4096);
  return locks;
}

TEST(SecretMemoryTest, BlocksOfEverySizeKeepTheirBytes) {
  std::vector<std::pair<char*, size_t>> blocks;
  for (size_t size = 1; size < 40'000; size += 1 + size / 7) {
    for (int i = 0; i < 3; ++i) {
      blocks.emplace_back(AllocateSecret(size), size);
      std::memset(blocks.back().first, static_cast<int>(blocks.size() % 251), size);
    }
  }
  for (size_t i = 0; i < blocks.size(); ++i) {
    const auto [data, size] = blocks[i];
    const char expected = static_cast<char>((i + 1) % 251);
    EXPECT_TRUE(std::all_of(data, data + size, [expected](char c) { return c == expected; }))
        << size;
    FreeSecret(data, size);
  }
}

TEST(SecretMemoryTest, WhatIsFreedIsWipedAndUsedAgain) {
  constexpr size_t kSize = 3000;
  char* const first = AllocateSecret(kSize);
  std::memset(first, 'x', kSize);
  FreeSecret(first, kSize);
  char* const second = AllocateSecret(kSize);
  ASSERT_EQ(second, first);
  EXPECT_EQ(std::count(second, second + kSize, 'x'), 0);
  FreeSecret(second, kSize);
}

TEST(SecretMemoryTest, StaysOutOfCoreFilesAndTheSwap) {
  for (const size_t size : {size_t{40}, size_t{30'000}}) {
    const size_t unlocked = GetSecretMemoryUse().unlocked;
    char* const data = AllocateSecret(size);
    EXPECT_TRUE(HasFlag(data, "dd"));
    if (GetSecretMemoryUse().unlocked == unlocked && MlockLocks()) {
      EXPECT_TRUE(HasFlag(data, "lo"));
    }
    FreeSecret(data, size);
  }
  char on_the_stack = 0;
  EXPECT_FALSE(HasFlag(&on_the_stack, "dd")) << "the look itself is broken";
}

TEST(SecretMemoryTest, SecretsShareTheirPages) {
  constexpr size_t kCount = 20'000;
  constexpr size_t kSize = 44;  // A refresh token.
  const auto all = [] { return GetSecretMemoryUse().locked + GetSecretMemoryUse().unlocked; };
  const size_t before = all();
  std::vector<char*> blocks;
  for (size_t i = 0; i < kCount; ++i) blocks.push_back(AllocateSecret(kSize));
  EXPECT_LT(all() - before, kCount * 48 + size_t{2} * 1024 * 1024);
  for (char* const block : blocks) FreeSecret(block, kSize);
}

[[noreturn]] void UseMemoryThatCannotBeLocked() {
  const rlimit none{.rlim_cur = 0, .rlim_max = 0};
  setrlimit(RLIMIT_MEMLOCK, &none);
  // Root may lock whatever it likes.
  if (geteuid() == 0 && seteuid(65534) != 0) _exit(2);
  const size_t locked = GetSecretMemoryUse().locked;
  for (int i = 0; i < 5000; ++i) std::memset(AllocateSecret(1000), 'x', 1000);
  std::memset(AllocateSecret(50'000), 'x', 50'000);
  const SecretMemoryUse use = GetSecretMemoryUse();
  _exit(use.locked == locked && use.unlocked >= 5'000'000 ? 0 : 1);
}

TEST(SecretMemoryTest, WhereTheLimitIsReachedItGoesOnUnlocked) {
  if (!MlockLocks()) GTEST_SKIP() << "a sanitizer's mlock() knows no limit";
  EXPECT_EXIT(UseMemoryThatCannotBeLocked(), ::testing::ExitedWithCode(0), "");
}

TEST(SecretMemoryTest, AnyThreadMayTakeAndFree) {
  std::vector<std::thread> threads;
  for (char thread = 1; thread <= 4; ++thread) {
    threads.emplace_back([thread] {
      std::vector<char*> blocks;
      for (size_t round = 0; round < 2000; ++round) {
        blocks.push_back(AllocateSecret(100));
        std::memset(blocks.back(), thread, 100);
        if (round % 3 != 0) continue;
        EXPECT_EQ(std::count(blocks.front(), blocks.front() + 100, thread), 100);
        FreeSecret(blocks.front(), 100);
        blocks.erase(blocks.begin());
      }
      for (char* const block : blocks) FreeSecret(block, 100);
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace token_service
