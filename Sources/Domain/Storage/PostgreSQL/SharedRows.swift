import PostgreSQL

/// Rows that guests' requests lock together (`FOR SHARE`), and an operator's change alone.
///
/// PostgreSQL lets requests that share a row in past whoever waits to have it alone. With many servers there may always
/// be one of them, and an operator's word, to disable something say, would never take effect.
enum SharedRows: String {
    case workloads, resources, policies
    case referenceValues = "reference_values"
    case masterKeys = "master_keys"

    /// In milliseconds: some transactions of guests.
    fileprivate static let patience = 300
}

extension Transaction {
    /// Runs a statement that locks or changes shared rows. Who has waited for a while asks for the table instead, for
    /// which everyone queues; guests then wait until this transaction has ended.
    @discardableResult
    func run(_ sql: String, _ values: [Value], alone table: SharedRows) throws -> QueryResult {
        let usual = try run("SELECT current_setting('statement_timeout')").first?.text(0) ?? "0"
        try run("SAVEPOINT waiting")
        do {
            // Not `lock_timeout`: the row's sharers are waited for one by one, each for a moment only.
            try setTimeout("\(SharedRows.patience)")
            let result = try run(sql, values)
            try setTimeout(usual)
            try run("RELEASE waiting")
            return result
        } catch let error as PostgreSQLError where error.sqlState == PostgreSQLError.queryCancelled {
            // The timeout is as it was before.
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
