public import Broker

/// Someone who proved who they are, and what they may do.
public struct Operator: Sendable, Hashable {
    public let actor: Actor
    /// At least one.
    public let authorities: [Authority]

    public init(_ actor: Actor, _ authorities: Authority...) { self.init(actor, authorities) }

    public init(_ actor: Actor, _ authorities: [Authority]) { (self.actor, self.authorities) = (actor, authorities) }

    /// As they are written, for whoever is told that they do not suffice.
    public var words: String { authorities.map(\.description).sorted().joined(separator: ", ") }
}
