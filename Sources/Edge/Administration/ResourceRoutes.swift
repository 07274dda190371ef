import Broker
import Bytes
import FoundationEssentials
import HTTP
import HTTPEdge
import VirteeDialect

/// Resources: registrars put and remove them, admins say who gets what is there already. Nobody reads one back.
extension AdministrationAPI {
    func addResources(to api: RouterGroup<Context>) {
        let calls = api.group("resources")
        calls.get("") { request, context in
            let administrator = try await admit(request, context, to: .readResources)
            let query = try Query(request, ["after", "search", "limit"])
            return Response(
                json: try await administrator.resources(
                    after: query["after"] ?? "", search: query["search"] ?? "", limit: try query.limit()))
        }
        calls.get(Self.one) { request, context in
            let administrator = try await admit(request, context, to: .readResources)
            return Response(resource: try await administrator.resource(try context.resourcePath()))
        }
        calls.get("\(Self.one)/versions") { request, context in
            let administrator = try await admit(request, context, to: .readResources)
            return Response(json: try await administrator.versions(ofResource: try context.resourcePath()))
        }
        calls.put(Self.one) { request, context in
            let administrator = try await admit(request, context, to: .changeResources)
            let path = try context.resourcePath()
            let policy = try Query(request, ["policy"])["policy"]
            let choice: PolicyChoice? = try policy.map { $0.isEmpty ? .none : .named(try PolicyName($0)) }
            let secret = try await request.secretBody(upTo: longestResource)
            let done = try await administrator.putResource(
                path, secret, policy: choice, expecting: try request.resourceExpectation())
            return Response(resource: done.resource, status: done.replaced ? .ok : .created)
        }
        calls.patch(Self.one) { request, context in
            let administrator = try await admit(request, context, to: .steerResources)
            let edit = try ResourceEdit(body: try await request.jsonBody(upTo: longestBody))
            return Response(
                resource: try await administrator.editResource(
                    try context.resourcePath(), edit, expecting: try request.resourceExpectation()))
        }
        calls.delete(Self.one) { request, context in
            let administrator = try await admit(request, context, to: .changeResources)
            try await administrator.removeResource(
                try context.resourcePath(), expecting: try request.resourceExpectation())
            return Response(status: .noContent)
        }
        calls.refuseOtherMethods(on: "", than: [.get])
        calls.refuseOtherMethods(on: Self.one, than: [.get, .put, .patch, .delete])
        calls.refuseOtherMethods(on: "\(Self.one)/versions", than: [.get])
    }

    private static var one: RouterPath { ":repository/:type/:tag" }
}

extension RequestContext {
    /// The resource that the path names.
    fileprivate func resourcePath() throws -> ResourcePath {
        let segments = try ["repository", "type", "tag"].map { name in
            PercentEncoding.decode(try parameters.require(name)) ?? ""
        }
        return try ResourcePath(repository: segments[0], type: segments[1], tag: segments[2])
    }
}

extension Request {
    fileprivate func resourceExpectation() throws(Refusal) -> Resource.Expectation? {
        switch try precondition({ Resource.Stamp($0) }) {
        case nil: nil
        case .any: .any
        case .absent: Resource.Expectation.none
        case .tag(let stamp): .stamp(stamp)
        }
    }

    /// The body as it is, whatever it is.
    fileprivate func secretBody(upTo longest: Int) async throws -> Secret {
        var bytes = try await body.collect(upTo: longest)
        return Secret(wiping: &bytes)
    }
}

extension Response {
    fileprivate init(resource: ResourceSummary, status: HTTPResponse.Status = .ok) {
        self.init(json: resource, status: status)
        headers[.eTag] = "\"\(resource.version)\""
        if status == .created { headers[.location] = "/api/v1/resources/\(resource.path)" }
    }
}
