import TLS
import TLSSupport
import X509

/// A stand-in that speaks TLS, and whose answers say which connection they came on.
final class SecureStandIn: Sendable {
    let standIn: StandIn
    var port: Int { standIn.port }
    var url: String { "https://127.0.0.1:\(port)" }

    init(_ identity: TLSIdentity) throws {
        let context = try TLSContext(TLSServerConfiguration(identity))
        standIn = try StandIn { standIn, connection in Self.serve(standIn, connection, context) }
    }

    private static func serve(_ record: StandIn.Record, _ connection: StandIn.Connection, _ context: TLSContext) {
        guard let session = try? TLSSession(context, accepting: connection.descriptor),
            case .done = session.handshake()
        else { return }
        var buffer = [UInt8](repeating: 0, count: 65_536)
        // A request without a body comes in one piece.
        while case .done(let count) = buffer.withUnsafeMutableBytes({ session.read(into: $0) }) {
            record.note(String(decoding: buffer.prefix(count), as: UTF8.self))
            let answer = Array(ok("\(connection.number) hello").utf8)
            _ = answer.withUnsafeBytes { session.write($0) }
        }
    }

    /// For a proxy that ends its tunnel here.
    static func tunnel(_ identity: TLSIdentity) throws -> StandIn {
        let context = try TLSContext(TLSServerConfiguration(identity))
        return try StandIn { standIn, connection in
            guard let head = connection.head() else { return }
            standIn.note(head)
            connection.write("HTTP/1.1 200 Connection established\r\n\r\n")
            serve(standIn, connection, context)
        }
    }
}

extension TestAuthority {
    var pem: [UInt8] { Array(certificate.pem.utf8) }
}
