import Broker
import Bytes
import Evidence
import FoundationEssentials
import HTTP
public import HTTPEdge
import Operators
import VirteeDialect

/// The administration API under `/api/v1`. `/openapi.json` describes it to programs, docs/administration.md to people.
public struct AdministrationAPI<Context: CallerContext>: Sendable {
    let administrator: LocalAdministrator
    let gate: Gate
    private let status: @Sendable () async throws -> ServerStatus
    private let settings: [String: String]
    private let replacesWorkloads: Bool
    let longestBody: Int
    let longestResource: Int

    /// - Parameters:
    ///   - status: how the server is.
    ///   - replacesWorkloads: whether a registered workload may be registered again.
    ///   - settings: every setting with its value, as an operator would write it. No secrets are among them.
    ///   - longestBody: in bytes.
    ///   - longestResource: in bytes.
    public init(
        _ administrator: LocalAdministrator, gate: Gate, status: @escaping @Sendable () async throws -> ServerStatus,
        replacesWorkloads: Bool, settings: [String: String], longestBody: Int, longestResource: Int
    ) {
        self.longestBody = longestBody
        self.longestResource = longestResource
        self.administrator = administrator
        self.gate = gate
        self.status = status
        self.settings = settings
        self.replacesWorkloads = replacesWorkloads
    }

    public func addRoutes(to router: Router<Context>) {
        router.get("openapi.json") { _, _ in
            Response(
                status: .ok, headers: [.contentType: "application/json"],
                body: .bytes(Array(OpenAPI.document.utf8)))
        }
        router.refuseOtherMethods(on: "openapi.json", than: [.get])
        let api = router.group("api/v1")
        addWorkloads(to: api)
        addSessions(to: api)
        addAttempts(to: api)
        addTokens(to: api)
        addAudit(to: api)
        addEndorsements(to: api)
        addDenials(to: api)
        addResources(to: api)
        addPolicies(to: api)
        addReferenceValues(to: api)
        api.get("status") { request, context in
            _ = try await gate.admit(request, context, to: .audit)
            return Response(json: try await status())
        }
        api.refuseOtherMethods(on: "status", than: [.get])
        api.get("settings") { request, context in
            _ = try await gate.admit(request, context, to: .administer)
            return Response(json: SettingsList(settings: settings))
        }
        api.refuseOtherMethods(on: "settings", than: [.get])
    }

    /// The administrator, on behalf of a caller who may do this.
    func admit(
        _ request: Request, _ context: Context, to permission: Role.Permission
    ) async throws -> LocalAdministrator {
        administrator.acting(as: try await gate.admit(request, context, to: permission).actor)
    }

    // MARK: Workloads

    private func addWorkloads(to api: RouterGroup<Context>) {
        let calls = api.group("workloads")
        calls.get("") { request, context in
            let administrator = try await admit(request, context, to: .readWorkloads)
            let query = try Query(request, ["after", "search", "limit"])
            return Response(
                json: try await administrator.workloads(
                    after: query["after"] ?? "", search: query["search"] ?? "", limit: try query.limit()))
        }
        calls.post("") { request, context in
            let administrator = try await admit(request, context, to: .changeWorkloads)
            let message = try WorkloadMessage(body: try await request.jsonBody(upTo: longestBody))
            guard let id = message.id else { throw Refusal(.malformed, "The field id is missing.") }
            let done = try await administrator.register(
                NewWorkload(message, id: id), replacing: false, expecting: nil)
            return reply(with: done.workload, .created)
        }
        calls.get("**") { request, context in
            let administrator = try await admit(request, context, to: .readWorkloads)
            return reply(with: try await administrator.workload(try request.name(after: "workloads")))
        }
        calls.put("**") { request, context in
            let administrator = try await admit(request, context, to: .changeWorkloads)
            let id = try request.name(after: "workloads")
            let message = try WorkloadMessage(body: try await request.jsonBody(upTo: longestBody))
            guard message.id.map({ ExactText($0) == ExactText(id) }) ?? true else {
                throw Refusal(.invalidField, "id in the body is another than in the path.")
            }
            let expected = try request.expectation()
            let mayReplace = try request.mayReplace()
            let done = try await administrator.register(
                NewWorkload(message, id: id), replacing: mayReplace && replacesWorkloads, expecting: expected)
            return reply(with: done.workload, done.replaced ? .ok : .created)
        }
        calls.patch("**") { request, context in
            let administrator = try await admit(request, context, to: .disableWorkloads)
            let id = try request.name(after: "workloads")
            let change = try WorkloadChange(body: try await request.jsonBody(upTo: longestBody))
            try await administrator.setDisabled(
                change.disabled, workload: id, expecting: try request.expectation())
            return reply(with: try await administrator.workload(id))
        }
        calls.delete("**") { request, context in
            let administrator = try await admit(request, context, to: .changeWorkloads)
            try await administrator.removeWorkload(
                try request.name(after: "workloads"), expecting: try request.expectation())
            return Response(status: .noContent)
        }
        calls.refuseOtherMethods(on: "", than: [.get, .post])
        calls.refuseOtherMethods(on: "**", than: [.get, .put, .patch, .delete])

        api.post("appraisals") { request, context in
            let administrator = try await admit(request, context, to: .readWorkloads)
            let message = try AppraisalRequest(body: try await request.jsonBody(upTo: longestBody))
            return Response(
                json: try await message.subject.appraise(try message.recordedEvidence(), with: administrator))
        }
        api.refuseOtherMethods(on: "appraisals", than: [.post])
    }

    private func reply(with workload: WorkloadSummary, _ status: HTTPResponse.Status = .ok) -> Response {
        var response = Response(json: workload, status: status)
        response.headers[.eTag] = "\"\(workload.version)\""
        if status == .created {
            let path = PercentEncoding.encode(workload.id)
            response.headers[.location] = "/api/v1/workloads/\(path)"
        }
        return response
    }

    // MARK: Sessions and attempts

    private func addSessions(to api: RouterGroup<Context>) {
        let calls = api.group("sessions")
        calls.get("") { request, context in
            let administrator = try await admit(request, context, to: .audit)
            let query = try Query(request, ["workload", "chip", "issuer", "after", "limit"])
            return Response(
                json: try await administrator.sessions(
                    try query.sessions(), after: query["after"] ?? "", limit: try query.limit()))
        }
        calls.delete("") { request, context in
            let administrator = try await admit(request, context, to: .endSessions)
            let query = try Query(request, ["workload", "chip", "issuer", "all"])
            let selection = try query.sessions()
            // Not by leaving something out: all guests would have to attest again.
            let all = query["all"].map { ExactText($0) }
            guard (selection == .all) == (all == "true"), all == nil || all == "true" else {
                throw Refusal(
                    .malformed, "Say whose sessions to end: workload=ID, chip=HEX, issuer=URL, or all=true alone.")
            }
            return Response(json: EndedSessions(ended: try await administrator.endSessions(selection)))
        }
        calls.delete(":id") { request, context in
            let administrator = try await admit(request, context, to: .endSessions)
            guard let id = Hex.decode(try request.name(after: "sessions")), id.count == 16 else {
                throw Refusal(.notFound, "There is no such session.")
            }
            _ = try await administrator.endSessions(SessionSelection(id: id))
            return Response(status: .noContent)
        }
        calls.refuseOtherMethods(on: "", than: [.get, .delete])
        calls.refuseOtherMethods(on: ":id", than: [.delete])
    }

    private func addAttempts(to api: RouterGroup<Context>) {
        let calls = api.group("attempts")
        calls.get("") { request, context in
            let administrator = try await admit(request, context, to: .audit)
            let query = try Query(request, ["workload", "outcome", "before", "limit"])
            var selection = AttemptSelection(workload: query["workload"])
            if let outcome = query["outcome"] {
                guard (["accepted", "refused"] as [ExactText]).contains(ExactText(outcome)) else {
                    throw Refusal(.invalidField, "outcome is accepted or refused.")
                }
                selection.accepted = ExactText(outcome) == "accepted"
            }
            return Response(
                json: try await administrator.attempts(
                    selection, before: try query.number("before"), limit: try query.limit()))
        }
        calls.get(":id") { request, context in
            let administrator = try await admit(request, context, to: .audit)
            guard let id = Int64(try request.name(after: "attempts")) else {
                throw Refusal(.notFound, "There is no such attempt.")
            }
            return Response(json: try await administrator.attempt(id))
        }
        calls.refuseOtherMethods(on: "", than: [.get])
        calls.refuseOtherMethods(on: ":id", than: [.get])
    }

    // MARK: Tokens

    private func addTokens(to api: RouterGroup<Context>) {
        let calls = api.group("tokens")
        calls.get("") { request, context in
            Response(json: try await admit(request, context, to: .administer).tokens())
        }
        calls.post("") { request, context in
            let administrator = try await admit(request, context, to: .administer)
            let message = try TokenRequest(body: try await request.jsonBody(upTo: longestBody))
            let made = try await administrator.createToken(
                message.role, description: message.description ?? "",
                lifetime: message.lifetime ?? AccessToken.usualLifetime)
            return Response(json: made, status: .created)
        }
        calls.delete(":id") { request, context in
            let administrator = try await admit(request, context, to: .administer)
            try await administrator.revokeToken(try request.name(after: "tokens"))
            return Response(status: .noContent)
        }
        calls.refuseOtherMethods(on: "", than: [.get, .post])
        calls.refuseOtherMethods(on: ":id", than: [.delete])
    }

    // MARK: The trail

    private func addAudit(to api: RouterGroup<Context>) {
        let calls = api.group("audit")
        calls.get("") { request, context in
            let administrator = try await admit(request, context, to: .audit)
            let query = try Query(request, ["after", "limit"])
            let limit = try query.limit()
            let entries = try await administrator.auditRecords(after: try query.number("after") ?? 0, limit: limit)
            return Response(
                json: AuditPage(
                    records: entries.map(AuditLine.init), next: entries.count == limit ? entries.last?.sequence : nil))
        }
        calls.get("checkpoint") { request, context in
            let administrator = try await admit(request, context, to: .audit)
            return Response(
                status: .ok, headers: [.contentType: "application/json"],
                body: .bytes(Array(try await administrator.checkpoint().line.utf8)))
        }
        calls.refuseOtherMethods(on: "", than: [.get])
        calls.refuseOtherMethods(on: "checkpoint", than: [.get])
    }

    // MARK: Endorsements

    private func addEndorsements(to api: RouterGroup<Context>) {
        let calls = api.group("endorsements")
        calls.get("") { request, context in
            let administrator = try await admit(request, context, to: .audit)
            let query = try Query(request, ["after", "limit"])
            return Response(
                json: try await administrator.endorsements(after: query["after"] ?? "", limit: try query.limit()))
        }
        calls.get(":fingerprint") { request, context in
            let administrator = try await admit(request, context, to: .audit)
            return Response(json: try await administrator.endorsement(try request.name(after: "endorsements")))
        }
        calls.delete(":fingerprint") { request, context in
            let administrator = try await admit(request, context, to: .administer)
            try await administrator.removeEndorsement(try request.name(after: "endorsements"))
            return Response(status: .noContent)
        }
        calls.refuseOtherMethods(on: "", than: [.get])
        calls.refuseOtherMethods(on: ":fingerprint", than: [.get, .delete])
    }

    private func addDenials(to api: RouterGroup<Context>) {
        let calls = api.group("denials")
        calls.get("") { request, context in
            let administrator = try await admit(request, context, to: .audit)
            let query = try Query(request, ["after", "limit"])
            return Response(
                json: try await administrator.denials(after: query["after"] ?? "", limit: try query.limit()))
        }
        calls.put("**") { request, context in
            let administrator = try await admit(request, context, to: .administer)
            let endorser = try request.endorser()
            let message = try DenialMessage(body: try await request.jsonBody(upTo: longestBody))
            return Response(json: try await administrator.deny(endorser, reason: message.reason))
        }
        calls.delete("**") { request, context in
            let administrator = try await admit(request, context, to: .administer)
            try await administrator.allow(try request.endorser())
            return Response(status: .noContent)
        }
        calls.refuseOtherMethods(on: "", than: [.get])
        calls.refuseOtherMethods(on: "**", than: [.put, .delete])
    }
}

extension Request {
    /// The chip or key that a path under `denials` names.
    fileprivate func endorser() throws -> Endorser {
        let name = try name(after: "denials")
        guard let endorser = Endorser(name: name) else {
            throw Refusal(
                .invalidField,
                "The path names a chip (chip/ and 128 hex digits, 16 on Turin, 64 of an SEV chip's CEK) or a key (key/ and "
                    + "the 64 hex digits of the SHA-256 of its SubjectPublicKeyInfo).")
        }
        return endorser
    }
}
