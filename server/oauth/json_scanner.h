#pragma once

#include <array>
#include <cstddef>
#include <string_view>

namespace token_service::oauth {

// Reads JSON (RFC 8259) piece by piece, where it lies: nothing is copied, so nothing of an answer
// is in other memory than the answer. What it tells points into the text.
//
// Lenient where real answers want it: a byte order mark, a comma after the last member, single
// quotes, names without quotes, any byte within a string, words that are no JSON (`NaN`, `0123`) as
// scalars that say nothing. Nested more than 32 deep is broken: no token endpoint needs more.
class JsonScanner {
 public:
  enum class Event {
    kObject,     // A value that is an object begins; its members follow.
    kObjectEnd,  //
    kList,       // A value that is a list begins; its values follow.
    kListEnd,    //
    kString,     // A string.
    kScalar,     // A number, `true`, `false`, `null`, another bare word.
    kEnd,        // One whole value, and nothing but white space after it.
    kCut,        // The text ended within the value: raw() is the string it ended in, if any.
    kBroken,     // What comes is no JSON.
  };

  static constexpr size_t kMaxDepth = 32;

  explicit JsonScanner(std::string_view text);

  // The last three come again and again.
  Event Next();

  // Of the value that Next told of last (or was cut in): its name, between its quotes and not
  // decoded, when it is an object's member.
  std::string_view name() const { return name_; }
  // Of kString: what is between its quotes, not decoded. Of kScalar: as it stands.
  std::string_view raw() const { return raw_; }
  // How many objects and lists are open.
  size_t depth() const { return depth_; }

 private:
  enum class Want { kValue, kFirst, kNext };

  Event Value();
  Event Open(bool object);
  Event Close(char bracket);
  bool Name();
  bool Text(char quote, std::string_view& text);
  std::string_view Bare();
  void SkipSpace();
  Event End(Event how);
  bool AtEnd() const { return at_ == text_.size(); }

  const std::string_view text_;
  size_t at_ = 0;
  size_t depth_ = 0;
  std::array<bool, kMaxDepth> is_object_ = {};  // Of what is open, outermost first.
  Want want_ = Want::kValue;
  bool ended_ = false;
  Event end_ = Event::kEnd;
  std::string_view name_;
  std::string_view raw_;
};

}  // namespace token_service::oauth
