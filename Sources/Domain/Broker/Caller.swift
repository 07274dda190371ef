import Concurrency

/// The peer that sent a guest's request: counted by per-caller limits and shown to the operator.
public final class Caller: Sendable {
    @TaskLocal public static var current: Caller?

    /// The address or network by which per-caller limits count; `nil` when unknown.
    public static var network: String? { current?.network }

    public let network: String?
    public let address: String
    /// The request id that the request's log lines share.
    public let request: String
    private let state = Lock((version: "", isRecorded: false))

    public init(network: String?, address: String = "", request: String = "") {
        self.network = network
        self.address = address
        self.request = request
    }

    /// The protocol version that the caller stated; empty until it is read.
    public var version: String { state.withLock { $0.version } }

    /// - Parameter version: as the caller wrote it. Kept: printable ASCII of its first 24 bytes.
    public static func speaks(_ version: String) {
        current?.state.withLock {
            $0.version = String(decoding: version.utf8.prefix(24).filter { (0x21..<0x7F).contains($0) }, as: UTF8.self)
        }
    }

    /// Whether this request's refusal is recorded, or was counted as over the budget.
    var isRecorded: Bool { state.withLock { $0.isRecorded } }

    static func noteRecorded() { current?.state.withLock { $0.isRecorded = true } }
}
