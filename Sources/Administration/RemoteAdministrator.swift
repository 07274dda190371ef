public import AsyncHTTPClient
public import Broker
public import Evidence
public import Foundation
import NIOCore
import NIOFoundationEssentialsCompat
import NIOHTTP1

/// Asks a running server.
public struct RemoteAdministrator: Administrator {
    private let base: String
    private let token: String?
    private let client: HTTPClient

    /// - Parameters:
    ///   - url: the server's, without a path.
    ///   - token: a token or JWT.
    public init(url: URL, token: String?, client: HTTPClient) {
        let text = url.absoluteString
        base = text.hasSuffix("/") ? String(text.dropLast()) : text
        self.token = token
        self.client = client
    }

    // MARK: Workloads

    public func workloads(after id: String, search: String, limit: Int) async throws -> WorkloadPage {
        try await get("workloads", ["after": id, "search": search, "limit": "\(limit)"])
    }

    public func workload(_ id: String) async throws -> WorkloadSummary { try await get("workloads/\(escaped(id))") }

    public func register(_ workload: NewWorkload, replacing: Bool) async throws {
        let message = WorkloadMessage(
            id: workload.id, launchMeasurement: workload.measurement, teeConfig: workload.configuration, secret: nil,
            secretBase64: workload.secret.withBytes { Data($0) })
        _ =
            replacing
            ? try await send(.PUT, "workloads/\(escaped(workload.id))", JSON.encode(message))
            : try await send(.POST, "workloads", JSON.encode(message))
    }

    public func setDisabled(_ isDisabled: Bool, workload id: String) async throws {
        _ = try await send(.PATCH, "workloads/\(escaped(id))", JSON.encode(WorkloadChange(disabled: isDisabled)))
    }

    public func removeWorkload(_ id: String) async throws { _ = try await send(.DELETE, "workloads/\(escaped(id))") }

    public func appraise(
        _ report: [UInt8], certificates: [Certificate], against id: String
    ) async throws -> VerdictRecord {
        let evidence = try RecordedEvidence(report, certificates: certificates)
        let request = AppraisalRequest(.workload(id), evidence)
        return try JSON.decode(VerdictRecord.self, try await send(.POST, "appraisals", JSON.encode(request)))
    }

    // MARK: Policies and reference values

    public func policies(after name: String, limit: Int) async throws -> PolicyPage {
        try await get("policies", ["after": name, "limit": "\(limit)"])
    }

    public func policy(_ name: String) async throws -> PolicySummary { try await get("policies/\(escaped(name))") }

    public func setPolicy(_ name: String, document: String) async throws -> PolicySummary {
        try JSON.decode(
            PolicySummary.self,
            try await send(.PUT, "policies/\(escaped(name))", JSON.encode(PolicyMessage(document: document))))
    }

    public func removePolicy(_ name: String) async throws { _ = try await send(.DELETE, "policies/\(escaped(name))") }

    public func appraise(_ evidence: RecordedEvidence, against policy: TestedPolicy) async throws -> VerdictRecord {
        let request = AppraisalRequest(.policy(policy), evidence)
        return try JSON.decode(VerdictRecord.self, try await send(.POST, "appraisals", JSON.encode(request)))
    }

    public func referenceValues(after name: String, limit: Int) async throws -> ReferenceValuesPage {
        try await get("reference-values", ["after": name, "limit": "\(limit)"])
    }

    public func referenceValues(_ name: String) async throws -> ReferenceValuesSummary {
        try await get("reference-values/\(escaped(name))")
    }

    public func setReferenceValues(_ set: ReferenceValueSet) async throws -> ReferenceValuesSummary {
        try JSON.decode(
            ReferenceValuesSummary.self,
            try await send(
                .PUT, "reference-values/\(escaped(set.name.text))", JSON.encode(ReferenceValuesMessage(set))))
    }

    public func removeReferenceValues(_ name: String) async throws {
        _ = try await send(.DELETE, "reference-values/\(escaped(name))")
    }

    // MARK: Sessions and attempts

    public func sessions(_ selection: SessionSelection, after id: String, limit: Int) async throws -> SessionPage {
        try await get("sessions", selection.query.merging(["after": id, "limit": "\(limit)"]) { $1 })
    }

    public func endSessions(_ selection: SessionSelection) async throws -> Int {
        if let id = selection.id {
            _ = try await send(.DELETE, "sessions/\(Hex.encode(id))")
            return 1
        }
        return try JSON.decode(
            EndedSessions.self,
            try await send(.DELETE, "sessions\(queryText(selection == .all ? ["all": "true"] : selection.query))")
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

    public func createToken(_ role: Role, description: String, lifetime: TimeInterval) async throws -> NewToken {
        let request = TokenRequest(role: role, description: description, lifetime: lifetime)
        return try JSON.decode(NewToken.self, try await send(.POST, "tokens", JSON.encode(request)))
    }

    public func revokeToken(_ id: String) async throws { _ = try await send(.DELETE, "tokens/\(escaped(id))") }

    // MARK: The trail

    public func auditRecords(after sequence: Int64, limit: Int) async throws -> [AuditEntry] {
        let page: AuditPage = try await get("audit", ["after": "\(sequence)", "limit": "\(limit)"])
        return try page.records.map { try $0.entry() }
    }

    public func checkpoint() async throws -> Checkpoint {
        try Checkpoint(line: String(decoding: try await send(.GET, "audit/checkpoint"), as: UTF8.self))
    }

    // MARK: Certificates

    public func certificates(after fingerprint: String, limit: Int) async throws -> CertificatePage {
        try await get("certificates", ["after": fingerprint, "limit": "\(limit)"])
    }

    public func removeCertificate(_ fingerprint: String) async throws {
        _ = try await send(.DELETE, "certificates/\(escaped(fingerprint))")
    }

    public func status() async throws -> ServerStatus { try await get("status") }

    // MARK: HTTP

    func get<T: Decodable>(_ path: String, _ query: [String: String] = [:]) async throws -> T {
        try JSON.decode(T.self, try await send(.GET, path + queryText(query)))
    }

    private func queryText(_ query: [String: String]) -> String {
        let pairs = query.filter { !$0.value.isEmpty }.map { "\($0.key)=\(escaped($0.value))" }.sorted()
        return pairs.isEmpty ? "" : "?" + pairs.joined(separator: "&")
    }

    func escaped(_ text: String) -> String {
        text.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? ""
    }

    func send(
        _ method: HTTPMethod, _ path: String, _ body: Data? = nil, type: String = "application/json",
        headers: [String: String] = [:]
    ) async throws -> Data {
        var request = HTTPClientRequest(url: "\(base)/api/v1/\(path)")
        request.method = method
        if let token { request.headers.add(name: "Authorization", value: "Bearer \(token)") }
        for (name, value) in headers { request.headers.add(name: name, value: value) }
        if let body {
            request.headers.add(name: "Content-Type", value: type)
            request.body = .bytes(body)
        }
        let response = try await client.execute(request, timeout: .seconds(60))
        let reply = Data(try await response.body.collect(upTo: 1 << 26).readableBytesView)
        guard (200..<300).contains(response.status.code) else {
            let problem = try? JSONDecoder().decode(ProblemMessage.self, from: reply)
            throw RemoteFailure(
                status: response.status.code,
                description: problem.map { "\($0.code): \($0.detail)" }
                    ?? "the server answered \(response.status.code): \(String(decoding: reply.prefix(500), as: UTF8.self))"
            )
        }
        return reply
    }
}

/// What a server answered instead.
public struct RemoteFailure: Error, CustomStringConvertible {
    public let status: UInt
    public let description: String
}

private struct ProblemMessage: Decodable { let code, detail: String }

extension SessionSelection {
    fileprivate var query: [String: String] {
        var query: [String: String] = [:]
        query["workload"] = workload?.text
        query["chip"] = chip
        return query
    }
}
