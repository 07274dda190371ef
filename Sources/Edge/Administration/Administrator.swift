public import Broker
public import Bytes
public import Evidence
public import FoundationEssentials
import Formats
import HTTP
public import HTTPClient
import HTTPEdge

/// What an operator does, in the terms of the administration API: asked of a running server, or of the API's own calls in
/// this process, on a data folder.
public struct Administrator: TrailSource {
    /// Sends a request, and gives what the reply holds.
    private let send: @Sendable (HTTPRequest, _ body: [UInt8]?) async throws -> [UInt8]
    /// Where the trail is at hand: to verify it, its rows are read as they are.
    private let trail: (any Store)?

    /// Asks a running server.
    ///
    /// - Parameters:
    ///   - url: the server's, without a path; or `unix:` and a socket's path.
    ///   - token: a token or JWT.
    public init(url: String, token: String?, client: HTTP1Client) {
        trail = nil
        let base = url.hasSuffix("/") ? String(url.dropLast()) : url
        send = { head, body in
            // The client copies it, and wipes its copy.
            defer { body?.wipeInPlace() }
            var request = HTTPClientRequest(head.method, url: base, path: head.path, body: body)
            if let token { try request.add(.authorization, "Bearer \(token)") }
            for field in head.headerFields { try request.add(field.name, field.value) }
            let response = try await client.execute(request, timeout: .seconds(60), upTo: Messages.mostBytes)
            guard (200..<300).contains(response.status.code) else { throw RemoteFailure(response) }
            return response.body
        }
    }

    /// Has the API's calls answer in this process.
    ///
    /// - Parameter admission: on whose behalf, and what they may name.
    public init(_ api: AdministrationAPI, for admission: Admission) {
        trail = api.store
        let calls = CallsInProcess(api.calls, for: admission)
        send = { head, body in
            // It may hold a secret, and the calls copy what they keep.
            defer { body?.wipeInPlace() }
            return try await calls.answer(head, body ?? []).body
        }
    }

    // MARK: Workloads

    /// Every workload whose id holds the text.
    public func workloads(search: String = "") async throws -> [WorkloadSummary] {
        try await all("workloads", ["search": search])
    }

    public func workload(_ id: String) async throws -> WorkloadSummary { try await get("workloads/\(segment(id))") }

    /// - Parameter replacing: whether there may be one.
    /// - Returns: the workload as it was registered.
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

    /// Holds recorded evidence against a workload or a policy. Nothing is released.
    public func appraise(
        _ evidence: RecordedEvidence, against subject: AppraisalSubject
    ) async throws -> VerdictRecord {
        try await ask(.post, "appraisals", AppraisalRequest(subject, evidence))
    }

    // MARK: Resources

    /// Every resource whose path holds the text.
    public func resources(search: String = "") async throws -> [ResourceSummary] {
        try await all("resources", ["search": search])
    }

    public func resource(_ path: ResourcePath) async throws -> ResourceSummary { try await get("resources/\(path)") }

    /// Those that are kept, latest first.
    public func versions(ofResource path: ResourcePath) async throws -> ResourceVersionList {
        try await get("resources/\(path)/versions")
    }

    /// Puts the next version of a resource.
    ///
    /// - Parameters:
    ///   - policy: `nil` leaves what is there.
    ///   - replacing: whether there may be one.
    public func putResource(
        _ path: ResourcePath, _ secret: Secret, policy: PolicyChoice?, replacing: Bool
    ) async throws -> ResourceSummary {
        // An empty name is "none", which is not the same as no name.
        let query = policy.map { "?policy=\(PercentEncoding.encode($0.name?.text ?? ""))" } ?? ""
        return try Messages.decode(
            ResourceSummary.self,
            try await reply(
                .put, "resources/\(path)\(query)", secret.withBytes { Array($0) },
                replacing ? [:] : [.ifNoneMatch: "*"], type: "application/octet-stream"))
    }

    /// Puts random bytes as a resource, which nobody sees.
    ///
    /// - Parameter replacing: whether it is the next version of one that there is.
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

    /// What a change would mean for the guests that were seen. Nothing is changed.
    public func impact(_ request: ImpactRequest) async throws -> ImpactSummary {
        try await ask(.post, "impacts", request)
    }

    /// What was seen of the machines that guests ran on.
    ///
    /// - Parameters:
    ///   - span: how far back attempts are looked at, in seconds.
    ///   - floors: a product and a version, as `milan=04.00.22.213`, several with commas between them: only machines under
    ///     them are told of. `nil`: all, and how they stand to the server's own floors.
    public func fleet(span: TimeInterval, under floors: String?) async throws -> FleetSummary {
        try await get("fleet", ["span": "\(span)", "under": floors])
    }

    public func referenceValues() async throws -> [ReferenceValuesSummary] { try await all("reference-values") }

    public func referenceValues(_ name: String) async throws -> ReferenceValuesSummary {
        try await get("reference-values/\(segment(name))")
    }

    /// - Parameter keeping: for how long the values that are there count on, in seconds; `nil` lets them go.
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

    /// What became of a set, latest first.
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

    /// - Returns: how many there were.
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

    /// The vendors' documents that are kept.
    public func allEndorsements() async throws -> [EndorsementSummary] { try await all("endorsements") }

    public func endorsement(_ fingerprint: String) async throws -> EndorsementDetail {
        try await get("endorsements/\(segment(fingerprint))")
    }

    public func removeEndorsement(_ fingerprint: String) async throws {
        try await tell(.delete, "endorsements/\(segment(fingerprint))")
    }

    /// What is denied.
    public func denials() async throws -> [DenialSummary] { try await all("denials") }

    /// - Returns: the denial as it is now.
    public func deny(_ endorser: Endorser, reason: String) async throws -> DenialSummary {
        try await ask(.put, "denials/\(endorser.name)", DenialRequest(reason: reason))
    }

    public func allow(_ endorser: Endorser) async throws { try await tell(.delete, "denials/\(endorser.name)") }

    /// How a server is. A data folder cannot say.
    public func status() async throws -> ServerStatus { try await get("status") }

    // MARK: Requests

    /// Every element of a list, page after page.
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

    /// What a call answers to a message.
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

    /// Without what is `nil`.
    private func queryText(_ query: [String: String?]) -> String {
        let pairs = query.compactMap { name, value in value.map { "\(name)=\(PercentEncoding.encode($0))" } }.sorted()
        return pairs.isEmpty ? "" : "?" + pairs.joined(separator: "&")
    }

    /// A name in a path. Without one the path would be another.
    private func segment(_ name: String) throws(Refusal) -> String {
        guard !name.isEmpty else { throw Refusal(.invalidField, "A name must not be empty.") }
        return PercentEncoding.encode(name)
    }
}

/// What a server answered instead.
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
