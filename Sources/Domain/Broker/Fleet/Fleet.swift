public import Bytes
public import Evidence
public import FoundationEssentials

/// What was seen of the machines that guests ran on, by what genuine evidence states.
public struct Fleet: Sendable {
    /// A machine. Where hosts hide theirs, all machines behind one key.
    public struct Machine: Sendable {
        /// The chip, or the key that vouches for machines which are hidden.
        public let name: Endorser
        /// ``TEE`` or ``GuestTEE``.
        public let tee: String
        /// What its latest evidence states; `nil` of a technology whose attempts keep no claims.
        public let claims: Claims?
        /// The latest attempt.
        public let attempt: Int64
        public let last: Date
        public internal(set) var first: Date
        public internal(set) var attempts = 0
        public internal(set) var refused = 0
        /// Workloads and resources that were asked for, the latest first.
        public internal(set) var guests: [ExactText] = []
        /// Where it called from, the latest first.
        public internal(set) var addresses: [ExactText] = []

        /// Until when the document that vouches for it is good; `nil` where none is at hand, or it does not say.
        public internal(set) var goodUntil: Date?
        /// Whether it, or a key that vouches for it, is denied.
        public internal(set) var isDenied = false
        /// What keeps its firmware from the floor; `nil` where there is none for it.
        public internal(set) var lags: [FirmwareLag]?

        public var isUnderFloor: Bool { lags.map { !$0.isEmpty } ?? false }

        /// How many guests, and how many addresses, are told of one machine.
        static let longestList = 16
    }

    /// Those under the floor first, then the latest seen.
    public internal(set) var machines: [Machine]
    /// The floors that they are held to, by product.
    public let floors: [ExactText: ExactText]
    /// Attempts whose evidence names no machine: of SEV guests, and of guests without hardware.
    public let unnamed: Int
    /// Attempts whose row cannot be read.
    public let unreadable: Int
    /// Whether there were more attempts or machines than are looked at.
    public let isCut: Bool
}

extension Broker {
    /// The fleet as it was seen.
    ///
    /// - Parameter floors: to hold it to in place of the server's own, as ``AppraisalPolicy/holding(firmwareTo:)`` reads
    ///   them. Then only machines under them are told of.
    /// - Throws: a ``Refusal`` when the floors cannot be read.
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

    /// Looks up until when each one's document is good, several at a time.
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
        // A name may have several documents: keys of several clouds, or all that a folder has of a chip.
        return try await appraiser.source.documents(named: [name]).filter { document in
            document.certificates.first.map { .key($0.publicKeyFingerprint) == key } ?? false
        }.compactMap(\.goodUntil).max()
    }

    /// Goes through the attempts that are kept, latest first.
    ///
    /// - Returns: whether there are more than are looked at.
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

/// What attempts say of machines, the latest attempt first.
private struct Sightings {
    var machines: [Endorser: Fleet.Machine] = [:]
    var (unnamed, unreadable, isFull) = (0, 0, false)

    /// How many machines are told of.
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
            // What strangers say names nothing.
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
