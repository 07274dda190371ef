import Bytes
import CLibPQ
import Files
public import FoundationEssentials

/// The database's URI, and the limits of its use.
public struct PostgreSQLConfiguration: Sendable, Hashable, CustomStringConvertible, CustomDebugStringConvertible {
    /// A `postgres://` URI for libpq. It may name several hosts, and hold a password.
    let uri: String
    /// Read for each connection, so that a password can be changed while servers run.
    let passwordFile: URL?
    /// The most connections of a process.
    public let connections: Int
    /// The longest wait of a request, for a connection, its queue and its answer.
    public let timeout: Duration
    /// The URI's options, by libpq's keywords.
    private let options: [String: String]

    /// - Parameters:
    ///   - uri: `postgres://user@host,host/database?option=value`. By default, a server on another machine must have a
    ///     certificate for the named host (`sslmode=verify-full`), and of several hosts the writable one is used.
    ///   - passwordFile: holds the user's password; surrounding white space is ignored.
    ///   - connections: the most connections of a process.
    /// - Throws: ``PostgreSQLConfiguration/Unusable``.
    public init(
        uri: String, passwordFile: URL? = nil, connections: Int = 8, timeout: Duration = .seconds(5)
    ) throws(Unusable) {
        guard uri.hasPrefix("postgres://") || uri.hasPrefix("postgresql://") else {
            throw Unusable("it must begin with postgres://")
        }
        // Without libpq's message, which quotes the text with the password.
        guard !uri.utf8.contains(0), let options = Self.parse(uri) else {
            throw Unusable(
                "libpq cannot read it: percent-encode special characters in names and the password, and check the options"
            )
        }
        guard (.milliseconds(100)...(.seconds(3_600))).contains(timeout) else {
            throw Unusable("the timeout must be from 100 ms to an hour")
        }
        guard passwordFile == nil || options["password"] == nil else {
            throw Unusable("it holds a password, and there is a password file: remove one of the two")
        }
        self.uri = uri
        self.passwordFile = passwordFile
        self.options = options
        self.connections = connections
        self.timeout = timeout
    }

    /// An invalid URI.
    public struct Unusable: Error, Sendable, Hashable, CustomStringConvertible {
        public let description: String

        init(_ reason: String) { description = "The database's URI cannot be used: \(reason)." }
    }

    /// The hosts and the database, without user and password.
    public var description: String {
        let hosts = (options["host"] ?? options["hostaddr"] ?? "").split(
            separator: ",", omittingEmptySubsequences: false)
        let ports = (options["port"] ?? "").split(separator: ",", omittingEmptySubsequences: false)
        let places = hosts.enumerated().map { index, host in
            let port = ports.count == hosts.count ? ports[index] : ports.first ?? ""
            return port.isEmpty ? "\(host)" : "\(host):\(port)"
        }
        return "postgres://\(places.joined(separator: ","))/\(options["dbname"] ?? "")"
    }

    public var debugDescription: String { description }

    // MARK: For libpq

    /// Keywords with their values. `dbname` is the URI, which overrides earlier ones.
    ///
    /// - Parameter application: the connection's name in `pg_stat_activity`.
    /// - Throws: ``ConnectionBroken`` when the password file cannot be read.
    func parameters(application: String) throws -> [(keyword: String, value: String)] {
        let wait = max(2, Int(timeout.components.seconds) / 2)
        let defaults = [
            // For each host; at least two seconds for libpq.
            ("connect_timeout", "\(wait)"), ("target_session_attrs", "read-write"),
            ("sslmode", isOnThisMachine ? "prefer" : "verify-full"), ("gssencmode", "disable"),
            // Detect a lost connection, also while waiting.
            ("keepalives_idle", "5"), ("keepalives_interval", "2"), ("keepalives_count", "3"),
            ("tcp_user_timeout", "\(Int(timeout / .milliseconds(1)))"),
        ]
        return try defaults + password()
            + [("dbname", uri), ("client_encoding", "UTF8"), ("application_name", application)]
    }

    private func password() throws -> [(String, String)] {
        guard let passwordFile else { return [] }
        do {
            return [("password", try File.readText(passwordFile.filePath, atMost: 65_536).trimmed)]
        } catch {
            throw ConnectionBroken(description: "the password cannot be read: \(error)")
        }
    }

    /// Whether the server's identity is verified, or it is on this machine.
    public var verifiesServer: Bool {
        isOnThisMachine || ["verify-full", "verify-ca"].contains(options["sslmode"] ?? "verify-full")
    }

    /// Whether all hosts are local: a Unix socket or loopback.
    public var isOnThisMachine: Bool {
        let places = [options["hostaddr"], options["host"]].compactMap(\.self)
            .flatMap { $0.split(separator: ",", omittingEmptySubsequences: false) }
        return !places.isEmpty
            && places.allSatisfy { place in
                // A Unix socket, or an abstract one.
                place.hasPrefix("/") || place.hasPrefix("@") || place == "localhost" || place == "::1"
                    || place.hasPrefix("127.")
                        && place.utf8.allSatisfy { $0 == UInt8(ascii: ".") || (0x30...0x39).contains($0) }
            }
    }

    private static func parse(_ uri: String) -> [String: String]? {
        guard let parsed = PQconninfoParse(uri, nil) else { return nil }
        defer { PQconninfoFree(parsed) }
        var options: [String: String] = [:]
        var next = parsed
        while let keyword = next.pointee.keyword {
            if let value = next.pointee.val { options[String(cString: keyword)] = String(cString: value) }
            next += 1
        }
        return options
    }

    public static func == (one: Self, other: Self) -> Bool {
        (one.uri, one.passwordFile, one.connections, one.timeout)
            == (other.uri, other.passwordFile, other.connections, other.timeout)
    }

    public func hash(into hasher: inout Hasher) { hasher.combine(uri) }
}

extension PostgreSQLConfiguration: CustomReflectable {
    /// Without the members, of which the URI may hold a password.
    public var customMirror: Mirror { Mirror(self, children: ["description": description]) }
}
