import Glibc

/// What single steps cost this process, so that a regression has an address; see `deploy/micro`.
@main struct Main {
    static func main() async {
        do {
            try await OutboxBench.with { outbox in
                let steps = try Step.pure() + Step.onPostgres(outbox)
                try await run(steps, Array(CommandLine.arguments.dropFirst()))
            }
        } catch {
            write("micro: \(error)\n", to: STDERR_FILENO)
            exit(1)
        }
    }

    private static func run(_ steps: [Step], _ names: [String]) async throws {
        guard Set(names).isSubset(of: steps.map(\.name)) else {
            write(
                "usage: micro [STEP]...\nsteps: \(steps.map(\.name).joined(separator: ", "))\n",
                to: STDERR_FILENO)
            exit(64)
        }
        for step in steps where names.isEmpty || names.contains(step.name) {
            let nanoseconds = "\(try await step.nanoseconds())"
            let space = String(repeating: " ", count: max(1, 32 - step.name.count - nanoseconds.count))
            write(step.name + space + nanoseconds + " ns\n")
        }
    }
}

func write(_ text: String, to descriptor: Int32 = STDOUT_FILENO) {
    var text = text
    text.withUTF8 { _ = Glibc.write(descriptor, $0.baseAddress, $0.count) }
}
