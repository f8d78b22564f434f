#pragma once

#include <string_view>

namespace token_service {

// Dotted decimal with four parts, nothing shorter.
bool IsIpv4Address(std::string_view host);
// Without brackets or zone.
bool IsIpv6Address(std::string_view host);

// 127.0.0.0/8, ::1 or localhost; an IPv6 host without brackets. Other names are not, whatever they
// resolve to.
bool IsLoopbackHost(std::string_view host);

}  // namespace token_service
