import Bytes
import Crypto

/// The contents of a manifest's seal: the state, the number of rows, and a hash over the unordered set of them.
///
/// The hash is a sum, modulo 2²⁵⁶, of a keyed hash of each row (MSet-Add-Hash: Clarke, Devadas, van Dijk, Gassend, Suh,
/// "Incremental Multiset Hash Functions and Their Application to Memory Integrity Checking", 2003), so that a change
/// costs the same however many rows there are. Its key and the sum are sealed: a reader of the database learns neither,
/// and so cannot look for another set with the same sum.
struct ManifestContents {
    private(set) var state: Int64
    private(set) var count: Int64
    private(set) var sum: WideSum
    private let key: SymmetricKey

    /// An empty list, with a new key.
    init(state: Int64) { self.init(state: state, SymmetricKey(size: .bits256)) }

    /// - Throws: when the bytes are not a seal's contents, or are of another state.
    init(_ secret: Secret, state: Int64) throws {
        let parts: (Int64, Int64, SymmetricKey, WideSum)? = secret.withBytes { bytes in
            guard bytes.count == 80 else { return nil }
            let bytes = Array(bytes)
            return (
                Int64(bitPattern: Self.word(bytes[..<8])),
                Int64(bitPattern: Self.word(bytes[8..<16])),
                SymmetricKey(data: bytes[16..<48]), WideSum(bytes[48...])
            )
        }
        guard let parts, parts.0 == state else {
            throw ManifestViolation("The manifest's seal in the database is not of the state that its row names.")
        }
        (self.state, count, key, sum) = parts
    }

    private static func word(_ bytes: ArraySlice<UInt8>) -> UInt64 { bytes.reduce(0) { $0 << 8 | UInt64($1) } }

    /// State and count, 8 bytes each, key and sum, 32 bytes each; big-endian.
    var secret: Secret {
        var bytes = UInt64(bitPattern: state).bigEndianBytes + UInt64(bitPattern: count).bigEndianBytes
        key.withUnsafeBytes { bytes += $0 }
        bytes += sum.bytes
        return Secret(wiping: &bytes)
    }

    mutating func advance() throws { try advance(from: state) }

    mutating func advance(from state: Int64) throws {
        guard state < Int64.max else { throw ManifestViolation("The manifest in the database has no next state.") }
        self.state = state + 1
    }

    /// - Parameters:
    ///   - old: the listed digest; `nil` when the row was not listed.
    ///   - new: the digest to list; `nil` to remove the row.
    mutating func replace(_ name: RowName, _ old: RowDigest?, with new: RowDigest?) {
        if let old {
            count &-= 1
            sum.subtract(element(name, old))
        }
        if let new {
            count &+= 1
            sum.add(element(name, new))
        }
    }

    private func element(_ name: RowName, _ digest: RowDigest) -> WideSum {
        WideSum(Array(HMAC<SHA256>.authenticationCode(for: name.bytes + digest.bytes, using: key))[...])
    }

    /// An empty list with the same key and state.
    var empty: ManifestContents { ManifestContents(state: state, key) }

    private init(state: Int64, _ key: SymmetricKey) {
        self.state = state
        self.key = key
        count = 0
        sum = WideSum()
    }

    func hasKey(of other: ManifestContents) -> Bool { key == other.key }

    func hasRows(of other: ManifestContents) -> Bool { count == other.count && sum == other.sum }
}

/// A row's identity: SHA-256 over its kind and name.
struct RowName: Hashable, Sendable {
    private let words: SIMD4<UInt64>

    init(kind: String, name: String) {
        let bytes = Array(kind.utf8).lengthPrefixed + Array(name.utf8)
        words = SIMD4(bytes: Array(SHA256.hash(data: bytes)))
    }

    init(_ entry: ManifestEntry) { self.init(kind: entry.kind.rawValue, name: entry.name) }

    init(_ row: ManifestRow) { self.init(kind: row.kind, name: row.name) }

    var bytes: [UInt8] { words.bytes }
}

/// The listed digest of a row's contents.
struct RowDigest: Hashable, Sendable {
    private let words: SIMD4<UInt64>

    /// - Returns: `nil` for an empty digest: the row is not listed.
    init?(_ digest: [UInt8]) {
        guard !digest.isEmpty else { return nil }
        // A digest of another length was not written by a broker, and its hash matches no row.
        words = SIMD4(bytes: digest.count == 32 ? digest : Array(SHA256.hash(data: digest)))
    }

    var bytes: [UInt8] { words.bytes }
}

extension SIMD4<UInt64> {
    /// - Parameter bytes: 32.
    fileprivate init(bytes: [UInt8]) {
        self.init()
        for (index, byte) in bytes.prefix(32).enumerated() { self[index / 8] = self[index / 8] << 8 | UInt64(byte) }
    }

    fileprivate var bytes: [UInt8] { (0..<4).flatMap { self[$0].bigEndianBytes } }
}

/// A number modulo 2²⁵⁶.
struct WideSum: Hashable {
    /// Little-endian: the lowest word first.
    private var words: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)

    init() {}

    /// - Parameter bytes: 32, big-endian.
    init(_ bytes: ArraySlice<UInt8>) {
        let words = (0..<4).map { word in
            bytes.dropFirst(word * 8).prefix(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        }
        self.words = (words[3], words[2], words[1], words[0])
    }

    var bytes: [UInt8] {
        [words.3, words.2, words.1, words.0].flatMap(\.bigEndianBytes)
    }

    mutating func add(_ other: WideSum) {
        var carry = false
        func add(_ word: inout UInt64, _ other: UInt64) {
            let (sum, over) = word.addingReportingOverflow(other)
            let (total, more) = sum.addingReportingOverflow(carry ? 1 : 0)
            (word, carry) = (total, over || more)
        }
        add(&words.0, other.words.0)
        add(&words.1, other.words.1)
        add(&words.2, other.words.2)
        add(&words.3, other.words.3)
    }

    mutating func subtract(_ other: WideSum) {
        var negative = WideSum()
        negative.words = (~other.words.0, ~other.words.1, ~other.words.2, ~other.words.3)
        add(negative)
        add(WideSum.one)
    }

    private static let one = WideSum([UInt8](repeating: 0, count: 31)[...] + [1])

    static func == (left: WideSum, right: WideSum) -> Bool { left.words == right.words }

    func hash(into hasher: inout Hasher) { hasher.combine(words.0) }
}
