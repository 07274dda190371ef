public import Broker
public import HTTP

/// One call of the server's as a value: where it is, who may make it, what it takes, how it fails, and what it does.
///
/// Routing, `405`, the check of rights, the bounds of bodies, the labels of metrics and the API's description are all made
/// from the list of calls, so that none of them can know of a call what the others do not.
public struct Call: Sendable {
    public let method: HTTPRequest.Method
    public let path: CallPath
    /// What metrics, spans and the log name it by. Calls of one path have one label.
    public let label: String
    public let body: BodyRule
    /// Whether an address has a bounded number of requests for it. What supervisors ask is never limited.
    public let isLimited: Bool
    public let form: any FailureForm
    /// `nil`: the API's description leaves it out.
    public let operation: Operation?
    public let handler: Handler
    /// Whether what answers it looks at every name in it, so that a caller may come who has a right in some scopes only.
    public let checksNames: Bool

    /// What answers it. Only what was admitted has somebody on whose behalf it acts.
    public enum Handler: Sendable {
        case open(@Sendable (Request) async throws -> Response)
        case admitted(Right, @Sendable (Request, Admission) async throws -> Response)
    }

    /// A call that anyone may make; what it gives is decided by what the request proves.
    public init(
        _ method: HTTPRequest.Method, _ path: CallPath, label: String, body: BodyRule = .unread, isLimited: Bool = true,
        form: any FailureForm, operation: Operation? = nil,
        answer: @escaping @Sendable (Request) async throws -> Response
    ) {
        self.init(method, path, label, body, isLimited, form, operation, .open(answer), checksNames: false)
    }

    /// A call for those who have a right.
    ///
    /// - Parameter checksNames: whether `answer` holds every name in the request to the admission's reach. Without that
    ///   nobody is let through whose right is of a scope.
    public init(
        _ method: HTTPRequest.Method, _ path: CallPath, label: String, right: Right, checksNames: Bool = false,
        body: BodyRule = .unread, form: any FailureForm, operation: Operation? = nil,
        answer: @escaping @Sendable (Request, Admission) async throws -> Response
    ) {
        self.init(
            method, path, label, body, true, form, operation, .admitted(right, answer), checksNames: checksNames)
    }

    private init(
        _ method: HTTPRequest.Method, _ path: CallPath, _ label: String, _ body: BodyRule, _ isLimited: Bool,
        _ form: any FailureForm, _ operation: Operation?, _ handler: Handler, checksNames: Bool
    ) {
        self.checksNames = checksNames
        self.method = method
        self.path = path
        self.label = label
        self.body = body
        self.isLimited = isLimited
        self.form = form
        self.operation = operation
        self.handler = handler
    }

    /// `nil`: anyone may make it.
    public var right: Right? {
        guard case .admitted(let right, _) = handler else { return nil }
        return right
    }
}

/// What a caller must be allowed to do.
public enum Right: Sendable, Hashable {
    case permission(Role.Permission)
    /// To register a workload with the guests' protocol, whose clients have no credentials.
    case registering

    public var permission: Role.Permission {
        switch self {
        case .permission(let permission): permission
        case .registering: .changeWorkloads
        }
    }
}

/// How long a call's body may be.
public enum BodyRule: Sendable {
    /// Nothing is read of it.
    case unread
    /// In bytes.
    case upTo(Int)
    /// Evidence, which waits for its turn to be verified. What answers a challenge of this server's may be longer than what
    /// anyone may send.
    ///
    /// - Parameters:
    ///   - awaited: for what answers a challenge, in bytes.
    ///   - mayBeLong: whether the request is of a kind that has long evidence.
    ///   - isAwaited: whether it answers a challenge, by its head.
    case evidence(
        upTo: Int, awaited: Int, mayBeLong: @Sendable (Request) -> Bool, isAwaited: @Sendable (Request) -> Bool)
}
