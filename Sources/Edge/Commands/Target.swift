import Administration
import Arguments
import Broker
import Files
import FoundationEssentials
import HTTPClient
import Installation
import SQLite
import Server

/// The target of an administrative command: a running server, or a data folder.
struct Target: ParsableArguments {
    @Option(help: "A running server, e.g. https://kbs.example.org:8080 (environment: KBS_URL).")
    var url: String?

    @Option(help: "A file with the server's access token (environment: KBS_TOKEN, with the token itself).")
    var tokenFile: String?

    @Option(
        help:
            "A PEM file with the server's certificate, or the authority that issued it (environment: KBS_CA)."
    )
    var ca: String?

    @Flag(help: "Talk to a server on another machine without TLS.") var insecureHttp = false

    @Option(help: ArgumentHelp(SettingKey.data.helpWithDefault, valueName: "folder"))
    var data: String?

    @Option(help: "A settings file in TOML that names the data folder (environment: KBS_CONFIG).")
    var config: String?

    static let explanation = """
        With --url (or KBS_URL) a running server is asked, with the token in KBS_TOKEN or --token-file. Otherwise the \
        data folder is used, also while a server runs on it.
        """

    /// Whether the target is a data folder.
    var isLocal: Bool { address == nil }

    /// Whether an option or the environment names the data folder.
    var namesFolder: Bool { data != nil || environment["KBS_DATA"] != nil || configFile != nil }

    private var configFile: String? { config ?? environment["KBS_CONFIG"] }

    /// The server's URL. Options for either target override the environment.
    private var address: String? { url ?? (data == nil && config == nil ? environment["KBS_URL"] : nil) }

    private var environment: [String: String] { ProcessInfo.processInfo.environment }

    /// - Parameter create: whether to create a missing data folder.
    func open<T>(create: Bool = false, _ body: (Administrator) async throws -> T) async throws -> T {
        guard let address else {
            return try await openFolder(create: create) { try await body($0.administrator) }
        }
        return try await withServer(address, body)
    }

    /// For actions that need the data folder.
    func openFolder<T>(create: Bool = false, _ body: (BrokerAssembly) async throws -> T) async throws -> T {
        let opened = try await BrokerAssembly(opening: try settings(), create: create)
        return try await opened.store.closing { _ in
            do { return try await body(opened) } catch let error as DatabaseError
                where error.resultCode == .readOnly && opened.folder.isReadOnly
            {
                throw CommandFailure(
                    "\(opened.settings.dataFolder.filePath) is mounted read-only, and this command writes to "
                        + "it: copy the folder, and name the copy")
            }
        }
    }

    /// The settings of the data folder.
    func settings() throws -> Settings {
        try Settings.resolve(
            flags: data.map { [.data: $0] } ?? [:], environment: environment,
            file: configFile.map { URL(filePath: $0) }
        ).settings
    }

    /// For questions that only a running server can answer: without a URL the one of the settings, on this machine.
    func withServer<T>(_ body: (Administrator) async throws -> T) async throws -> T {
        try await withServer(try address ?? ownAddress(), body)
    }

    private func ownAddress() throws -> String {
        let settings = try settings()
        guard settings.tls.certificate != nil, settings.listensOnTCP else { return OwnServer(settings).base }
        if let socket = settings.socket.path { return "unix:\(socket)" }
        throw CommandFailure(
            "the server of these settings has TLS: name it as its certificate does, with "
                + "--url https://NAME:\(settings.listen.port)")
    }

    private func withServer<T>(_ address: String, _ body: (Administrator) async throws -> T) async throws -> T {
        try checkAddress(address)
        var configuration = HTTP1Client.Configuration()
        configuration.trustAdvice = "name its authority, or the certificate itself, with --ca or KBS_CA"
        if let ca = ca ?? environment["KBS_CA"] { configuration.authorities = try File.read(ca, atMost: 1 << 20) }
        let token = try token()
        do {
            return try await body(Administrator(url: address, token: token, client: HTTP1Client(configuration)))
        } catch {
            // A server may repeat the token in its answer, and errors end up in logs.
            guard let token, "\(error)".contains(token) else { throw error }
            throw CommandFailure("\(error)".replacing(token, with: "(the token)"), Outcome(error))
        }
    }

    private func checkAddress(_ address: String) throws {
        if address.hasPrefix("unix:") { return }
        guard let url = URL(string: address), let host = url.host() else {
            throw ValidationError("\"\(address)\" is not a URL such as https://kbs.example.org:8080")
        }
        guard ["", "/"].contains(url.path()) else {
            throw ValidationError("\(address) has a path: leave \(url.path()) out")
        }
        guard url.scheme == "https" || Settings.Address(host: host, port: 0).isLoopback || insecureHttp else {
            throw ValidationError(
                "\(address) would send the token and secrets in the clear: use https, or add --insecure-http")
        }
    }

    private func token() throws -> String? {
        guard let tokenFile else {
            // An empty variable counts as unset.
            return try environment["KBS_TOKEN"].flatMap { try BearerToken($0, from: "KBS_TOKEN") }?.text
        }
        guard let token = try BearerToken(try File.readText(tokenFile, atMost: 65_536), from: tokenFile) else {
            throw CommandFailure("\(tokenFile) is empty: it should hold a token")
        }
        return token.text
    }
}
