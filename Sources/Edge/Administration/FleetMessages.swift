import Broker
import Bytes
import Evidence
public import FoundationEssentials
public import HTTPEdge

// The fleet on the wire.

/// The machines that guests ran on.
public struct FleetSummary: Codable, Sendable, DescribedReply {
    public static let details = [
        "floors": "The minimum TCBs by product: the server's, or those in the query.",
        "machines": "Those below a minimum first, then the latest seen: 10,000 at most.",
        "unnamed": "Attempts whose evidence names no machine: of SEV guests, and of guests without hardware.",
        "unreadable": "Attempts whose row in the database cannot be read.",
        "cut": "Whether some attempts or machines were left out because there were too many.",
    ]

    public let since: Date
    public let floors: [String: String]
    public let machines: [MachineSummary]
    public let unnamed, unreadable: Int
    public let cut: Bool

    /// - Parameter json: the output of a server or `kbs fleet --json`.
    /// - Throws: an error that names the unusable member.
    public init(json: [UInt8]) throws { self = try Messages.decode(FleetSummary.self, json) }

    init(_ fleet: Fleet, since: Date) {
        (self.since, floors) = (since, fleet.floors.reduce(into: [:]) { $0[$1.key.text] = $1.value.text })
        machines = fleet.machines.map(MachineSummary.init)
        (unnamed, unreadable) = (fleet.unnamed, fleet.unreadable)
        cut = fleet.isCut
    }
}

/// A machine; with hidden chip ids, all machines of one key.
public struct MachineSummary: Codable, Sendable, DescribedReply {
    public static let details = [
        "chip": "In hex. Absent if hosts hide it: `key` then names all machines whose evidence one key signs.",
        "key": "The key that signed the latest evidence, SHA-256 of its SubjectPublicKeyInfo.",
        "product": "Absent if evidence does not state it.",
        "provider": "The cloud provider of the key.",
        "versions": "The TCBs that the latest evidence states.",
        "attempts": "The number of attempts; `refused` is the number of refused ones.",
        "attempt": "The id of the latest attempt.",
        "guests": "The latest 16 workloads and resources that were asked for.",
        "addresses": "The latest 16 addresses of guests.",
        "good_until": "The end of its certificate. Absent if none is at hand.",
        "denied": "Whether the chip, or one of its keys, is denied.",
        "under": "The components below the minimum. Absent if no minimum applies.",
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

/// A firmware component below the minimum.
public struct FirmwareLagSummary: Codable, Sendable, DescribedReply {
    public static let details = [
        "version": "The claim, e.g. `reported_tcb`.",
        "component": "The lower component. Absent, like `found` and `floor`, if the claim is not stated.",
    ]

    public let version: String
    public let component: String?
    public let found, floor: Int?

    init(_ lag: FirmwareLag) {
        (version, component) = (lag.version, lag.component?.name)
        (found, floor) = (lag.component?.found, lag.component?.floor)
    }
}
