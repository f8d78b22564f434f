#pragma once

#include "absl/status/status.h"

namespace token_service::http {

// Sets libcurl up for this process, once, with an allocator that wipes what it frees: libcurl
// copies request bodies, headers and answers into buffers of its own. Any thread; before anybody
// else initialises libcurl.
absl::Status InitializeCurl();

}  // namespace token_service::http
