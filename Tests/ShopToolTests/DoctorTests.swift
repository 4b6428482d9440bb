import Kafka
import Observability
import Postgres
import Synchronization
import TestSupport
import Testing

@testable import ShopTool

@Suite("What is said of parts that are away or wrongly set") struct DoctorTests {
    private func shop(_ environment: [String: String]) -> Shop {
        Shop(settings: Settings(environment: environment, localFolder: nil), console: Console { _, _ in })
    }

    @Test func `a setting that can't be is no service to start`() async {
        let mechanism = "KAFKA_SASL_MECHANISM is one of none, PLAIN, not `SCRAM`"
        let kafka = await Diagnosis.ofKafka(shop(["KAFKA_SASL_MECHANISM": "SCRAM"]))
        #expect(kafka.map(\.found) == [mechanism])
        let orders = await Diagnosis.ofService("orders", shop(["ORDERS_URL": "nope"]))
        #expect(orders.found == "ORDERS_URL is an address such as http://127.0.0.1:8080, not `nope`")
        let database = await Diagnosis.ofDatabase(shop(["DATABASE_URL_FILE": "/nowhere"]))
        #expect(database.map(\.found) == ["DATABASE_URL_FILE: can't read /nowhere"])
    }

    @Test func `what is away is to be started`() async {
        let orders = await Diagnosis.ofService("orders", shop(["ORDERS_URL": "http://127.0.0.1:1"]))
        #expect(
            orders.found
                == "nobody answers at http://127.0.0.1:1: is the service running? Start it, or set ORDERS_URL"
        )
        let database = await Diagnosis.ofDatabase(shop(["DATABASE_URL": "postgres://127.0.0.1:1/shop"]))
        #expect(database.allSatisfy { $0.found.hasSuffix("refused: start it, or set DATABASE_URL") })
    }

    @Test func `an outbox that can't be read is told of`() async throws {
        try await PostgresServer.fromEnvironment().withDatabase { configuration in
            try await PostgresConnection.with(configuration, logger: RecordedLog().logger) { connection in
                let shop = shop(["DATABASE_URL": configuration.url])
                #expect(
                    await Diagnosis.ofOutbox("orders", cluster: "c", shop).isEmpty, "no table, which is told")
                try await connection.simple(
                    """
                    CREATE SCHEMA orders; CREATE TABLE orders.outbox (id int);
                    CREATE TABLE orders.outbox_cursor (id int)
                    """, timeout: .seconds(5))
                let symptoms = await Diagnosis.ofOutbox("orders", cluster: "c", shop)
                #expect(symptoms.map(\.check) == ["outbox orders"])
                #expect(symptoms.first?.found.hasPrefix("can't be read: ") == true)
            }
        }
    }

    @Test func `records that were deleted before they were handled are told of`() {
        let partition = TopicPartition(topic: "orders.created", partition: 0)
        func symptoms(next: Int64) -> [Symptom] {
            let limits = [partition: PartitionLag(committed: nil, beginning: 6, end: 9)]
            return Diagnosis.ofOffsets(["inventory": [partition: next], "sales": [:]], limits)
        }
        #expect(symptoms(next: 3).map(\.isFine) == [false])
        #expect(symptoms(next: 3).first?.found.hasPrefix("inventory waits for orders.created-0 at 3") == true)
        for next: Int64 in [0, 6, 9] { #expect(symptoms(next: next).map(\.isFine) == [true]) }
    }

    @Test func `a cluster that can't be asked is no silent dash`() async throws {
        let notes = Mutex<[String]>([])
        let shop = Shop(
            settings: Settings(
                environment: [
                    "KAFKA_SASL_MECHANISM": "SCRAM", "DATABASE_URL": "postgres://127.0.0.1:1/shop",
                ], localFolder: nil),
            console: Console { text, isError in if isError { notes.withLock { $0.append(text) } } })
        let command = try #require(OutboxCommands.all.first { $0.verb == "status" })
        await #expect(throws: (any Error).self) { try await command.run(Arguments(), shop) }
        #expect(
            notes.withLock { $0 } == [
                "shop: KAFKA_SASL_MECHANISM is one of none, PLAIN, not `SCRAM`: so CURRENT is not known"
            ])
    }
}
