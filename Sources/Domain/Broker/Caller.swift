import Concurrency

/// Who makes a guest's call, as far as the edge knows: for what is counted by caller, and for what an operator is told of it.
public final class Caller: Sendable {
    @TaskLocal public static var current: Caller?

    /// The address that limits are counted by, or its network. A caller whose address is not known shares with nobody.
    public static var network: String? { current?.network }

    public let network: String?
    public let address: String
    /// What the call's lines in the log have in common.
    public let request: String
    private let state = Lock((version: "", isRecorded: false))

    public init(network: String?, address: String = "", request: String = "") {
        self.network = network
        self.address = address
        self.request = request
    }

    /// The version of the protocol that was spoken; the empty text until it is known.
    public var version: String { state.withLock { $0.version } }

    /// - Parameter version: as the caller wrote it.
    public static func speaks(_ version: String) {
        current?.state.withLock {
            $0.version = String(decoding: version.utf8.prefix(24).filter { (0x21...0x7F).contains($0) }, as: UTF8.self)
        }
    }

    /// Whether the refusal of this call is kept already, or one more was not to be.
    var isRecorded: Bool { state.withLock { $0.isRecorded } }

    static func noteRecorded() { current?.state.withLock { $0.isRecorded = true } }
}
