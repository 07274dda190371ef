public import Broker
import Bytes
import Files
import Formats
public import FoundationEssentials
import HTTP
public import HTTPClient

/// An Open Policy Agent (OPA) server, over its REST API.
///
/// Trustee evaluates Rego in its own process, with the guest's claims as `input` and the request as `data`. An OPA
/// server takes an `input` with each query and no `data`, so here `input` holds both: the claims, and beside them
/// `plugin`, `resource-path` and `query`. docs/policies.md shows how to run one of Trustee's policies.
public struct OpenPolicyAgent: PolicyAgent {
    public struct Configuration: Sendable, Hashable {
        /// Scheme, host and port without a final slash, e.g. `https://opa.example.org:8181`.
        public var baseURL: String
        /// Time limit of one request, for which a guest waits.
        public var timeout: Duration = .seconds(5)
        /// A file with the bearer token for the agent, read for each request.
        public var tokenFile: URL?

        public init(baseURL: String) { self.baseURL = baseURL }
    }

    private let client: HTTP1Client
    private let configuration: Configuration
    /// Longest reply, in bytes.
    private static let longestReply = 1 << 20

    public init(_ configuration: Configuration, client: HTTP1Client) {
        (self.configuration, self.client) = (configuration, client)
    }

    public func allows(_ decision: String, _ question: AgentInput) async throws -> Bool {
        let body = try Self.body(asking: question)
        let reply = try await send(.post, "data/\(decision)", body, "application/json")
        guard reply.status == 200 else { throw unavailable("answered \(reply.status) to the question \(decision)") }
        guard let isAllowed = Self.allows(reply.body) else {
            throw unavailable("did not answer the question \(decision) in JSON")
        }
        return isAllowed
    }

    /// - Returns: nil for a malformed answer. A rule without a value has no result, and does not allow.
    static func allows(_ answer: [UInt8]) -> Bool? {
        guard let answer = try? JSON(answer), answer.kind == .object else { return nil }
        return answer["result"]?.asBool == true
    }

    public func put(module: String, id: String) async throws {
        let reply = try await send(.put, "policies/\(try Self.checked(id))", Array(module.utf8), "text/plain")
        if reply.status == 400 {
            throw Refusal(
                .invalidField, "The Open Policy Agent refused the policy: \(Self.fault(of: reply.body)).")
        }
        guard reply.status == 200 else { throw unavailable("answered \(reply.status) to a policy") }
    }

    public func module(_ id: String) async throws -> String? {
        let reply = try await send(.get, "policies/\(try Self.checked(id))")
        if reply.status == 404 { return nil }
        guard reply.status == 200, let module = (try? JSON(reply.body))?["result"]?["raw"]?.asText else {
            throw unavailable("answered \(reply.status), and not with a policy")
        }
        return module
    }

    // MARK: Messages

    /// `{"input": {claims, "plugin", "resource-path", "query"}}`. The members of the request replace claims of the same
    /// names.
    private static func body(asking question: AgentInput) throws -> [UInt8] {
        guard var input = (try? JSON(question.claims)).map({ JSONValue($0) }), input.members != nil else {
            throw Refusal(
                .unavailable, "The guest's claims are not a JSON object, so no agent can be asked about them.")
        }
        input["plugin"] = .text(question.kind)
        input["resource-path"] = .array(question.path.map { .text($0) })
        input["query"] = [:]
        return JSONValue.object([.init("input", input)]).encoded
    }

    /// OPA's errors about a module that does not compile.
    static func fault(of body: [UInt8]) -> String {
        guard let answer = try? JSON(body), answer.kind == .object else { return "it does not say why" }
        let details = (answer["errors"]?.asArray ?? []).prefix(5).map { detail in
            let row: Int? = try? detail["location"]?["row"]?.integer()
            return (row.map { "line \($0): " } ?? "") + (detail["message"]?.asText ?? "")
        }
        let text = details.isEmpty ? answer["message"]?.asText ?? "" : details.joined(separator: "; ")
        return String(text.prefix(1_000))
    }

    /// Checks a module's id: one segment of a path without escaping, such as a kind of module, a dot and a policy's
    /// name.
    private static func checked(_ id: String) throws(Refusal) -> String {
        guard id.utf8.count <= 128, id.wholeMatch(of: /[A-Za-z0-9][A-Za-z0-9._\-]*/.asciiOnlyWordCharacters()) != nil
        else {
            throw Refusal(
                .invalidField,
                "\"\(id.prefix(128))\" cannot be a module's id: it must have 1 to 128 characters of A-Z a-z 0-9 . _ - and "
                    + "begin with a letter or digit.")
        }
        return id
    }

    // MARK: HTTP

    private func send(
        _ method: HTTPRequest.Method, _ path: String, _ body: [UInt8]? = nil, _ type: String? = nil
    ) async throws -> (status: Int, body: [UInt8]) {
        var request = HTTPClientRequest(method, url: configuration.baseURL, path: "/v1/\(path)", body: body)
        request.headers[.contentType] = type
        if let file = configuration.tokenFile?.path(percentEncoded: false) {
            guard let token = try? File.readText(file, atMost: 65_536) else {
                throw unavailable("cannot be asked (its token in policy.opa.token_file cannot be read)")
            }
            request.headers[.authorization] = "Bearer \(token.trimmed)"
        }
        do {
            let response = try await client.execute(request, timeout: configuration.timeout, upTo: Self.longestReply)
            return (response.status.code, response.body)
        } catch is CancellationError {
            throw CancellationError()
        } catch {
            let reason = "\(error)"
            throw unavailable("cannot be asked (\(reason.hasSuffix(".") ? String(reason.dropLast()) : reason))")
        }
    }

    private func unavailable(_ problem: String) -> Refusal {
        Refusal(
            .unavailable,
            "The Open Policy Agent \(problem). Policies that ask it release nothing meanwhile: check that it runs at "
                + "policy.opa.url and has the policy.")
    }
}
