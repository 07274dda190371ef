/// Why a master key is not available, with what to do.
public struct MasterKeyError: Error, Sendable, Hashable, CustomStringConvertible {
    public let description: String

    public init(_ description: String) { self.description = description }
}
