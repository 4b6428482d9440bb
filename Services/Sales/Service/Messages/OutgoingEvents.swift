import Contracts
import Kernel
import Messaging
import SalesDomain

extension StoredSum {
    /// The event that tells the others of it.
    func event(at time: Timestamp) throws -> OutgoingEvent {
        try OutgoingEvent(
            SalesCounted(
                sku: sku, start: window.start, seconds: SalesWindow.length.components.seconds, units: units,
                orders: orders),
            version: version, cause: nil, at: time)
    }
}
