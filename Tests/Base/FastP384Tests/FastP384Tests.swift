import Bytes
@testable import Crypto
@testable import FastP384
import Formats
import Foundation
import TestSupport
import Testing

/// One suite, one test at a time: the slot is the process's.
@Suite("P-384 by Nettle, held against OpenSSL", .serialized)
struct FastP384Tests {
    private func byNettle(
        _ key: P384.Signing.PublicKey, _ signature: P384.Signing.ECDSASignature, _ digest: some Digest
    ) -> Bool {
        digest.withBytes {
            FastP384.isValid(
                key.x963Representation, signature.rawRepresentation, UnsafeBufferPointer(start: $0, count: $1))
        }
    }

    private func compare(_ file: String, kind: String) throws {
        var differing: [String] = []
        let row = try Wycheproof.run(file, kind: kind) { group, test in
            let key = try P384.Signing.PublicKey(derRepresentation: try group.bytes("publicKeyDer"))
            let bytes = try test.bytes("sig")
            let read =
                kind == "EcdsaVerify"
                ? try? P384.Signing.ECDSASignature(derRepresentation: bytes)
                : try? P384.Signing.ECDSASignature(rawRepresentation: bytes)
            guard let signature = read else { return .refused("signature has another form or length") }
            let digest = SHA384.hash(data: try test.bytes("msg"))
            let (fast, slow) = (byNettle(key, signature, digest), key.isValidForLibrary(signature, for: digest))
            if fast != slow {
                #expect(!fast, "Nettle took what OpenSSL refuses")
                differing.append(try test.text("comment"))
            }
            return slow ? .accepted : .rejected
        }
        #expect(row.failed.isEmpty)
        // u₁·G = u₂·Q: the addition of Nettle 3.8 has no result for two equal points. 3.10 has one.
        #expect(differing == [] || differing == ["point duplication during verification"])
    }

    @Test(
        "Each of Wycheproof's signatures has the same verdict, but for one valid one that Nettle refuses",
        .enabled(if: Wycheproof.isPresent))
    func wycheproof() throws {
        try compare("ecdsa_secp384r1_sha384", kind: "EcdsaVerify")
        try compare("ecdsa_secp384r1_sha384_p1363", kind: "EcdsaP1363Verify")
    }
}

extension FastP384Tests {
    /// A report's signature, and the key of the certificate that endorses it.
    private struct SignedReport {
        let key: P384.Signing.PublicKey
        let signature: P384.Signing.ECDSASignature
        let digest: SHA384Digest

        /// Source: AMD 56860, table "ATTESTATION_REPORT": signed up to 0x2A0, then r and s, 72 bytes each, little-endian.
        init(folder: URL) throws {
            let report = Array(try Data(contentsOf: folder.appending(path: "report.bin")))
            let names = try FileManager.default.contentsOfDirectory(atPath: folder.path).filter { $0.hasSuffix(".der") }
            let certificate = Array(try Data(contentsOf: folder.appending(path: try #require(names.first))))
            var fields = try DERElement(certificate, subject: "certificate").fields()
            var body = try fields.next("the body").fields()
            // Version, serial number, algorithm, issuer, validity, subject.
            for _ in 0..<6 { _ = try body.next("a field") }
            key = try P384.Signing.PublicKey(derRepresentation: try body.next("the key").encoded)
            signature = try P384.Signing.ECDSASignature(
                rawRepresentation: Array(report[0x2A0..<0x2D0].reversed()) + report[0x2E8..<0x318].reversed())
            digest = SHA384.hash(data: report[..<0x2A0])
        }
    }

    @Test(
        "Every real report is signed by its endorsement key, and no changed one", .enabled(if: Wycheproof.isPresent),
        arguments: ["genoa-v3", "milan-v2-a", "milan-v2-b", "milan-v3-vlek"])
    func reports(_ name: String) throws {
        let signed = try SignedReport(folder: Vectors.folder.appending(path: "vectors/snp/\(name)"))
        #expect(byNettle(signed.key, signed.signature, signed.digest))
        #expect(signed.key.isValidForLibrary(signed.signature, for: signed.digest))
        let other = SHA384.hash(data: [1])
        #expect(!byNettle(signed.key, signed.signature, other))
        for index in [0, 47, 48, 95] {
            var bytes = signed.signature.rawRepresentation
            bytes[index] ^= 1
            #expect(!byNettle(signed.key, try .init(rawRepresentation: bytes), signed.digest))
        }
    }

    @Test("Keys and signatures of another form are refused before Nettle sees them")
    func malformed() throws {
        let key = P384.Signing.PrivateKey()
        let digest = SHA384.hash(data: [1, 2, 3])
        let (point, signature) = (key.publicKey.x963Representation, try key.signature(for: digest).rawRepresentation)
        func isValid(_ key: [UInt8], _ signature: [UInt8]) -> Bool {
            digest.withBytes { FastP384.isValid(key, signature, UnsafeBufferPointer(start: $0, count: $1)) }
        }
        #expect(isValid(point, signature))
        #expect(!isValid(Array(point.dropLast()), signature) && !isValid(Array(point.dropFirst()), signature))
        #expect(!isValid([2] + point.dropFirst(), signature) && !isValid(point + [0], signature))
        #expect(!isValid(point, Array(signature.dropLast())) && !isValid(point, signature + [0]))
        #expect(!isValid([4] + Array(repeating: 1, count: 96), signature), "off the curve")
        #expect(!isValid([4] + Array(repeating: 0, count: 96), signature), "no point")
        #expect(!isValid(point, Array(repeating: 0, count: 96)), "r and s are zero")
        #expect(!isValid(point, Array(repeating: 0xFF, count: 96)), "r and s are not below the order")
    }

    @Test("It verifies in Crypto's place once it is installed, and not in FIPS mode")
    func slot() throws {
        let key = P384.Signing.PrivateKey()
        let digest = SHA384.hash(data: [1, 2, 3])
        let signature = try key.signature(for: digest)
        defer { P384Verification.install(nil) }
        #expect(P384Verification.installed == nil && key.publicKey.isValidSignature(signature, for: digest))
        FastP384.install()
        #expect(P384Verification.installed != nil && key.publicKey.isValidSignature(signature, for: digest))
        #expect(!key.publicKey.isValidSignature(signature, for: SHA384.hash(data: [1])))
        // Each use costs what the first did: a function that a lock holds bare is wrapped once more whenever it is read.
        for _ in 0..<1_000_000 { _ = P384Verification.installed }
        #expect(key.publicKey.isValidSignature(signature, for: digest))
        // One that says yes to everything of one key shows who is asked. Other suites are verified by it meanwhile.
        let other = P384.Signing.PrivateKey().publicKey
        P384Verification.install { [trusted = other.x963Representation] key, signature, digest in
            key == trusted || FastP384.isValid(key, signature, digest)
        }
        #expect(other.isValidSignature(signature, for: digest))
        CryptoLibrary.$forcedFIPSMode.withValue(true) {
            #expect(P384Verification.installed == nil && !other.isValidSignature(signature, for: digest))
        }
        CryptoLibrary.$forcedFIPSMode.withValue(false) { #expect(other.isValidSignature(signature, for: digest)) }
        // Other curves are no business of the slot's.
        let small = P256.Signing.PrivateKey()
        let their = try P256.Signing.PrivateKey().signature(for: digest)
        #expect(!small.publicKey.isValidSignature(their, for: digest))
    }

    @Test("The loaded Nettle says its version")
    func version() { #expect(FastP384.version.wholeMatch(of: /Nettle 3\.\d+/) != nil) }
}
