import Contracts
import Foundation
import Kafka
import ShopHarness
import TestSupport
import Testing

/// The local broker lets in everybody.
private let canRun = (try? Settings.fromEnvironment().brokerKind) == .apache

/// The shop of the suite, its broker, and others who would have something of it.
private struct Secured {
    let shop: RunningShop
    let broker: SecuredBroker
    let logger = RecordedLog().logger

    init() throws {
        shop = try .current
        broker = try #require(shop.settings.securedBroker)
    }

    var authority: String { "\(broker.folder.path)/tls/ca.pem" }

    func client(_ settings: [String: String]) -> KafkaConfiguration {
        KafkaConfiguration(
            bootstrapServers: broker.address, clientID: "stranger", securitySettings: settings)
    }

    func expectConfirmed() async throws {
        let order = try await shop.place(try await shop.sell(10), wait: 30)
        #expect(order.status == "confirmed")
    }

    func expectNoAnswer(_ settings: [String: String]) async throws {
        try await KafkaAdmin.with(client(settings), logger: logger) { admin in
            _ = await #expect(throws: KafkaError.timedOut, "\(settings)") {
                try await admin.clusterID(timeout: .seconds(2))
            }
        }
    }

    /// What the broker says against it.
    func refusal(_ body: () async throws -> Void) async -> String {
        do {
            try await body()
            return "none"
        } catch KafkaError.authorization(let reason) {
            return reason
        } catch {
            return "another error: \(error)"
        }
    }
}

extension SystemTests {
    @Suite(
        "Services that Kafka knows by certificates", .enabled(if: canRun, "it takes an Apache Kafka"),
        .securedShop(.tls))
    struct CertificateTests {
        private let secured: Secured

        init() throws { secured = try Secured() }

        @Test func `the shop works, and who has no certificate gets no answer`() async throws {
            try await secured.expectConfirmed()
            try await secured.expectNoAnswer([:])
            try await secured.expectNoAnswer([
                "security.protocol": "ssl", "ssl.ca.location": secured.authority,
            ])
            let inventory = secured.client(try secured.broker.settings(of: "inventory"))
            try await KafkaAdmin.with(inventory, logger: secured.logger) { admin in
                _ = try await admin.clusterID(timeout: .seconds(10))
            }
        }

        @Test func `inventory may not write what others say`() async throws {
            let topics = Topics(configuration: secured.client(try secured.broker.settings(of: "inventory")))
            let own = ProducerRecord(topic: "inventory.deadLetters", key: "key", value: [])
            _ = try await topics.write([own])
            let foreign = ProducerRecord(topic: "orders.created", key: "key", value: [])
            let refusal = await secured.refusal { _ = try await topics.write([foreign]) }
            #expect(refusal.hasPrefix("orders.created: "), "\(refusal)")
        }

        @Test(arguments: [("payments.captured", "inventory"), ("orders.created", "orders")])
        func `inventory may neither read what it does not hear nor join the group of another`(
            topic: String, group: String
        ) async throws {
            let member = try KafkaConsumer(
                configuration: secured.client(try secured.broker.settings(of: "inventory")), group: group,
                instanceID: nil, topics: [topic], logger: secured.logger)
            let refusal = await secured.refusal {
                try await member.join()
                for _ in 0..<20 { _ = try await member.poll(max: 1, timeout: .seconds(1)) }
            }
            let expected = group == "inventory" ? topic : "Group authorization failed"
            #expect(refusal.contains(expected), "\(refusal)")
            await member.close()
        }

        @Test func `inventory may neither make topics nor grant rights`() async throws {
            let inventory = secured.client(try secured.broker.settings(of: "inventory"))
            try await KafkaAdmin.with(inventory, logger: secured.logger) { admin in
                let more = TopicSpecification(name: "inventory.more", partitions: 1)
                let made = await secured.refusal { _ = try await admin.createTopics([more]) }
                #expect(made.contains("uthorization failed"), "\(made)")
                let right = ACLBinding("User:inventory", .write, .topics(prefix: "orders."))
                let granted = await secured.refusal { _ = try await admin.createACLs([right]) }
                #expect(granted.hasPrefix("\(right): "), "\(granted)")
            }
        }

        @Test(arguments: [
            ACLBinding("User:payments", .read, .topic("inventory.reserved")),
            ACLBinding("User:payments", .read, .group("payments")),
            ACLBinding("User:payments", .write, .topics(prefix: "payments.")),
        ])
        func `a service whose right is taken away says so and ends, and goes on when it is back`(
            right: ACLBinding
        ) async throws {
            let shop = secured.shop
            let sku = try await shop.sell(10)
            try await secured.broker.revoke(right, in: shop)
            let order = try await shop.place(sku)

            #expect(try await shop.ended(Instance(.payments), within: .seconds(30)) == 70)

            let end = try #require(try shop.log(.payments).split(separator: "\n").last { $0.contains(" ! ") })
            #expect(end.contains("Kafka refuses this service: not authorized: "))
            #expect(end.contains("`shop setup --acls` grants it"))
            let doctor = try await shop.tool("doctor")
            #expect(doctor.code == 1)
            #expect(doctor.output.contains("\(right) missing: run `shop setup --acls`"))
            let setup = try await shop.tool("setup", "--acls")
            // Its own topics and its group for each service, and what it hears.
            let all = 2 * ServiceName.allCases.count + Topic.all.map(\.consumers.count).reduce(0, +)
            #expect(setup.output.contains("\(right) made, \(all - 1) there already"), "\(setup.output)")
            try await shop.start(.payments)
            #expect(try await shop.ended(order).status == "confirmed")
        }
    }

    @Suite(
        "Services that Kafka knows by passwords", .enabled(if: canRun, "it takes an Apache Kafka"),
        .securedShop(.sasl))
    struct PasswordTests {
        @Test func `the shop works, and who has no password gets no answer`() async throws {
            let secured = try Secured()
            try await secured.expectConfirmed()
            try await secured.expectNoAnswer([
                "security.protocol": "ssl", "ssl.ca.location": secured.authority,
            ])
            let wrong = KafkaSecurity(
                authorityFile: secured.authority, mechanism: .plain, username: "shop", password: "wrong")
            try await secured.expectNoAnswer(try wrong.settings())
        }
    }

    @Suite("A Kafka that knows nobody") struct NoAuthorizerTests {
        @Test func `has no rights to grant, which setup says`() async throws {
            let shop = try RunningShop.current
            let setup = try await shop.tool("setup", "--acls")
            #expect(setup.code == 1)
            #expect(setup.output.contains("leave --acls out"), "\(setup.output)")
        }
    }
}
