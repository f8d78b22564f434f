#pragma once

#include <string>
#include <string_view>

#include "absl/functional/function_ref.h"
#include "server/store/transitions.h"

namespace token_service::testing {

// A row of the `credentials.db` in this directory as it lies there, for whoever has the file and no
// key. Expects the row to be there.
store::StoredRow RawRow(const std::string& data_dir, std::string_view name);

// Changes it by hand, past the server.
void ChangeRawRow(const std::string& data_dir, std::string_view name,
                  absl::FunctionRef<void(store::StoredRow&)> change);

}  // namespace token_service::testing
