import Bytes
import Crypto
import Foundation
import LaunchDigest
import TestSupport
import Testing

@Suite("ID blocks")
struct IDBlockTests {
    private static let measurement = [UInt8](repeating: 7, count: 48)

    private func block(svn: UInt32 = 3) throws -> IDBlock {
        try IDBlock(
            measurement: Self.measurement, familyID: Array(0..<16), imageID: Array(16..<32), guestSVN: svn,
            policy: 0x30000)
    }

    @Test(
        "One that another tool made and signed is read, verifies, and is written to the byte",
        .enabled(if: Vectors.arePresent))
    func known() throws {
        struct Known: Decodable {
            struct Block: Decodable { let launch_digest, policy, id_block, id_auth: String }
            let id_block: Block
        }
        let known = try JSONDecoder().decode(Known.self, from: Data(Vectors.bytes("vectors/launch/launch.json")))
            .id_block
        let bytes = try #require(Base64.decode(known.id_block))
        let block = try IDBlock(bytes)
        #expect(Hex.encode(block.measurement) == known.launch_digest && block.policy == 0x30000 && block.bytes == bytes)
        let signed = try #require(Base64.decode(known.id_auth))
        let authentication = try IDAuthentication(signed)
        #expect(authentication.author != nil && authentication.vouches(for: block))
        #expect(authentication.bytes == signed)
    }

    @Test("A block that is signed here is read again and verifies, with an author's key and without")
    func signing() throws {
        let (id, author) = (P384.Signing.PrivateKey(), P384.Signing.PrivateKey())
        let block = try block()
        #expect(try IDBlock(block.bytes) == block && block.bytes.count == 96)
        for author in [nil, author] {
            let made = try IDAuthentication(of: block, by: id, author: author)
            let read = try IDAuthentication(made.bytes)
            #expect(read == made && made.bytes.count == 4_096 && read.vouches(for: block))
            #expect(read.id.digest == IDAuthentication.digest(of: id.publicKey))
            #expect(read.author?.digest == author.map { IDAuthentication.digest(of: $0.publicKey) })
            #expect(!read.vouches(for: try self.block(svn: 4)), "it is another block")
        }
    }

    @Test("An ID key that the author has not signed is not vouched for")
    func author() throws {
        let (id, other, author) = (P384.Signing.PrivateKey(), P384.Signing.PrivateKey(), P384.Signing.PrivateKey())
        let good = try IDAuthentication(of: try block(), by: id, author: author).bytes
        let stranger = try IDAuthentication(of: try block(), by: other, author: author).bytes
        var mixed = good
        mixed.replaceSubrange(0x40..<0x644, with: stranger[0x40..<0x644])
        #expect(!(try IDAuthentication(mixed)).vouches(for: try block()))
    }

    @Test("Whatever bit is changed, it is refused or does not vouch")
    func changes() throws {
        let block = try block()
        let good = try IDAuthentication(of: block, by: P384.Signing.PrivateKey(), author: P384.Signing.PrivateKey())
            .bytes
        for index in Array(stride(from: 0, to: 4_096, by: 61)) + [0, 4, 0x40, 0x240, 0x680, 0x880, 4_095] {
            var changed = good
            changed[index] ^= 1
            #expect((try? IDAuthentication(changed))?.vouches(for: block) != true, "byte \(index)")
        }
    }

    @Test("What has another length, version or form is refused by name")
    func refused() throws {
        #expect(throws: MalformedInput.self) { try IDBlock(measurement: [1], policy: 0) }
        #expect(throws: MalformedInput.self) {
            try IDBlock(measurement: Self.measurement, familyID: [1], policy: 0)
        }
        var bytes = try block().bytes
        bytes[80] = 2
        #expect(throws: MalformedInput.self) { try IDBlock(bytes) }
        #expect(throws: MalformedInput.self) { try IDBlock(Array(bytes.dropLast())) }
        #expect(throws: MalformedInput.self) { try IDAuthentication([UInt8](repeating: 0, count: 4_096)) }
        #expect(throws: MalformedInput.self) { try IDAuthentication([1]) }
    }
}
