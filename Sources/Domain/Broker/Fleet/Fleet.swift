public import Bytes
public import Evidence
public import FoundationEssentials

/// The machines that guests ran on, by the claims of genuine evidence.
public struct Fleet: Sendable {
    /// A machine; where hosts hide their chip's id, all machines whose reports one key signs.
    public struct Machine: Sendable {
        /// The chip, or the key that vouches for machines with hidden chips.
        public let name: Endorser
        /// ``TEE`` or ``GuestTEE``.
        public let tee: String
        /// The claims of its latest evidence; `nil` for a technology whose attempts store no claims.
        public let claims: Claims?
        /// The id of the latest attempt.
        public let attempt: Int64
        public let last: Date
        public internal(set) var first: Date
        public internal(set) var attempts = 0
        public internal(set) var refused = 0
        /// Requested workloads and resources, latest first, at most ``longestList``.
        public internal(set) var guests: [ExactText] = []
        /// Addresses of its requests, latest first, at most ``longestList``.
        public internal(set) var addresses: [ExactText] = []

        /// The end of validity of the document that vouches for it; `nil` when none is stored, or it has no end.
        public internal(set) var goodUntil: Date?
        /// Whether it, or a key that vouches for it, is denied.
        public internal(set) var isDenied = false
        /// The firmware versions under the floor or not stated; `nil` where no floor applies.
        public internal(set) var lags: [FirmwareLag]?

        public var isUnderFloor: Bool { lags.map { !$0.isEmpty } ?? false }

        /// The most guests, and the most addresses, of one machine.
        static let longestList = 16
    }

    /// Machines under the floor first, then by the time of their latest attempt.
    public internal(set) var machines: [Machine]
    /// The firmware floors that were applied, by product.
    public let floors: [ExactText: ExactText]
    /// The number of attempts whose evidence names no machine: of SEV guests, and of guests without hardware.
    public let unnamed: Int
    /// The number of attempts whose row cannot be decoded.
    public let unreadable: Int
    /// Whether attempts or machines were left out: there are more than the limits.
    public let isCut: Bool
}

extension Broker {
    /// The fleet, by the stored attempts.
    ///
    /// - Parameter floors: floors to apply in place of the server's own, as ``AppraisalPolicy/holding(firmwareTo:)``
    ///   reads them; only machines under them are then returned.
    /// - Throws: a ``Refusal`` when the floors cannot be parsed.
    public func fleet(since start: Date, under floors: String? = nil) async throws -> Fleet {
        let policy = try floors.map { text throws(Refusal) in try self.policy.holding(firmwareTo: text) } ?? self.policy
        var sightings = Sightings()
        let isCut = try await eachAttempt(since: start) { sightings.see($0) }
        let denies = try await store.denyList()
        var machines = sightings.machines.values.map { machine in
            var machine = machine
            machine.isDenied = ([machine.name] + (machine.claims?.endorsers ?? [])).contains(where: denies)
            machine.lags = machine.claims.flatMap { policy.firmwareLags(of: $0) }
            return machine
        }
        if floors != nil { machines.removeAll { !$0.isUnderFloor } }
        machines.sort { a, b in
            (a.isUnderFloor ? 0 : 1, b.last, ExactText(a.name.name)) < (
                b.isUnderFloor ? 0 : 1, a.last, ExactText(b.name.name)
            )
        }
        return Fleet(
            machines: try await withEndorsements(machines), floors: policy.firmwareFloors, unnamed: sightings.unnamed,
            unreadable: sightings.unreadable, isCut: isCut || sightings.isFull)
    }

    /// Looks up the end of validity of each machine's document, 64 at a time.
    private func withEndorsements(_ machines: [Fleet.Machine]) async throws -> [Fleet.Machine] {
        var machines = machines
        for start in stride(from: 0, to: machines.count, by: 64) {
            let indices = start..<min(start + 64, machines.count)
            try await withThrowingTaskGroup(of: (Int, Date?).self) { group in
                for index in indices {
                    let claims = machines[index].claims
                    group.addTask { (index, try await self.endorsementEnd(claims)) }
                }
                for try await (index, end) in group { machines[index].goodUntil = end }
            }
        }
        return machines
    }

    private func endorsementEnd(_ claims: Claims?) async throws -> Date? {
        guard let claims, let name = claims.endorsement, let key = claims.endorsingKeys.first else { return nil }
        // A name may stand for several documents: keys of several clouds, or all of a folder's for one chip.
        return try await appraiser.source.documents(named: [name]).filter { document in
            document.certificates.first.map { .key($0.publicKeyFingerprint) == key } ?? false
        }.compactMap(\.goodUntil).max()
    }

    /// Calls `body` with the stored attempts since `start`, latest first, at most 100 000.
    ///
    /// - Returns: whether there are more.
    func eachAttempt(since start: Date, _ body: (RecordedAttempt) throws -> Void) async throws -> Bool {
        var before = Int64.max
        for _ in 0..<Self.mostPages {
            let attempts = try await store.attempts(AttemptSelection(), before: before, limit: Self.pageOfAttempts)
            for attempt in attempts {
                guard attempt.time >= start else { return false }
                before = attempt.id
                try body(attempt)
            }
            guard attempts.count == Self.pageOfAttempts else { return false }
        }
        return true
    }

    private static var pageOfAttempts: Int { 500 }
    private static var mostPages: Int { 200 }
}

/// Collects machines from attempts, which are given latest first.
private struct Sightings {
    var machines: [Endorser: Fleet.Machine] = [:]
    var (unnamed, unreadable, isFull) = (0, 0, false)

    /// The most machines that are collected.
    private static let most = 10_000

    mutating func see(_ attempt: RecordedAttempt) {
        let (claims, name): (Claims?, Endorser?)
        if let json = attempt.claims {
            guard let read = try? GuestClaims(json: json).evidence else {
                unreadable += 1
                return
            }
            (claims, name) = (read, read.chip.map { Endorser(chip: $0) } ?? read.endorsingKeys.first)
        } else {
            // A chip that a stranger states is unproven.
            guard attempt.verdict?.genuine == true else { return }
            (claims, name) = (nil, try? Endorser(.chip, hex: attempt.chip))
        }
        guard let name else {
            unnamed += attempt.repeats.count
            return
        }
        guard machines[name] != nil || machines.count < Self.most else {
            isFull = true
            return
        }
        let last = max(attempt.repeats.last ?? attempt.time, attempt.time)
        machines[
            name,
            default: Fleet.Machine(
                name: name, tee: attempt.tee, claims: claims, attempt: attempt.id, last: last, first: attempt.time)
        ].see(attempt)
    }
}

extension Fleet.Machine {
    fileprivate mutating func see(_ attempt: RecordedAttempt) {
        first = min(first, attempt.time)
        attempts += attempt.repeats.count
        if !attempt.isAccepted { refused += attempt.repeats.count }
        Self.note(attempt.workload, in: &guests)
        Self.note(attempt.origin.address, in: &addresses)
    }

    private static func note(_ text: String, in list: inout [ExactText]) {
        let text = ExactText(text)
        if !text.isEmpty, list.count < longestList, !list.contains(text) { list.append(text) }
    }
}
