#pragma once

#include <cstdint>

namespace token_service::bench {

// How often this thread has called operator new. The program that links counted_new.cc counts.
uint64_t AllocationsOfThisThread();

}  // namespace token_service::bench
