import EdgeSupport

/// A TCP connection on which a test says exactly what it likes.
typealias RawConnection = TestSocket

extension TestSocket {
    /// Opens one to a port of this machine, for as long as `body` runs.
    static func open<R>(
        _ port: Int, receiveBuffer: Int? = nil, _ body: (TestSocket) async throws -> R
    ) async throws -> R {
        let socket = try TestSocket(port, receiveBuffer: receiveBuffer)
        defer { socket.reset() }
        return try await body(socket)
    }
}
