import CRDKafka
import Testing

@testable import Kafka

@Suite("Kafka errors")
struct KafkaErrorTests {
    /// librdkafka would go on behind them, and the next offset that is stored would be past them for good.
    @Test func `records whose checksum is wrong end the client, so that they are read again`() {
        #expect(KafkaError(code: RD_KAFKA_RESP_ERR__BAD_MSG, detail: "CRC32C") == .fatal("CRC32C"))
    }

    @Test func `a refusal says which topic it is about, once`() {
        func refusal(_ detail: String) -> KafkaError {
            KafkaError(
                code: RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, topic: "orders.created", detail: detail)
        }
        #expect(refusal("no") == .authorization("orders.created: no"))
        #expect(refusal("orders.created: no") == .authorization("orders.created: no"))
    }
}
