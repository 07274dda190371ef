import Bytes
import Concurrency
import Crypto

/// Which rows decide, and what each of them says: policies, reference values, tokens, registrations, what a resource has
/// for a policy, what is disabled, what is denied.
///
/// The list is in the database beside the rows, under a seal that only the master key opens, and with a number that
/// counts up. A row is believed when the list has it as it is. So whoever writes to the database can neither change such
/// a row, nor add one, nor put an older one back: docs/decisions/0015-manifest.md.
public final class Manifest: Sendable {
    private let keys: KeyRing
    private let known = Lock(Known())
    private let turns = Lock(Turns())

    public init(_ keys: KeyRing) { self.keys = keys }

    /// What was read and found whole.
    private struct Known {
        var contents: ManifestContents?
        var sealed: [UInt8] = []
        var rows: [RowName: RowDigest] = [:]
        /// Tokens among them: that there are some is a reason to let nobody in without one.
        var tokens: Set<RowName> = []
        /// Denials among them.
        var denials: Set<RowName> = []
        /// SHA-256 over these, in order.
        var denialMark = Manifest.mark(of: [])
        /// The state that this process has made itself, and that was committed.
        var floor: Int64 = 0

        var state: Int64 { contents?.state ?? 0 }
        /// No earlier one is taken.
        var least: Int64 { max(state, floor) }
    }

    /// Lines that were read after what is known, and are not known yet.
    private struct Reading {
        let earlier: ManifestContents?
        var last: ManifestRow
        var rows: [RowName: RowDigest?] = [:]
        var tokens: Set<RowName> = []
        /// With those that were taken back.
        var denials: Set<RowName> = []
        private var changes: [(name: RowName, old: RowDigest?, new: RowDigest?)] = []

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

        /// Whether a seal is of these lines, with those that were known before.
        ///
        /// - Parameter all: gives the latter, which is asked only under another key than theirs.
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

    /// What is listed of rows, and the seal that it is listed under, within a transaction: with what the transaction itself,
    /// or one before it in the same commit, has listed.
    public struct Listed: Sendable {
        public let seal: ManifestSeal?
        fileprivate let contents: ManifestContents?
        fileprivate let digests: [RowName: RowDigest]

        /// - Returns: whether an entry is what is listed.
        public func has(_ entry: ManifestEntry) -> Bool { digests[RowName(entry)] == RowDigest(entry.digest) }
    }

    /// What is proven of some rows. A line of the database is none: whoever changes a row can change its line.
    ///
    /// - Parameters:
    ///   - entries: name the rows.
    ///   - seal: reads the seal.
    ///   - page: reads lines, as ``ManifestSource/manifestRows(after:limit:)`` does.
    public func listed(
        _ entries: [ManifestEntry], seal: () throws -> ManifestSeal?,
        page: (ManifestRow, Int) throws -> [ManifestRow]
    ) throws -> Listed {
        // Others may change rows between two statements.
        for _ in 0..<Self.most {
            let least = least
            guard let seal = try seal() else {
                guard least == 0 else { throw ManifestViolation.isOlder }
                return Listed(seal: nil, contents: nil, digests: [:])
            }
            let contents = try open(seal, keys.candidatesNow(for: seal.sealed.masterKey))
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

    /// The seal after a change, for the transaction that makes the change, and which of the lines are others then.
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

    /// Remembers a state that this process has made, once it is committed: no earlier one is taken from then on.
    public func committed(_ state: Int64) { known.withLock { $0.floor = max($0.floor, state) } }

    /// A seal of all rows with a new key, under the active master key.
    ///
    /// - Parameter rows: all that there are.
    /// - Throws: ``ManifestViolation`` when these are not the rows that were sealed.
    public func renew(_ seal: ManifestSeal, of rows: [ManifestRow]) throws -> ManifestSeal {
        let old = try open(seal, keys.candidatesNow(for: seal.sealed.masterKey))
        var check = old.empty
        var contents = ManifestContents(state: old.state)
        for row in rows {
            let (name, digest) = (RowName(row), RowDigest(row.digest))
            check.replace(name, nil, with: digest)
            contents.replace(name, nil, with: digest)
        }
        guard check.hasRows(of: old) else { throw ManifestViolation.isBroken }
        try contents.advance()
        return try sealed(contents)
    }

    /// A seal of rows that an operator vouches for.
    ///
    /// - Parameter state: the last one that there was.
    public func seal(of entries: [ManifestEntry], after state: Int64) throws -> ManifestSeal {
        // Far off: servers at work may know of states that were lost. A number that nobody can have counted to is none.
        let last = state < Int64.max / 2 ? state : 0
        var contents = ManifestContents(state: max(last, known.withLock { $0.least }) + 1 << 32)
        for entry in entries { contents.replace(RowName(entry), nil, with: RowDigest(entry.digest)) }
        try contents.advance()
        return try sealed(contents)
    }

    private func sealed(_ contents: ManifestContents) throws -> ManifestSeal {
        ManifestSeal(
            state: contents.state, sealed: try keys.seal(contents.secret, for: Self.name, id: Self.name))
    }

    private func open(_ seal: ManifestSeal, _ candidates: [ServerKeys]) throws -> ManifestContents {
        let secret: Secret
        do {
            secret = try candidates.open(seal.sealed) { try $0.open($1, for: Self.name, id: Self.name) }
        } catch let error as KeyRingError {
            throw error
        } catch {
            throw ManifestViolation("The manifest's seal in the database was not made with the master key.")
        }
        return try ManifestContents(secret, state: seal.state)
    }

    private static let name = "manifest"

    // MARK: Checking

    /// What a seal that is read from now on has to be of, at least.
    public var least: Int64 { known.withLock { $0.least } }

    /// Whether rows are what the list has.
    ///
    /// - Parameters:
    ///   - entries: what the rows say, or that there are none.
    ///   - seal: as the same statement read it.
    ///   - least: ``least`` from before that.
    /// - Returns: `false` when they were read before a change that is known meanwhile: they are to be read again.
    /// - Throws: ``ManifestViolation`` when they are not.
    public func confirms(
        _ entries: [ManifestEntry], under seal: ManifestSeal?, atLeast least: Int64,
        readingFrom source: any ManifestSource
    ) async throws -> Bool {
        // Others' changes may have become known since: only what was known before says that it is too old.
        guard seal?.state ?? 0 >= least else { throw ManifestViolation.isOlder }
        if let finding = try finding(entries, seal) { return finding }
        try await catchUp(from: source, to: seal)
        if let finding = try finding(entries, seal) { return finding }
        throw ManifestViolation.isBroken
    }

    /// - Returns: `nil` when the seal is of a later state than is known.
    private func finding(_ entries: [ManifestEntry], _ seal: ManifestSeal?) throws -> Bool? {
        let hashed = entries.map { (RowName($0), RowDigest($0.digest)) }
        return try known.withLock { known in
            let state = seal?.state ?? 0
            if state < known.least { return false }
            guard state == known.state else { return nil }
            if let seal, known.sealed != seal.sealed.bytes {
                throw ManifestViolation("The manifest in the database has a state of that number that it had not.")
            }
            for (entry, (name, digest)) in zip(entries, hashed) where known.rows[name] != digest {
                throw ManifestViolation.row(entry)
            }
            return true
        }
    }

    /// Whether a token is listed, as far as is known: to be asked after ``confirms(_:under:readingFrom:)``.
    public var listsTokens: Bool { known.withLock { !$0.tokens.isEmpty } }

    /// Whether the list has a denial of this name, and no matter what its row says: to be asked in the same way.
    public func denies(_ name: @autoclosure () -> String) -> Bool {
        // Mostly there are none.
        guard known.withLock({ !$0.denials.isEmpty }) else { return false }
        let name = RowName(kind: ManifestEntry.Kind.denial.rawValue, name: name())
        return known.withLock { $0.denials.contains(name) }
    }

    /// Names the set of all denials in the list, 8 bytes.
    public var denialMark: [UInt8] { known.withLock { $0.denialMark } }

    private static func mark(of denials: Set<RowName>) -> [UInt8] {
        let names = denials.map(\.bytes).sorted { $0.lexicographicallyPrecedes($1) }
        return Array(SHA256.hash(data: names.flatMap(\.self)).prefix(8))
    }

    /// Whether the list has a row as it is, as far as is known.
    public func has(_ entry: ManifestEntry) -> Bool {
        let (name, digest) = (RowName(entry), RowDigest(entry.digest))
        return known.withLock { $0.rows[name] == digest }
    }

    // MARK: Catching up

    /// Whoever comes while another reads waits for what that one finds.
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
    /// Others may change rows meanwhile, so that the seal is of a later state than the rows.
    private static let most = 50

    private func read(from source: any ManifestSource) async throws {
        var reading = Reading(after: known.withLock { $0.contents })
        var lastSeal: ManifestSeal?
        for _ in 0..<Self.most {
            let before = reading.last
            while case let lines = try await source.manifestRows(after: reading.last, limit: Self.page), !lines.isEmpty
            {
                reading.take(lines) { name in known.withLock { $0.rows[name] } }
            }
            let least = least
            guard let seal = try await source.manifestSeal() else {
                throw ManifestViolation("The manifest in the database has lost its seal.")
            }
            let contents = try open(seal, await keys.candidates(for: seal.sealed.masterKey))
            guard contents.state >= least else { throw ManifestViolation.isOlder }
            if reading.isSealed(by: contents, { known.withLock { $0.rows } }) {
                // Nobody else has changed it meanwhile: see the turns.
                known.withLock { known in
                    for (name, digest) in reading.rows { known.rows[name] = digest }
                    known.tokens.formUnion(reading.tokens)
                    if !reading.denials.isEmpty {
                        known.denials = known.denials.union(reading.denials).filter { known.rows[$0] != nil }
                        known.denialMark = Self.mark(of: known.denials)
                    }
                    (known.contents, known.sealed) = (contents, seal.sealed.bytes)
                }
                return
            }
            // Nothing was changed meanwhile: so it is not that.
            if seal == lastSeal, before == reading.last { break }
            lastSeal = seal
        }
        throw ManifestViolation.isBroken
    }
}
