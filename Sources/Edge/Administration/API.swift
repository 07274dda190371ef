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
/// A call does its work where it stands. It is given whoever makes it, and holds every name in the request to what they may
/// name before it reads anything.
public struct AdministrationAPI: Sendable {
    public typealias Storage = Broker.Storage & TokenStore & EndorsementStore

    let broker: Broker
    let store: any Storage
    let signer: @Sendable () async throws -> CheckpointKey
    let drafting: @Sendable ([String: String]) throws -> AppraisalPolicy
    private let status: (@Sendable () async throws -> ServerStatus)?
    private let settings: [String: String]
    let replacesWorkloads: Bool
    private let longestBody: Int
    private let longestResource: Int
    let now: @Sendable () -> Date

    /// - Parameters:
    ///   - signer: gives the key that checkpoints are signed with.
    ///   - drafting: reads what the server would accept with other settings, by key.
    ///   - status: how the server is; `nil` where none runs.
    ///   - replacesWorkloads: whether a registered workload may be registered again.
    ///   - settings: every setting with its value, as an operator would write it. No secrets are among them.
    ///   - longestBody: in bytes.
    ///   - longestResource: in bytes.
    public init(
        _ broker: Broker, store: any Storage, signer: @escaping @Sendable () async throws -> CheckpointKey,
        drafting: @escaping @Sendable ([String: String]) throws -> AppraisalPolicy,
        status: (@Sendable () async throws -> ServerStatus)? = nil, replacesWorkloads: Bool,
        settings: [String: String], longestBody: Int, longestResource: Int,
        now: @escaping @Sendable () -> Date = { Date() }
    ) {
        (self.broker, self.store, self.signer, self.drafting) = (broker, store, signer, drafting)
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
                    status: .ok, headers: [.contentType: "application/json"], body: .bytes(json))
            }
        ]
    }

    static let description = APIDescription(
        title: "swift-kbs administration",
        detail: "A caller proves itself with an access token or a JWT (`Authorization: Bearer`), with a token as the "
            + "password of HTTP Basic, or with a client certificate. A fresh installation that listens on loopback takes "
            + "callers from the same machine without. Errors are problem documents (RFC 9457). The guests' own calls are "
            + "under /kbs/v0 and are not described here.",
        names: [
            "workload": Schemas.workloadID.saying("Its slashes as %2F or as they are."),
            "session": .text(pattern: "^[0-9a-fA-F]{32}$"),
            "attempt": Schema(["type": "integer", "format": "int64", "minimum": 1]),
            "token": .text(pattern: "^[0-9a-f]{12}$"), "fingerprint": .text(pattern: "^[0-9a-fA-F]{64}$"),
            "endorser": .text(
                "chip/ and a chip's id in hex (64 bytes; Turin 8; of an SEV chip 32, the fingerprint of its CEK's key), or "
                    + "key/ and SHA-256 of a key's SubjectPublicKeyInfo. The slash may stand as it is.",
                pattern:
                    "^(chip/(?!0+$)([0-9a-fA-F]{16}|[0-9a-fA-F]{64}|[0-9a-fA-F]{128})|key/[0-9a-fA-F]{64})$"),
            "repository": Schemas.pathSegment, "type": Schemas.pathSegment, "tag": Schemas.pathSegment,
            "policy": Schemas.policyName, "set": Schemas.policyName,
        ], failure: Schema(of: Problem.self))

    /// A call of the API.
    ///
    /// - Parameters:
    ///   - path: behind `/api/v1/`.
    ///   - checksNames: whether `answer` holds every name in the request to the admission's reach.
    func call(
        _ method: HTTPRequest.Method, _ path: String, _ permission: Role.Permission, checksNames: Bool = false,
        _ operation: Operation,
        answer: @escaping @Sendable (Request, Admission) async throws -> Response
    ) -> Call {
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

    private var server: [Call] {
        [
            call(
                .get, "status", .audit,
                Operation(
                    "readStatus", "How the server is", "Version, counts and the end of the trail.",
                    replies: [.ok("The status.", ServerStatus.self)])
            ) { _, _ in
                guard let status else {
                    throw Refusal(.notFound, "A data folder has no status: ask a running server, with --url.")
                }
                return Response(json: try await status())
            },
            call(
                .get, "settings", .administer,
                Operation(
                    "readSettings", "The settings in force", "As an operator would write them; none is a secret.",
                    replies: [.ok("Every setting.", SettingsList.self)])
            ) { _, _ in Response(json: SettingsList(settings: settings)) },
        ]
    }
}

extension Operation.Reply {
    /// - Parameter tag: what has an ETag, if it has one.
    static func ok(_ detail: String, _ type: (some Decodable & Sendable).Type, tagging tag: String? = nil) -> Self {
        Self(.ok, detail, Schema(of: type), headers: Self.tag(tag))
    }

    /// - Parameter isPlaced: whether the answer says where it is.
    static func created(
        _ detail: String, _ type: (some Decodable & Sendable).Type, tagging tag: String? = nil, isPlaced: Bool = false
    ) -> Self {
        Self(
            .created, detail, Schema(of: type),
            headers: Self.tag(tag) + (isPlaced ? [("Location", "Where it is.")] : []))
    }

    static func done(_ detail: String) -> Self { Self(.noContent, detail) }

    private static func tag(_ what: String?) -> [(name: String, detail: String)] {
        what.map { [("ETag", "The \($0)'s version, for If-Match.")] } ?? []
    }
}

extension Response {
    init(json value: some Encodable, status: HTTPResponse.Status = .ok) {
        self.init(status: status, json: Replies.encode(value))
    }

    /// - Parameter isNew: whether it was not there before.
    init(_ value: some Versioned, isNew: Bool = false) {
        self.init(json: value, status: isNew ? .created : .ok)
        headers[.eTag] = "\"\(value.version)\""
        if isNew { headers[.location] = value.location.map { "/api/v1/\($0)" } }
    }

    static let done = Response(status: .noContent)
}

/// Something with an ETag.
protocol Versioned: Encodable {
    var version: String { get }
    /// Its path behind `/api/v1/`, where a caller that makes one is told.
    var location: String? { get }
}

extension Versioned { var location: String? { nil } }

extension WorkloadSummary: Versioned { var location: String? { "workloads/\(PercentEncoding.encode(id))" } }
extension ResourceSummary: Versioned { var location: String? { "resources/\(path)" } }
extension PolicySummary: Versioned {}
extension ReferenceValuesSummary: Versioned {}

/// What stands in more than one place of the API.
enum Schemas {
    static let workloadID = Schema.text(
        "1 to 128 characters, without `..`.", pattern: #"^(?!.*\.\.)[A-Za-z0-9._:/@+-]{1,128}$"#)
    static let pathSegment = Schema.text(pattern: #"^(?!\.{1,2}$)[A-Za-z0-9_.-]{1,100}$"#)
    static let policyName = Schema.text(pattern: "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")
    static let search = Operation.Parameter("search", "Only those whose name holds this text.")
    static let count = Schema(["type": "integer", "format": "int64", "minimum": 0])
}
