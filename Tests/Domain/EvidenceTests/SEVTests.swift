import Bytes
import Crypto
import EvidenceSupport
import Foundation
import SimulatedHardware
import TestSupport
import Testing

@testable import Evidence

@Suite("SEV and SEV-ES")
struct SEVTests {
    // MARK: Fixed points. Source: hardware notes, checked against AMD 55766.

    private static let zeros = SymmetricKey(data: [UInt8](repeating: 0, count: 16))

    @Test("The key derivation gives its published value")
    func keyDerivation() {
        let key = SEVWrappingKeys.derive(
            Self.zeros, label: "sev-master-secret", context: Array(repeating: 0, count: 16))
        #expect(key.withUnsafeBytes { Hex.encode(Array($0)) } == "ab4d269fcc62bedb4511d56c386ce706")
    }

    @Test("The session gives its published values")
    func session() throws {
        let keys = SEVTransportKeys(encryption: Self.zeros, integrity: Self.zeros)
        let nothing = [UInt8](repeating: 0, count: 16)
        let session = try keys.launchSession(
            shared: Self.zeros, nonce: nothing, initializationVector: nothing, policy: SEVLaunchPolicy(flags: []))
        #expect(Hex.encode(session.wrappedKeys) == "2137bc7f9bb8bd7c3e55a576a15d3454b3856b8ba27afadf46dcfee9f02c02c4")
        #expect(Hex.encode(session.wrapMAC) == "3176c0752738bd9d5e86689534020f528c088f16238826b000b327dee6aeed7d")
        #expect(Hex.encode(session.policyMAC) == "aa7855e13839dd767cd5da7c1ff5036540c9264b7a803029315e55375287b4af")
    }

    @Test("The measurement gives its published value")
    func measurement() throws {
        let integrity = try #require(Hex.decode("66320db73158a35a255d051758e95ed4"))
        let keys = SEVTransportKeys(encryption: Self.zeros, integrity: SymmetricKey(data: integrity))
        let found = keys.measurement(
            of: Array(SHA256.hash(data: Data())), build: SEVFirmwareBuild(major: 0, minor: 18, build: 15),
            policy: SEVLaunchPolicy(flags: []), nonce: try #require(Hex.decode("4fbe0bedbad6c86ae8f68971d103e554")))
        #expect(Hex.encode(found) == "6faab2daae389bcd3405a05d6cafe33c0414f7bedd0bae19ba5f38b7fd1664ea")
    }

    // MARK: Chains

    @Test("The real Naples chain is genuine", .enabled(if: Vectors.arePresent))
    func naples() throws {
        let verdict = SEVVerifier.verify(AppraisedSEVChain(try Vectors.naples(), anchors: .amd))
        #expect(verdict.isAccepted, "\(verdict.failures)")
    }

    @Test(
        "AMD's roots of Naples, Rome and Milan are pinned, and sign their ASK", .enabled(if: Vectors.arePresent),
        arguments: ["naples", "rome", "milan"])
    func roots(product: String) throws {
        let ark = try SEVCACertificate(bytes: Vectors.bytes("trust/amd/\(product)/sev-ark.cert"))
        let ask = try SEVCACertificate(bytes: Vectors.bytes("trust/amd/\(product)/sev-ask.cert"))
        #expect(SEVAnchors.amd.product(ofRoot: ark)?.lowercased() == product)
        #expect(ask.isSigned(by: ark))
        #expect(ark.isSigned(by: ark) || ark.signature == nil)
    }

    @Test("A root without its signature is believed for its pin", .enabled(if: Vectors.arePresent))
    func unsignedRoot() throws {
        let naples = try Vectors.naples()
        let bare = try SEVCACertificate(bytes: Array(naples.ark.bytes.prefix(64 + 512)))
        #expect(bare.signature == nil)
        let chain = SEVCertificateChain(
            ark: bare, ask: naples.ask, cek: naples.cek, oca: naples.oca, pek: naples.pek, pdh: naples.pdh)
        #expect(AppraisedSEVChain(chain, anchors: .amd).isGenuine)
    }

    @Test("A changed byte in any certificate of the real chain breaks it", .enabled(if: Vectors.arePresent))
    func damage() throws {
        let real = try Vectors.naples()
        func damaged(_ bytes: [UInt8], _ offset: Int) -> [UInt8] {
            var bytes = bytes
            bytes[offset] ^= 1
            return bytes
        }
        // One in the key and one in the signature of each.
        for offset in [24, 1_060] {
            for index in 0..<4 {
                var parts = [real.cek, real.oca, real.pek, real.pdh]
                parts[index] = try SEVCertificate(bytes: damaged(parts[index].bytes, offset))
                let chain = SEVCertificateChain(
                    ark: real.ark, ask: real.ask, cek: parts[0], oca: parts[1], pek: parts[2], pdh: parts[3])
                #expect(!AppraisedSEVChain(chain, anchors: .amd).isGenuine, "certificate \(index) at \(offset)")
            }
        }
        for offset in [70, 400, 600] {
            let ask = try SEVCACertificate(bytes: damaged(real.ask.bytes, offset))
            let chain = SEVCertificateChain(
                ark: real.ark, ask: ask, cek: real.cek, oca: real.oca, pek: real.pek, pdh: real.pdh)
            #expect(!AppraisedSEVChain(chain, anchors: .amd).isGenuine, "ASK at \(offset)")
        }
    }

    struct Link: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let fails: [Check.Name]
        let change: @Sendable (SEVCertificateChain, SEVCertificateChain) -> SEVCertificateChain
    }

    static let links: [Link] = [
        Link(testDescription: "ARK", fails: [.sevRoot]) {
            SEVCertificateChain(ark: $1.ark, ask: $0.ask, cek: $0.cek, oca: $0.oca, pek: $0.pek, pdh: $0.pdh)
        },
        Link(testDescription: "ASK", fails: [.sevASK]) {
            SEVCertificateChain(ark: $0.ark, ask: $1.ask, cek: $0.cek, oca: $0.oca, pek: $0.pek, pdh: $0.pdh)
        },
        Link(testDescription: "CEK", fails: [.sevCEK]) {
            SEVCertificateChain(ark: $0.ark, ask: $0.ask, cek: $1.cek, oca: $0.oca, pek: $0.pek, pdh: $0.pdh)
        },
        Link(testDescription: "OCA", fails: [.sevPEK]) {
            SEVCertificateChain(ark: $0.ark, ask: $0.ask, cek: $0.cek, oca: $1.oca, pek: $0.pek, pdh: $0.pdh)
        },
        Link(testDescription: "PEK in the place of the OCA", fails: [.sevOCA, .sevPEK]) { chain, _ in
            SEVCertificateChain(
                ark: chain.ark, ask: chain.ask, cek: chain.cek, oca: chain.pek, pek: chain.pek, pdh: chain.pdh)
        },
        Link(testDescription: "PEK", fails: [.sevPEK, .sevPDH]) {
            SEVCertificateChain(ark: $0.ark, ask: $0.ask, cek: $0.cek, oca: $0.oca, pek: $1.pek, pdh: $0.pdh)
        },
        Link(testDescription: "PDH", fails: [.sevPDH]) {
            SEVCertificateChain(ark: $0.ark, ask: $0.ask, cek: $0.cek, oca: $0.oca, pek: $0.pek, pdh: $1.pdh)
        },
    ]

    @Test("A certificate of another platform fails its link, and what it should have signed", arguments: links)
    func brokenLink(link: Link) throws {
        let (mine, other) = (try Self.platform.get(), try Self.otherPlatform.get())
        let chain = link.change(mine.chain, other.chain)
        let verdict = SEVVerifier.verify(
            AppraisedSEVChain(chain, anchors: try Anchors.vendors.trusting(mine.roots).sev))
        #expect(verdict.failures.map(\.name) == link.fails)
    }

    @Test("A simulated root is not believed unless it is trusted")
    func untrusted() throws {
        let verdict = SEVVerifier.verify(AppraisedSEVChain(try Self.platform.get().chain, anchors: .amd))
        #expect(verdict.failures.map(\.name) == [.sevRoot])
    }

    private static let platform = Result { try SimulatedSEVPlatform() }
    private static let otherPlatform = Result { try SimulatedSEVPlatform() }

    // MARK: Launch

    @Test("A policy that allows debugging needs the server's word, and old firmware is refused")
    func policy() throws {
        let mine = try Self.platform.get()
        let chain = AppraisedSEVChain(mine.chain, anchors: try Anchors.vendors.trusting(mine.roots).sev)
        func failures(_ policy: SEVLaunchPolicy, debug: Bool = false) -> [Check.Name] {
            SEVVerifier.verify(chain, build: mine.build, policy: policy, allowsDebug: debug) { _ in false }
                .failures.map(\.name)
        }
        #expect(failures(.unstated) == [])
        #expect(failures(SEVLaunchPolicy(flags: .esRequired)) == [.sevDebug])
        #expect(failures(SEVLaunchPolicy(flags: .esRequired), debug: true) == [])
        #expect(failures(SEVLaunchPolicy(flags: .noDebug, minimumFirmware: (0, 25))) == [.sevFirmware])
        #expect(failures(SEVLaunchPolicy(flags: .noDebug, minimumFirmware: (1, 0))) == [.sevFirmware])
    }

    @Test("A PDH that holds no P-384 key is refused")
    func weakPDH() throws {
        let mine = try Self.platform.get()
        var bytes = mine.chain.pdh.bytes
        bytes[16] = 1  // P-256
        let chain = SEVCertificateChain(
            ark: mine.chain.ark, ask: mine.chain.ask, cek: mine.chain.cek, oca: mine.chain.oca, pek: mine.chain.pek,
            pdh: try SEVCertificate(bytes: bytes))
        let verdict = SEVVerifier.verify(
            AppraisedSEVChain(chain, anchors: try Anchors.vendors.trusting(mine.roots).sev))
        #expect(verdict.failures.map(\.name) == [.sevPDH, .sevPDHKey])
    }

    @Test("A channel carries a measurement one way and a secret the other")
    func channel() throws {
        let mine = try Self.platform.get()
        let keys = SEVTransportKeys(
            encryption: SymmetricKey(size: .bits128), integrity: SymmetricKey(size: .bits128))
        let (owner, session) = try keys.openChannel(to: mine.chain.pdh, policy: .unstated)
        let launch = try #require(try mine.launch(session, from: owner, policy: .unstated))
        let digest = [UInt8](repeating: 7, count: 32)
        let (measurement, nonce) = launch.measure(digest: digest)
        let expected = keys.measurement(of: digest, build: mine.build, policy: .unstated, nonce: nonce)
        #expect(SEVVerifier.verify(measurement: measurement, expected: expected).isAccepted)
        let other = keys.measurement(
            of: Array(repeating: 8, count: 32), build: mine.build, policy: .unstated, nonce: nonce)
        #expect(SEVVerifier.verify(measurement: measurement, expected: other).failures.map(\.name) == [.sevMeasurement])

        let secret = [UInt8](repeating: 0x41, count: 512)
        let packet = try keys.wrap(secret, for: measurement)
        func receive(_ packet: SEVSecretPacket, _ measurement: [UInt8]) throws -> [UInt8]? {
            try launch.receive(
                flags: packet.flags, initializationVector: packet.initializationVector, mac: packet.mac,
                ciphertext: packet.ciphertext, measurement: measurement)
        }
        #expect(try receive(packet, measurement) == secret)
        #expect(try receive(packet, expected.reversed()) == nil)
        #expect(try keys.wrap(secret, for: measurement).ciphertext != packet.ciphertext, "an IV is used once")
    }

    @Test("The firmware refuses a launch with another policy than was agreed")
    func policyMAC() throws {
        let mine = try Self.platform.get()
        let keys = SEVTransportKeys(encryption: Self.zeros, integrity: Self.zeros)
        let (owner, session) = try keys.openChannel(to: mine.chain.pdh, policy: .unstated)
        #expect(try mine.launch(session, from: owner, policy: SEVLaunchPolicy(flags: [])) == nil)
    }

    @Test("Certificates of another length or version are not read")
    func malformed() throws {
        let mine = try Self.platform.get().chain
        for count in [0, 3, 1_044, 2_083] {
            #expect(throws: MalformedInput.self) { try SEVCertificate(bytes: Array(mine.pdh.bytes.prefix(count))) }
            #expect(throws: MalformedInput.self) {
                try SEVCACertificate(bytes: Array(mine.ark.bytes.prefix(min(count, 575))))
            }
        }
        var bytes = mine.pdh.bytes
        bytes[0] = 2
        #expect(throws: MalformedInput.self) { try SEVCertificate(bytes: bytes) }
        var huge = mine.ark.bytes
        huge.replaceSubrange(56..<60, with: [0xFF, 0xFF, 0xFF, 0xFF])
        huge.replaceSubrange(60..<64, with: [0xFF, 0xFF, 0xFF, 0xFF])
        #expect(throws: MalformedInput.self) { try SEVCACertificate(bytes: huge) }
    }
}
