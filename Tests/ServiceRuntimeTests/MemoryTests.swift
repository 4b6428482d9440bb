import CSystem
import FoundationEssentials
import Testing

/// Of the whole process, so the other tests are in it; the differences looked for are larger than what they need.
@Suite("Memory") struct MemoryTests {
    @Test func `what is free between what is in use goes back to the system`() throws {
        let (count, bytes) = (4000, 64 << 10)
        var blocks = (0..<count).map { _ in
            let block = UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: 16)
            block.initializeMemory(as: UInt8.self, repeating: 1, count: bytes)
            return block
        }
        // The last one stays, below which malloc by itself would return nothing.
        while blocks.count > 1 { blocks.removeFirst().deallocate() }
        let before = try residentBytes()

        shop_return_free_memory()

        #expect(try before - residentBytes() > count * bytes / 2)
        blocks[0].deallocate()
    }

    private func residentBytes() throws -> Int {
        let statistics = try String(contentsOfFile: "/proc/self/statm", encoding: .utf8)
        return try #require(Int(statistics.split(separator: " ")[1])) * 4096
    }
}
