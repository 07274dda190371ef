package import Broker
package import HTTP
package import HTTPEdge

/// Calls that are answered in this process for an admitted caller, without a server or authentication.
package struct CallsInProcess: Sendable {
    private let table: CallTable
    private let admission: Admission

    /// - Parameter admission: the caller and its reach.
    package init(_ calls: [Call], for admission: Admission) {
        table = CallTable(calls, otherwise: ProblemForm())
        self.admission = admission
    }

    /// - Parameter body: of any length: the bounds protect a server's memory.
    /// - Throws: the call's own errors.
    package func answer(_ head: HTTPRequest, _ body: [UInt8] = []) async throws -> Response {
        var request = Request(head: head, body: .collected(body), longestBody: .max)
        let (call, parameters) = try table.match(head.method, request.uri.path).call(head.method)
        request.parameters = parameters
        request.query = try Query(request.uri, knowing: call.operation?.query.map(\.name) ?? [])
        switch call.handler {
        case .open(let answer): return try await answer(request)
        case .admitted(_, let answer):
            guard call.checksNames || admission.reach == .everything else {
                throw Refusal(.forbidden, "A scope does not reach this.")
            }
            return try await answer(request, admission)
        }
    }
}
