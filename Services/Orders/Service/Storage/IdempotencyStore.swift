import Kernel
import Postgres

/// Rows of `idempotency_key`: which order a key stands for.
enum IdempotencyStore {
    private static let claim = PostgresStatement(
        "idempotency_key.claim",
        """
        INSERT INTO idempotency_key (key, fingerprint, order_id)
        SELECT key, sha256(convert_to(body, 'UTF8')), order_id
        FROM (SELECT unnest($1::text[]) AS key, unnest($2::text[]) AS body, unnest($3::uuid[]) AS order_id) AS asked
        ON CONFLICT (key) DO NOTHING RETURNING order_id
        """)

    private static let find = PostgresStatement(
        "idempotency_key.find",
        """
        SELECT asked.position, stored.order_id, stored.fingerprint = sha256(convert_to(asked.body, 'UTF8'))
        FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS asked (key, body, position)
        JOIN idempotency_key AS stored USING (key)
        """)

    private static let release = PostgresStatement(
        "idempotency_key.release", "DELETE FROM idempotency_key WHERE order_id = ANY ($1) AND key = ANY ($2)")

    /// A key, the request it stands for in one canonical text, and the order it would make.
    struct Request: Sendable {
        let key: String
        let body: String
        let orderID: Identifier
    }

    /// What a key already stands for.
    struct Known: Sendable {
        let orderID: Identifier
        let sameBody: Bool
    }

    /// Claims the keys; the result has the ids of the orders whose key was new.
    ///
    /// Sorted by key, so that two instances that claim the same keys can't wait for each other.
    static func claim(_ requests: [Request]) -> PostgresQuery {
        let sorted = requests.sorted { $0.key < $1.key }
        return claim(sorted.map(\.key), sorted.map(\.body), sorted.map(\.orderID))
    }

    /// What the keys of `requests` stand for, by the position of the request.
    static func find(_ requests: [Request], in transaction: PostgresTransaction) async throws -> [Int: Known]
    {
        let result = try await transaction.query(find(requests.map(\.key), requests.map(\.body)))
        var known: [Int: Known] = [:]
        for row in result {
            known[Int(try row.int64(0)) - 1] = Known(
                orderID: try row.identifier(1), sameBody: try row.bool(2))
        }
        return known
    }

    /// Gives back the keys of requests that were refused after all: a corrected request may use its key again.
    static func release(_ requests: [Request], in transaction: PostgresTransaction) {
        guard !requests.isEmpty else { return }
        transaction.enqueue(release(requests.map(\.orderID), requests.map(\.key)))
    }
}
