import CRDKafka
import Testing

@testable import Kafka

@Suite("Kafka errors")
struct KafkaErrorTests {
    /// librdkafka would go on behind them, and the next offset that is stored would be past them for good.
    @Test func `records whose checksum is wrong end the client, so that they are read again`() {
        #expect(KafkaError(code: RD_KAFKA_RESP_ERR__BAD_MSG, detail: "CRC32C") == .fatal("CRC32C"))
    }

    @Test func `a client that finds no room for a thread is tried again, and a wrong setting is not`() {
        #expect(
            KafkaError.start(RD_KAFKA_RESP_ERR__INVALID_ARG, "no such file") == .configuration("no such file")
        )
        for code in [RD_KAFKA_RESP_ERR__CRIT_SYS_RESOURCE, RD_KAFKA_RESP_ERR_NO_ERROR] {
            #expect(KafkaError.start(code, "no thread") == .other(code: code.rawValue, "no thread"))
        }
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
