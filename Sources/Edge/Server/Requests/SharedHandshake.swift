import Broker
import Bytes
import CoCoDialect
import HTTP
import HTTPEdge
import Installation
import Logging
import VirteeDialect

/// `POST /kbs/v0/auth` and `/attest`: both dialects share these paths, and the request shows which one it is.
struct SharedHandshake: Sendable {
    let virtee: VirteeDialect
    let coco: CoCoDialect
    let broker: Broker
    let limits: LimitSettings
    let logger: Logger
    /// Called with the protocol version of each call.
    let wasSpoken: @Sendable (String) -> Void

    var calls: [Call] {
        let (challengeForm, attestForm) = (Form(virtee: PlainText()), Form(virtee: VirteeDialect.ShortText()))
        return [
            Call(.post, "kbs/v0/auth", label: "challenge", body: .upTo(limits.body), form: challengeForm) { request in
                let body = try await request.bytes()
                // Parsing the body twice would cost each guest of virtee's dialect more than the rest of this call.
                guard !body[...].holds(Self.workload), let greeting = CoCoDialect.greeting(in: body) else {
                    return await answering(request, .challenge, challengeForm) {
                        try await virtee.challenge(request, body)
                    }
                }
                return await answering(request, .challenge, CoCoFailureForm()) {
                    try await coco.challenge(request, greeting)
                }
            },
            Call(
                .post, "kbs/v0/attest", label: "attest", body: .evidence(longest: longestEvidence),
                form: attestForm
            ) { request in
                var isCoCo = request.hasGuestCookie
                // A guest without its cookie gets the refusal in its own form.
                if !isCoCo, !request.hasSessionCookie { isCoCo = CoCoDialect.attests(try await request.bytes()) }
                return isCoCo
                    ? await answering(request, .attest, CoCoFailureForm()) { try await coco.attest(request) }
                    : await answering(request, .attest, attestForm) { try await virtee.attest(request) }
            },
        ]
    }

    /// The longest evidence, in bytes: over `limits.body` for guest components that answer a challenge of this server.
    ///
    /// - Throws: a ``Refusal`` for such evidence without a cookie of this server, so that the guest begins anew.
    private func longestEvidence(of request: Request) throws -> Int {
        let mayBeLong = request.statedLength.map { $0 > limits.body } ?? (request.headers[.transferEncoding] != nil)
        guard mayBeLong, request.hasGuestCookie else { return limits.body }
        guard broker.challenges(among: request.guestSessions).contains(where: { !$0.isWorkloads }) else {
            throw Refusal(
                .challengeInvalid,
                "The cookie kbs-session-id is not from this server: start again at /auth and send it back.")
        }
        return limits.longestEvidence
    }

    /// Runs a call, and records its refusal for the operator.
    ///
    /// - Parameter form: the form of failures.
    private func answering(
        _ request: Request, _ action: AuditRecord.Action, _ form: any FailureForm,
        _ body: () async throws -> Response
    ) async -> Response {
        defer { if let version = Caller.current?.version, !version.isEmpty { wasSpoken(version) } }
        do {
            return try await body()
        } catch {
            let response = form.response(toThrown: error, of: request, logger: logger)
            if let refusal = response.refusal, refusal.code != .overloaded {
                // The refusal is sent even if it cannot be recorded.
                try? await broker.recordUnseen(refusal, as: action)
            }
            return response
        }
    }

    /// The form of failures before the body is read.
    private struct Form: FailureForm {
        let virtee: any FailureForm

        func form(for request: Request) -> any FailureForm { request.hasGuestCookie ? CoCoFailureForm() : virtee }

        func response(to refusal: Refusal, status: HTTPResponse.Status?) -> Response {
            virtee.response(to: refusal, status: status)
        }

        func response(to error: HTTPError) -> Response { virtee.response(to: error) }
    }

    /// A member that only the virtee protocol's `/auth` has.
    private static var workload: [UInt8] { Array("workload_id".utf8) }
}
