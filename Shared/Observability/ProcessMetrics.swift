import FoundationEssentials
import Glibc
import Kernel

extension PrometheusCollectorRegistry {
    /// What Prometheus's clients in all languages tell of a process, under the same names; to be called as it starts.
    package func addProcessMetrics() {
        let start = Double(LogSink.now().unixMicroseconds) / 1e6
        makeCounter(name: "process_cpu_seconds_total", help: "User and system CPU time.") {
            var time = timespec()
            clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
            return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
        }
        makeGauge(name: "process_resident_memory_bytes", help: "Resident memory.") {
            let words = (try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8))?.split(
                separator: " ")
            return Double(words?.dropFirst().first ?? "").map { $0 * Double(getpagesize()) } ?? .nan
        }
        makeGauge(name: "process_start_time_seconds", help: "Start time, since 1970.") { start }
        makeGauge(name: "process_open_fds", help: "Open file descriptors.") {
            (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")).map { Double($0.count) }
                ?? .nan
        }
    }
}
