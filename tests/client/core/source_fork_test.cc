#include <sys/wait.h>
#include <unistd.h>

#include <memory>
#include <optional>

#include "gtest/gtest.h"
#include "tests/client/core/fake_transport.h"
#include "token_service/token_source.h"

namespace token_service::client {
namespace {

using token_service::testing::FakeBootClock;
using token_service::testing::FakeTransport;
using token_service::testing::LentTransport;
using token_service::testing::Token;

TEST(SourceForkTest, TheChildIsToldAndTheParentGoesOn) {
  FakeTransport transport;
  FakeBootClock clock;
  auto source = std::make_unique<TokenSource>(std::make_unique<LentTransport>(transport),
                                              TokenSourceOptions{}, clock);
  transport.sink().OnToken(transport.AwaitStarted(1)[0].call, Token(1));
  std::optional<TokenOrError> held = source->Get(absl::Hours(1));
  ASSERT_TRUE(held->ok());

  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    // Exit codes, since the test's output is the parent's. Every line would hang or crash if it
    // went for the source's thread or a lock.
    if (source->Current().ok()) _exit(1);
    if (source->Current().error().reason != ErrorReason::kForked) _exit(2);
    if (source->Get(absl::Hours(1)).error().reason != ErrorReason::kForked) _exit(3);
    source->Rejected(**held);
    if (source->Replace(**held, absl::Hours(1)).error().reason != ErrorReason::kForked) _exit(4);
    if ((*held)->Reveal() != "token-1") _exit(5);
    held.reset();
    source.reset();
    _exit(42);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 42);

  EXPECT_EQ(source->Current()->generation(), 1u);
  transport.sink().OnToken(transport.AwaitStarted(1)[0].call, Token(2));
  while (source->Current()->generation() != 2) usleep(1000);
}

}  // namespace
}  // namespace token_service::client
