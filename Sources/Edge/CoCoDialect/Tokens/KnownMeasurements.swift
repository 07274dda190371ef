public import Broker
public import FoundationEssentials

/// Which launch measurements reference values have, for what a token says of a guest's executables.
///
/// Read at most every few seconds: each attestation asks, and a token that is a little behind says "not recognised" of
/// what was added just now. Whether a guest gets a resource is decided by the resource's policy, which is never behind.
public actor KnownMeasurements {
    private static let lifetime: TimeInterval = 10
    private let all: @Sendable (_ time: Date) async throws -> Set<[UInt8]>
    private let now: @Sendable () -> Date
    private var known: Set<[UInt8]> = []
    private var read: Date?
    /// One that is under way, for all who wait for it.
    private var reading: Task<Set<[UInt8]>, any Error>?

    public init(_ policies: PolicyLibrary, now: @escaping @Sendable () -> Date = { Date() }) {
        self.init(now: now) { try await Self.all(in: policies, at: $0) }
    }

    init(now: @escaping @Sendable () -> Date, reading all: @escaping @Sendable (Date) async throws -> Set<[UInt8]>) {
        self.now = now
        self.all = all
    }

    /// - Parameter measurement: 48 bytes.
    public func contains(_ measurement: [UInt8]) async throws -> Bool {
        let time = now()
        if read.map({ time.timeIntervalSince($0) >= Self.lifetime }) ?? true { try await readAgain(at: time) }
        return known.contains(measurement)
    }

    /// What could not be read is read again by whoever asks next.
    private func readAgain(at time: Date) async throws {
        if let reading {
            known = try await reading.value
            return
        }
        // A task of its own: the guest that asked first may hang up.
        let task = Task { [all] in try await all(time) }
        reading = task
        defer { reading = nil }
        known = try await task.value
        read = time
    }

    /// A row that cannot be used is refused for what it says, which is nothing that the guest sent, or is to know.
    private static func page(of policies: PolicyLibrary, after name: String) async throws -> [StoredReferenceValues] {
        do { return try await policies.references(after: name, limit: 100) } catch let refusal as Refusal {
            throw UnusableReferenceValues(reason: refusal.sentence)
        }
    }

    private static func all(in policies: PolicyLibrary, at time: Date) async throws -> Set<[UInt8]> {
        var (found, name): (Set<[UInt8]>, String?) = ([], "")
        while let after = name {
            let page = try await page(of: policies, after: after)
            for stored in page where stored.set.kind == .measurement && stored.set.expires.map({ time < $0 }) ?? true {
                found.formUnion(stored.set.values)
            }
            name = page.count == 100 ? page.last?.set.name.text : nil
        }
        return found
    }
}

/// For the log: a guest is told that the server cannot do it now.
struct UnusableReferenceValues: Error, CustomStringConvertible {
    let reason: String

    var description: String {
        "Reference values in the database cannot be used, set them again or remove them: \(reason)"
    }
}
