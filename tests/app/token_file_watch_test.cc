#include "server/config/token_file_watch.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "tests/app/scratch_dir.h"

namespace token_service::app {
namespace {

// What a look brings: a token, nothing (""), or an error ("!").
std::string Look(TokenFileWatch& watch) {
  const auto result = watch.Check();
  if (!result.ok()) return "!";
  return result->has_value() ? std::string((*result)->Reveal()) : "";
}

// The first token has been seen and brought.
void Settle(TokenFileWatch& watch) {
  Look(watch);
  Look(watch);
}

TEST(TokenFileWatchTest, TheFirstTokenIsBroughtOnceTwoLooksAgree) {
  const ScratchDir dir;
  TokenFileWatch watch(dir.Write("t", "o"));
  EXPECT_EQ(Look(watch), "");
  dir.Write("t", "one\n");
  EXPECT_EQ(Look(watch), "") << "half of it was seen before";
  EXPECT_EQ(Look(watch), "one");
  EXPECT_EQ(Look(watch), "");
}

TEST(TokenFileWatchTest, AChangeIsBroughtOnceTwoLooksAgree) {
  const ScratchDir dir;
  TokenFileWatch watch(dir.Write("t", "one"));
  Settle(watch);
  dir.Write("t", "two");
  EXPECT_EQ(Look(watch), "");
  EXPECT_EQ(Look(watch), "two");
  EXPECT_EQ(Look(watch), "");
}

TEST(TokenFileWatchTest, WhatCouldNotBeUsedIsBroughtOnceMore) {
  const ScratchDir dir;
  TokenFileWatch watch(dir.Write("t", "one"));
  Settle(watch);
  watch.BringAgain();
  EXPECT_EQ(Look(watch), "one");
  EXPECT_EQ(Look(watch), "");
}

TEST(TokenFileWatchTest, ANewerOneGoesBeforeWhatCouldNotBeUsed) {
  const ScratchDir dir;
  TokenFileWatch watch(dir.Write("t", "one"));
  Settle(watch);
  watch.BringAgain();
  dir.Write("t", "two");
  EXPECT_EQ(Look(watch), "");
  EXPECT_EQ(Look(watch), "two");
  EXPECT_EQ(Look(watch), "");
}

TEST(TokenFileWatchTest, AHalfWrittenTokenIsNotBrought) {
  const ScratchDir dir;
  TokenFileWatch watch(dir.Write("t", "one"));
  Settle(watch);
  dir.Write("t", "tw");
  EXPECT_EQ(Look(watch), "");
  dir.Write("t", "two");
  EXPECT_EQ(Look(watch), "");
  EXPECT_EQ(Look(watch), "two");
}

TEST(TokenFileWatchTest, ARenameOverTheFileIsAChange) {
  const ScratchDir dir;
  TokenFileWatch watch(dir.Write("t", "one"));
  Settle(watch);
  std::filesystem::rename(dir.Write("new", "two"), dir.Path("t"));
  Look(watch);
  EXPECT_EQ(Look(watch), "two");
}

TEST(TokenFileWatchTest, ATurnedLinkIsAChange) {
  const ScratchDir dir;
  std::filesystem::create_symlink(dir.Write("a", "one"), dir.Path("t"));
  TokenFileWatch watch(dir.Path("t"));
  Settle(watch);
  std::filesystem::create_symlink(dir.Write("b", "two"), dir.Path("next"));
  std::filesystem::rename(dir.Path("next"), dir.Path("t"));
  Look(watch);
  EXPECT_EQ(Look(watch), "two");
}

TEST(TokenFileWatchTest, TouchingOrReformattingIsNoChange) {
  const ScratchDir dir;
  TokenFileWatch watch(dir.Write("t", "one"));
  Settle(watch);
  dir.Write("t", "  one\n\n");
  EXPECT_EQ(Look(watch), "");
  EXPECT_EQ(Look(watch), "");
}

TEST(TokenFileWatchTest, AnErrorIsToldOnceAndAnotherAgain) {
  const ScratchDir dir;
  TokenFileWatch watch(dir.Write("t", "one"));
  Settle(watch);
  std::filesystem::remove(dir.Path("t"));
  EXPECT_EQ(Look(watch), "!");
  EXPECT_EQ(Look(watch), "");
  dir.Write("t", "");
  EXPECT_EQ(Look(watch), "!");
  EXPECT_EQ(Look(watch), "");
}

TEST(TokenFileWatchTest, TheSameTokenAfterAnErrorIsNoChange) {
  const ScratchDir dir;
  TokenFileWatch watch(dir.Write("t", "one"));
  Settle(watch);
  dir.Write("t", "");
  Look(watch);
  dir.Write("t", "one");
  EXPECT_EQ(Look(watch), "");
  EXPECT_EQ(Look(watch), "");
}

TEST(TokenFileWatchTest, AFileThatComesLaterIsBrought) {
  const ScratchDir dir;
  TokenFileWatch watch(dir.Path("t"));
  EXPECT_EQ(Look(watch), "!");
  dir.Write("t", "one");
  EXPECT_EQ(Look(watch), "");
  EXPECT_EQ(Look(watch), "one");
}

}  // namespace
}  // namespace token_service::app
