public import Broker
import Bytes
import Concurrency
import Evidence
import Formats
public import HTTP
public import HTTPEdge

/// The four calls of the reference KBS under `/kbs/v0`.
public struct VirteeDialect: Sendable {
    private let broker: Broker
    private let replacesWorkloads: Bool
    private let longestBody: Int
    /// Keys of guests that attested recently, by their text: most guests ask for their secret at once.
    private let recentKeys = BoundedCache<String, GuestKey>(capacity: 128)

    /// - Parameters:
    ///   - replacesWorkloads: whether a registered workload may be registered again.
    ///   - longestBody: in bytes. An SEV chain takes about 40 KiB.
    public init(broker: Broker, replacesWorkloads: Bool, longestBody: Int) {
        self.broker = broker
        self.replacesWorkloads = replacesWorkloads
        self.longestBody = longestBody
    }

    /// The calls of guests, except for the handshake, whose paths both dialects share: ``challenge(_:_:)`` and
    /// ``attest(_:)``.
    public var guestCalls: [Call] {
        // The reference KBS's answer, with and without the final slash; some clients probe with it.
        (["kbs/v0", "kbs/v0/"] as [CallPath]).map { path in
            Call(.get, path, label: "probe", form: PlainText()) { _ in
                Response(status: .unauthorized, text: "This is a key broker: POST /kbs/v0/auth begins.")
            }
        } + [
            Call(.get, "kbs/v0/key/**key", label: "release", form: PlainText()) { request in
                let key = try request.parameter("key")
                let secret = try await broker.release(key, session: request.sessionIDs) { secret, text in
                    try (recentKeys[text] ?? GuestKey(text: text)).encrypt(secret)
                }
                return Response(json: secret.json)
            }
        ]
    }

    /// `POST /register_workload`.
    public var registration: Call {
        Call(
            .post, "kbs/v0/register_workload", label: "register", right: .registering, checksNames: true,
            body: .upTo(longestBody), form: PlainText()
        ) { request, caller in
            let registration = try Registration(virteeJSON: try await request.jsonBody())
            try caller.reach.check(registration.id)
            let workload = try await broker.register(
                registration, replacing: replacesWorkloads, by: caller.actor
            ).workload
            // Buildah reads the status only; the text is for operators who register by hand.
            let warnings = broker.warnings(on: workload).map { "Warning: \($0)\n" }
            return Response(
                status: .ok,
                text: "Registered \(workload.id) with the policy \(workload.launch.policyInWords).\n"
                    + warnings.joined())
        }
    }

    /// `POST /auth`.
    ///
    /// - Parameter body: the request's.
    /// - Throws: a ``Refusal``.
    public func challenge(_ request: Request, _ body: [UInt8]) async throws -> Response {
        Caller.speaks("0.0.0")
        try request.requireJSON()
        let message = try RequestMessage(body: body)
        let issued = try await broker.challenge(try message.request())
        var response = Response(json: issued.json(in: message.form))
        // libkrun's SEV clients take everything up to the line's first semicolon: without an attribute, the line's end
        // too.
        response.headers[.setCookie] = "session_id=\(issued.session); SameSite=Strict; Path=/"
        return response
    }

    /// `POST /attest`.
    ///
    /// - Throws: a ``Refusal``.
    public func attest(_ request: Request) async throws -> Response {
        Caller.speaks("0.0.0")
        // The cookie first: until then the body comes from a stranger.
        let challenges = broker.challenges(among: request.sessionIDs).filter(\.isWorkloads)
        let open = challenges.filter(broker.isOpen)
        guard let first = open.first else {
            throw broker.refusing(challenges.isEmpty ? .noChallenge : .challengeExpired)
        }
        switch try VirteeAnswer(json: try await request.jsonBody()).proof {
        case .snp(let evidence, let key):
            // A client that began twice may send both cookies: its evidence is bound to one of the challenges.
            let answered = open.count > 1 ? open.first { key.reportData(for: $0) == evidence.reportData } : nil
            let challenge = answered ?? first
            try await broker.attest(
                Answer(evidence, boundTo: key.reportData(for: challenge), key: key.text), to: challenge)
            recentKeys[key.text] = key
        case .sev(let measurement, let nonce):
            try await broker.attest(Answer(sevMeasurement: measurement, nonce: nonce), to: first)
        }
        // The body stays empty: the client treats any text as an error, whatever the status.
        return Response(status: .ok)
    }

    /// The form of a failed attestation: libkrun's client has a buffer of 200 bytes for it, and crashes on more.
    public struct ShortText: FailureForm {
        public init() {}

        public func response(to refusal: Refusal, status: HTTPResponse.Status?) -> Response {
            PlainText.response(ShortSentence.of(refusal.description, upTo: 199), to: refusal, status: status)
        }

        public func response(to error: HTTPError) -> Response { PlainText().response(to: error) }
    }
}

extension Request {
    /// Whether the request has this dialect's session cookie.
    public var hasSessionCookie: Bool { !sessionIDs.isEmpty }

    /// Every value of the cookie `session_id`: clients send several, on one header line or on more.
    fileprivate var sessionIDs: [Substring] { cookies(named: "session_id") }
}

extension Refusal {
    fileprivate static let noChallenge = Refusal(
        .challengeInvalid,
        "The cookie session_id is missing or not from this server: start again at /auth and send it back.")
}
