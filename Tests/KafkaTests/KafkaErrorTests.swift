import CRDKafka
import Testing

@testable import Kafka

@Suite("Kafka errors")
struct KafkaErrorTests {
    /// librdkafka would go on behind them, and the next offset that is stored would be past them for good.
    @Test func `records whose checksum is wrong end the client, so that they are read again`() {
        #expect(KafkaError(code: RD_KAFKA_RESP_ERR__BAD_MSG, detail: "CRC32C") == .fatal("CRC32C"))
    }
}
