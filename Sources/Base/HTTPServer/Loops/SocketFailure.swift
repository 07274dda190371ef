import Glibc

/// A socket that cannot be made or used, with the remedy.
public struct SocketFailure: Error, Hashable, Sendable, CustomStringConvertible {
    /// The system's error number; 0 for another reason.
    public let code: Int32
    public let description: String

    init(_ failure: String, _ code: Int32) {
        self.code = code
        description = "\(failure): \(String(cString: strerror(code)))"
    }

    /// - Parameter code: the system's error number, which the sentence explains.
    init(_ sentence: String, explaining code: Int32 = 0) {
        self.code = code
        description = sentence
    }
}
