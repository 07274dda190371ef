public import Broker
import Bytes
public import Evidence
import Formats
public import FoundationEssentials
import HTTP
public import HTTPClient

/// Asks a running server.
public struct RemoteAdministrator: Administrator {
    private let base: String
    private let token: String?
    private let client: HTTP1Client

    /// - Parameters:
    ///   - url: the server's, without a path; or `unix:` and a socket's path.
    ///   - token: a token or JWT.
    public init(url: String, token: String?, client: HTTP1Client) {
        base = url.hasSuffix("/") ? String(url.dropLast()) : url
        self.token = token
        self.client = client
    }

    // MARK: Workloads

    public func workloads(after id: String, search: String, limit: Int) async throws -> WorkloadPage {
        try await get("workloads", ["after": id, "search": search, "limit": "\(limit)"])
    }

    public func workload(_ id: String) async throws -> WorkloadSummary { try await get("workloads/\(escaped(id))") }

    public func register(_ workload: NewWorkload, replacing: Bool) async throws -> WorkloadSummary {
        let message = WorkloadMessage.body(workload)
        return try Replies.decode(
            WorkloadSummary.self,
            replacing
                ? try await send(.put, "workloads/\(escaped(workload.id))", message)
                : try await send(.post, "workloads", message))
    }

    public func setDisabled(_ isDisabled: Bool, workload id: String) async throws {
        _ = try await send(.patch, "workloads/\(escaped(id))", WorkloadChange.body(disabled: isDisabled))
    }

    public func removeWorkload(_ id: String) async throws { _ = try await send(.delete, "workloads/\(escaped(id))") }

    public func appraise(
        _ evidence: RecordedEvidence, against subject: AppraisalSubject
    ) async throws -> VerdictRecord {
        let request = AppraisalRequest.body(subject, evidence)
        return try Replies.decode(VerdictRecord.self, try await send(.post, "appraisals", request))
    }

    // MARK: Policies and reference values

    public func policies(after name: String, limit: Int) async throws -> PolicyPage {
        try await get("policies", ["after": name, "limit": "\(limit)"])
    }

    public func policy(_ name: String) async throws -> PolicySummary { try await get("policies/\(escaped(name))") }

    public func setPolicy(_ name: String, document: String) async throws -> PolicySummary {
        try Replies.decode(
            PolicySummary.self,
            try await send(.put, "policies/\(escaped(name))", PolicyMessage.body(document: document)))
    }

    public func removePolicy(_ name: String) async throws { _ = try await send(.delete, "policies/\(escaped(name))") }

    public func impact(_ draft: ImpactDraft, span: TimeInterval) async throws -> ImpactSummary {
        try Replies.decode(
            ImpactSummary.self, try await send(.post, "impacts", ImpactRequest(draft, span: span).body))
    }

    public func fleet(span: TimeInterval, under floors: String?) async throws -> FleetSummary {
        try await get("fleet", ["span": "\(span)", "under": floors ?? ""])
    }

    public func referenceValues(after name: String, limit: Int) async throws -> ReferenceValuesPage {
        try await get("reference-values", ["after": name, "limit": "\(limit)"])
    }

    public func referenceValues(_ name: String) async throws -> ReferenceValuesSummary {
        try await get("reference-values/\(escaped(name))")
    }

    public func setReferenceValues(
        _ set: ReferenceValueSet, keeping: TimeInterval?
    ) async throws -> ReferenceValuesSummary {
        try await references(.put, set.name.text, ReferenceValuesMessage.body(set, keeping: keeping))
    }

    public func addReferenceValues(
        _ addition: ReferenceAddition, to name: String
    ) async throws -> ReferenceValuesSummary {
        try await references(.post, name, ReferenceAdditionMessage(addition).body, under: "/values")
    }

    public func retireReferenceValues(
        _ name: String, _ retirement: ReferenceRetirement
    ) async throws -> ReferenceValuesSummary {
        try await references(.patch, name, retirement.body)
    }

    private func references(
        _ method: HTTPRequest.Method, _ name: String, _ body: [UInt8], under: String = ""
    ) async throws -> ReferenceValuesSummary {
        try Replies.decode(
            ReferenceValuesSummary.self, try await send(method, "reference-values/\(escaped(name))\(under)", body))
    }

    public func referenceHistory(_ name: String, before version: String?, limit: Int) async throws
        -> ReferenceHistoryPage
    {
        try await get(
            "reference-values/\(escaped(name))/history", ["before": version ?? "", "limit": "\(limit)"])
    }

    public func removeReferenceValues(_ name: String) async throws {
        _ = try await send(.delete, "reference-values/\(escaped(name))")
    }

    // MARK: Sessions and attempts

    public func sessions(_ selection: SessionSelection, after id: String, limit: Int) async throws -> SessionPage {
        try await get("sessions", selection.query.merging(["after": id, "limit": "\(limit)"]) { $1 })
    }

    public func endSessions(_ selection: SessionSelection) async throws -> Int {
        if let id = selection.id {
            _ = try await send(.delete, "sessions/\(Hex.encode(id))")
            return 1
        }
        return try Replies.decode(
            EndedSessions.self,
            try await send(.delete, "sessions\(queryText(selection == .all ? ["all": "true"] : selection.query))")
        ).ended
    }

    public func attempts(
        _ selection: AttemptSelection, before id: Int64?, limit: Int
    ) async throws -> AttemptPage {
        var query = ["limit": "\(limit)"]
        query["workload"] = selection.workload
        query["outcome"] = selection.accepted.map { $0 ? "accepted" : "refused" }
        query["before"] = id.map { "\($0)" }
        return try await get("attempts", query)
    }

    public func attempt(_ id: Int64) async throws -> AttemptDetail { try await get("attempts/\(id)") }

    // MARK: Tokens

    public func tokens() async throws -> TokenList { try await get("tokens") }

    public func createToken(_ role: Authority, description: String, lifetime: TimeInterval) async throws -> NewToken {
        let request = TokenRequest(role: role, description: description, lifetime: lifetime)
        return try Replies.decode(NewToken.self, try await send(.post, "tokens", request.body))
    }

    public func revokeToken(_ id: String) async throws { _ = try await send(.delete, "tokens/\(escaped(id))") }

    // MARK: The trail

    public func auditRecords(after sequence: Int64, limit: Int) async throws -> [AuditEntry] {
        let page: AuditPage = try await get("audit", ["after": "\(sequence)", "limit": "\(limit)"])
        return try page.records.map { try $0.entry() }
    }

    public func checkpoint() async throws -> Checkpoint {
        try Checkpoint(line: String(decoding: try await send(.get, "audit/checkpoint"), as: UTF8.self))
    }

    // MARK: Endorsements

    public func endorsements(after fingerprint: String, limit: Int) async throws -> EndorsementPage {
        try await get("endorsements", ["after": fingerprint, "limit": "\(limit)"])
    }

    public func endorsement(_ fingerprint: String) async throws -> EndorsementDetail {
        try await get("endorsements/\(escaped(fingerprint))")
    }

    public func removeEndorsement(_ fingerprint: String) async throws {
        _ = try await send(.delete, "endorsements/\(escaped(fingerprint))")
    }

    // MARK: Denials

    public func denials(after name: String, limit: Int) async throws -> DenialPage {
        try await get("denials", ["after": name, "limit": "\(limit)"])
    }

    public func deny(_ endorser: Endorser, reason: String) async throws -> DenialSummary {
        try Replies.decode(
            DenialSummary.self, try await send(.put, "denials/\(endorser.name)", DenialMessage(reason: reason).body))
    }

    public func allow(_ endorser: Endorser) async throws { _ = try await send(.delete, "denials/\(endorser.name)") }

    public func status() async throws -> ServerStatus { try await get("status") }

    // MARK: HTTP

    func get<T: Decodable>(_ path: String, _ query: [String: String] = [:]) async throws -> T {
        try Replies.decode(T.self, try await send(.get, path + queryText(query)))
    }

    private func queryText(_ query: [String: String]) -> String {
        let pairs = query.filter { !$0.value.isEmpty }.map { "\($0.key)=\(escaped($0.value))" }.sorted()
        return pairs.isEmpty ? "" : "?" + pairs.joined(separator: "&")
    }

    func escaped(_ text: String) -> String {
        PercentEncoding.encode(text)
    }

    func send(
        _ method: HTTPRequest.Method, _ path: String, _ body: [UInt8]? = nil, type: String = "application/json",
        headers: [HTTPField.Name: String] = [:]
    ) async throws -> [UInt8] {
        var request = HTTPClientRequest(method, url: base, path: "/api/v1/\(path)", body: body)
        if let token { try request.add(.authorization, "Bearer \(token)") }
        for (name, value) in headers { try request.add(name, value) }
        if body != nil { try request.add(.contentType, type) }
        let response = try await client.execute(request, timeout: .seconds(60), upTo: 1 << 26)
        guard (200..<300).contains(response.status.code) else {
            let problem = try? JSON(response.body)
            throw RemoteFailure(
                status: response.status.code,
                description: problem.flatMap { problem in
                    problem["code"]?.asText.flatMap { code in
                        problem["detail"]?.asText.map { "\(code): \($0)" }
                    }
                }
                    ?? "the server answered \(response.status.code): "
                    + String(decoding: response.body.prefix(500), as: UTF8.self))
        }
        return response.body
    }
}

/// What a server answered instead.
public struct RemoteFailure: Error, CustomStringConvertible {
    public let status: Int
    public let description: String
}

extension SessionSelection {
    fileprivate var query: [String: String] {
        var query: [String: String] = [:]
        query["workload"] = workload?.text
        query["chip"] = chip
        query["issuer"] = issuer
        return query
    }
}
