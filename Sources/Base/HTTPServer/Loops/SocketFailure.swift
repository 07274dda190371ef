import Glibc

/// A socket that cannot be made or used, and what to do.
public struct SocketFailure: Error, Hashable, Sendable, CustomStringConvertible {
    /// Of the system; 0 when the reason is another.
    public let code: Int32
    public let description: String

    init(_ what: String, _ code: Int32) {
        self.code = code
        description = "\(what): \(String(cString: strerror(code)))"
    }

    /// - Parameter code: of the system, which the sentence explains.
    init(_ sentence: String, explaining code: Int32 = 0) {
        self.code = code
        description = sentence
    }
}
