import Bytes
import Concurrency
import Crypto

/// Which rows decide, and what each of them says: policies, reference values, tokens, registrations, what a resource has
/// for a policy, what is disabled.
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

        var state: Int64 { contents?.state ?? 0 }
    }

    // MARK: Changing

    /// The seal after a change, for the transaction that makes the change.
    ///
    /// - Parameters:
    ///   - seal: what the database has; `nil` when nothing was ever listed.
    ///   - changes: what the list has of each row, and what it is to have.
    public func advance(_ seal: ManifestSeal?, by changes: [(old: ManifestRow?, new: ManifestEntry)]) throws
        -> ManifestSeal
    {
        var contents =
            try seal.map { try open($0, keys.candidatesNow(for: $0.sealed.masterKey)) }
            ?? ManifestContents(state: 0)
        guard contents.state >= known.withLock({ $0.state }) else { throw ManifestViolation.isOlder }
        try contents.advance()
        for (old, new) in changes {
            contents.replace(RowName(new), old.flatMap { RowDigest($0.digest) }, with: RowDigest(new.digest))
        }
        return try sealed(contents)
    }

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
        var contents = ManifestContents(state: max(state, known.withLock { $0.state }))
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

    /// Whether rows are what the list has.
    ///
    /// - Parameters:
    ///   - entries: what the rows say, or that there are none.
    ///   - seal: as the same statement read it.
    /// - Returns: `false` when they were read before a change that is known meanwhile: they are to be read again.
    /// - Throws: ``ManifestViolation`` when they are not.
    public func confirms(
        _ entries: [ManifestEntry], under seal: ManifestSeal?, readingFrom source: any ManifestSource
    ) async throws -> Bool {
        if let finding = try finding(entries, seal) { return finding }
        try await catchUp(from: source, to: seal)
        if let finding = try finding(entries, seal) { return finding }
        throw ManifestViolation.isBroken
    }

    /// - Returns: `nil` when the seal is of a later state than is known.
    private func finding(_ entries: [ManifestEntry], _ seal: ManifestSeal?) throws -> Bool? {
        try known.withLock { known in
            let state = seal?.state ?? 0
            if state < known.state { return false }
            guard state == known.state else { return nil }
            if let seal, known.sealed != seal.sealed.bytes {
                throw ManifestViolation("The manifest in the database has a state of that number that it had not.")
            }
            for entry in entries where known.rows[RowName(entry)] != RowDigest(entry.digest) {
                throw ManifestViolation.row(entry)
            }
            return true
        }
    }

    /// Whether something is listed, as far as is known. For what is looked at again and again, after ``confirms(_:under:readingFrom:)``.
    func lists(_ kind: ManifestEntry.Kind, _ name: String) -> Bool {
        known.withLock { $0.rows[RowName(.absent(kind, name))] != nil }
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
        let found = known.withLock { $0 }
        // What was read before may be what is wrong: then all is read again.
        let now: Known
        do {
            now = try await read(from: source, after: found)
        } catch let violation as ManifestViolation where found.contents == nil {
            throw violation
        } catch is ManifestViolation {
            now = try await read(from: source, after: Known())
        }
        try known.withLock { known in
            guard now.state >= known.state else { throw ManifestViolation.isOlder }
            known = now
        }
    }

    private static let page = 5_000
    /// Others may change rows meanwhile, so that the seal is of a later state than the rows.
    private static let most = 50

    private func read(from source: any ManifestSource, after earlier: Known) async throws -> Known {
        var found = earlier
        var last = ManifestRow(kind: "\u{10FFFF}", name: "", digest: [], state: earlier.state)
        var lastSeal: ManifestSeal?
        var changes: [(name: RowName, old: RowDigest?, new: RowDigest?)] = []
        for _ in 0..<Self.most {
            let before = last
            while case let rows = try await source.manifestRows(after: last, limit: Self.page), let end = rows.last {
                for row in rows {
                    let (name, new) = (RowName(row), RowDigest(row.digest))
                    changes.append((name, found.rows[name], new))
                    found.rows[name] = new
                }
                last = end
            }
            guard let seal = try await source.manifestSeal() else {
                throw ManifestViolation("The manifest in the database has lost its seal.")
            }
            let contents = try open(seal, await keys.candidates(for: seal.sealed.masterKey))
            guard contents.state >= earlier.state else { throw ManifestViolation.isOlder }
            if Self.contents(found, after: earlier, changes, like: contents).hasRows(of: contents) {
                found.contents = contents
                found.sealed = seal.sealed.bytes
                return found
            }
            // Nothing was changed meanwhile: so it is not that.
            if seal == lastSeal, before == last { break }
            lastSeal = seal
        }
        throw ManifestViolation.isBroken
    }

    /// What a seal would hold of the rows that were found.
    private static func contents(
        _ found: Known, after earlier: Known, _ changes: [(name: RowName, old: RowDigest?, new: RowDigest?)],
        like sealed: ManifestContents
    ) -> ManifestContents {
        if var contents = earlier.contents, contents.hasKey(of: sealed) {
            for change in changes { contents.replace(change.name, change.old, with: change.new) }
            return contents
        }
        var contents = sealed.empty
        for (name, digest) in found.rows { contents.replace(name, nil, with: digest) }
        return contents
    }
}
