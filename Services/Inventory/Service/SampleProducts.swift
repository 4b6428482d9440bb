import InventoryDomain
import Kernel
import Messaging
import Postgres

/// What a new shop sells, so that there is something to order at once.
enum SampleProducts {
    private struct Sample {
        let sku: String
        let name: String
        /// In cents.
        let price: Int64
        let available: Int64
    }

    private static let all: [Sample] = [
        Sample(sku: "tea-assam", name: "Assam, strong and malty, 100 g", price: 690, available: 10_000),
        Sample(sku: "tea-darjeeling", name: "Darjeeling, first flush, 100 g", price: 1450, available: 10_000),
        Sample(sku: "tea-earl-grey", name: "Earl Grey with bergamot, 100 g", price: 790, available: 10_000),
        Sample(
            sku: "tea-genmaicha", name: "Genmaicha with roasted rice, 100 g", price: 850, available: 10_000),
        Sample(sku: "tea-lapsang", name: "Lapsang Souchong, smoked, 100 g", price: 990, available: 10_000),
        Sample(sku: "tea-peppermint", name: "Peppermint leaves, 50 g", price: 450, available: 10_000),
        Sample(sku: "cup-porcelain", name: "Porcelain cup with saucer", price: 1890, available: 2000),
        Sample(sku: "honey-acacia", name: "Acacia honey, 250 g", price: 720, available: 2000),
        Sample(sku: "shortbread-tin", name: "Shortbread in a tin, 400 g", price: 1240, available: 2000),
        Sample(sku: "strainer-steel", name: "Tea strainer, stainless steel", price: 980, available: 2000),
        Sample(sku: "teapot-glass", name: "Glass teapot, 1.2 l", price: 3490, available: 500),
        // The first customer gets it, the second one hears `out_of_stock`.
        Sample(sku: "teapot-cast-iron", name: "Cast-iron teapot, the last one", price: 8900, available: 1),
        Sample(
            sku: "tea-white-peony", name: "White Peony, back with the next harvest", price: 1990, available: 0
        ),
    ]

    /// Adds those that are not listed yet, with their stock, and tells the others in the same transaction.
    ///
    /// - Returns: how many were added. The running service's relay finds their events by itself.
    static func seed(in pool: PostgresPool) async throws -> Int {
        let products = all.map { sample in
            let price = Money(amount: sample.price, currency: .eur)
            return (ProductDraft(sku: sample.sku, name: sample.name, price: price), sample.available)
        }
        return try await pool.transaction { transaction in
            let added = try await ProductStore.add(products, in: transaction)
            let now = Timestamp.now()
            Outbox.append(try added.map { try $0.event(at: now) }, to: transaction)
            return added.count
        }
    }
}
