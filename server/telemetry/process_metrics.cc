#include "server/telemetry/process_metrics.h"

#include <dirent.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

namespace token_service::telemetry {
namespace {

// Fields of /proc/self/stat as proc(5) numbers them, from the third on: those before are the number
// and the name, which may hold anything.
std::vector<std::string> StatFields() {
  std::ifstream in("/proc/self/stat");
  std::string line;
  std::getline(in, line);
  const size_t end_of_name = line.rfind(')');
  if (end_of_name == std::string::npos) return {};
  std::istringstream rest(line.substr(end_of_name + 1));
  std::vector<std::string> fields(3);
  for (std::string field; rest >> field;) fields.push_back(field);
  return fields;
}

std::optional<double> Number(const std::vector<std::string>& fields, size_t index) {
  if (index >= fields.size()) return std::nullopt;
  return std::strtod(fields[index].c_str(), nullptr);
}

// The kernel's, in seconds since 1970.
std::optional<double> BootTime() {
  std::ifstream in("/proc/stat");
  for (std::string word; in >> word;) {
    double seconds = 0;
    if (word == "btime" && in >> seconds) return seconds;
  }
  return std::nullopt;
}

std::optional<double> OpenFiles() {
  DIR* const directory = opendir("/proc/self/fd");
  if (directory == nullptr) return std::nullopt;
  int count = 0;
  while (const dirent* const entry = readdir(directory)) count += entry->d_name[0] != '.' ? 1 : 0;
  closedir(directory);
  return count - 1;  // The directory itself.
}

void Gauge(MetricsSink& sink, const char* name, const char* help, std::optional<double> value,
           MetricType type = MetricType::kGauge) {
  if (value.has_value()) Single(sink, type, name, help, *value);
}

}  // namespace

void ProcessMetrics::Collect(MetricsSink& sink) const {
  sink.Family(MetricType::kGauge, "token_service_build_info", "1, labelled with what is running.");
  sink.Sample({{"version", version_}, {"compiler", __VERSION__}}, 1);

  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  Gauge(sink, "process_cpu_seconds_total", "User and system CPU time spent.",
        seconds(usage.ru_utime) + seconds(usage.ru_stime), MetricType::kCounter);
  const std::vector<std::string> fields = StatFields();
  Gauge(sink, "process_threads", "Threads of the process.", Number(fields, 20));
  Gauge(sink, "process_virtual_memory_bytes", "Virtual memory size.", Number(fields, 23));
  if (const auto pages = Number(fields, 24)) {
    Gauge(sink, "process_resident_memory_bytes", "Resident memory size.",
          *pages * static_cast<double>(sysconf(_SC_PAGESIZE)));
  }
  const std::optional<double> boot = BootTime();
  const std::optional<double> ticks = Number(fields, 22);
  if (boot.has_value() && ticks.has_value()) {
    Gauge(sink, "process_start_time_seconds", "When the process started, since the Unix epoch.",
          *boot + *ticks / static_cast<double>(sysconf(_SC_CLK_TCK)));
  }
  Gauge(sink, "process_open_fds", "Open file descriptors.", OpenFiles());
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    Gauge(sink, "process_max_fds", "How many there may be.", static_cast<double>(limit.rlim_cur));
  }
}

}  // namespace token_service::telemetry
