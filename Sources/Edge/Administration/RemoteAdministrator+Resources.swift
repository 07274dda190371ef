public import Broker
public import Bytes
import HTTP

extension RemoteAdministrator {
    public func resources(after path: String, search: String, limit: Int) async throws -> ResourcePage {
        try await get("resources", ["after": path, "search": search, "limit": "\(limit)"])
    }

    public func resource(_ path: ResourcePath) async throws -> ResourceSummary { try await get("resources/\(path)") }

    public func versions(ofResource path: ResourcePath) async throws -> ResourceVersionList {
        try await get("resources/\(path)/versions")
    }

    public func putResource(
        _ path: ResourcePath, _ secret: Secret, policy: PolicyChoice?, replacing: Bool
    ) async throws -> ResourceSummary {
        // An empty name is "none", which is not the same as no name.
        let query = policy.map { "?policy=\(escaped($0.name?.text ?? ""))" } ?? ""
        let reply = try await send(
            .put, "resources/\(path)\(query)", secret.withBytes { Array($0) }, type: "application/octet-stream",
            headers: replacing ? [:] : [.ifNoneMatch: "*"])
        return try Replies.decode(ResourceSummary.self, reply)
    }

    public func generateResource(
        _ path: ResourcePath, _ wish: GeneratedResource, replacing: Bool
    ) async throws -> ResourceSummary {
        let reply = try await send(
            .post, "resources/\(path)", wish.body, headers: replacing ? [.ifMatch: "*"] : [:])
        return try Replies.decode(ResourceSummary.self, reply)
    }

    public func editResource(_ path: ResourcePath, _ edit: ResourceEdit) async throws -> ResourceSummary {
        try Replies.decode(ResourceSummary.self, try await send(.patch, "resources/\(path)", edit.body))
    }

    public func removeResource(_ path: ResourcePath) async throws { _ = try await send(.delete, "resources/\(path)") }
}
