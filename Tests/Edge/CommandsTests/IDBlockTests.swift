import Foundation
import TestSupport
import Testing

@Suite("kbs id-block")
struct IDBlockCommandTests {
    private static let measurement = String(repeating: "ab", count: 48)

    private func shell() async throws -> Shell {
        let shell = try Shell()
        let keys = """
            umask 077; for k in id author; do openssl ecparam -name secp384r1 -genkey -noout -out $k.pem; done
            openssl ecparam -name prime256v1 -genkey -noout -out small.pem
            """
        #expect(try await shell(keys).status == 0)
        return shell
    }

    @Test("A block is made and signed, read again, and its key's digest is what a policy names")
    func create() async throws {
        let shell = try await shell()
        let made = try await shell(
            "$KBS id-block create --measurement \(Self.measurement) --key id.pem --author-key author.pem --svn 7 "
                + "--image-id 000102030405060708090a0b0c0d0e0f --block b --authentication a")
        #expect(
            made.status == 0 && made.output.hasPrefix("id-block=q6ur") && made.output.contains(",id-auth=AQAAAAEAAAA"))
        let digest = try await shell("$KBS id-block digest id.pem").output.trimmingCharacters(in: .newlines)
        #expect(digest.count == 96 && made.errors.contains("id_key_digests = [\"\(digest)\"]"))
        let shown = try await shell("$KBS id-block show b a")
        #expect(shown.status == 0)
        for text in [Self.measurement, digest, "0x30000", "000102030405060708090a0b0c0d0e0f", "good"] {
            #expect(shown.output.contains(text), "\(text)")
        }
        // As QEMU takes them: base64.
        let text = try await shell("base64 -w0 b >b64; base64 a >a64; $KBS id-block show b64 a64 --json")
        #expect(text.status == 0 && text.output.contains("\"svn\" : 7") || text.output.contains("\"svn\": 7"))
        let other = try await shell(
            "$KBS id-block create --measurement \(Self.measurement) --key id.pem --block c >/dev/null && $KBS id-block show c a"
        )
        #expect(other.status == 1 && other.output.contains("not good"))
    }

    @Test("What cannot be used is said, and nothing is written")
    func refused() async throws {
        let shell = try await shell()
        let create = "$KBS id-block create --block b --measurement \(Self.measurement)"
        for (line, words) in [
            ("\(create) --key small.pem", "P-384"), ("\(create) --key none.pem", "none.pem"),
            ("\(create) --key id.pem --svn -1", "--svn"), ("\(create) --key id.pem --family-id 01", "family id"),
            ("$KBS id-block create --block b --measurement abcd --key id.pem", "48"),
            ("\(create) --key 'pkcs11:token=t;object=o?module-path=/none.so'", "/none.so"),
            ("$KBS id-block show id.pem id.pem", "ID block"),
        ] {
            let reply = try await shell(line)
            #expect(reply.status != 0 && reply.errors.contains(words), "\(line): \(reply.errors)")
        }
        #expect(try await shell("test -e b").status == 1)
    }
}
