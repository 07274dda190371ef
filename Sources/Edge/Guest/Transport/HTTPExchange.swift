import Files
import Glibc
import HTTP
import TLS
import X509

/// One HTTP/1.1 request on a connection of its own, with limits on everything that the server decides.
///
/// Three requests need neither a connection pool nor, in an initramfs, an HTTP library.
struct HTTPExchange: Sendable {
    struct Reply: Sendable {
        var status: Int
        var headers: HTTPFields
        var body: [UInt8]

        var text: String { String(decoding: body, as: UTF8.self) }
    }

    /// The connection failed, or the answer is malformed.
    struct Failure: Error, CustomStringConvertible {
        let description: String
        /// Whether another try may succeed.
        let isTransient: Bool
    }

    /// The longest body that is read. A key's ciphertext has 1,024 hex digits at most.
    static let longestBody = 64 * 1_024

    let address: BrokerAddress
    /// `nil` for plain HTTP.
    let tls: TLSContext?

    /// - Throws: ``GuestFailure`` of kind `unusable` when the CA's file cannot be read.
    init(_ address: BrokerAddress) throws {
        self.address = address
        tls = try address.context()
    }

    /// - Parameters:
    ///   - path: appended to the address's path, e.g. `/kbs/v0/auth`.
    ///   - turn: the index of the host's address to try first, counted round and round.
    ///   - limit: the time for everything, from the name's lookup to the answer's last byte.
    /// - Throws: ``Failure``.
    func send(
        _ method: HTTPRequest.Method, _ path: String, body: [UInt8]? = nil, cookie: String? = nil,
        beginningAt turn: Int = 0, within limit: Duration
    ) async throws -> Reply {
        let deadline = ContinuousClock.now.advanced(by: limit)
        let request = try request(method, path, body: body, cookie: cookie)
        return try await OwnThread.run { try exchange(method, request, beginningAt: turn, until: deadline) }
    }

    private func exchange(
        _ method: HTTPRequest.Method, _ request: [UInt8], beginningAt turn: Int,
        until deadline: ContinuousClock.Instant
    ) throws -> Reply {
        do {
            let connection = try connect(beginningAt: turn, until: deadline)
            try connection.write(request, until: deadline)
            var reader = ResponseReader(to: method, longestBody: Self.longestBody)
            while !reader.isComplete {
                let bytes = try connection.read(atMost: 16_384, until: deadline)
                if bytes.isEmpty { try reader.end() } else { try reader.read(bytes) }
            }
            guard let response = reader.response else { throw ConnectionError.closed }
            return Reply(status: response.status.code, headers: response.headerFields, body: reader.body)
        } catch let error as ConnectionError {
            throw failure(error)
        } catch let error as MalformedMessage where error.part == .size {
            throw Failure(
                description: "The answer is longer than \(Self.longestBody / 1_024) KiB: this is no broker.",
                isTransient: false)
        } catch let error as MalformedMessage where error.part == .end {
            throw failure(.closed)
        } catch let error as MalformedMessage {
            throw Failure(
                description: "What answers at \(hostAndPort) is no broker: \(error.description)", isTransient: true)
        }
    }

    private func connect(beginningAt turn: Int, until deadline: ContinuousClock.Instant) throws -> BlockingConnection {
        let connection: BlockingConnection
        do {
            connection = try BlockingConnection(
                to: address.host, port: UInt16(address.port), beginningAt: turn, until: deadline)
        } catch {
            throw Failure(description: unreachable(error), isTransient: true)
        }
        if let tls { try connection.startTLS(tls, as: address.host, until: deadline) }
        return connection
    }

    private func request(
        _ method: HTTPRequest.Method, _ path: String, body: [UInt8]?, cookie: String?
    ) throws -> [UInt8] {
        let name = address.host.contains(":") ? "[\(address.host)]" : address.host
        var fields: HTTPFields = [
            .host: "\(name):\(address.port)", .accept: "application/json", .connection: "close",
            .userAgent: "kbs-guest",
        ]
        if method == .post {
            fields[.contentType] = "application/json; charset=utf-8"
            fields[.contentLength] = "\(body?.count ?? 0)"
        }
        if let cookie { fields[.cookie] = "session_id=\(cookie)" }
        var bytes: [UInt8] = []
        try bytes.appendRequestLine(method, address.path + path)
        try bytes.append(fields)
        bytes.appendLineEnd()
        return bytes + (body ?? [])
    }

    private var hostAndPort: String { "\(address.host):\(address.port)" }

    private func unreachable(_ error: ConnectionError) -> String {
        switch error {
        case .time: "\(hostAndPort) did not answer in time."
        case .name: "The name \(address.host) has no address (yet): is the network up, and DNS set?"
        case .refused: "\(hostAndPort) cannot be reached: \(String(cString: strerror(ECONNREFUSED)))."
        default: "\(hostAndPort) cannot be reached: \(error)."
        }
    }

    private func failure(_ error: ConnectionError) -> Failure {
        switch error {
        case .time: return Failure(description: unreachable(error), isTransient: true)
        case .tls(let error) where error.kind == .certificate:
            return Failure(description: address.sentence(for: error), isTransient: false)
        default:
            return Failure(description: "The exchange with \(hostAndPort) broke off: \(error).", isTransient: true)
        }
    }
}

extension BrokerAddress {
    /// - Throws: ``GuestFailure`` of kind `unusable` when the CA's file cannot be read.
    fileprivate func context() throws -> TLSContext? {
        let configuration: TLSClientConfiguration
        switch trust {
        case .none: return nil
        case .system: configuration = TLSClientConfiguration(.system)
        case .pins(let pins): configuration = TLSClientConfiguration(.pins(pins))
        case .authority(let file):
            do {
                configuration = TLSClientConfiguration(
                    .authorities(try X509Certificate.read(pem: try File.read(file, atMost: 1 << 20), named: file)))
            } catch {
                throw GuestFailure(.unusable, "--ca: \(error).")
            }
        }
        do { return try TLSContext(configuration) } catch { throw GuestFailure(.unusable, "\(error).") }
    }

    /// The sentence for a failed verification of the server's identity, which another try will not change.
    fileprivate func sentence(for error: TLSError) -> String {
        guard case .pins = trust else {
            return "The server's certificate was not accepted (\(error)). Check --ca, the host name in --url and this "
                + "machine's clock."
        }
        return
            "The server's key is not the one that --pin names. Someone else answers at this address, or the broker has "
            + "a new key: compare with the broker's operator."
    }
}
