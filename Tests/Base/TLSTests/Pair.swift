import COpenSSL
import Glibc
import TLSSupport
import X509

@testable import TLS

/// A client and a server, pumped by turns over two connected sockets that do not block.
final class Pair {
    let server: TLSSession
    let client: TLSSession
    let serverSocket: Int32
    let clientSocket: Int32
    /// What the server's side came to.
    private(set) var serverStep = TLSStep.wantRead
    private(set) var clientStep = TLSStep.wantRead

    /// - Parameter resuming: what an earlier connection's client has kept.
    init(
        _ server: TLSContext, _ client: TLSContext, host: String = "localhost", resuming ticket: Ticket? = nil
    ) throws {
        (serverSocket, clientSocket) = Self.sockets()
        self.server = try TLSSession(server, accepting: serverSocket)
        self.client = try TLSSession(client, connecting: clientSocket, to: host)
        if let ticket { SSL_set_session(self.client.pointer, ticket.pointer) }
    }

    deinit {
        close(serverSocket)
        close(clientSocket)
    }

    static func sockets() -> (Int32, Int32) {
        var pair: [Int32] = [0, 0]
        socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue), 0, &pair)
        return (pair[0], pair[1])
    }

    /// Until neither side can go on.
    @discardableResult
    func shakeHands() -> Pair {
        for _ in 0..<20 {
            if !isOver(clientStep) { clientStep = client.handshake() }
            if !isOver(serverStep) { serverStep = server.handshake() }
        }
        // A server's verdict on a client comes after the client's own handshake in TLS 1.3.
        if case .done = clientStep, case .failed = serverStep { clientStep = client.text().step }
        return self
    }

    private func isOver(_ step: TLSStep) -> Bool { step != .wantRead && step != .wantWrite }

    var isDone: Bool { clientStep == .done(0) && serverStep == .done(0) }
    var serverError: TLSError? { if case .failed(let error) = serverStep { error } else { nil } }
    var clientError: TLSError? { if case .failed(let error) = clientStep { error } else { nil } }

    /// What the client has to resume with, once it has read something.
    func ticket() -> Ticket? {
        _ = server.send("x")
        _ = client.text()
        // A client forgets what broke off.
        _ = client.shutdown()
        return SSL_get1_session(client.pointer).map { Ticket($0) }
    }
}

/// What a client keeps of a connection, to resume it.
final class Ticket {
    let pointer: OpaquePointer
    init(_ pointer: OpaquePointer) { self.pointer = pointer }
    deinit { SSL_SESSION_free(pointer) }
}

extension TLSSession {
    func send(_ text: String) -> TLSStep { Array(text.utf8).withUnsafeBytes { write($0) } }

    func text() -> (text: String, step: TLSStep) {
        var buffer = [UInt8](repeating: 0, count: 20_000)
        let step = buffer.withUnsafeMutableBytes { read(into: $0) }
        guard case .done(let count) = step else { return ("", step) }
        return (String(decoding: buffer.prefix(count), as: UTF8.self), step)
    }
}

/// Both sides of the usual case.
struct Sides {
    let authority: TestAuthority
    let identity: TLSIdentity
    let server: TLSContext

    init(
        clients: [TestAuthority]? = nil, identity: TLSIdentity? = nil,
        _ change: (inout TLSServerConfiguration) -> Void = { _ in }
    ) throws {
        authority = try TestAuthority()
        self.identity = try identity ?? authority.issue("server")
        var configuration = TLSServerConfiguration(self.identity, clientAuthorities: clients?.map(\.certificate))
        change(&configuration)
        server = try TLSContext(configuration)
    }

    func client(_ change: (inout TLSClientConfiguration) -> Void = { _ in }) throws -> TLSContext {
        var configuration = TLSClientConfiguration(.authorities([authority.certificate]))
        change(&configuration)
        return try TLSContext(configuration)
    }

    func shake(
        host: String = "localhost", _ change: (inout TLSClientConfiguration) -> Void = { _ in }
    ) throws -> Pair {
        try Pair(server, client(change), host: host).shakeHands()
    }
}
