#include "server/store/sqlite/sqlite_status.h"

#include <sqlite3.h>

#include <string>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"

namespace token_service::store {
namespace {

constexpr char kPrimaryCode[] = "token_service/sqlite";

std::string_view PrimaryName(int code) {
  switch (code & 0xff) {
    case SQLITE_ERROR:
      return "SQLITE_ERROR";
    case SQLITE_PERM:
      return "SQLITE_PERM";
    case SQLITE_BUSY:
      return "SQLITE_BUSY";
    case SQLITE_LOCKED:
      return "SQLITE_LOCKED";
    case SQLITE_NOMEM:
      return "SQLITE_NOMEM";
    case SQLITE_READONLY:
      return "SQLITE_READONLY";
    case SQLITE_IOERR:
      return "SQLITE_IOERR";
    case SQLITE_CORRUPT:
      return "SQLITE_CORRUPT";
    case SQLITE_FULL:
      return "SQLITE_FULL";
    case SQLITE_CANTOPEN:
      return "SQLITE_CANTOPEN";
    case SQLITE_PROTOCOL:
      return "SQLITE_PROTOCOL";
    case SQLITE_TOOBIG:
      return "SQLITE_TOOBIG";
    case SQLITE_CONSTRAINT:
      return "SQLITE_CONSTRAINT";
    case SQLITE_MISUSE:
      return "SQLITE_MISUSE";
    case SQLITE_NOTADB:
      return "SQLITE_NOTADB";
    default:
      return "SQLite";
  }
}

}  // namespace

absl::Status SqliteError(int code, std::string_view doing) {
  const int primary = code & 0xff;
  std::string text = absl::StrCat(std::string(doing), ": ", std::string(PrimaryName(code)));
  if (code != primary) absl::StrAppend(&text, " (", code, ")");
  const bool damaged = primary == SQLITE_CORRUPT || primary == SQLITE_NOTADB;
  absl::Status status = damaged ? absl::DataLossError(text) : absl::UnavailableError(text);
  status.SetPayload(kPrimaryCode, absl::Cord(absl::StrCat(primary)));
  return status;
}

bool MayHaveWritten(const absl::Status& status) {
  const auto code = status.GetPayload(kPrimaryCode);
  for (const int harmless : {SQLITE_BUSY, SQLITE_LOCKED, SQLITE_NOMEM, SQLITE_PROTOCOL}) {
    if (code.has_value() && *code == absl::StrCat(harmless)) return false;
  }
  return !status.ok();
}

}  // namespace token_service::store
