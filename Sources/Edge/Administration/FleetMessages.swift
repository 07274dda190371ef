import Broker
import Bytes
import Evidence
public import FoundationEssentials
public import HTTPEdge

// The fleet, as it stands on the wire.

/// What was seen of the machines that guests ran on.
public struct FleetSummary: Codable, Sendable, DescribedReply {
    public static let details = [
        "floors": "What firmware is held to, by product: the server's own floors, or those that were asked for.",
        "machines": "Those under a floor first, then the latest seen: 10,000 at most.",
        "unnamed": "Attempts of guests whose evidence names no machine: SEV guests, and guests without hardware.",
        "unreadable": "Attempts whose row in the database cannot be read.",
        "cut": "Whether there were more attempts or machines than are looked at.",
    ]

    public let since: Date
    public let floors: [String: String]
    public let machines: [MachineSummary]
    public let unnamed, unreadable: Int
    public let cut: Bool

    /// - Parameter json: as a server or `kbs fleet --json` writes it.
    /// - Throws: an error that names the member that cannot be used.
    public init(json: [UInt8]) throws { self = try Messages.decode(FleetSummary.self, json) }

    init(_ fleet: Fleet, since: Date) {
        (self.since, floors) = (since, fleet.floors.reduce(into: [:]) { $0[$1.key.text] = $1.value.text })
        machines = fleet.machines.map(MachineSummary.init)
        (unnamed, unreadable) = (fleet.unnamed, fleet.unreadable)
        cut = fleet.isCut
    }
}

/// A machine; where hosts hide theirs, all machines behind one key.
public struct MachineSummary: Codable, Sendable, DescribedReply {
    public static let details = [
        "chip": "In hex. Absent when hosts hide it: `key` names all machines that one key vouches for.",
        "key": "The key that vouched for the latest evidence, SHA-256 of its SubjectPublicKeyInfo.",
        "product": "Absent where evidence does not state it.",
        "provider": "The cloud whose key vouches for it.",
        "versions": "The latest evidence's TCBs, as far as it states them.",
        "attempts": "How many were made from it, and how many of them were refused.",
        "attempt": "The latest one's id.",
        "guests": "Workloads and resources that were asked for, the latest 16.",
        "addresses": "Where guests called from, the latest 16.",
        "good_until": "When the document that vouches for it ends. Absent when none is at hand.",
        "denied": "Whether the chip, or a key that vouches for it, is denied.",
        "under": "What keeps its firmware from the floor. Absent when there is no floor for it.",
    ]

    public let tee: String
    public let chip, key, product, provider: String?
    public let versions: [String: String]
    public let first, last: Date
    public let attempts, refused: Int
    public let attempt: Int64
    public let guests, addresses: [String]
    public let goodUntil: Date?
    public let denied: Bool
    public let under: [FirmwareLagSummary]?

    init(_ machine: Fleet.Machine) {
        (tee, chip) = (machine.tee, machine.name.kind == .chip ? Hex.encode(machine.name.bytes) : nil)
        key =
            machine.name.kind == .key
            ? Hex.encode(machine.name.bytes) : machine.claims?.endorsingKeys.first.map { Hex.encode($0.bytes) }
        (product, provider) = (machine.claims?.productName, machine.claims?.provider)
        versions = (machine.claims?.firmware ?? [:]).reduce(into: [:]) { $0[$1.key.name.text] = "\($1.value)" }
        (first, last) = (machine.first, machine.last)
        (attempts, refused) = (machine.attempts, machine.refused)
        attempt = machine.attempt
        (guests, addresses) = (machine.guests.map(\.text), machine.addresses.map(\.text))
        (goodUntil, denied) = (machine.goodUntil, machine.isDenied)
        under = machine.lags?.map(FirmwareLagSummary.init)
    }
}

/// What keeps a machine's firmware from a floor.
public struct FirmwareLagSummary: Codable, Sendable, DescribedReply {
    public static let details = [
        "version": "The claim, e.g. `reported_tcb`.",
        "component": "The component that is lower. Absent, as `found` and `floor`, when the claim is not stated.",
    ]

    public let version: String
    public let component: String?
    public let found, floor: Int?

    init(_ lag: FirmwareLag) {
        (version, component) = (lag.version, lag.component?.name)
        (found, floor) = (lag.component?.found, lag.component?.floor)
    }
}
