import CLibPQ
import Files
public import FoundationEssentials

/// Where the database is, and how it is used.
public struct PostgreSQLConfiguration: Sendable, Hashable, CustomStringConvertible, CustomDebugStringConvertible {
    /// A `postgres://` URI, given to libpq as it is. It may name several hosts, and hold a password.
    let uri: String
    /// Read at each connection, so that a password can be changed while servers run.
    let passwordFile: URL?
    /// How many connections a process may hold.
    public let connections: Int
    /// How long a request may wait in all, for a connection, for others and for its answer.
    public let timeout: Duration
    /// libpq's options as the URI says them, or as they are without it.
    private let options: [String: String]

    /// - Parameters:
    ///   - uri: `postgres://user@host,host/database?option=value`. Unless it says otherwise, the server must prove that
    ///     it is the named host (`sslmode=verify-full`) if it is not on this machine, and of several hosts the one is
    ///     used that can be written to.
    ///   - passwordFile: holds the user's password; white space at its end does not count.
    ///   - connections: how many a process may hold.
    /// - Throws: ``PostgreSQLConfiguration/Unusable``.
    public init(
        uri: String, passwordFile: URL? = nil, connections: Int = 8, timeout: Duration = .seconds(5)
    ) throws(Unusable) {
        guard uri.hasPrefix("postgres://") || uri.hasPrefix("postgresql://") else {
            throw Unusable("it must begin with postgres://")
        }
        // What libpq says of one that it cannot read holds the text itself, with the password in it.
        guard !uri.utf8.contains(0), let options = Self.parse(uri) else {
            throw Unusable(
                "libpq cannot read it: percent-encode what is special in names and the password, and look at the options"
            )
        }
        guard (.milliseconds(100)...(.seconds(3_600))).contains(timeout) else {
            throw Unusable("the timeout must be from 100 ms to an hour")
        }
        guard passwordFile == nil || options["password"] == nil else {
            throw Unusable("it holds a password, and a file with one is named: remove one of the two")
        }
        self.uri = uri
        self.passwordFile = passwordFile
        self.options = options
        self.connections = connections
        self.timeout = timeout
    }

    /// A URI that is none.
    public struct Unusable: Error, Sendable, Hashable, CustomStringConvertible {
        public let description: String

        init(_ reason: String) { description = "The database's URI cannot be used: \(reason)." }
    }

    /// The hosts and the database, without the user's password.
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

    /// Keywords with their values, the later ones before the earlier. `dbname` is the URI.
    ///
    /// - Parameter application: the connection's name in `pg_stat_activity`.
    /// - Throws: ``ConnectionBroken`` when the password's file cannot be read now.
    func parameters(application: String) throws -> [(keyword: String, value: String)] {
        let wait = max(2, Int(timeout.components.seconds) / 2)
        let usual = [
            // For each host; libpq takes no less than two seconds.
            ("connect_timeout", "\(wait)"), ("target_session_attrs", "read-write"),
            ("sslmode", isOnThisMachine ? "prefer" : "verify-full"), ("gssencmode", "disable"),
            // A connection that a network has forgotten is found out, also one that waits.
            ("keepalives_idle", "5"), ("keepalives_interval", "2"), ("keepalives_count", "3"),
            ("tcp_user_timeout", "\(Int(timeout / .milliseconds(1)))"),
        ]
        return try usual + password()
            + [("dbname", uri), ("client_encoding", "UTF8"), ("application_name", application)]
    }

    private func password() throws -> [(String, String)] {
        guard let passwordFile else { return [] }
        do {
            let text = try File.readText(passwordFile.filePath, atMost: 65_536)
            let start = text.drop(while: \.isWhitespace)
            let end = start.lastIndex { !$0.isWhitespace }.map { start.index(after: $0) } ?? start.startIndex
            return [("password", String(start[..<end]))]
        } catch {
            throw ConnectionBroken(description: "the password cannot be read: \(error)")
        }
    }

    /// Whether a server that is not the named one is noticed.
    public var provesServer: Bool {
        isOnThisMachine || ["verify-full", "verify-ca"].contains(options["sslmode"] ?? "verify-full")
    }

    /// Whether what is sent cannot be seen on a network, nor answered from there.
    public var isOnThisMachine: Bool {
        let places = [options["hostaddr"], options["host"]].compactMap(\.self)
            .flatMap { $0.split(separator: ",", omittingEmptySubsequences: false) }
        return !places.isEmpty
            && places.allSatisfy { place in
                // A Unix socket, also one without a file.
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
    /// Whoever prints all that something holds must not print a password either.
    public var customMirror: Mirror { Mirror(self, children: ["description": description]) }
}
