import Broker
import Bytes
import Concurrency
import Evidence
import Formats
import FoundationEssentials
import HTTP
public import HTTPEdge

/// The administration API under `/api/v1`. `/openapi.json` describes it to programs, docs/administration.md to people.
public struct AdministrationAPI: Sendable {
    private let administrator: LocalAdministrator
    private let status: @Sendable () async throws -> ServerStatus
    private let settings: [String: String]
    let replacesWorkloads: Bool
    private let longestBody: Int
    private let longestResource: Int

    /// - Parameters:
    ///   - status: how the server is.
    ///   - replacesWorkloads: whether a registered workload may be registered again.
    ///   - settings: every setting with its value, as an operator would write it. No secrets are among them.
    ///   - longestBody: in bytes.
    ///   - longestResource: in bytes.
    public init(
        _ administrator: LocalAdministrator, status: @escaping @Sendable () async throws -> ServerStatus,
        replacesWorkloads: Bool, settings: [String: String], longestBody: Int, longestResource: Int
    ) {
        self.longestBody = longestBody
        self.longestResource = longestResource
        self.administrator = administrator
        self.status = status
        self.settings = settings
        self.replacesWorkloads = replacesWorkloads
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
    ///   - checksNames: whether the administrator that `answer` is given looks at every name in the request.
    ///   - answer: is given an administrator who acts for the caller.
    func call(
        _ method: HTTPRequest.Method, _ path: String, _ permission: Role.Permission, checksNames: Bool = false,
        _ operation: Operation,
        answer: @escaping @Sendable (Request, LocalAdministrator) async throws -> Response
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
            checksNames: checksNames, body: body, form: ProblemForm(), operation: operation
        ) { request, admission in
            try await answer(request, administrator.acting(as: admission))
        }
    }

    private var server: [Call] {
        [
            call(
                .get, "status", .audit,
                Operation(
                    "readStatus", "How the server is", "Version, counts and the end of the trail.",
                    replies: [.ok("The status.", ServerStatus.self)])
            ) { _, _ in Response(json: try await status()) },
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
}

/// What stands in more than one place of the API.
enum Schemas {
    static let workloadID = Schema.text(
        "1 to 128 characters, without `..`.", pattern: #"^(?!.*\.\.)[A-Za-z0-9._:/@+-]{1,128}$"#)
    static let pathSegment = Schema.text(pattern: #"^(?!\.{1,2}$)[A-Za-z0-9_.-]{1,100}$"#)
    static let policyName = Schema.text(pattern: "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")
    static let search = Operation.Parameter("search", "Only those whose name holds this text.")
    static let count = Schema(["type": "integer", "format": "int64", "minimum": 0])
}
