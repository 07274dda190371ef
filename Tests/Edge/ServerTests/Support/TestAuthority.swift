import Bytes
import EdgeSupport
import Foundation
import HTTP
import HTTPClient
import TLS
import TLSSupport
import TestSupport
import Testing
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
    func client() throws -> HTTP1Client {
        var configuration = HTTP1Client.Configuration()
        configuration.authorities = Array(pem.utf8)
        configuration.proxies = .none
        return HTTP1Client(configuration)
    }

    /// Asks a server for its greeting on a connection of its own.
    ///
    /// - Returns: the reply's body, and the server's certificate.
    static func greet(
        _ port: Int, _ tls: TLSClientConfiguration
    ) async throws -> (text: String, certificate: [UInt8]) {
        let socket = try await TLSTestSocket.connect(port, try TLSContext(tls))
        return (try await socket.ask(), socket.serverCertificate ?? [])
    }
}

extension TLSTestSocket {
    /// What `GET /kbs/v0` gets, up to the end of its greeting.
    func ask() async throws -> String {
        // Fails, too, when the server refuses the client's certificate, and then reading says why.
        try? await send("GET /kbs/v0 HTTP/1.1\r\nHost: x\r\n\r\n")
        return try await receive(until: "begins.")
    }

    /// The status of a response.
    func status(of path: String, token: String? = nil) async throws -> Int {
        let authorization = token.map { "Authorization: Bearer \($0)\r\n" } ?? ""
        try await send("GET \(path) HTTP/1.1\r\nHost: x\r\n\(authorization)\r\n")
        var reader = ResponseReader(to: .get, longestBody: 1 << 20)
        while !reader.isComplete, let bytes = try await receive() { try reader.read(bytes) }
        return try #require(reader.response?.status.code)
    }
}
