#pragma once

#include <random>
#include <string>
#include <vector>

namespace token_service::api {

// Serialised GetAccessTokenRequests, usual and unusual: every field and none, in other orders,
// repeated, unknown, of other wire types, negative, huge, not UTF-8, cut short.
std::vector<std::string> NotableRequests();

// One of these with some bytes changed, added or taken away.
std::string Mutated(const std::vector<std::string>& from, std::mt19937& random);

}  // namespace token_service::api
