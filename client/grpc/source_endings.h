#pragma once

#include <memory>

#include "token_service/token_source.h"

namespace token_service::client {

// Ends sources for threads that may not wait for it (gRPC's), and keeps the process from ending
// meanwhile: a source that is being ended makes gRPC calls, and those are not to meet destroyed
// statics.

// To be called before EndSource, when gRPC has been initialised: what is destroyed at exit() goes
// in the order opposite to its making, so gRPC's statics outlast the wait.
void PrepareSourceEndings();

// Gives this reference up on a thread of its own; does not wait. exit() waits for what is under
// way, ten seconds at most. A reference that comes after that wait is kept: such a source lives
// until the process is gone, like one that nobody ever ends. Any thread.
void EndSource(std::shared_ptr<const TokenSource> source);

}  // namespace token_service::client
