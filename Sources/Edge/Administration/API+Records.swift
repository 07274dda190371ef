import Broker
import Bytes
import Evidence
import Formats
import FoundationEssentials
import HTTP
import HTTPEdge

/// Sessions, attempts, the trail, tokens, endorsements and denials.
extension AdministrationAPI {
    var sessions: [Call] {
        let selection: [Operation.Parameter] = [
            .init("workload", "Sessions of this workload.", Schemas.workloadID),
            .init(
                "chip", "Sessions of this chip, in hex; with workload: of both.",
                .text(pattern: "^([0-9a-fA-F]{2}){1,64}$")),
            .init("issuer", "Sessions that this other verifier attested.", .text(longest: 1_024)),
        ]
        return [
            call(
                .get, "sessions", .audit,
                Operation(
                    "listSessions", "List the sessions of attested guests", "Without expired ones.",
                    query: selection + [.after("session", .text(pattern: "^([0-9a-fA-F]{32})?$")), .limit]),
                ok: "A page."
            ) { request, _ in
                let selection = try await self.selection(request.query)
                guard let start = Hex.decode(request.query["after"] ?? "") else {
                    throw Refusal(.invalidField, "after must be a session's id.")
                }
                return try await request.page(SessionSummary.init, next: { Hex.encode($0.id) }) {
                    try await store.sessions(selection, after: start, limit: $0, at: now())
                }
            },
            call(
                .delete, "sessions", .endSessions,
                Operation(
                    "endSessions", "End all sessions, or all of a workload or of a chip", "`all` is given alone.",
                    query: selection + [
                        .init("all", "Every session.", Schema(["type": "string", "enum": ["true"]]))
                    ]), ok: "The number of ended sessions."
            ) { request, admission in
                let selection = try await self.selection(request.query)
                // An omitted parameter must not end all sessions.
                let all = request.query["all"].map { ExactText($0) }
                guard (selection == .all) == (all == "true"), all == nil || all == "true" else {
                    throw Refusal(
                        .malformed, "Say whose sessions to end: workload=ID, chip=HEX, issuer=URL, or all=true alone.")
                }
                return EndedSessions(ended: try await broker.endSessions(selection, by: admission.actor))
            },
            call(
                .delete, "sessions/:session", .endSessions,
                Operation("endSession", "End a session", "Its guest must attest again."), done: "Ended."
            ) { request, admission in
                guard let id = Hex.decode(try request.parameter("session")), id.count == 16,
                    try await broker.endSessions(SessionSelection(id: id), by: admission.actor) > 0
                else { throw Refusal(.notFound, "There is no such session.") }
            },
        ]
    }

    var attempts: [Call] {
        [
            call(
                .get, "attempts", .audit,
                Operation(
                    "listAttempts", "List attempts to attest and to get resources", "Latest first; refused ones too.",
                    query: [
                        .init("workload", "Only attempts for this workload, or for the resource with this path."),
                        .init(
                            "outcome", "Only attempts with this outcome.",
                            Schema(["type": "string", "enum": ["accepted", "refused"]])),
                        .init("before", "Only attempts before this one.", Schemas.count), .limit,
                    ]), ok: "A page."
            ) { request, _ in
                var selection = AttemptSelection(workload: request.query["workload"])
                if let outcome = request.query["outcome"] {
                    guard (["accepted", "refused"] as [ExactText]).contains(ExactText(outcome)) else {
                        throw Refusal(.invalidField, "outcome is accepted or refused.")
                    }
                    selection.accepted = ExactText(outcome) == "accepted"
                }
                let before = try request.query.number("before") ?? .max
                return try await request.page(AttemptSummary.init, next: \.id) { [selection] in
                    try await store.attempts(selection, before: before, limit: $0)
                }
            },
            call(
                .get, "attempts/:attempt", .audit,
                Operation(
                    "readAttempt", "Read an attempt with every check",
                    "The expected value, the found value, and the remedy."), ok: "The attempt."
            ) { request, _ in
                guard let id = Int64(try request.parameter("attempt")) else {
                    throw Refusal(.notFound, "There is no such attempt.")
                }
                guard let attempt = try await store.attempt(id) else { throw Refusal.noAttempt(id) }
                return AttemptDetail(attempt)
            },
        ]
    }

    var tokens: [Call] {
        [
            call(
                .get, "tokens", .administer,
                Operation(
                    "listTokens", "List access tokens", "Also expired and revoked ones, never their secrets."),
                ok: "All of them."
            ) { _, _ in TokenList(tokens: try await store.tokens().map(TokenSummary.init)) },
            call(
                .post, "tokens", .administer,
                Operation(
                    "createToken", "Make an access token", "Its text is in the answer only.",
                    body: .json(Schema(of: TokenRequest.self))), new: "Made."
            ) { request, admission in
                let (message, time) = (try await request.message(TokenRequest.self), now())
                let (token, text) = try AccessToken.make(
                    role: try message.authority(), description: message.description ?? "",
                    lifetime: message.lifetime ?? AccessToken.defaultLifetime, at: time)
                let record = AuditRecord(
                    .createToken, by: admission.actor,
                    details: [
                        "token": token.id, "role": token.role.description, "description": token.description,
                        "expires": token.expires.formatted(.iso8601),
                    ], at: time)
                try await store.insert(token, recording: record)
                return (NewToken(token: text, summary: TokenSummary(token)), isNew: true)
            },
            call(
                .delete, "tokens/:token", .administer,
                Operation("revokeToken", "Revoke an access token", "At once."), done: "Revoked."
            ) { request, admission in
                let (id, time) = (try request.parameter("token"), now())
                let record = AuditRecord(.revokeToken, by: admission.actor, details: ["token": id], at: time)
                guard try await store.revoke(token: id, at: time, recording: record) else {
                    throw Refusal(.notFound, "There is no such token, or it is revoked already.")
                }
            },
        ]
    }

    var trail: [Call] {
        [
            call(
                .get, "audit", .audit,
                Operation(
                    "readAudit", "Read the audit trail", "In order, with the chained hashes.",
                    query: [.after("record", Schemas.count), .limit]), ok: "A page."
            ) { request, _ in
                let limit = try request.query.limit()
                let entries = try await store.auditEntries(
                    after: try request.query.number("after") ?? 0, limit: limit)
                return Page(
                    entries.map(AuditLine.init), next: entries.count == limit ? entries.last?.sequence : nil)
            },
            call(
                .get, "audit/checkpoint", .audit,
                Operation(
                    "readCheckpoint", "Sign the trail's present state",
                    "Keep it where the server's administrators cannot change it.",
                ), [.init(.ok, "A checkpoint.", Self.checkpoint)]
            ) { _, _ in
                let signed = try await checkpoint(now())
                return Response(
                    status: .ok, headers: [.contentType: "application/json"], body: Array(signed.line.utf8))
            },
        ]
    }

    private static let checkpoint = Schema.object([
        "sequence": Schema(["type": "integer", "format": "int64"]),
        "hash": .text("The hash of the record with this sequence.", pattern: "^[0-9a-f]*$"),
        "time": Schema(["type": "string", "format": "date-time"]),
        "public_key": .text("Ed25519.", pattern: "^[0-9a-f]*$"),
        "signature": .text("Over label, sequence, hash and time; docs/audit.md.", pattern: "^[0-9a-f]*$"),
    ]).named("Checkpoint")

    var endorsements: [Call] {
        [
            call(
                .get, "endorsements", .audit,
                Operation(
                    "listEndorsements", "List the cached documents of vendors", "In the order of their fingerprints.",
                    query: [.after("fingerprint", .text(pattern: "^([0-9a-fA-F]{64})?$")), .limit]), ok: "A page."
            ) { request, _ in
                guard let start = Hex.decode(request.query["after"] ?? "") else {
                    throw Refusal(.invalidField, "after must be a fingerprint.")
                }
                return try await request.page(
                    EndorsementSummary.init, next: { Hex.encode($0.document.fingerprint) }
                ) { try await store.endorsements(after: start, limit: $0) }
            },
            call(
                .get, "endorsements/:fingerprint", .audit,
                Operation(
                    "readEndorsement", "Read a document", "With the certificates of its issuers."),
                ok: "The document."
            ) { request, _ in
                guard let kept = try await store.endorsement(try request.fingerprint()) else { throw noEndorsement }
                return EndorsementDetail(kept)
            },
            call(
                .delete, "endorsements/:fingerprint", .administer,
                Operation(
                    "removeEndorsement", "Remove a document", "It is fetched again when it is needed."),
                done: "Removed."
            ) { request, admission in
                let fingerprint = try request.fingerprint()
                let record = AuditRecord(
                    .removeEndorsement, by: admission.actor, details: ["fingerprint": Hex.encode(fingerprint)],
                    at: now())
                guard try await store.removeEndorsement(fingerprint, recording: record) else { throw noEndorsement }
            },
        ]
    }

    private var noEndorsement: Refusal { Refusal(.notFound, "There is no such endorsement.") }

    var denials: [Call] {
        [
            call(
                .get, "denials", .audit,
                Operation(
                    "listDenials", "List the denied chips and keys", "In the order of their kinds and ids.",
                    query: [.after("denial: its kind, a slash and its id"), .limit]), ok: "A page."
            ) { request, _ in
                try await request.page(DenialSummary.init, next: \.endorser.name) {
                    try await store.denials(after: request.query["after"] ?? "", limit: $0)
                }
            },
            call(
                .put, "denials/**endorser", .administer,
                Operation(
                    "deny", "Deny a chip or a key",
                    "At once, on all servers: guests whose evidence depends on it are not attested, and attested ones "
                        + "get nothing more.",
                    body: .json(Schema(of: DenialRequest.self))), ok: "Denied."
            ) { request, admission in
                let endorser = try request.endorser()
                let message: DenialRequest = try await request.message()
                let denial = try await broker.deny(
                    endorser, reason: message.reason, isWhole: message.whole ?? false, by: admission.actor)
                return DenialSummary(StoredDenial(endorser, denial))
            },
            call(
                .delete, "denials/**endorser", .administer,
                Operation("allow", "Withdraw a denial"), done: "Allowed."
            ) { request, admission in try await broker.allow(try request.endorser(), by: admission.actor) },
        ]
    }
}

extension Request {
    /// The fingerprint (SHA-256) in the path.
    fileprivate func fingerprint() throws(Refusal) -> [UInt8] {
        guard let bytes = Hex.decode(try parameter("fingerprint")), bytes.count == 32 else {
            throw Refusal(.invalidField, "A fingerprint has 64 hex digits.")
        }
        return bytes
    }

    /// The chip or key in a path under `denials`.
    fileprivate func endorser() throws(Refusal) -> Endorser {
        guard let endorser = Endorser(name: try parameter("endorser")) else {
            throw Refusal(
                .invalidField,
                "The path names a chip (chip/ and 128 hex digits, 16 on Turin, 64 of an SEV chip's CEK) or a key (key/ and "
                    + "the 64 hex digits of the SHA-256 of its SubjectPublicKeyInfo).")
        }
        return endorser
    }
}

extension Query {
    fileprivate func sessions() throws(Refusal) -> SessionSelection {
        var selection = SessionSelection()
        if let id = self["workload"] { selection.workload = try WorkloadID(id) }
        if let issuer = self["issuer"] {
            guard issuer.unicodeScalars.count <= 1_024 else {
                throw Refusal(.invalidField, "issuer must not be longer than 1024 characters.")
            }
            selection.issuer = issuer
        }
        if let chip = self["chip"] {
            guard let bytes = Hex.decode(chip), !bytes.isEmpty else {
                throw Refusal(.invalidField, "chip must be hex digits.")
            }
            selection.chip = Hex.encode(bytes)
        }
        return selection
    }
}

extension AdministrationAPI {
    /// - Throws: a ``Refusal`` also for a chip's id that is only the beginning of one that was seen.
    private func selection(_ query: Query) async throws -> SessionSelection {
        var selection = try query.sessions()
        if let chip = selection.chip { selection.chip = try await broker.seenChip(chip) }
        return selection
    }
}

extension Refusal {
    static func noAttempt(_ id: Int64) -> Refusal {
        Refusal(.notFound, "There is no attempt \(id), or it was removed since: the audit trail has its outcome.")
    }
}
