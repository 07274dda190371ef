import Bytes
import Concurrency
import Crypto

/// The list of the rows that decide, with a digest of each: policies, reference values, tokens, registrations, the
/// policies of resources, disabling, denials.
///
/// The list is stored in the database beside the rows, under a seal that only the master key opens, with a state number
/// that counts up. A row counts only if its digest is in the list. So a writer to the database can neither change nor
/// add such a row, nor restore an older one: docs/decisions/0015-manifest.md.
public final class Manifest: Sendable {
    private let keys: KeyRing
    private let known = Lock(Known())
    private let turns = Lock(Turns())

    public init(_ keys: KeyRing) { self.keys = keys }

    /// The part of the list that was read and matched its seal.
    private struct Known {
        var contents: ManifestContents?
        var sealed: [UInt8] = []
        var rows: [RowName: RowDigest] = [:]
        /// The tokens among the rows. Once there is one, callers need a credential.
        var tokens: Set<RowName> = []
        /// The denials among the rows.
        var denials: Set<RowName> = []
        /// The first 8 bytes of SHA-256 over the denials' names, sorted.
        var denialMark = Manifest.mark(of: [])
        /// The latest state that this process has made and committed.
        var floor: Int64 = 0

        var state: Int64 { contents?.state ?? 0 }
        /// The earliest state that is accepted.
        var least: Int64 { max(state, floor) }
    }

    /// Lines of the list that were read after the known ones, not yet compared with a seal.
    private struct Reading {
        let earlier: ManifestContents?
        var last: ManifestRow
        var rows: [RowName: RowDigest?] = [:]
        var tokens: Set<RowName> = []
        /// Denials, withdrawn ones too.
        var denials: Set<RowName> = []
        private(set) var changes: [(name: RowName, old: RowDigest?, new: RowDigest?)] = []

        init(after known: ManifestContents?) {
            earlier = known
            last = ManifestRow(kind: "\u{10FFFF}", name: "", digest: [], state: known?.state ?? 0)
        }

        mutating func take(_ lines: [ManifestRow], known: (RowName) -> RowDigest?) {
            for line in lines {
                let (name, new) = (RowName(line), RowDigest(line.digest))
                changes.append((name, rows[name] ?? known(name), new))
                rows[name] = .some(new)
                if new != nil, ExactText(line.kind) == ExactText(ManifestEntry.Kind.token.rawValue) {
                    tokens.insert(name)
                }
                if ExactText(line.kind) == ExactText(ManifestEntry.Kind.denial.rawValue) { denials.insert(name) }
                last = line
            }
        }

        /// Whether a seal covers the known lines with these.
        ///
        /// - Parameter all: gives the known lines; called only when the seal has another key than they had.
        func isSealed(by sealed: ManifestContents, _ all: () -> [RowName: RowDigest]) -> Bool {
            if var contents = earlier, contents.hasKey(of: sealed) {
                for change in changes { contents.replace(change.name, change.old, with: change.new) }
                return contents.hasRows(of: sealed)
            }
            var contents = sealed.empty
            for (name, digest) in all() where rows[name] == nil { contents.replace(name, nil, with: digest) }
            for (name, digest) in rows { contents.replace(name, nil, with: digest) }
            return contents.hasRows(of: sealed)
        }
    }

    // MARK: Changing

    /// The listed digests of some rows and their seal, within a transaction. Included are lines that the transaction
    /// itself, or an earlier one in the same commit, has written.
    public struct Listed: Sendable {
        public let seal: ManifestSeal?
        fileprivate let contents: ManifestContents?
        fileprivate let digests: [RowName: RowDigest]

        /// Whether the entry's digest is the listed one.
        public func has(_ entry: ManifestEntry) -> Bool { digests[RowName(entry)] == RowDigest(entry.digest) }
    }

    /// Reads the lines and the seal, and returns the digests that the seal proves. A line alone proves nothing: a
    /// writer to the database who changes a row can change its line.
    ///
    /// - Parameters:
    ///   - entries: the rows, by kind and name.
    ///   - seal: reads the seal.
    public func listed(
        _ entries: [ManifestEntry], seal: () throws -> ManifestSeal?,
        page: (ManifestRow, Int) throws -> [ManifestRow]
    ) throws -> Listed {
        // Another server may change rows between two statements.
        for _ in 0..<Self.most {
            let least = least
            guard let seal = try seal() else {
                guard least == 0 else { throw ManifestViolation.isOlder }
                return Listed(seal: nil, contents: nil, digests: [:])
            }
            let contents = try open(seal, keys.keysNow(for: seal.sealed.masterKey))
            var reading = Reading(after: known.withLock { $0.contents })
            while case let lines = try page(reading.last, Self.page), !lines.isEmpty {
                reading.take(lines) { name in known.withLock { $0.rows[name] } }
            }
            guard contents.state >= least else { throw ManifestViolation.isOlder }
            guard reading.isSealed(by: contents, { known.withLock { $0.rows } }) else { continue }
            let names = entries.map { RowName($0) }
            let digests = known.withLock { known in
                Dictionary(names.compactMap { name in (reading.rows[name] ?? known.rows[name]).map { (name, $0) } }) {
                    $1
                }
            }
            return Listed(seal: seal, contents: contents, digests: digests)
        }
        throw ManifestViolation.isBroken
    }

    /// The seal after a change, for the transaction that makes the change, and the entries whose lines change; `nil`
    /// when none does.
    public func advance(
        _ listed: Listed, to entries: [ManifestEntry]
    ) throws -> (seal: ManifestSeal, changed: [ManifestEntry])? {
        let changed = entries.filter { !listed.has($0) }
        guard !changed.isEmpty else { return nil }
        var contents = listed.contents ?? ManifestContents(state: 0)
        try contents.advance()
        for entry in changed {
            contents.replace(RowName(entry), listed.digests[RowName(entry)], with: RowDigest(entry.digest))
        }
        return (try sealed(contents), changed)
    }

    /// Remembers a state that this process has made and committed: earlier states are refused from then on.
    public func committed(_ state: Int64) { known.withLock { $0.floor = max($0.floor, state) } }

    /// The list at one state, with a new hash key beside the one of its seal.
    public struct Renewal: Sendable {
        fileprivate let earlier: ManifestContents?
        fileprivate let rows: [RowName: RowDigest]
        fileprivate let contents: ManifestContents
    }

    /// Reads the whole list and hashes it with a new key: before the transaction that seals it, since both take long.
    ///
    /// - Throws: ``ManifestViolation`` when the seal does not cover the lines.
    public func renewal(readingFrom source: any ManifestSource) async throws -> Renewal {
        try await catchUp(from: source, to: try await source.manifestSeal())
        let (earlier, rows) = known.withLock { ($0.contents, $0.rows) }
        var contents = ManifestContents(state: 0)
        for (name, digest) in rows { contents.replace(name, nil, with: digest) }
        return Renewal(earlier: earlier, rows: rows, contents: contents)
    }

    /// A seal over the list with the new hash key, under the active master key, within a transaction.
    ///
    /// - Parameter page: reads lines: those that were written after the renewal was prepared.
    /// - Throws: ``ManifestViolation`` when the old seal does not cover the list.
    public func renew(
        _ renewal: Renewal, _ seal: ManifestSeal, page: (ManifestRow, Int) throws -> [ManifestRow]
    ) throws -> ManifestSeal {
        let old = try open(seal, keys.keysNow(for: seal.sealed.masterKey))
        var reading = Reading(after: renewal.earlier)
        while case let lines = try page(reading.last, Self.page), !lines.isEmpty {
            reading.take(lines) { renewal.rows[$0] }
        }
        guard reading.isSealed(by: old, { renewal.rows }) else { throw ManifestViolation.isBroken }
        var contents = renewal.contents
        for change in reading.changes { contents.replace(change.name, change.old, with: change.new) }
        try contents.advance(from: old.state)
        return try sealed(contents)
    }

    /// A seal over rows that an operator vouches for.
    ///
    /// - Parameter state: the last state in the database.
    public func seal(of entries: [ManifestEntry], after state: Int64) throws -> ManifestSeal {
        // Far ahead: running servers may know states that were lost. A number too large to have been counted to is
        // ignored.
        let last = state < Int64.max / 2 ? state : 0
        var contents = ManifestContents(state: max(last, known.withLock { $0.least }) + 1 << 32)
        for entry in entries { contents.replace(RowName(entry), nil, with: RowDigest(entry.digest)) }
        try contents.advance()
        return try sealed(contents)
    }

    private func sealed(_ contents: ManifestContents) throws -> ManifestSeal {
        ManifestSeal(
            state: contents.state, sealed: try keys.seal(contents.secret, for: Self.subject))
    }

    private func open(_ seal: ManifestSeal, _ keys: ServerKeys?) throws -> ManifestContents {
        guard let keys else { throw KeyRingError.notHeld(seal.sealed.masterKey) }
        guard let secret = try? keys.open(seal.sealed.bytes, for: Self.subject) else {
            throw ManifestViolation("The manifest's seal in the database was not made with the master key.")
        }
        return try ManifestContents(secret, state: seal.state)
    }

    private static let subject = SealedSubject.serverKey(name: "manifest", id: "manifest")

    // MARK: Checking

    /// The earliest state that a seal read from now on may have.
    public var least: Int64 { known.withLock { $0.least } }

    /// Compares rows with the list.
    ///
    /// - Parameters:
    ///   - entries: the rows' digests, or their absence.
    ///   - seal: the seal, read in the same statement as the rows.
    ///   - least: ``least`` from before that statement.
    /// - Returns: `false` when the rows are older than a state that has become known since: read them again.
    /// - Throws: ``ManifestViolation`` when a row differs from the list.
    public func confirms(
        _ entries: [ManifestEntry], under seal: ManifestSeal?, atLeast least: Int64,
        readingFrom source: any ManifestSource
    ) async throws -> Bool {
        // A later state may have become known since the read. Only a state known before the read proves that the seal
        // is too old.
        guard seal?.state ?? 0 >= least else { throw ManifestViolation.isOlder }
        if let finding = try finding(entries, seal) { return finding }
        try await catchUp(from: source, to: seal)
        if let finding = try finding(entries, seal) { return finding }
        throw ManifestViolation.isBroken
    }

    /// - Returns: `nil` when the seal has a later state than the known one.
    private func finding(_ entries: [ManifestEntry], _ seal: ManifestSeal?) throws -> Bool? {
        let hashed = entries.map { (RowName($0), RowDigest($0.digest)) }
        return try known.withLock { known in
            let state = seal?.state ?? 0
            if state < known.least { return false }
            guard state == known.state else { return nil }
            if let seal, known.sealed != seal.sealed.bytes {
                throw ManifestViolation(
                    "The manifest in the database has the state number of the one read before, and is another.")
            }
            for (entry, (name, digest)) in zip(entries, hashed) where known.rows[name] != digest {
                throw ManifestViolation.row(entry)
            }
            return true
        }
    }

    /// Whether the known list has a token; call it after ``confirms(_:under:readingFrom:)``.
    public var listsTokens: Bool { known.withLock { !$0.tokens.isEmpty } }

    /// Whether the known list has a denial of this name, whatever its row holds; call it after a read of a row that
    /// decides.
    public func denies(_ name: @autoclosure () -> String) -> Bool {
        // Usually there are no denials.
        guard known.withLock({ !$0.denials.isEmpty }) else { return false }
        let name = RowName(kind: ManifestEntry.Kind.denial.rawValue, name: name())
        return known.withLock { $0.denials.contains(name) }
    }

    /// The state of the known list.
    public var state: Int64 { known.withLock { $0.state } }

    /// Identifies the set of all denials in the list, 8 bytes.
    public var denialMark: [UInt8] { known.withLock { $0.denialMark } }

    private static func mark(of denials: Set<RowName>) -> [UInt8] {
        let names = denials.map(\.bytes).sorted { $0.lexicographicallyPrecedes($1) }
        return Array(SHA256.hash(data: names.flatMap(\.self)).prefix(8))
    }

    /// Whether the known list has the entry's digest.
    public func has(_ entry: ManifestEntry) -> Bool {
        let (name, digest) = (RowName(entry), RowDigest(entry.digest))
        return known.withLock { $0.rows[name] == digest }
    }

    // MARK: Catching up

    /// One caller reads at a time; the others wait for its result.
    private struct Turns {
        var isReading = false
        var waiting: [CheckedContinuation<Void, Never>] = []
    }

    private func catchUp(from source: any ManifestSource, to seal: ManifestSeal?) async throws {
        while true {
            if known.withLock({ $0.state }) >= seal?.state ?? 0 { return }
            let isFirst = turns.withLock { turns in
                defer { turns.isReading = true }
                return !turns.isReading
            }
            if isFirst { break }
            await withCheckedContinuation { continuation in
                let waits = turns.withLock { turns in
                    if turns.isReading { turns.waiting.append(continuation) }
                    return turns.isReading
                }
                if !waits { continuation.resume() }
            }
        }
        defer {
            let waiting = turns.withLock { turns in
                defer { turns = Turns() }
                return turns.waiting
            }
            for continuation in waiting { continuation.resume() }
        }
        try await read(from: source)
    }

    private static let page = 5_000
    /// The most reads of one catch-up: another server may change rows between the lines and the seal.
    private static let most = 50

    private func read(from source: any ManifestSource) async throws {
        var reading = Reading(after: known.withLock { $0.contents })
        var lastSeal: ManifestSeal?
        var beginsAnew = false
        for _ in 0..<Self.most {
            let before = reading.last
            while case let lines = try await source.manifestRows(after: reading.last, limit: Self.page), !lines.isEmpty
            {
                reading.take(lines) { name in beginsAnew ? nil : known.withLock { $0.rows[name] } }
            }
            let least = least
            guard let seal = try await source.manifestSeal() else {
                throw ManifestViolation("The manifest in the database has lost its seal.")
            }
            let contents = try open(seal, await keys.keys(for: seal.sealed.masterKey))
            guard contents.state >= least else { throw ManifestViolation.isOlder }
            if reading.isSealed(by: contents, { beginsAnew ? [:] : known.withLock { $0.rows } }) {
                // Only this caller changes `known`: see `Turns`.
                known.withLock { known in
                    if beginsAnew { known.rows = [:] }
                    for (name, digest) in reading.rows { known.rows[name] = digest }
                    known.tokens.formUnion(reading.tokens)
                    if beginsAnew || !reading.denials.isEmpty {
                        known.denials = known.denials.union(reading.denials).filter { known.rows[$0] != nil }
                        known.denialMark = Self.mark(of: known.denials)
                    }
                    (known.contents, known.sealed) = (contents, seal.sealed.bytes)
                }
                return
            }
            // Nothing was changed in between, so a concurrent change is not the reason.
            if seal == lastSeal, before == reading.last {
                // A renewal may have dropped the line of a removed row that was not read as removed: all lines tell.
                guard !beginsAnew, reading.earlier?.hasKey(of: contents) != true else { break }
                (beginsAnew, reading) = (true, Reading(after: nil))
            }
            lastSeal = seal
        }
        throw ManifestViolation.isBroken
    }
}
