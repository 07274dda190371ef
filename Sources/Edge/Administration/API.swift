public import Broker
import Bytes
import Concurrency
import Evidence
import Formats
public import FoundationEssentials
import HTTP
public import HTTPEdge

/// The administration API under `/api/v1`. `/openapi.json` describes it to programs, docs/administration.md to people.
///
/// A call does its own work. It is given the caller's admission, and checks every name in the request against the
/// caller's reach before it reads anything.
public struct AdministrationAPI: Sendable {
    public typealias Storage = Broker.Storage & TokenStore & EndorsementStore

    let broker: Broker
    let store: any Storage
    let checkpoint: @Sendable (Date) async throws -> Checkpoint
    let drafting: @Sendable ([String: String]) throws -> AppraisalPolicy
    private let status: (@Sendable () async throws -> ServerStatus)?
    private let settings: [String: String]
    let replacesWorkloads: Bool
    private let longestBody: Int
    private let longestResource: Int
    let now: @Sendable () -> Date

    /// - Parameters:
    ///   - checkpoint: signs the trail's present state.
    ///   - drafting: returns the server's policy with some settings changed, by name.
    ///   - status: the server's status; `nil` without a running server.
    ///   - replacesWorkloads: whether a registered workload may be registered again.
    ///   - settings: every setting's value in written form. None is a secret.
    ///   - longestBody: in bytes.
    ///   - longestResource: in bytes.
    public init(
        _ broker: Broker, store: any Storage, checkpoint: @escaping @Sendable (Date) async throws -> Checkpoint,
        drafting: @escaping @Sendable ([String: String]) throws -> AppraisalPolicy,
        status: (@Sendable () async throws -> ServerStatus)? = nil, replacesWorkloads: Bool,
        settings: [String: String], longestBody: Int, longestResource: Int,
        now: @escaping @Sendable () -> Date = { Date() }
    ) {
        (self.broker, self.store, self.checkpoint, self.drafting) = (broker, store, checkpoint, drafting)
        (self.status, self.settings, self.replacesWorkloads) = (status, settings, replacesWorkloads)
        (self.longestBody, self.longestResource, self.now) = (longestBody, longestResource, now)
    }

    /// Every call, and the description of them.
    public var calls: [Call] {
        let calls =
            workloads + resources + sessions + attempts + tokens + trail + endorsements + denials + policies
            + impacts + fleet + referenceValues + server
        let document = Lock<[UInt8]?>(nil)
        return calls + [
            Call(.get, "openapi.json", label: "openapi", form: ProblemForm()) { _ in
                let json = document.withLock { made in
                    if made == nil { made = Self.description.document(calls).encoded }
                    return made ?? []
                }
                return Response(
                    status: .ok, headers: [.contentType: "application/json"], body: json)
            }
        ]
    }

    static let description = APIDescription(
        title: "swift-kbs administration",
        detail: "A caller authenticates with an access token or a JWT (`Authorization: Bearer`), with a token as the "
            + "password of HTTP Basic, or with a client certificate. With insecure_admin, a server that listens on "
            + "loopback accepts local callers without until credentials exist. Errors are problem documents (RFC 9457). The guests' own calls are "
            + "under /kbs/v0 and are not described here.",
        names: [
            "workload": Schemas.workloadID.saying("With its slashes as %2F or unescaped."),
            "session": .text(pattern: "^[0-9a-fA-F]{32}$"),
            "attempt": Schema(["type": "integer", "format": "int64", "minimum": 1]),
            "token": .text(pattern: "^[0-9a-f]{12}$"), "fingerprint": .text(pattern: "^[0-9a-fA-F]{64}$"),
            "endorser": .text(
                "chip/ and a chip's id in hex (64 bytes; Turin 8; of an SEV chip 32, the fingerprint of its CEK's key), or "
                    + "key/ and SHA-256 of a key's SubjectPublicKeyInfo. The slash may be unescaped.",
                pattern:
                    "^(chip/(?!0+$)([0-9a-fA-F]{16}|[0-9a-fA-F]{64}|[0-9a-fA-F]{128})|key/[0-9a-fA-F]{64})$"),
            "repository": Schemas.pathSegment, "type": Schemas.pathSegment, "tag": Schemas.pathSegment,
            "policy": Schemas.policyName, "set": Schemas.policyName,
        ], failure: Schema(of: Problem.self))

    /// A call of the API.
    ///
    /// - Parameters:
    ///   - path: behind `/api/v1/`.
    ///   - checksNames: whether `answer` checks every name in the request against the admission's reach.
    func call(
        _ method: HTTPRequest.Method, _ path: String, _ permission: Role.Permission, checksNames: Bool = false,
        _ operation: Operation, _ replies: [Operation.Reply],
        answer: @escaping @Sendable (Request, Admission) async throws -> Response
    ) -> Call {
        var operation = operation
        operation.replies = replies
        let body: BodyRule =
            switch operation.body {
            case nil: .unread
            case .json: .upTo(longestBody)
            case .bytes: .upTo(longestResource)
            }
        let label = path.prefix { $0 != "/" }.map { $0 == "-" ? "_" : $0 }
        return Call(
            method, CallPath("api/v1/" + path), label: String(label), right: .permission(permission),
            checksNames: checksNames, body: body, form: ProblemForm(), operation: operation, answer: answer)
    }

    /// A call that returns a value.
    func call<Value: Codable & Sendable>(
        _ method: HTTPRequest.Method, _ path: String, _ permission: Role.Permission, checksNames: Bool = false,
        _ operation: Operation, ok detail: String,
        answer: @escaping @Sendable (Request, Admission) async throws -> Value
    ) -> Call {
        call(method, path, permission, checksNames: checksNames, operation, [.of(.ok, detail, Value.self)]) {
            Response(try await answer($0, $1))
        }
    }

    /// A call that creates or replaces something.
    func call<Value: Codable & Sendable>(
        _ method: HTTPRequest.Method, _ path: String, _ permission: Role.Permission, checksNames: Bool = false,
        _ operation: Operation, replaced: String? = nil, new: String,
        answer: @escaping @Sendable (Request, Admission) async throws -> (Value, isNew: Bool)
    ) -> Call {
        let replies =
            (replaced.map { [.of(.ok, $0, Value.self)] } ?? []) + [Operation.Reply.of(.created, new, Value.self)]
        return call(method, path, permission, checksNames: checksNames, operation, replies) {
            let (value, isNew) = try await answer($0, $1)
            return Response(value, isNew ? .created : .ok)
        }
    }

    /// A call that returns nothing.
    func call(
        _ method: HTTPRequest.Method, _ path: String, _ permission: Role.Permission, checksNames: Bool = false,
        _ operation: Operation, done detail: String,
        answer: @escaping @Sendable (Request, Admission) async throws -> Void
    ) -> Call {
        call(
            method, path, permission, checksNames: checksNames, operation, [.init(.noContent, detail)]
        ) {
            try await answer($0, $1)
            return Response(status: .noContent)
        }
    }

    private var server: [Call] {
        [
            call(
                .get, "status", .audit,
                Operation(
                    "readStatus", "Read the server's status", "Version, counts and the end of the trail."),
                ok: "The status."
            ) { _, _ in
                guard let status else {
                    throw Refusal(.notFound, "A data folder has no status: ask a running server, with --url.")
                }
                return try await status()
            },
            call(
                .get, "settings", .administer,
                Operation(
                    "readSettings", "Read the settings in force", "In written form; none is a secret."),
                ok: "Every setting."
            ) { _, _ in SettingsList(settings: settings) },
        ]
    }
}

/// A reply with an ETag.
protocol Versioned {
    /// Its noun, for the API's description.
    static var noun: String { get }
    var version: String { get }
}

/// A reply whose creation is answered with its location.
protocol Located: Versioned {
    /// Relative to `/api/v1/`.
    var location: String { get }
}

extension WorkloadSummary: Located {
    static var noun: String { "workload" }
    var location: String { "workloads/\(PercentEncoding.encode(id))" }
}

extension ResourceSummary: Located {
    static var noun: String { "resource" }
    var location: String { "resources/\(path)" }
}

extension PolicySummary: Versioned { static var noun: String { "policy" } }
extension ReferenceValuesSummary: Versioned { static var noun: String { "set" } }

extension Operation.Reply {
    fileprivate static func of<Value: Codable & Sendable>(
        _ status: HTTPResponse.Status, _ detail: String, _ type: Value.Type
    ) -> Self {
        guard let versioned = type as? any Versioned.Type else { return Self(status, detail, Schema(of: type)) }
        let isLocated = status == .created && type is any Located.Type
        return Self(
            status, detail, Schema(of: type),
            headers: [("ETag", "The \(versioned.noun)'s version, for If-Match.")]
                + (isLocated ? [("Location", "Its URL.")] : []))
    }
}

extension Response {
    fileprivate init(_ value: some Codable, _ status: HTTPResponse.Status = .ok) {
        self.init(status: status, json: Messages.encode(value))
        headers[.eTag] = (value as? any Versioned).map { "\"\($0.version)\"" }
        if status == .created { headers[.location] = (value as? any Located).map { "/api/v1/\($0.location)" } }
    }
}

/// Schemas that several calls share.
enum Schemas {
    static let workloadID = Schema.text(
        "1 to 128 characters, without `..`.", pattern: #"^(?!.*\.\.)[A-Za-z0-9._:/@+-]{1,128}$"#)
    static let pathSegment = Schema.text(pattern: #"^(?!\.{1,2}$)[A-Za-z0-9_.-]{1,100}$"#)
    static let policyName = Schema.text(pattern: "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")
    static let search = Operation.Parameter("search", "Only those whose name contains this text.")
    static let count = Schema(["type": "integer", "format": "int64", "minimum": 0])
}
