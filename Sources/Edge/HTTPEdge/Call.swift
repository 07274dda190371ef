public import Broker
public import HTTP

/// One call of the server as a value: path, right, body rule, form of failures, and handler.
///
/// Routing, `405`, the check of rights, the bounds of bodies, the labels of metrics and the API's description are all
/// made from the one list of calls, and so always agree.
public struct Call: Sendable {
    public let method: HTTPRequest.Method
    public let path: CallPath
    /// The call's name in metrics, spans and the log. Calls of one path have one label.
    public let label: String
    public let body: BodyRule
    /// Whether the request limit of an address applies. Supervisors' probes are never limited.
    public let isLimited: Bool
    public let form: any FailureForm
    /// `nil`: the API's description leaves it out.
    public let operation: Operation?
    public let handler: Handler
    /// Whether the handler checks every name in the request against the caller's reach. Only then is a caller admitted
    /// whose right is limited to scopes.
    public let checksNames: Bool

    /// The handler of a request. Only an admitted request has an actor.
    public enum Handler: Sendable {
        case open(@Sendable (Request) async throws -> Response)
        case admitted(Right, @Sendable (Request, Admission) async throws -> Response)
    }

    /// A call open to everyone; its handler decides by the proof in the request.
    public init(
        _ method: HTTPRequest.Method, _ path: CallPath, label: String, body: BodyRule = .unread, isLimited: Bool = true,
        form: any FailureForm, operation: Operation? = nil,
        answer: @escaping @Sendable (Request) async throws -> Response
    ) {
        (self.method, self.path, self.label, self.body, self.isLimited) = (method, path, label, body, isLimited)
        (self.form, self.operation, handler, checksNames) = (form, operation, .open(answer), false)
    }

    /// A call for callers with a right.
    ///
    /// - Parameter checksNames: whether `answer` checks every name in the request against the admission's reach.
    ///   Without that, callers whose right is limited to scopes are refused.
    public init(
        _ method: HTTPRequest.Method, _ path: CallPath, label: String, right: Right, checksNames: Bool = false,
        body: BodyRule = .unread, form: any FailureForm, operation: Operation? = nil,
        answer: @escaping @Sendable (Request, Admission) async throws -> Response
    ) {
        (self.method, self.path, self.label, self.body, isLimited) = (method, path, label, body, true)
        (self.form, self.operation, handler) = (form, operation, .admitted(right, answer))
        self.checksNames = checksNames
    }

    /// The required right; `nil`: open to everyone.
    public var right: Right? {
        guard case .admitted(let right, _) = handler else { return nil }
        return right
    }
}

/// The right that a call requires.
public enum Right: Sendable, Hashable {
    case permission(Role.Permission)
    /// To register a workload through the guests' protocol, whose clients have no credentials.
    case registering

    public var permission: Role.Permission {
        switch self {
        case .permission(let permission): permission
        case .registering: .changeWorkloads
        }
    }
}

/// The bound of a call's body.
public enum BodyRule: Sendable {
    /// The body is not read.
    case unread
    /// At most this many bytes.
    case upTo(Int)
    /// Evidence, which waits for verification. How long it may be depends on the request's head: an answer to this
    /// server's challenge may be longer than a stranger's body.
    case evidence(longest: @Sendable (Request) throws -> Int)
}
