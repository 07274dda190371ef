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
            .init("workload", "Those of this workload.", Schemas.workloadID),
            .init(
                "chip", "Those of this chip, in hex; with workload: of both.",
                .text(pattern: "^([0-9a-fA-F]{2}){1,64}$")),
            .init("issuer", "Those for which this other verifier vouches.", .text(longest: 1_024)),
        ]
        return [
            call(
                .get, "sessions", .audit,
                Operation(
                    "listSessions", "List the sessions of attested guests", "Those that have not expired.",
                    query: selection + [.after("session", .text(pattern: "^([0-9a-fA-F]{32})?$")), .limit],
                    replies: [.ok("A page.", SessionPage.self)])
            ) { request, administrator in
                Response(
                    json: try await administrator.sessions(
                        try request.query.sessions(), after: request.query["after"] ?? "",
                        limit: try request.query.limit()))
            },
            call(
                .delete, "sessions", .endSessions,
                Operation(
                    "endSessions", "End all sessions, or all of a workload or of a chip", "`all` is given alone.",
                    query: selection + [
                        .init("all", "Every session that there is.", Schema(["type": "string", "enum": ["true"]]))
                    ], replies: [.ok("How many there were.", EndedSessions.self)])
            ) { request, administrator in
                let selection = try request.query.sessions()
                // Not by leaving something out: all guests would have to attest again.
                let all = request.query["all"].map { ExactText($0) }
                guard (selection == .all) == (all == "true"), all == nil || all == "true" else {
                    throw Refusal(
                        .malformed, "Say whose sessions to end: workload=ID, chip=HEX, issuer=URL, or all=true alone.")
                }
                return Response(json: EndedSessions(ended: try await administrator.endSessions(selection)))
            },
            call(
                .delete, "sessions/:session", .endSessions,
                Operation(
                    "endSession", "End a session", "Its guest must attest again.", replies: [.done("Ended.")])
            ) { request, administrator in
                guard let id = Hex.decode(try request.parameter("session")), id.count == 16 else {
                    throw Refusal(.notFound, "There is no such session.")
                }
                _ = try await administrator.endSessions(SessionSelection(id: id))
                return Response(status: .noContent)
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
                        .init("workload", "Only those for this workload, or for the resource with this path."),
                        .init(
                            "outcome", "Only those that ended so.",
                            Schema(["type": "string", "enum": ["accepted", "refused"]])),
                        .init("before", "Begin before this attempt.", Schemas.count), .limit,
                    ], replies: [.ok("A page.", AttemptPage.self)])
            ) { request, administrator in
                var selection = AttemptSelection(workload: request.query["workload"])
                if let outcome = request.query["outcome"] {
                    guard (["accepted", "refused"] as [ExactText]).contains(ExactText(outcome)) else {
                        throw Refusal(.invalidField, "outcome is accepted or refused.")
                    }
                    selection.accepted = ExactText(outcome) == "accepted"
                }
                return Response(
                    json: try await administrator.attempts(
                        selection, before: try request.query.number("before"), limit: try request.query.limit()))
            },
            call(
                .get, "attempts/:attempt", .audit,
                Operation(
                    "readAttempt", "Read an attempt with every check",
                    "What was expected, what was found, and what to do.",
                    replies: [.ok("The attempt.", AttemptDetail.self)])
            ) { request, administrator in
                guard let id = Int64(try request.parameter("attempt")) else {
                    throw Refusal(.notFound, "There is no such attempt.")
                }
                return Response(json: try await administrator.attempt(id))
            },
        ]
    }

    var tokens: [Call] {
        [
            call(
                .get, "tokens", .administer,
                Operation(
                    "listTokens", "List access tokens", "Expired and revoked ones too, never what proves them.",
                    replies: [.ok("All of them.", TokenList.self)])
            ) { _, administrator in Response(json: try await administrator.tokens()) },
            call(
                .post, "tokens", .administer,
                Operation(
                    "createToken", "Make an access token", "Its text is in the answer, and cannot be had again.",
                    body: .json(TokenRequest.schema), replies: [.created("Made.", NewToken.self)])
            ) { request, administrator in
                let message = try TokenRequest(body: try await request.jsonBody())
                let made = try await administrator.createToken(
                    message.role, description: message.description ?? "",
                    lifetime: message.lifetime ?? AccessToken.usualLifetime)
                return Response(json: made, status: .created)
            },
            call(
                .delete, "tokens/:token", .administer,
                Operation("revokeToken", "Revoke an access token", "At once.", replies: [.done("Revoked.")])
            ) { request, administrator in
                try await administrator.revokeToken(try request.parameter("token"))
                return Response(status: .noContent)
            },
        ]
    }

    var trail: [Call] {
        [
            call(
                .get, "audit", .audit,
                Operation(
                    "readAudit", "Read the audit trail", "In its order, with the hashes that chain it.",
                    query: [.after("record", Schemas.count), .limit], replies: [.ok("A page.", AuditPage.self)])
            ) { request, administrator in
                let limit = try request.query.limit()
                let entries = try await administrator.auditRecords(
                    after: try request.query.number("after") ?? 0, limit: limit)
                return Response(
                    json: AuditPage(
                        records: entries.map(AuditLine.init),
                        next: entries.count == limit ? entries.last?.sequence : nil))
            },
            call(
                .get, "audit/checkpoint", .audit,
                Operation(
                    "readCheckpoint", "Sign where the trail is now",
                    "To be kept where the server's administrators cannot change it.",
                    replies: [.init(.ok, "A checkpoint.", Self.checkpoint)])
            ) { _, administrator in
                Response(
                    status: .ok, headers: [.contentType: "application/json"],
                    body: .bytes(Array(try await administrator.checkpoint().line.utf8)))
            },
        ]
    }

    private static let checkpoint = Schema.object([
        "sequence": Schema(["type": "integer", "format": "int64"]),
        "hash": .text("Of the record with this sequence.", pattern: "^[0-9a-f]*$"),
        "time": Schema(["type": "string", "format": "date-time"]),
        "public_key": .text("Ed25519.", pattern: "^[0-9a-f]*$"),
        "signature": .text("Over label, sequence, hash and time; docs/audit.md.", pattern: "^[0-9a-f]*$"),
    ]).named("Checkpoint")

    var endorsements: [Call] {
        [
            call(
                .get, "endorsements", .audit,
                Operation(
                    "listEndorsements", "List the vendors' documents that are kept",
                    "In the order of their fingerprints.",
                    query: [.after("fingerprint", .text(pattern: "^([0-9a-fA-F]{64})?$")), .limit],
                    replies: [.ok("A page.", EndorsementPage.self)])
            ) { request, administrator in
                Response(
                    json: try await administrator.endorsements(
                        after: request.query["after"] ?? "", limit: try request.query.limit()))
            },
            call(
                .get, "endorsements/:fingerprint", .audit,
                Operation(
                    "readEndorsement", "Read a document", "With the certificates above whoever signed it.",
                    replies: [.ok("The document.", EndorsementDetail.self)])
            ) { request, administrator in
                Response(json: try await administrator.endorsement(try request.parameter("fingerprint")))
            },
            call(
                .delete, "endorsements/:fingerprint", .administer,
                Operation(
                    "removeEndorsement", "Forget a document", "It is found anew when it is needed.",
                    replies: [.done("Removed.")])
            ) { request, administrator in
                try await administrator.removeEndorsement(try request.parameter("fingerprint"))
                return Response(status: .noContent)
            },
        ]
    }

    var denials: [Call] {
        [
            call(
                .get, "denials", .audit,
                Operation(
                    "listDenials", "List the chips and keys that are denied", "In the order of their kinds and ids.",
                    query: [.after("denial: its kind, a slash and its id"), .limit],
                    replies: [.ok("A page.", DenialPage.self)])
            ) { request, administrator in
                Response(
                    json: try await administrator.denials(
                        after: request.query["after"] ?? "", limit: try request.query.limit()))
            },
            call(
                .put, "denials/**endorser", .administer,
                Operation(
                    "deny", "Deny a chip or a key",
                    "At once and for everyone: no guest that rests on it is attested, and none that was is given anything.",
                    body: .json(DenialMessage.schema), replies: [.ok("Denied.", DenialSummary.self)])
            ) { request, administrator in
                let endorser = try request.endorser()
                let message = try DenialMessage(body: try await request.jsonBody())
                return Response(json: try await administrator.deny(endorser, reason: message.reason))
            },
            call(
                .delete, "denials/**endorser", .administer,
                Operation("allow", "Take a denial back", replies: [.done("Allowed.")])
            ) { request, administrator in
                try await administrator.allow(try request.endorser())
                return Response(status: .noContent)
            },
        ]
    }
}

extension Request {
    /// The chip or key that a path under `denials` names.
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
