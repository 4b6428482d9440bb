import Contracts
import Kafka
import Testing

@testable import ShopTool

@Suite("What each service may do on Kafka") struct ACLSetupTests {
    @Test func `a service writes what it says, reads what it hears, and is in its own group`() {
        #expect(
            ACLSetup.bindings(of: "payments") == [
                ACLBinding("User:payments", .write, .topics(prefix: "payments.")),
                ACLBinding("User:payments", .read, .group("payments")),
                ACLBinding("User:payments", .read, .topic("orders.cancelling")),
                ACLBinding("User:payments", .read, .topic("inventory.reserved")),
            ])
    }

    @Test func `each topic is written by its publisher and read by its consumers, and by nobody else`() {
        for topic in Topic.all {
            func services(_ operation: ACLBinding.Operation) -> Set<String> {
                let allowed = ACLSetup.all.filter { right in
                    switch right.resource {
                    case .topic(let name): right.operation == operation && name == topic.name
                    case .topics(let prefix): right.operation == operation && topic.name.hasPrefix(prefix)
                    case .group: false
                    }
                }
                return Set(allowed.map(\.principal))
            }
            #expect(services(.write) == ["User:\(topic.publisher)"], "\(topic.name)")
            #expect(services(.read) == Set(topic.consumers.map { "User:\($0)" }), "\(topic.name)")
        }
    }

    @Test func `nobody is in the group of another`() {
        for right in ACLSetup.all {
            if case .group(let name) = right.resource { #expect(right.principal == "User:\(name)") }
        }
    }

    @Test func `the doctor names a right that is missing`() {
        #expect(Diagnosis.ofACLs(Set(ACLSetup.all)).isFine)
        #expect(Diagnosis.ofACLs([]).isFine, "a cluster without an authorizer says so, too")
        #expect(Diagnosis.ofACLs(nil).isFine)
        let lost = ACLBinding("User:payments", .read, .topic("inventory.reserved"))
        let symptom = Diagnosis.ofACLs(Set(ACLSetup.all).subtracting([lost]))
        #expect(!symptom.isFine)
        #expect(
            symptom.found
                == "Read on topic inventory.reserved for User:payments missing: run `shop setup --acls`")
    }
}
