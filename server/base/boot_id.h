#pragma once

#include <string>
#include <string_view>

namespace token_service {

// Names the origin of CLOCK_BOOTTIME as this process sees it: the machine's boot and, in a time
// namespace, that one's offset (time_namespaces(7)). Two processes that have the same name have the
// same clock, be it that one ended before the other started. Empty: the kernel does not say, and
// the service manager did not either (`TOKEN_SERVICE_BOOT_ID`, %b of systemd.unit(5): a unit with
// `ProcSubset=pid` does not see the kernel's).
std::string ReadBootId();

// The same of given texts: /proc/sys/kernel/random/boot_id, the environment's word, and
// /proc/self/timens_offsets.
std::string BootIdOf(std::string_view kernel, std::string_view environment,
                     std::string_view offsets);

}  // namespace token_service
