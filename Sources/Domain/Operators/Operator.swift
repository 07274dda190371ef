public import Broker

/// An authenticated operator, with roles.
public struct Operator: Sendable, Hashable {
    public let actor: Actor
    /// At least one.
    public let authorities: [Authority]

    public init(_ actor: Actor, _ authorities: Authority...) { self.init(actor, authorities) }

    public init(_ actor: Actor, _ authorities: [Authority]) { (self.actor, self.authorities) = (actor, authorities) }

    /// The roles in their text form, for refusals.
    public var words: String { authorities.map(\.description).sorted().joined(separator: ", ") }
}
