public import Broker

/// Someone who proved who they are, and what they may do.
public struct Operator: Sendable, Hashable {
    public let actor: Actor
    public let role: Role

    public init(_ actor: Actor, _ role: Role) {
        self.actor = actor
        self.role = role
    }
}
