import CRDKafka
package import Observability
import Synchronization

/// A cluster in this process that keeps its records in memory; it comes with librdkafka.
///
/// For tests and for trying things out. It keeps at most 5 MB for each partition, makes topics that are asked
/// for (with 4 partitions) and doesn't know the admin requests. Close it after its clients.
package final class MockCluster: Sendable {
    private let client: ClientHandle
    // The library locks the cluster itself; the mutex keeps calls from a cluster that is gone.
    private let cluster: Mutex<SharedPointer?>
    /// Of the brokers, on ports of 127.0.0.1 that the system chose.
    package let bootstrapServers: String

    /// - Throws: `.configuration` when the ports can't be had.
    package init(brokers: Int, logger: Logger) throws(KafkaError) {
        client = try ClientHandle(
            type: RD_KAFKA_PRODUCER, settings: ["client.id": "mock"],
            context: ClientContext(logger: logger, clientID: "mock"))
        guard let cluster = rd_kafka_mock_cluster_new(client.pointer, Int32(brokers)) else {
            client.destroy()
            throw .configuration("the mock cluster could not start")
        }
        bootstrapServers = String(cString: rd_kafka_mock_cluster_bootstraps(cluster))
        self.cluster = Mutex(SharedPointer(pointer: cluster))
    }

    package func createTopic(_ name: String, partitions: Int32) throws(KafkaError) {
        try perform { rd_kafka_mock_topic_create($0, name, partitions, 1) }
    }

    /// Disconnects all clients and takes no connection until `setUp`.
    package func setDown() throws(KafkaError) {
        try perform { rd_kafka_mock_broker_set_down($0, -1) }
    }

    /// Lets every answer come this much later.
    package func delay(milliseconds: Int32) throws(KafkaError) {
        try perform { rd_kafka_mock_broker_set_rtt($0, -1, milliseconds) }
    }

    package func setUp() throws(KafkaError) {
        try perform { rd_kafka_mock_broker_set_up($0, -1) }
    }

    /// Answers the next requests of a kind with these errors, one each.
    ///
    /// - Parameters:
    ///   - request: the number that Kafka's protocol gives the request: 0 is Produce, 1 Fetch.
    ///   - codes: error codes of Kafka's protocol; -195 cuts the connection instead.
    /// - Throws: `.closed`.
    package func failNext(request: Int16, codes: [Int32]) throws(KafkaError) {
        try perform { cluster in
            let errors = codes.map { rd_kafka_resp_err_t($0) }
            rd_kafka_mock_push_request_errors_array(cluster, request, errors.count, errors)
            return RD_KAFKA_RESP_ERR_NO_ERROR
        }
    }

    /// Answers every question about a topic's partitions with an error; 0 ends it.
    package func failTopic(_ name: String, code: Int32) throws(KafkaError) {
        try perform { cluster in
            rd_kafka_mock_topic_set_error(cluster, name, rd_kafka_resp_err_t(code))
            return RD_KAFKA_RESP_ERR_NO_ERROR
        }
    }

    /// Ends the brokers; blocks for a moment.
    ///
    /// Their records are gone.
    package func close() {
        let taken = cluster.withLock { cluster -> SharedPointer? in
            defer { cluster = nil }
            return cluster
        }
        guard let taken else { return }
        rd_kafka_mock_cluster_destroy(taken.pointer)
        client.destroy()
    }

    private func perform(_ call: (OpaquePointer) -> rd_kafka_resp_err_t) throws(KafkaError) {
        let code = cluster.withLock { cluster in
            cluster.map { call($0.pointer) } ?? RD_KAFKA_RESP_ERR__DESTROY
        }
        guard code == RD_KAFKA_RESP_ERR_NO_ERROR else { throw KafkaError(code: code) }
    }
}
