import Concurrency
import HTTP

/// Connections that have asked for something once and say nothing more.
enum IdleConnections {
    /// - Returns: the server's memory with so many of them, and what one costs.
    static func memory(of server: ServerProcess, count: Int) async throws -> String {
        let target = try KeptConnection.Target(server)
        let before = server.statistics.memory
        let after = try await BlockingThread.run("idle") {
            var connections: [KeptConnection] = []
            for number in 0..<count {
                // As from many machines: 127.1.0.1 and so on.
                let source = 0x7F01_0001 + UInt32(number / 200) << 8 + UInt32(number % 200)
                let connection = KeptConnection(target, from: source)
                try connection.exchange(.get, Call.livez.request)
                connections.append(connection)
            }
            let memory = server.statistics.memory
            for connection in connections { connection.drop() }
            return memory
        }
        return "\(megabytes(after)) (\(megabytes(before)) before)"
    }
}
