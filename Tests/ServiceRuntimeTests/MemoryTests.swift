import FoundationEssentials
import TestSupport
import Testing

/// Of the whole process, so the other tests are in it; the differences looked for are larger than what they need.
@Suite("Memory") struct MemoryTests {
    @Test func `what is free between what is in use goes back to the system`() async throws {
        let (count, bytes) = (4000, 64 << 10)
        var blocks = (0..<count).map { _ in
            let block = UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: 16)
            block.initializeMemory(as: UInt8.self, repeating: 1, count: bytes)
            return block
        }
        let before = try residentBytes()
        // The last one stays, below which glibc's malloc would return nothing.
        while blocks.count > 1 { blocks.removeFirst().deallocate() }

        try await eventually("it has gone back") { try before - residentBytes() > count * bytes / 2 }
        blocks[0].deallocate()
    }

    private func residentBytes() throws -> Int {
        let statistics = try String(contentsOfFile: "/proc/self/statm", encoding: .utf8)
        return try #require(Int(statistics.split(separator: " ")[1])) * 4096
    }
}
