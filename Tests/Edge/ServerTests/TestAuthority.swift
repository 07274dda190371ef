import Bytes
import Foundation
import HTTPClient
import TLS
import TLSSupport
import TestSupport
import X509

/// What the tests of a server make of an authority: files for its settings, and clients.
extension TestAuthority {
    var pem: String { certificate.pem }

    struct Issued {
        let pem: String
        let keyPEM: String
        let der: [UInt8]

        func write(_ folder: TemporaryFolder, _ name: String = "tls") throws -> (certificate: URL, key: URL) {
            let files = (folder.file("\(name).crt"), folder.file("\(name).key"))
            try Data(pem.utf8).write(to: files.0)
            try Data(keyPEM.utf8).write(to: files.1)
            return files
        }
    }

    /// - Parameter days: from two days ago until then.
    func issueFiles(
        _ subject: String, for usage: ExtendedKeyUsage = .servers, days: Double = 90
    ) throws -> Issued {
        let identity = try issue(subject, for: [usage], until: Date().addingTimeInterval(86_400 * days))
        return Issued(
            pem: identity.certificate.pem,
            keyPEM: try identity.key.pem().withBytes { String(decoding: $0, as: UTF8.self) },
            der: identity.certificate.der)
    }

    /// How a client trusts this authority, and no other.
    func clientTLS(
        _ identity: Issued? = nil, versions: ClosedRange<TLSVersion> = .tlsv12 ... .tlsv13, ciphers: String? = nil
    ) throws -> TLSClientConfiguration {
        var tls = TLSClientConfiguration(.authorities([certificate]))
        tls.versions = versions
        tls.cipherList = ciphers
        if let identity {
            tls.identity = try TLSIdentity(
                certificates: Array(identity.pem.utf8), named: "the client's certificate",
                key: Secret(Array(identity.keyPEM.utf8)), named: "its key")
        }
        return tls
    }

    /// An HTTP client that trusts this authority, and no other.
    func client(_ identity: Issued? = nil) throws -> HTTP1Client {
        var configuration = HTTP1Client.Configuration()
        configuration.authorities = Array(pem.utf8)
        configuration.proxies = .none
        configuration.identity = identity.map {
            HTTP1Client.Identity(certificates: Array($0.pem.utf8), key: Secret(Array($0.keyPEM.utf8)))
        }
        return HTTP1Client(configuration)
    }

    /// Asks a server for its greeting on a connection of its own.
    ///
    /// - Returns: the reply's body, and the server's certificate.
    static func greet(
        _ port: Int, _ tls: TLSClientConfiguration
    ) async throws -> (text: String, certificate: [UInt8]) {
        try await TLSCaller.open(port, tls) { caller in
            (try await caller.ask(), caller.serverCertificate)
        }
    }
}

/// A connection over TLS, of which a test says what is offered. It blocks a thread of its own.
final class TLSCaller: @unchecked Sendable {
    private let descriptor: Int32
    /// Touched on the queue only.
    private let session: TLSSession
    private let queue = DispatchQueue(label: "kbs.test.tls")

    static func open<R>(
        _ port: Int, _ tls: TLSClientConfiguration, _ body: (TLSCaller) async throws -> R
    ) async throws -> R {
        try await body(try TLSCaller(port, tls))
    }

    private init(_ port: Int, _ tls: TLSClientConfiguration) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(clamping: port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let isConnected = withUnsafePointer(to: address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
        guard isConnected else { throw POSIXError(.ECONNREFUSED) }
        session = try TLSSession(try TLSContext(tls), connecting: descriptor, to: "127.0.0.1")
    }

    deinit { close(descriptor) }

    var serverCertificate: [UInt8] { queue.sync { session.peerChain.first?.der ?? [] } }

    /// What `GET /kbs/v0` gets, up to the end of its greeting.
    ///
    /// - Throws: ``TLSError``.
    func ask() async throws -> String {
        try await withCheckedThrowingContinuation { continuation in
            queue.async { [self] in continuation.resume(with: Result { try exchange() }) }
        }
    }

    private func exchange() throws -> String {
        if !session.isEstablished { try finish(session.handshake()) }
        let request = Array("GET /kbs/v0 HTTP/1.1\r\nHost: x\r\n\r\n".utf8)
        // Fails, too, when the server refuses the client's certificate, and then reading says why.
        _ = request.withUnsafeBytes { session.write($0) }
        var text = ""
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while !text.contains("begins.") {
            let step = buffer.withUnsafeMutableBytes { session.read(into: $0) }
            guard case .done(let count) = step else {
                try finish(step)
                break
            }
            text += String(decoding: buffer.prefix(count), as: UTF8.self)
        }
        guard !text.isEmpty else { throw CancellationError() }
        return text
    }

    private func finish(_ step: TLSStep) throws { if case .failed(let error) = step { throw error } }
}
