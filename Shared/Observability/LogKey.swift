/// The metadata keys of all modules, so that one query finds an order in the logs of every service.
package enum LogKey {
    package static let attempt = "attempt"
    package static let causationID = "causation.id"
    package static let count = "count"
    package static let error = "error"
    package static let eventType = "event.type"
    package static let kafkaClient = "kafka.client"
    package static let kafkaCluster = "kafka.cluster"
    package static let kafkaOffset = "kafka.offset"
    package static let kafkaPartition = "kafka.partition"
    package static let kafkaTopic = "kafka.topic"
    package static let orderID = "order.id"
    package static let sqlState = "db.sqlstate"
}
