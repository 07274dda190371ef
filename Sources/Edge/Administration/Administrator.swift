public import Broker
public import Bytes
public import Evidence
import Formats
public import FoundationEssentials
import HTTP
public import HTTPClient
import HTTPEdge

/// A client of the administration API: of a running server, or of the API's calls in this process, on a data folder.
public struct Administrator: TrailSource {
    /// Sends a request, and returns the reply's body.
    private let send: @Sendable (HTTPRequest, _ body: [UInt8]?) async throws -> [UInt8]
    /// The local trail, whose rows are read directly for verification.
    private let trail: (any Store)?

    /// A client of a running server.
    ///
    /// - Parameters:
    ///   - url: the server's, without a path; or `unix:` and a socket's path.
    ///   - token: a token or JWT.
    public init(url: String, token: String?, client: HTTP1Client) {
        trail = nil
        let base = url.hasSuffix("/") ? String(url.dropLast()) : url
        send = { head, body in
            // The client copies the body, and wipes its copy.
            defer { body?.wipeInPlace() }
            var request = HTTPClientRequest(head.method, url: base, path: head.path, body: body)
            if let token { try request.add(.authorization, "Bearer \(token)") }
            for field in head.headerFields { try request.add(field.name, field.value) }
            let response = try await client.execute(request, timeout: .seconds(60), upTo: Messages.mostBytes)
            guard (200..<300).contains(response.status.code) else { throw RemoteFailure(response) }
            return response.body
        }
    }

    /// A client of the API's calls in this process.
    ///
    /// - Parameter admission: the caller and its reach.
    public init(_ api: AdministrationAPI, for admission: Admission) {
        trail = api.store
        let calls = CallsInProcess(api.calls, for: admission)
        send = { head, body in
            // The body may hold a secret; the calls copy what they store.
            defer { body?.wipeInPlace() }
            return try await calls.answer(head, body ?? []).body
        }
    }

    // MARK: Workloads

    /// Every workload whose id contains the text.
    public func workloads(search: String = "") async throws -> [WorkloadSummary] {
        try await all("workloads", ["search": search])
    }

    public func workload(_ id: String) async throws -> WorkloadSummary { try await get("workloads/\(segment(id))") }

    /// - Parameter replacing: whether a registered workload is replaced.
    /// - Returns: the workload as registered.
    public func register(_ workload: NewWorkload, replacing: Bool) async throws -> WorkloadSummary {
        let reply =
            replacing
            ? try await reply(.put, "workloads/\(segment(workload.id ?? ""))", workload.body)
            : try await reply(.post, "workloads", workload.body)
        return try Messages.decode(WorkloadSummary.self, reply)
    }

    public func setDisabled(_ isDisabled: Bool, workload id: String) async throws {
        try await tell(.patch, "workloads/\(segment(id))", WorkloadChange(disabled: isDisabled))
    }

    public func removeWorkload(_ id: String) async throws { try await tell(.delete, "workloads/\(segment(id))") }

    /// Evaluates a workload's requirements or a policy with recorded evidence. Nothing is released.
    public func appraise(
        _ evidence: RecordedEvidence, against subject: AppraisalSubject
    ) async throws -> VerdictRecord {
        try await ask(.post, "appraisals", AppraisalRequest(subject, evidence))
    }

    // MARK: Resources

    /// Every resource whose path contains the text.
    public func resources(search: String = "") async throws -> [ResourceSummary] {
        try await all("resources", ["search": search])
    }

    public func resource(_ path: ResourcePath) async throws -> ResourceSummary { try await get("resources/\(path)") }

    /// The stored versions, latest first.
    public func versions(ofResource path: ResourcePath) async throws -> ResourceVersionList {
        try await get("resources/\(path)/versions")
    }

    /// Puts the next version of a resource.
    ///
    /// - Parameters:
    ///   - policy: `nil` leaves the policy unchanged.
    ///   - replacing: whether the resource may exist.
    public func putResource(
        _ path: ResourcePath, _ secret: Secret, policy: PolicyChoice?, replacing: Bool
    ) async throws -> ResourceSummary {
        // An empty name is "no policy"; an omitted one leaves it unchanged.
        let query = policy.map { "?policy=\(PercentEncoding.encode($0.name?.text ?? ""))" } ?? ""
        return try Messages.decode(
            ResourceSummary.self,
            try await reply(
                .put, "resources/\(path)\(query)", secret.withBytes { Array($0) },
                replacing ? [:] : [.ifNoneMatch: "*"], type: "application/octet-stream"))
    }

    /// Puts random bytes as a resource; they are never shown.
    ///
    /// - Parameter replacing: whether to make the next version of an existing resource.
    public func generateResource(
        _ path: ResourcePath, _ wish: GeneratedResource, replacing: Bool
    ) async throws -> ResourceSummary {
        try await ask(.post, "resources/\(path)", wish, replacing ? [.ifMatch: "*"] : [:])
    }

    public func editResource(_ path: ResourcePath, _ edit: ResourceEdit) async throws -> ResourceSummary {
        try await ask(.patch, "resources/\(path)", edit)
    }

    public func removeResource(_ path: ResourcePath) async throws { try await tell(.delete, "resources/\(path)") }

    // MARK: Policies and reference values

    public func policies() async throws -> [PolicySummary] { try await all("policies") }

    public func policy(_ name: String) async throws -> PolicySummary { try await get("policies/\(segment(name))") }

    /// - Parameter document: TOML.
    public func setPolicy(_ name: String, document: String) async throws -> PolicySummary {
        try await ask(.put, "policies/\(segment(name))", NewPolicy(document: document))
    }

    public func removePolicy(_ name: String) async throws { try await tell(.delete, "policies/\(segment(name))") }

    /// The impact of a change on the guests that were seen. Nothing is changed.
    public func impact(_ request: ImpactRequest) async throws -> ImpactSummary {
        try await ask(.post, "impacts", request)
    }

    /// The machines that guests ran on.
    ///
    /// - Parameters:
    ///   - span: the age of the oldest attempt that counts, in seconds.
    ///   - floors: minimum TCBs such as `milan=04.00.22.213`, several with commas between them, for machines below them
    ///     only. `nil`: all machines, compared with the server's minimums.
    public func fleet(span: TimeInterval, under floors: String?) async throws -> FleetSummary {
        try await get("fleet", ["span": "\(span)", "under": floors])
    }

    public func referenceValues() async throws -> [ReferenceValuesSummary] { try await all("reference-values") }

    public func referenceValues(_ name: String) async throws -> ReferenceValuesSummary {
        try await get("reference-values/\(segment(name))")
    }

    /// - Parameter keeping: how long the present values stay valid, in seconds; `nil` removes them.
    public func setReferenceValues(
        _ set: ReferenceValueSet, keeping: TimeInterval?
    ) async throws -> ReferenceValuesSummary {
        try await ask(
            .put, "reference-values/\(segment(set.name.text))", NewReferenceValues(set, keeping: keeping))
    }

    public func addReferenceValues(
        _ addition: AddedReferenceValues, to name: String
    ) async throws -> ReferenceValuesSummary {
        try await ask(.post, "reference-values/\(segment(name))/values", addition)
    }

    public func retireReferenceValues(
        _ name: String, _ retirement: ReferenceRetirement
    ) async throws -> ReferenceValuesSummary {
        try await ask(.patch, "reference-values/\(segment(name))", retirement)
    }

    /// The changes of a set, latest first.
    public func referenceHistory(_ name: String) async throws -> [ReferenceChangeSummary] {
        try await all("reference-values/\(segment(name))/history")
    }

    public func removeReferenceValues(_ name: String) async throws {
        try await tell(.delete, "reference-values/\(segment(name))")
    }

    // MARK: Sessions and attempts

    public func sessions(_ selection: SessionSelection) async throws -> [SessionSummary] {
        try await all("sessions", selection.query)
    }

    /// - Returns: the number of ended sessions.
    public func endSessions(_ selection: SessionSelection) async throws -> Int {
        if let id = selection.id {
            try await tell(.delete, "sessions/\(Hex.encode(id))")
            return 1
        }
        let query = selection == .all ? ["all": "true"] : selection.query
        let reply: EndedSessions = try await ask(.delete, "sessions" + queryText(query))
        return reply.ended
    }

    public func attempts(
        _ selection: AttemptSelection, before id: Int64?, limit: Int
    ) async throws -> Page<AttemptSummary> {
        try await get(
            "attempts",
            [
                "workload": selection.workload, "outcome": selection.accepted.map { $0 ? "accepted" : "refused" },
                "before": id.map { "\($0)" }, "limit": "\(limit)",
            ])
    }

    public func attempt(_ id: Int64) async throws -> AttemptDetail { try await get("attempts/\(id)") }

    // MARK: Tokens

    public func tokens() async throws -> [TokenSummary] {
        let list: TokenList = try await get("tokens")
        return list.tokens
    }

    /// - Parameter lifetime: in seconds.
    public func createToken(_ role: Authority, description: String, lifetime: TimeInterval) async throws -> NewToken {
        try await ask(
            .post, "tokens", TokenRequest(role: role.description, description: description, lifetime: lifetime))
    }

    public func revokeToken(_ id: String) async throws { try await tell(.delete, "tokens/\(segment(id))") }

    // MARK: The trail

    public func auditRecords(after sequence: Int64, limit: Int) async throws -> [AuditEntry] {
        if let trail { return try await trail.auditEntries(after: sequence, limit: limit) }
        let page: Page<AuditLine> = try await get("audit", ["after": "\(sequence)", "limit": "\(limit)"])
        return try page.elements.map { try $0.entry() }
    }

    public func checkpoint() async throws -> Checkpoint {
        try Checkpoint(line: String(decoding: try await reply(.get, "audit/checkpoint"), as: UTF8.self))
    }

    // MARK: Endorsements

    /// The cached documents of vendors.
    public func allEndorsements() async throws -> [EndorsementSummary] { try await all("endorsements") }

    public func endorsement(_ fingerprint: String) async throws -> EndorsementDetail {
        try await get("endorsements/\(segment(fingerprint))")
    }

    public func removeEndorsement(_ fingerprint: String) async throws {
        try await tell(.delete, "endorsements/\(segment(fingerprint))")
    }

    /// The denied chips and keys.
    public func denials() async throws -> [DenialSummary] { try await all("denials") }

    /// - Parameter isWhole: whether a chip's id is whole, though a longer one that begins with it was seen.
    /// - Returns: the new denial.
    public func deny(_ endorser: Endorser, reason: String, isWhole: Bool = false) async throws -> DenialSummary {
        try await ask(
            .put, "denials/\(endorser.name)", DenialRequest(reason: reason, whole: isWhole ? true : nil))
    }

    public func allow(_ endorser: Endorser) async throws { try await tell(.delete, "denials/\(endorser.name)") }

    /// The status of a running server. A data folder has none.
    public func status() async throws -> ServerStatus { try await get("status") }

    // MARK: Requests

    /// All elements of a list, over all pages.
    private func all<Element: Listed>(
        _ collection: String, _ query: [String: String?] = [:]
    ) async throws -> [Element] where Element.Cursor == String {
        var (all, next): ([Element], String?) = ([], nil)
        repeat {
            let page: Page<Element> = try await get(
                collection, query.merging([Element.parameter: next, "limit": "1000"]) { $1 })
            all += page.elements
            next = page.next
        } while next != nil
        return all
    }

    private func get<Reply: Decodable>(_ path: String, _ query: [String: String?] = [:]) async throws -> Reply {
        try await ask(.get, path + queryText(query))
    }

    /// Sends a message, and decodes the reply.
    private func ask<Reply: Decodable>(
        _ method: HTTPRequest.Method, _ path: String, _ message: (any Encodable)? = nil, _ fields: HTTPFields = [:]
    ) async throws -> Reply {
        try Messages.decode(Reply.self, try await reply(method, path, message.map { Messages.encode($0) }, fields))
    }

    private func tell(
        _ method: HTTPRequest.Method, _ path: String, _ message: (any Encodable)? = nil
    ) async throws {
        _ = try await reply(method, path, message.map { Messages.encode($0) })
    }

    private func reply(
        _ method: HTTPRequest.Method, _ path: String, _ body: [UInt8]? = nil, _ fields: HTTPFields = [:],
        type: String = "application/json"
    ) async throws -> [UInt8] {
        var head = HTTPRequest(method: method, path: "/api/v1/\(path)", headerFields: fields)
        if body != nil { head.headerFields[.contentType] = type }
        return try await send(head, body)
    }

    /// The query's text, without `nil` values.
    private func queryText(_ query: [String: String?]) -> String {
        let pairs = query.compactMap { name, value in value.map { "\(name)=\(PercentEncoding.encode($0))" } }.sorted()
        return pairs.isEmpty ? "" : "?" + pairs.joined(separator: "&")
    }

    /// A name as a segment of a path. An empty one would make another path.
    private func segment(_ name: String) throws(Refusal) -> String {
        guard !name.isEmpty else { throw Refusal(.invalidField, "A name must not be empty.") }
        return PercentEncoding.encode(name)
    }
}

/// An error that a server answered.
public struct RemoteFailure: Error, CustomStringConvertible {
    public let status: Int
    public let description: String

    init(_ response: HTTPClientResponse) {
        status = response.status.code
        let problem = try? JSON(response.body)
        if let code = problem?["code"]?.asText, let detail = problem?["detail"]?.asText {
            description = "\(code): \(detail)"
        } else {
            description = "the server answered \(status): \(String(decoding: response.body.prefix(500), as: UTF8.self))"
        }
    }
}

extension SessionSelection {
    fileprivate var query: [String: String?] { ["workload": workload?.text, "chip": chip, "issuer": issuer] }
}
