import Bytes
import EvidenceSupport
import Formats
import Foundation
import SimulatedHardware
import TestSupport
import Testing

@testable import Evidence

@Suite("X.509")
struct X509Tests {
    @Test(
        "AMD's own chains lead to their pins", .enabled(if: Vectors.arePresent), arguments: ["milan", "genoa", "turin"])
    func vendors(product: String) throws {
        let authorities = try Vectors.authorities(product)
        let (ark, ask, asvk) = (authorities[0], authorities[1], authorities[2])
        #expect(ark.isSigned(by: ark))
        let found = SNPAnchors.amd.authorities(among: [ark, ask, asvk])
        #expect(found.map(\.intermediate) == [ask, asvk] && found.map(\.kind) == [.vcek, .vlek])
        #expect(found.allSatisfy { $0.product == Product(name: product) && $0.root == ark })
        #expect(!ark.isSigned(by: ask))
    }

    @Test("One product's root does not vouch for another's keys", .enabled(if: Vectors.arePresent))
    func otherProduct() throws {
        let (milan, genoa) = (try Vectors.authorities("milan"), try Vectors.authorities("genoa"))
        #expect(SNPAnchors.amd.authorities(among: [milan[1], genoa[0]]).isEmpty)
    }

    @Test("Any byte that changes in a certificate breaks it", .enabled(if: Vectors.arePresent))
    func damage() throws {
        let vcek = try Vectors.bytes("vectors/snp/genoa-v3/vcek.der")
        let ask = try Vectors.authorities("genoa")[1]
        #expect(try Certificate(der: vcek).isSigned(by: ask))
        for offset in stride(from: 0, to: vcek.count, by: 7) {
            var bytes = vcek
            bytes[offset] ^= 0x40
            let survivor = try? Certificate(der: bytes)
            #expect(survivor?.isSigned(by: ask) != true, "at \(offset)")
        }
    }

    @Test("A certificate has one encoding: its unsigned copy of the algorithm is the signed one, byte for byte")
    func algorithmEncoding() throws {
        let der = try SimulatedSNPPlatform(product: .milan).ark.der
        let sha384: [UInt8] = [0x30, 0x0B, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x02]
        // With NULL as the hash function's parameters, which means the same.
        let stated: [UInt8] = [0x30, 0x0D] + sha384.dropFirst(2) + [0x05, 0x00]
        var fields = try DERElement(der, subject: "certificate").fields()
        let body = try fields.next("body").encoded
        func certificate(_ algorithm: [UInt8]) throws -> Certificate {
            var whole = DERWriter()
            whole.sequence { certificate in
                certificate.encoded(body)
                certificate.encoded(algorithm)
                certificate.encoded(Array(der.suffix(261)))
            }
            return try Certificate(der: whole.bytes)
        }
        let algorithm = try fields.next("algorithm").encoded
        #expect(try certificate(algorithm).der == der)
        var other = algorithm
        let last = try #require(Data(other).range(of: Data(sha384), options: .backwards))
        other.replaceSubrange(last, with: stated)
        // The lengths of everything around it: the algorithm, its parameters, the mask's tag and the mask.
        let (parameters, mask) = (13, 13 + 2 + 15)
        for offset in [1, parameters + 1, mask + 1, mask + 3] { other[offset] += 2 }
        #expect(throws: Never.self) { try DERElement(other, subject: "algorithm") }
        #expect(throws: MalformedInput.self) { try certificate(other) }
    }

    @Test("A certificate that ends early is refused, wherever it ends")
    func truncation() throws {
        let der = try SimulatedSNPPlatform(product: .milan).ark.der
        for count in 0..<der.count {
            #expect(throws: MalformedInput.self) { try Certificate(der: Array(der.prefix(count))) }
        }
        #expect(throws: MalformedInput.self) { try Certificate(der: der + [0]) }
    }

    @Test("A name that goes into logs before anyone has signed for it cannot forge a line")
    func nameOfLine() throws {
        let platform = try SimulatedSNPPlatform(product: .milan)
        var der = platform.ark.der
        // The subject's name comes after the issuer's.
        let name = Data("ARK-Milan".utf8)
        let range = try #require(Data(der).range(of: name, options: .backwards))
        der.replaceSubrange(range, with: Array("A\n\u{1B}[31mok".utf8))
        let found = try Certificate(der: der)
        #expect(found.commonName == "A??[31mok")
    }

    @Test("PEM is read with many certificates, and with none that can be used")
    func pem() throws {
        let platform = try SimulatedSNPPlatform(product: .milan)
        let file = Array((platform.ask.pem + platform.ark.pem).utf8)
        #expect(try Certificate.read(file: file) == [platform.ask, platform.ark])
        #expect(throws: MalformedInput.self) {
            try Certificate.read(file: Array("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n".utf8))
        }
        #expect(throws: MalformedInput.self) { try Certificate.read(file: []) }
    }

    @Test("A TCB's text form is read back, and nothing else is read")
    func tcbText() {
        let milan = TCBVersion(bootLoader: 3, tee: 0, snp: 8, microcode: 115)
        #expect(milan.description == "03.00.08.115")
        #expect(TCBVersion("03.00.08.115", product: .milan) == milan)
        #expect(TCBVersion("01.03.00.08.115", product: .turin)?.fmc == 1)
        for text in ["", "3", "3.0.8", "3.0.8.256", "3.0.8.x", "3.0.8.1.1", "-1.0.0.0", "3..8.1"] {
            #expect(TCBVersion(text, product: .milan) == nil, "\(text)")
        }
    }

    @Test("Hex of either case is read, and nothing else")
    func hex() {
        #expect(Hex.decode("00fFA9") == [0, 255, 0xA9])
        #expect(Hex.decode("") == [])
        for text in ["0", "0g", "0x00", " 00", "００"] { #expect(Hex.decode(text) == nil, "\(text)") }
        #expect(Hex.encode([0, 255, 0xA9]) == "00ffa9")
    }

    @Test("A cursor never reads past the end, whatever it is asked")
    func cursor() throws {
        var cursor = ByteCursor([1, 2, 3, 4, 5], subject: "test")
        #expect(try cursor.u32() == 0x0403_0201)
        #expect(throws: MalformedInput.self) { try cursor.u16() }
        #expect(throws: MalformedInput.self) { try cursor.take(-1) }
        #expect(throws: MalformedInput.self) { try cursor.take(.max) }
        #expect(throws: MalformedInput.self) { try cursor.finish() }
        #expect(try cursor.u8() == 5)
        try cursor.finish()
    }
}
