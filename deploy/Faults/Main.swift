import Glibc

/// Breaks the shop in many ways, and checks that it keeps its promises; see `deploy/faults`.
@main struct Main {
    static func main() async {
        guard let options = Options(Array(CommandLine.arguments.dropFirst())) else {
            say(Options.usage)
            exit(64)
        }
        let known = Set(allExperiments.map(\.name))
        if let unknown = options.only.first(where: { !known.contains($0) }) {
            say("no experiment is called \(unknown): --list shows them")
            exit(64)
        }
        if options.listsOnly {
            for experiment in allExperiments { say("\(experiment.name): \(experiment.summary)") }
            exit(0)
        }
        let chosen = allExperiments.filter {
            options.only.isEmpty ? $0.name != "none" : options.only.contains($0.name)
        }
        var verdicts: [Verdict] = []
        do {
            let conductor = Conductor(options: options, parts: try Parts())
            for experiment in chosen {
                verdicts.append(await conductor.conduct(experiment))
                tell(verdicts[verdicts.count - 1])
            }
        } catch {
            say("faults: \(error)")
            exit(70)
        }
        say("\n" + table(verdicts, options))
        exit(verdicts.allSatisfy(\.passed) ? 0 : 1)
    }

    private static func tell(_ verdict: Verdict) {
        let seconds = Int(verdict.seconds.rounded())
        say(
            "\(verdict.name): \(verdict.passed ? "passed" : "FAILED") seed=\(verdict.seed) orders=\(verdict.orders)"
                + " \(verdict.faultName)=\(verdict.faults) seconds=\(seconds)")
        for (name, count) in verdict.counts { say("    \(name): \(count)") }
        for failure in verdict.failures { say("  ! \(failure)") }
    }

    /// For a README.
    private static func table(_ verdicts: [Verdict], _ options: Options) -> String {
        var lines = [
            "| experiment | seed | orders | faults | what was counted | seconds | violations |",
            "| --- | --- | --- | --- | --- | --- | --- |",
        ]
        for verdict in verdicts {
            let counts = verdict.counts.map { "\($0.name) \($0.count)" }.joined(separator: ", ")
            lines.append(
                "| \(verdict.name) | \(verdict.seed) | \(verdict.orders) | \(verdict.faults) \(verdict.faultName) | \(counts)"
                    + " | \(Int(verdict.seconds.rounded())) | \(verdict.passed ? "0" : "**\(verdict.failures.count)**") |"
            )
        }
        return lines.joined(separator: "\n")
    }
}

/// A line to standard output, in one piece and at once.
func say(_ line: String) {
    let bytes = Array((line + "\n").utf8)
    // Nobody is left to tell if this fails.
    _ = Glibc.write(1, bytes, bytes.count)
}
