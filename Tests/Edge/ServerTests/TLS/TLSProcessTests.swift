import Concurrency
import Foundation
import HTTP
import HTTPClient
import TLS
import TLSSupport
import TestSupport
import Testing
import X509

private final class Load: Sendable {
    let served = Lock(0)
    let isOver = Lock(false)
}

@Suite("TLS, as an operator runs it")
struct TLSProcessTests {
    let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func eventually(_ what: Comment, _ body: () async throws -> Bool) async throws {
        for _ in 0..<2_400 {
            if try await body() { return }
            try await Task.sleep(for: .milliseconds(50))
        }
        Issue.record(what)
    }

    @Test("Certificates are replaced under load, by SIGHUP and by themselves, and no request fails")
    func reloadUnderLoad() async throws {
        let authority = try TestAuthority()
        let files = try authority.issueFiles("server").write(folder)
        let server = try await ServerProcess.start(
            folder, "--tls-certificate", files.certificate.path, "--tls-key", files.key.path)
        let tls = try authority.clientTLS()
        let (port, url) = (server.port, "\(server.base)/kbs/v0")
        let load = Load()
        try await withThrowingTaskGroup(of: Void.self) { group in
            // Old connections, which are kept.
            group.addTask {
                do {
                    let client = try authority.client()
                    while !load.isOver.withLock({ $0 }) {
                        let reply = try await client.execute(HTTPClientRequest(url: url), timeout: .seconds(60))
                        #expect(reply.status == .unauthorized)
                        load.served.withLock { $0 += 1 }
                    }
                }
            }
            // And a new one for each request.
            for _ in 0..<2 {
                group.addTask {
                    while !load.isOver.withLock({ $0 }) {
                        let reply = try await TestAuthority.greet(port, tls)
                        #expect(reply.text.hasPrefix("HTTP/1.1 401"))
                        load.served.withLock { $0 += 1 }
                    }
                }
            }
            for round in 0..<5 {
                let next = try authority.issueFiles("server")
                // Not in one step: for a while the two do not go together.
                _ = try next.write(folder)
                if round < 4 { server.send(signal: SIGHUP) }
                try await eventually("the certificate of round \(round) is served") {
                    try await TestAuthority.greet(port, tls).certificate == next.der
                }
                let before = load.served.withLock { $0 }
                try await eventually("requests go on") { load.served.withLock { $0 } > before + 5 }
            }
            load.isOver.withLock { $0 = true }
            try await group.waitForAll()
        }
        #expect(server.isRunning)

        // A broken pair is told, and what is served stays.
        let last = try await TestAuthority.greet(port, tls).certificate
        try Data(try authority.issueFiles("other").keyPEM.utf8).write(to: files.key)
        server.send(signal: SIGHUP)
        try await eventually("the log says what is wrong") {
            server.log.contains("is not the key of the first certificate")
        }
        #expect(try await TestAuthority.greet(port, tls).certificate == last)
    }

    @Test("SIGHUP does not end a server without TLS")
    func hangUpWithoutTLS() async throws {
        let server = try await ServerProcess.start(folder)
        try await eventually("the log says so") {
            server.send(signal: SIGHUP)
            return server.log.contains("no certificate to reload")
        }
        #expect(server.isRunning)
    }

    @Test(
        "An address that others can reach is not served without TLS, and the error says how to get it",
        arguments: ["0.0.0.0:0", "[::]:0", "192.0.2.1:0"])
    func nonLoopback(address: String) async throws {
        let refused = try await Command.run("serve", "--listen", address, "--data", folder.file("data").path)
        #expect(refused.status != 0)
        for word in ["kbs tls self-signed", "certbot", "--insecure-http"] { #expect(refused.errors.contains(word)) }
        #expect(!FileManager.default.fileExists(atPath: folder.file("data").path), "nothing was made")
        // Told to, it tries: this address is nobody's, so that nothing is opened to the network here.
        let told = try await Command.run(
            "serve", "--listen", "192.0.2.1:0", "--data", folder.file("data").path, "--insecure-http")
        #expect(told.status != 0 && !told.errors.contains("certbot"))
        #expect(told.errors.contains("in the clear"), "it is said loudly")
    }

    @Test("Half of a configuration is an error that names the other half")
    func half() async throws {
        for (arguments, name) in [
            (["--tls-certificate", "x"], "tls.key"), (["--tls-key", "x"], "tls.certificate"),
            (["--tls-client-ca", "x"], "tls.certificate"), (["--set", "tls.minimum_version=1.1"], "1.2 or 1.3"),
            (["--tls-certificate", "/no/such", "--tls-key", "/no/such"], "cannot be read"),
        ] {
            let result = try await Command.runAll(
                ["serve", "--listen", "127.0.0.1:0", "--data", folder.file("data").path] + arguments)
            #expect(result.status != 0 && result.errors.contains(name), "\(arguments): \(result.errors)")
        }
    }

    @Test("kbs tls self-signed makes what kbs serve serves with, and a client that trusts it connects")
    func selfSigned() async throws {
        let out = folder.file("tls").path
        let arguments = ["tls", "self-signed", "--name", "localhost", "--name", "127.0.0.1", "--out", out]
        let made = try await Command.runAll(arguments)
        #expect(made.status == 0 && made.output.contains("sha256//"), "\(made.errors)")
        let (certificate, key) = ("\(out)/tls.crt", "\(out)/tls.key")
        let server = try await ServerProcess.start(folder, "--tls-certificate", certificate, "--tls-key", key)
        #expect(server.base.hasPrefix("https://"))
        let authorities = try X509Certificate.read(
            pem: Array(Data(contentsOf: URL(filePath: certificate))), named: "it")
        let tls = TLSClientConfiguration(.authorities(authorities))
        #expect(try await TestAuthority.greet(server.port, tls).text.hasPrefix("HTTP/1.1 401"))
        let before = try Data(contentsOf: URL(filePath: key))
        let again = try await Command.runAll(arguments)
        #expect(again.status != 0 && again.errors.contains("--force"))
        #expect(try Data(contentsOf: URL(filePath: key)) == before)
        #expect(try await Command.runAll(arguments + ["--force"]).status == 0)
        #expect(try Data(contentsOf: URL(filePath: key)) != before)
        #expect(try await Command.run("tls", "self-signed", "--out", folder.file("none").path).status != 0)
    }
}
