import HTTP

/// One call, made over and over on connections that stay open if the server lets them.
struct Call: Sendable {
    let name: String
    let method: HTTPRequest.Method
    /// Head and body.
    let request: [UInt8]
    /// Whether that is all that the head announces.
    let isWhole: Bool
    /// The answer that it is meant to get.
    let status: Set<Int>

    private static let connections = 8

    static let livez = Call("GET /livez", .get, "/livez", status: [200])

    static let all = [
        livez,
        Call(
            "POST /kbs/v0/auth", .post, "/kbs/v0/auth",
            body: Array(Crowd.challenge.utf8),
            status: [200, 400, 403, 404]),
        // The head decides. What stands behind it is drained, and the connection kept, up to a length.
        Call(
            "refused at the head, 100 KB behind it", .post, "/kbs/v0/nothing",
            body: [UInt8](repeating: 0x20, count: 100_000), status: [404]),
        Call(
            "refused at the head, 100 KB of 300 behind it, closed", .post, "/kbs/v0/nothing",
            body: [UInt8](repeating: 0x20, count: 100_000), length: 300_000, status: [404, 413]),
    ]

    private init(
        _ name: String, _ method: HTTPRequest.Method, _ path: String, body: [UInt8]? = nil, length: Int? = nil,
        status: Set<Int>
    ) {
        var head = "\(method) \(path) HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        if let count = length ?? body?.count {
            head += "Content-Type: application/json\r\nContent-Length: \(count)\r\n"
        }
        (self.name, self.method, self.status) = (name, method, status)
        isWhole = length == nil
        request = Array((head + "\r\n").utf8) + (body ?? [])
    }

    /// - Returns: CPU time of the server for each, and what the caller sees.
    func measure(_ server: ServerProcess, seconds: Int) async throws -> String {
        let target = try KeptConnection.Target(server)
        let isWhole = isWhole
        let before = (server.statistics.cpuTime, server.statistics.kernelTime)
        let load = try await Load.blocking(workers: Self.connections, seconds: seconds) { _ in
            let connection = KeptConnection(target)
            return {
                let status = try connection.exchange(method, request, isWhole: isWhole)
                guard self.status.contains(status) else {
                    throw KeptConnection.Failure(description: "\(name) was answered \(status)")
                }
            }
        }
        let cpu = server.statistics.cpuTime - before.0
        let kernel = server.statistics.kernelTime - before.1
        let each = cpu / Double(max(load.requests, 1))
        return "\(micro(each)) (\(Int((kernel / cpu * 100).rounded())) % in the kernel); \(Int(load.rate.rounded()))/s"
    }
}
