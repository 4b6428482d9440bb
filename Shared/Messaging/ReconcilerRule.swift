/// A rule that a service's own rows must obey at every moment, as SQL that finds whatever breaks it.
///
/// The rules have the names of `shop audit`'s. Their SQL is another: the audit reads all schemas from beginning to end
/// with an administrator's role, a service reads its own schema, and only as much as costs it nothing.
package struct ReconcilerRule: Sendable {
    /// The letter and number of the invariant, as in `shop audit`.
    package let name: String
    /// What holds where the rule finds nothing.
    package let says: String
    /// Whose rows the rule is about; nil for a rule that bounds by itself what it reads.
    let table: ReconciledTable?
    let sql: String

    /// - Parameters:
    ///   - table: `sql` gets keys of this table as `$1`, an array of text, and looks at no other rows.
    ///   - sql: returns two columns of text, a row for each violation: the key, and what is wrong. Must be right in any
    ///     snapshot, and read by an index, since sessions of a service have `enable_seqscan=off`.
    package init(_ name: String, says: String, of table: ReconciledTable? = nil, sql: String) {
        self.name = name
        self.says = says
        self.table = table
        self.sql = sql
    }

    /// A rule that what a row has come to was told: by one event, in the transaction that last changed the row.
    ///
    /// A row's `xmin` is that transaction, and the outbox is ordered by transaction, so no index has to lead from a row
    /// to its events. It is asked of rows changed within minutes only: `xmin` has 32 bits, and a restored database has
    /// other ones.
    ///
    /// - Parameters:
    ///   - rows: returns `subject`, which is the event's key, `topic`, `version` and `xmin`.
    package static func told(
        _ name: String, says: String, of table: ReconciledTable, rows: String
    ) -> ReconcilerRule {
        ReconcilerRule(
            name, says: says, of: table,
            sql: """
                WITH fact AS MATERIALIZED (
                    SELECT subject, topic, version, top - ((top - changed.xmin::text::bigint) & 4294967295) AS xid
                    FROM (\(rows)) AS changed
                    CROSS JOIN (SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint AS top) AS snapshot
                ), told AS MATERIALIZED (
                    SELECT key, topic, version, xid::text::bigint AS xid FROM outbox
                    WHERE xid = ANY (ARRAY(SELECT DISTINCT fact.xid::text::xid8 FROM fact))
                        AND xid >= (SELECT min(fact.xid)::text::xid8 FROM fact)
                )
                SELECT subject, format('%s, version %s, is told %s times', fact.topic, fact.version, count(told.key))
                FROM fact LEFT JOIN told ON told.key = subject AND told.topic = fact.topic
                    AND told.version = fact.version AND told.xid = fact.xid
                GROUP BY subject, fact.topic, fact.version HAVING count(told.key) <> 1
                """)
    }
}

/// A table that is looked through by its primary key, some rows in each round.
package struct ReconciledTable: Sendable, Hashable {
    let name: String
    let key: String
    let type: String
    /// Whether new rows have the highest keys.
    let grows: Bool

    /// A table with a row or two per order; ids of orders sort by time.
    package static func ofOrders(_ name: String, key: String = "order_id") -> ReconciledTable {
        ReconciledTable(name: name, key: key, type: "uuid", grows: true)
    }

    /// A table with a number drawn from a sequence.
    package static func numbered(_ name: String, key: String = "id") -> ReconciledTable {
        ReconciledTable(name: name, key: key, type: "bigint", grows: true)
    }

    /// A table whose keys are anybody's.
    package static func named(_ name: String, key: String) -> ReconciledTable {
        ReconciledTable(name: name, key: key, type: "text", grows: false)
    }
}
