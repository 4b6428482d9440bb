import HTTP
import InventoryDomain
import Kernel
import Messaging
import Postgres

/// The HTTP side of inventory: what is sold, at which price, and the goods that come in.
///
/// What changes here is published in its own transaction instead of by the `StockPublisher`, so that a new product can
/// be ordered a moment later.
struct ProductRoutes: Sendable {
    let pool: PostgresPool
    let relay: OutboxRelay

    var routes: [Route] {
        [
            Route(.get, "/v1/products") { try await list($0) },
            Route(.get, "/v1/products/{sku}") { try await read($0) },
            Route(.put, "/v1/products/{sku}", body: .json) { try await put($0) },
            Route(.post, "/v1/products/{sku}/stock", body: .json) { try await restock($0) },
            .apiDocument(PackageResources.openapi_json),
        ]
    }

    private func list(_ request: HTTPRequest) async throws -> HTTPResponse {
        let cursor = try request.cursor(parts: 1)?.key[0]
        guard cursor.map(TextRule.acceptsSKU) ?? true else { throw Problem.notACursor }
        let page = try await ProductQueries.list(after: cursor, limit: try request.limit(), in: pool)
        return try .json(
            ProductList(
                products: page.products.map(ProductView.init), nextCursor: page.next.map { Cursor([$0]).text }
            ))
    }

    private func read(_ request: HTTPRequest) async throws -> HTTPResponse {
        let product = try await find(try sku(request))
        let current = try answer(product)
        return request.alreadyHas(ETag(version: product.version)) ? current.notModified : current
    }

    private func put(_ request: HTTPRequest) async throws -> HTTPResponse {
        let draft = try request.decode(ProductRequest.self).draft(sku: request.parameter("sku"))
        let violations = draft.violations
        guard violations.isEmpty else { throw Problem.invalid(violations) }
        let changed = try await pool.transaction { transaction in
            var mustBeNew = false
            if request.isConditional {
                let version = try await ProductStore.lockVersion(of: draft.sku, in: transaction)
                try request.requireMatch(version.map(ETag.init(version:)))
                mustBeNew = version == nil
            }
            let product = try await ProductStore.put(draft, in: transaction)
            // What isn't there can't be locked: somebody may have listed it since.
            if mustBeNew, product?.version != 1 { throw Problem.isThere() }
            if let product { Outbox.append([try product.event(at: .now())], to: transaction) }
            return product
        }
        guard let changed else { return try answer(try await find(draft.sku)) }
        relay.eventsWritten()
        guard changed.version == 1 else { return try answer(changed) }
        return try answer(changed, status: 201).with("Location", "/v1/products/\(changed.sku)")
    }

    private func restock(_ request: HTTPRequest) async throws -> HTTPResponse {
        let sku = try sku(request)
        let key = try request.idempotencyKey()
        let restock = try request.decode(RestockRequest.self).restock
        let violations = restock.violations
        guard violations.isEmpty else { throw Problem.invalid(violations) }
        let restocked: StoredProduct? = try await pool.transaction { transaction in
            switch try await RestockStore.claim(key, sku: sku, quantity: restock.quantity, in: transaction) {
            case .taken: throw Problem.keyReused
            case .repeated: return nil
            case .ours: break
            }
            let product = try await ProductStore.restock(sku, by: restock.quantity, in: transaction)
            // Thrown inside, so that the key is free again.
            guard let product else { throw Problem.noSuchProduct }
            Outbox.append([try product.event(at: .now())], to: transaction)
            return product
        }
        guard let restocked else {
            return try answer(try await find(sku)).with("Idempotency-Replayed", "true")
        }
        relay.eventsWritten()
        return try answer(restocked)
    }

    private func find(_ sku: String) async throws -> StoredProduct {
        guard let product = try await ProductQueries.find(sku, in: pool) else {
            throw Problem.noSuchProduct
        }
        return product
    }

    /// The SKU in the path; one that can't be one is not there, and is never shown to the database.
    private func sku(_ request: HTTPRequest) throws -> String {
        let sku = request.parameter("sku")
        guard TextRule.acceptsSKU(sku) else { throw Problem.noSuchProduct }
        return sku
    }

    private func answer(_ product: StoredProduct, status: Int = 200) throws -> HTTPResponse {
        try HTTPResponse.json(ProductView(product), status: status).with(ETag(version: product.version))
    }
}
