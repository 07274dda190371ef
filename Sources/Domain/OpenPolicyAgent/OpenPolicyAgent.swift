import AsyncHTTPClient
public import Broker
public import Foundation
import NIOCore
import NIOFoundationEssentialsCompat
import NIOHTTP1
import NIOSSL

/// An Open Policy Agent (OPA) server, over its REST API.
///
/// Trustee evaluates Rego in its own process, and gives it the guest's claims as `input` and what is asked for as `data`.
/// An OPA server takes an `input` with each question and no `data`, so here both are in `input`: the claims, and beside
/// them `plugin`, `resource-path` and `query`. docs/policies.md shows how to run one of Trustee's policies.
public struct OpenPolicyAgent: PolicyAgent {
    public struct Configuration: Sendable, Hashable {
        /// Without a path and a slash at its end, e.g. `https://opa.example.org:8181`.
        public var baseURL: String
        /// For one request: a guest is waiting.
        public var timeout: Duration = .seconds(5)
        /// PEM. `nil`: the system's certificate authorities.
        public var authorities: URL?
        /// A file with the bearer token that the agent asks for. It is read anew for each request.
        public var tokenFile: URL?

        public init(baseURL: String) { self.baseURL = baseURL }
    }

    private let client: HTTPClient
    private let configuration: Configuration
    /// Of what it answers.
    private static let longestReply = 1 << 20

    /// - Throws: when the file of authorities cannot be read.
    public init(_ configuration: Configuration) throws {
        var settings = HTTPClient.Configuration()
        // One could lead to someone else's answer.
        settings.redirectConfiguration = .disallow
        if let authorities = configuration.authorities {
            var tls = TLSConfiguration.makeClientConfiguration()
            tls.trustRoots = .certificates(
                try NIOSSLCertificate.fromPEMFile(authorities.path(percentEncoded: false)))
            settings.tlsConfiguration = tls
        }
        client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: settings)
        self.configuration = configuration
    }

    /// Ends its connections. It must be called before the last of it goes.
    public func shutdown() async throws { try await client.shutdown() }

    public func allows(_ decision: String, _ question: PolicyQuestion) async throws -> Bool {
        let body = try Self.body(asking: question)
        let reply = try await send(.POST, "data/\(decision)", body, "application/json")
        guard reply.status == 200 else { throw unavailable("answered \(reply.status) to the question \(decision)") }
        guard let answer = try? JSONDecoder().decode(Decision.self, from: reply.body) else {
            throw unavailable("did not answer the question \(decision) in JSON")
        }
        return answer.isTrue
    }

    public func put(module: String, id: String) async throws {
        let reply = try await send(.PUT, "policies/\(try Self.checked(id))", Data(module.utf8), "text/plain")
        if reply.status == 400 {
            let fault = (try? JSONDecoder().decode(Fault.self, from: reply.body))?.text ?? "it does not say why"
            throw Refusal(.invalidField, "The Open Policy Agent does not take the policy: \(fault).")
        }
        guard reply.status == 200 else { throw unavailable("answered \(reply.status) to a policy") }
    }

    public func module(_ id: String) async throws -> String? {
        let reply = try await send(.GET, "policies/\(try Self.checked(id))")
        if reply.status == 404 { return nil }
        guard reply.status == 200, let module = try? JSONDecoder().decode(Module.self, from: reply.body) else {
            throw unavailable("answered \(reply.status), and not with a policy")
        }
        return module.result.raw
    }

    // MARK: Messages

    /// `{"input": {claims, "plugin", "resource-path", "query"}}`. What is asked for goes over claims of those names.
    private static func body(asking question: PolicyQuestion) throws -> Data {
        guard var input = try? JSONSerialization.jsonObject(with: question.claims) as? [String: Any] else {
            throw Refusal(
                .unavailable, "The guest's claims are not a JSON object, so no agent can be asked about them.")
        }
        input["plugin"] = "resource"
        input["resource-path"] = question.path
        input["query"] = [String: String]()
        return try JSONSerialization.data(withJSONObject: ["input": input], options: [.sortedKeys])
    }

    /// `{"result": true}`. A rule without a value has no result.
    private struct Decision: Decodable {
        let isTrue: Bool

        private enum Member: CodingKey { case result }

        init(from decoder: any Decoder) throws {
            let members = try decoder.container(keyedBy: Member.self)
            isTrue = (try? members.decode(Bool.self, forKey: .result)) == true
        }
    }

    private struct Module: Decodable {
        struct Result: Decodable { let raw: String }
        let result: Result
    }

    /// What OPA says of a module that does not compile.
    private struct Fault: Decodable {
        struct Detail: Decodable {
            struct Location: Decodable { let row: Int }
            let message: String?
            let location: Location?
        }
        let message: String?
        let errors: [Detail]?

        var text: String {
            let details = (errors ?? []).prefix(5).map { detail in
                (detail.location.map { "line \($0.row): " } ?? "") + (detail.message ?? "")
            }
            return (details.isEmpty ? [message ?? ""] : details).joined(separator: "; ").prefix(1_000).description
        }
    }

    /// One segment of a path, as it is: a kind of module, a dot and a policy's name fit.
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
        _ method: HTTPMethod, _ path: String, _ body: Data? = nil, _ type: String? = nil
    ) async throws -> (status: UInt, body: Data) {
        var request = HTTPClientRequest(url: "\(configuration.baseURL)/v1/\(path)")
        request.method = method
        if let type { request.headers.add(name: "Content-Type", value: type) }
        if let body { request.body = .bytes(body) }
        if let file = configuration.tokenFile {
            guard let token = try? String(contentsOf: file, encoding: .utf8) else {
                throw unavailable("cannot be asked (its token in policy.opa.token_file cannot be read)")
            }
            request.headers.add(
                name: "Authorization", value: "Bearer \(token.trimmingCharacters(in: .whitespacesAndNewlines))")
        }
        do {
            return try await withTimeLimit(configuration.timeout) { [client, configuration, request] in
                let response = try await client.execute(request, timeout: TimeAmount(configuration.timeout))
                let reply = try await response.body.collect(upTo: Self.longestReply)
                return (response.status.code, Data(reply.readableBytesView))
            }
        } catch is CancellationError {
            throw CancellationError()
        } catch {
            throw unavailable("cannot be asked (\(error))")
        }
    }

    private func unavailable(_ problem: String) -> Refusal {
        Refusal(
            .unavailable,
            "The Open Policy Agent \(problem). Nothing is released that it decides over: see that it runs at "
                + "policy.opa.url, and has the policy.")
    }
}
