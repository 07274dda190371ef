import Crypto

/// A table of the schema, the same in both databases, as it is copied.
struct CopiedTable: Sendable {
    enum Kind: Sendable { case integer, text, bytes }

    struct Column: Sendable {
        let name: String
        let kind: Kind
    }

    let name: String
    let columns: [Column]
    /// The columns by which rows are ordered for reading and hashing, texts by their bytes.
    let key: [String]
    /// Whether the database numbers its rows, and never uses a number again.
    let isNumbered: Bool
    /// The rows in memory at once: few where a row may have a megabyte.
    let portion: Int

    /// - Parameter columns: `name`, with `#` before it for a number and `*` for bytes.
    private init(_ name: String, _ columns: String, key: String..., isNumbered: Bool = false, portion: Int = 500) {
        self.name = name
        self.columns = columns.split(separator: " ").map { text in
            switch text.first {
            case "#": Column(name: String(text.dropFirst()), kind: .integer)
            case "*": Column(name: String(text.dropFirst()), kind: .bytes)
            default: Column(name: String(text), kind: .text)
            }
        }
        self.key = key
        self.isNumbered = isNumbered
        self.portion = portion
    }

    /// All tables, each after those that it refers to. PostgreSQL's own table, the trail's head, is computed from
    /// these.
    static let all = [
        CopiedTable(
            "reference_values", "name kind *digests *periods superseded_by source #revision #changed provenance",
            key: "name", portion: 16),
        CopiedTable(
            "reference_history", "name #revision #time actor change", key: "name", "revision", portion: 50),
        CopiedTable("policies", "name document rules #revision #changed", key: "name"),
        CopiedTable(
            "workloads", "#row id tee *digest #guest_policy policy tee_config #registered #disabled", key: "row",
            isNumbered: true),
        CopiedTable("secrets", "#workload *sealed master_key", key: "workload"),
        CopiedTable("policy_references", "policy reference_values", key: "policy", "reference_values"),
        CopiedTable("revisions", "#one #last", key: "one"),
        CopiedTable(
            "resources", "#row path policy #current #latest #change #disabled #created #changed", key: "row",
            isNumbered: true),
        CopiedTable(
            "resource_versions", "#resource #version #size #stored policy *host_data master_key *sealed",
            key: "resource",
            "version",
            portion: 16),
        CopiedTable(
            "sessions", "*id #workload tee chip #opened #expires master_key *code *init_data claims key token",
            key: "id"),
        CopiedTable("init_data", "*id entries #expires", key: "id"),
        CopiedTable("foreign_guests", "*id issuer tee chip #opened #ends #barred #expires", key: "id"),
        CopiedTable(
            "endorsements", "name *fingerprint kind *bytes *issuers #good_until #added", key: "name", "fingerprint"),
        CopiedTable(
            "attempts",
            "#id #time action workload tee session chip outcome code sentence verdict address request version "
                + "mark #count #last claims", key: "id",
            isNumbered: true),
        CopiedTable("audit", "#seq record *hash", key: "seq"),
        CopiedTable("denials", "name reason actor #denied", key: "name"),
        CopiedTable("tokens", "id *digest role description #created #expires #revoked", key: "id"),
        CopiedTable("server_keys", "name id *sealed master_key #created", key: "name", "id"),
        CopiedTable("master_keys", "id #activated #superseded #retired", key: "id"),
        CopiedTable("manifest", "kind name *digest #state", key: "kind", "name"),
        CopiedTable("manifest_seal", "#one #state *sealed master_key", key: "one"),
    ]

    var columnList: String { columns.map { "\"\($0.name)\"" }.joined(separator: ", ") }

    var order: String { key.map { "\"\($0)\"" }.joined(separator: ", ") }

    /// The column that numbers the rows.
    var number: String { key[0] }
}

/// A value in a row.
enum CopiedValue: Sendable, Hashable {
    case none
    case integer(Int64)
    case text(String)
    case bytes([UInt8])
}

/// The number of a table's rows and a hash over them in order, by which a copy is compared.
public struct TableDigest: Sendable, Hashable {
    public let table: String
    public let rows: Int
    /// SHA-256, 32 bytes.
    public let hash: [UInt8]
}

/// Computes a ``TableDigest`` from rows in order.
struct TableHasher {
    private let table: String
    private var rows = 0
    private var hash = SHA256()

    init(_ table: CopiedTable) { self.table = table.name }

    /// Each value is hashed with its kind and its length, so that different rows have different input.
    mutating func add(_ row: [CopiedValue]) {
        rows += 1
        for value in row {
            switch value {
            case .none: feed(0, [])
            case .integer(let number): feed(1, withUnsafeBytes(of: number.bigEndian) { Array($0) })
            case .text(let text): feed(2, Array(text.utf8))
            case .bytes(let bytes): feed(3, bytes)
            }
        }
    }

    private mutating func feed(_ kind: UInt8, _ bytes: [UInt8]) {
        hash.update(data: [kind] + withUnsafeBytes(of: UInt64(bytes.count).bigEndian) { Array($0) })
        hash.update(data: bytes)
    }

    func finish() -> TableDigest { TableDigest(table: table, rows: rows, hash: Array(hash.finalize())) }
}
