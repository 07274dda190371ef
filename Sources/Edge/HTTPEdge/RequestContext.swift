public import HTTP
public import HTTPServer
public import Logging

/// What goes along with a request from the router to its handler.
public protocol RequestContext: Sendable {
    var coreContext: CoreRequestContextStorage { get set }

    init(source: ApplicationRequestContextSource)
}

/// A context that knows where a request came from.
public protocol RemoteAddressRequestContext: RequestContext {
    /// nil for a Unix socket.
    var remoteAddress: IPAddress? { get }
}

/// What a context is made from.
public struct ApplicationRequestContextSource: Sendable {
    public let request: IncomingRequest
    public let logger: Logger
}

/// What the router itself keeps in a context.
public struct CoreRequestContextStorage: Sendable {
    public var logger: Logger
    /// The pattern of the route that was found, e.g. `/kbs/v0/key/**`; nil when there is none.
    public internal(set) var endpointPath: String?
    public internal(set) var parameters = Parameters()

    public init(source: ApplicationRequestContextSource) { logger = source.logger }
}

extension RequestContext {
    public var logger: Logger { coreContext.logger }
    public var endpointPath: String? { coreContext.endpointPath }
    public var parameters: Parameters { coreContext.parameters }
}

/// A context with nothing beside what the router needs.
public struct BasicRequestContext: RemoteAddressRequestContext {
    public var coreContext: CoreRequestContextStorage
    public let remoteAddress: IPAddress?

    public init(source: ApplicationRequestContextSource) {
        coreContext = CoreRequestContextStorage(source: source)
        remoteAddress = source.request.peer.address
    }
}

/// The segments of a path that stand where its route has names, as they were sent: percent-encoded.
public struct Parameters: Sendable {
    var values: [(name: String, value: Substring)] = []

    /// - Throws: ``HTTPError`` when the route has no such name.
    public func require(_ name: String) throws -> String {
        guard let found = values.first(where: { $0.name == name }) else { throw HTTPError(.badRequest) }
        return String(found.value)
    }
}
