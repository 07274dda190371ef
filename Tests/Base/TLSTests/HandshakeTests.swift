import COpenSSL
import Crypto
import Foundation
import Glibc
import TLSSupport
import Testing
import X509

@testable import TLS

@Suite("What TLS is agreed on")
struct HandshakeTests {
    static let sigpipe: Void = { signal(SIGPIPE, SIG_IGN) }()

    init() {
        Self.sigpipe
        CryptoLibrary.forgetErrors()
    }

    @Test("TLS 1.2 and 1.3 are spoken, older versions are not; with 1.3 as the minimum 1.2 is not either")
    func versions() throws {
        for (minimum, accepted) in [(TLSVersion.tlsv12, [TLSVersion.tlsv12, .tlsv13]), (.tlsv13, [.tlsv13])] {
            let sides = try Sides { $0.minimumVersion = minimum }
            for version in [TLSVersion.tlsv1, .tlsv11, .tlsv12, .tlsv13] {
                let pair = try sides.shake {
                    $0.versions = version...version
                    $0.cipherList = "DEFAULT@SECLEVEL=0"
                }
                if accepted.contains(version) {
                    #expect(pair.isDone && pair.server.version == version)
                } else {
                    #expect(pair.serverError?.kind == .version, "\(version): \(pair.serverStep)")
                    #expect(pair.clientError?.kind == .version, "\(version): \(pair.clientStep)")
                    #expect(pair.clientError?.description == "it supports no version of TLS that this side supports")
                }
            }
        }
    }

    @Test(
        "In TLS 1.2 no cipher without forward secrecy or authentication is spoken",
        arguments: [
            ("ECDHE-ECDSA-AES128-SHA", false), ("ECDHE-ECDSA-AES256-SHA384", false), ("AES128-GCM-SHA256", false),
            ("ECDHE-ECDSA-AES128-CCM", false), ("aNULL", false), ("ECDHE-ECDSA-AES128-GCM-SHA256", true),
            ("ECDHE-ECDSA-AES256-GCM-SHA384", true), ("ECDHE-ECDSA-CHACHA20-POLY1305", true),
        ])
    func ciphers(_ list: String, _ isSpoken: Bool) throws {
        let pair = try Sides().shake {
            $0.versions = .tlsv12...(.tlsv12)
            $0.cipherList = list + "@SECLEVEL=0"
        }
        #expect(pair.isDone == isSpoken)
        if !isSpoken {
            #expect(pair.serverError?.kind == .cipher)
            #expect(pair.clientError?.kind == .cipher)
        }
    }

    @Test("A server on a key of each usual kind is spoken with", arguments: [2_048, 3_072])
    func rsa(bits: Int) throws {
        let authority = try TestAuthority()
        let identity = try authority.issue("server", key: .makeRSA(bits: bits))
        let server = try TLSContext(TLSServerConfiguration(identity))
        for version in [TLSVersion.tlsv12, .tlsv13] {
            var configuration = TLSClientConfiguration(.authorities([authority.certificate]))
            configuration.versions = version...version
            #expect(try Pair(server, TLSContext(configuration)).shakeHands().isDone)
        }
    }

    @Test("A key that the system's security level refuses is told at once, with the level")
    func weakKey() throws {
        let identity = try TestAuthority().issue("server", key: .makeRSA(bits: 1_024))
        let error = #expect(throws: CertificateError.self) { try TLSContext(TLSServerConfiguration(identity)) }
        #expect(error?.description.hasPrefix("CN=server, serial ") == true)
        #expect(error?.description.contains("too weak for this system's security level 2") == true)
    }

    @Test("HTTP/1.1 is agreed on with whoever names it; who names others only is served all the same")
    func protocols() throws {
        let sides = try Sides()
        for (offered, agreed) in [
            ("\u{2}h2\u{8}http/1.1", "http/1.1"), ("\u{8}http/1.1", "http/1.1"), ("\u{2}h2", ""), ("", ""),
        ] {
            let pair = try Pair(sides.server, sides.client())
            let list = Array(offered.utf8)
            SSL_set_alpn_protos(pair.client.pointer, list, UInt32(list.count))
            #expect(pair.shakeHands().isDone)
            var (name, count): (UnsafePointer<UInt8>?, UInt32) = (nil, 0)
            SSL_get0_alpn_selected(pair.client.pointer, &name, &count)
            #expect(String(decoding: UnsafeBufferPointer(start: name, count: Int(count)), as: UTF8.self) == agreed)
        }
    }

    @Test("There is no compression, no early data and no renegotiation", arguments: [TLSVersion.tlsv12, .tlsv13])
    func forbidden(version: TLSVersion) throws {
        let pair = try Sides().shake { $0.versions = version...version }
        #expect(SSL_get_current_compression(pair.server.pointer) == nil)
        #expect(SSL_get_max_early_data(pair.server.pointer) == 0)
        #expect(pair.ticket().map { SSL_SESSION_get_max_early_data($0.pointer) } == 0)
        guard version == .tlsv12 else { return }
        // The client here would do it.
        SSL_clear_options(pair.client.pointer, 1 << 30)
        #expect(SSL_renegotiate(pair.client.pointer) == 1)
        for _ in 0..<5 {
            _ = SSL_do_handshake(pair.client.pointer)
            _ = pair.server.text()
        }
        #expect(SSL_renegotiate_pending(pair.client.pointer) == 1, "it is still waiting for it")
        #expect(SSL_do_handshake(pair.client.pointer) != 1)
    }

    @Test("Clients are sent the file as it is, nothing from elsewhere added")
    func chain() throws {
        let root = try TestAuthority("Root")
        let key = try PrivateKey.makeP256()
        var template = CertificateTemplate("Intermediate", from: .now - 60, until: .now + 86_400)
        template.isAuthority = true
        let intermediate = try template.issued(for: key, by: root.certificate, root.key)
        let leafKey = try PrivateKey.makeP256()
        var leaf = CertificateTemplate("server", from: .now - 60, until: .now + 3_600)
        (leaf.names, leaf.usages) = ([.dns("localhost")], [.servers])
        let certificate = try leaf.issued(for: leafKey, by: intermediate, key)
        var trust = TLSClientConfiguration(.authorities([root.certificate]))
        for (chain, isDone) in [([certificate, intermediate], true), ([certificate], false)] {
            // The intermediate is a clients' authority too, from which libssl would add it.
            let server = try TLSContext(
                TLSServerConfiguration(try TLSIdentity(chain, leafKey), clientAuthorities: [intermediate]))
            let pair = try Pair(server, TLSContext(trust)).shakeHands()
            #expect(pair.isDone == isDone)
            if isDone { #expect(pair.client.peerChain == chain && pair.client.peerCertificate == certificate) }
        }
        // One in the middle is trusted as well as a root, when it stands in the file.
        trust.trust = .authorities([intermediate])
        let server = try TLSContext(TLSServerConfiguration(try TLSIdentity([certificate], leafKey)))
        #expect(try Pair(server, TLSContext(trust)).shakeHands().isDone)
    }

    @Test("Nothing is left in the thread's error queue, whatever has failed")
    func errorQueue() throws {
        let sides = try Sides()
        _ = try sides.shake { $0.versions = .tlsv1...(.tlsv1) }
        #expect(!CryptoLibrary.hasPendingError)
        _ = try sides.shake { $0.trust = .system }
        #expect(!CryptoLibrary.hasPendingError)
        _ = try? TLSContext(TLSServerConfiguration(try TestAuthority().issue("x", key: .makeRSA(bits: 1_024))))
        #expect(!CryptoLibrary.hasPendingError)
    }

    @Test("A warm handshake looks up no algorithm by its name")
    func fetches() throws {
        let sides = try Sides()
        let client = try sides.client()
        try Pair(sides.server, client).shakeHands()
        // All of them: other tests run meanwhile, and must not be the first to use one.
        try CryptoLibrary.check()
        _ = try KMAC256.code(key: SymmetricKey(size: .bits256), message: [1], byteCount: 32)
        _ = MLKEM768.isAvailable
        let before = CryptoLibrary.fetches
        for _ in 0..<3 { #expect(try Pair(sides.server, client).shakeHands().isDone) }
        #expect(CryptoLibrary.fetches == before)
    }

    @Test("Many threads shake hands on one context")
    func threads() async throws {
        let sides = try Sides(clients: [TestAuthority("Clients")])
        let client = try sides.client()
        let done = await withTaskGroup(of: Int.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    (0..<10).count { _ in (try? Pair(sides.server, client).shakeHands().isDone) == true }
                }
            }
            return await group.reduce(0, +)
        }
        #expect(done == 80)
    }
}
