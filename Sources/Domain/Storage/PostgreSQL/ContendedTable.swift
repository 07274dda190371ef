import PostgreSQL

/// Tables whose rows guests' requests lock shared (`FOR SHARE`), and operators' changes lock exclusively.
///
/// PostgreSQL lets new sharers of a row pass a transaction that waits to lock it exclusively. With many servers there
/// may always be a sharer, and an operator's change, such as a disabling, would never take effect.
enum ContendedTable: String {
    case workloads, resources, policies
    case referenceValues = "reference_values"
    case masterKeys = "master_keys"

    /// How long to wait for the row before locking the table, in milliseconds: a few transactions of guests.
    fileprivate static let patience = 300
}

extension Transaction {
    /// Runs a statement. With a table, it locks or changes shared rows: if the row is not free in time, it locks the
    /// table instead, for which all transactions queue; guests then wait until this transaction has ended.
    @discardableResult
    func run(_ sql: String, _ values: [Value], alone table: ContendedTable?) throws -> QueryResult {
        guard let table else { return try run(sql, values) }
        let usual = try run("SELECT current_setting('statement_timeout')").first?.text(0) ?? "0"
        try run("SAVEPOINT waiting")
        do {
            // Not `lock_timeout`, which limits each wait: sharers are waited for one by one, each for a moment.
            try setTimeout("\(ContendedTable.patience)")
            let result = try run(sql, values)
            try setTimeout(usual)
            try run("RELEASE waiting")
            return result
        } catch let error as PostgreSQLError where error.sqlState == PostgreSQLError.queryCancelled {
            // The rollback restores the timeout.
            try run("ROLLBACK TO waiting")
            try run("RELEASE waiting")
            try run("LOCK TABLE \(table.rawValue) IN EXCLUSIVE MODE")
            return try run(sql, values)
        }
    }

    private func setTimeout(_ value: String) throws {
        try run("SELECT set_config('statement_timeout', $1, true)", [.text(value)])
    }
}
